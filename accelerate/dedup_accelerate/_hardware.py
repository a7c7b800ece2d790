"""Which GPU wheels fit which GPU, as data; `dedup doctor` prints the answer."""

from __future__ import annotations

from dataclasses import dataclass

#: (lowest, highest) compute capability → what runs there. Sources: the code objects inside the published wheels.
_PASCAL = ((6, 0), (6, 2))
_VOLTA = ((7, 0), (7, 4))
_TURING_ON = (7, 5)


@dataclass(frozen=True, slots=True)
class GpuPins:
    """Requirements for one GPU. `fp16` says whether half precision is faster there; `notes` are for people."""

    name: str
    extra: str
    onnxruntime: str
    cudnn: str
    cuda: int
    faiss: str
    fp16: bool
    notes: tuple[str, ...]


def gpu_pins(compute_capability: tuple[int, int]) -> GpuPins | None:
    """The pins for a GPU of that compute capability, e.g. (6, 1) for a GTX 1080; None when no wheel fits it."""
    if _PASCAL[0] <= compute_capability <= _PASCAL[1]:
        return GpuPins(
            name="Pascal",
            extra="gpu-pascal",
            onnxruntime="onnxruntime-gpu>=1.22,<=1.26.0",
            cudnn="nvidia-cudnn-cu12<=9.10.2.21",
            cuda=12,
            faiss="faiss-cpu>=1.13",
            fp16=False,
            notes=(
                "cuDNN 9.11 and onnxruntime-gpu 1.27 dropped Pascal's code",
                "faiss-gpu wheels after 1.8.0.2 return wrong distances here without an error: search on the CPU",
                "fp16 runs at 1/64 of the fp32 rate: use fp32",
            ),
        )
    if _VOLTA[0] <= compute_capability <= _VOLTA[1]:
        return GpuPins(
            name="Volta",
            extra="gpu-pascal",
            onnxruntime="onnxruntime-gpu>=1.22,<=1.26.0",
            cudnn="nvidia-cudnn-cu12<=9.10.2.21",
            cuda=12,
            faiss="faiss-gpu>=1.13",
            fp16=True,
            notes=("onnxruntime-gpu 1.27 dropped Volta's code",),
        )
    if compute_capability >= _TURING_ON:
        return GpuPins(
            name="Turing or later",
            extra="gpu",
            onnxruntime="onnxruntime-gpu>=1.27,<2",
            cudnn="nvidia-cudnn-cu13",
            cuda=13,
            faiss="faiss-gpu>=1.13",
            fp16=True,
            notes=("needs a driver that speaks CUDA 13",),
        )
    return None
