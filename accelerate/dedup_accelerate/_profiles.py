"""Profiles: which weights, which engine, which arithmetic and which device, chosen from what the machine has.

An artifact is built for one profile and its fingerprint covers all of it but the device, so that vectors of two kinds
of arithmetic never meet in one index.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, get_args

from ._detection import Hardware
from ._errors import ProviderUnavailable
from ._hardware import gpu_pins

if TYPE_CHECKING:
    from ._artifact import Contract

Precision = Literal["int8", "bf16", "fp32", "fp16"]
EngineName = Literal["onnxruntime", "openvino"]
EngineChoice = Literal["auto", "onnxruntime", "openvino"]
Arithmetic = Literal["fp32", "bf16", "fp16"]
Provider = Literal["cpu", "cuda", "tensorrt"]
ProfileName = Literal["auto", "cpu-int8", "cpu-bf16", "cpu-fp32", "cuda-fp16", "cuda-fp32", "tensorrt"]


@dataclass(frozen=True, slots=True)
class Profile:
    """How a model is stored and run.

    precision: of the matrix products; "bf16" reads fp32 weights and rounds them as it loads them. arithmetic: of
    everything else. provider: the device, and on a GPU who drives it.
    """

    name: ProfileName
    precision: Precision
    engine: EngineName
    arithmetic: Arithmetic
    provider: Provider

    def fits(self, contract: Contract) -> bool:
        """Whether an artifact with this contract was built for this profile."""
        agreed = (contract.precision, contract.engine, contract.arithmetic)
        return agreed == (self.precision, self.engine, self.arithmetic)


PROFILES: Mapping[str, Profile] = MappingProxyType(
    {
        profile.name: profile
        for profile in (
            Profile("cpu-int8", "int8", "onnxruntime", "fp32", "cpu"),
            Profile("cpu-bf16", "bf16", "openvino", "bf16", "cpu"),
            Profile("cpu-fp32", "fp32", "onnxruntime", "fp32", "cpu"),
            Profile("cuda-fp16", "fp16", "onnxruntime", "fp16", "cuda"),
            Profile("cuda-fp32", "fp32", "onnxruntime", "fp32", "cuda"),
            Profile("tensorrt", "fp16", "onnxruntime", "fp16", "tensorrt"),
        )
    }
)


def choose_profile(hardware: Hardware, name: str = "auto", engine: str = "auto") -> Profile:
    """The profile called `name`, with its engine, that this hardware can run; a pure function.

    "auto" is the card's profile where an onnxruntime for CUDA is installed, else "cpu-int8". Its engine is onnxruntime
    unless openvino is asked for, though that may be faster: what is indexed on one CPU can so be read on any other.

    Raises ProviderUnavailable, saying what is missing, where the hardware or the installed wheels cannot run what was
    asked; never another profile in silence. ValueError for a name that nobody knows.
    """
    if name not in get_args(ProfileName):
        raise ValueError(f"profile must be one of {', '.join(get_args(ProfileName))}, not {name!r}")
    if engine not in get_args(EngineChoice):
        raise ValueError(f"engine must be one of {', '.join(get_args(EngineChoice))}, not {engine!r}")
    profile = PROFILES[_automatic(hardware) if name == "auto" else name]
    if profile.provider != "cpu":
        _require_card(profile, hardware)
    elif profile.name == "cpu-bf16" and not hardware.bf16:
        raise ProviderUnavailable(
            "profile 'cpu-bf16' needs a CPU with AVX512-BF16 or AMX-BF16, which this one does not say it has. "
            "Use 'cpu-fp32', which is near-lossless too."
        )
    return _with_engine(profile, hardware, engine)


def _automatic(hardware: Hardware) -> ProfileName:
    if not hardware.gpu_wheel:
        return "cpu-int8"
    pins = gpu_pins(hardware.compute_capability) if hardware.compute_capability else None
    if pins is None:
        raise ProviderUnavailable(
            "onnxruntime-gpu is installed, but no NVIDIA card that it has code for answers (nvidia-smi). Repair the "
            "driver, or set model.profile to 'cpu-int8' to run on the CPU."
        )
    return "cuda-fp16" if pins.fp16 else "cuda-fp32"


def _require_card(profile: Profile, hardware: Hardware) -> None:
    if not hardware.gpu_wheel:
        raise ProviderUnavailable(
            f"profile {profile.name!r} needs onnxruntime-gpu, which is not installed. Run `make gpu` "
            "(news-dedup[gpu] for Turing and later, news-dedup[gpu-pascal] for GTX 10xx), or use a cpu profile."
        )
    capability = hardware.compute_capability
    if capability is None:
        raise ProviderUnavailable(
            f"profile {profile.name!r} needs an NVIDIA card, and nvidia-smi finds none. Repair the driver, or use a "
            "cpu profile."
        )
    pins = gpu_pins(capability)
    words = f"this card (compute capability {capability[0]}.{capability[1]})"
    if pins is None:
        raise ProviderUnavailable(f"no published wheel carries code for {words}. Use a cpu profile.")
    if profile.precision == "fp16" and not pins.fp16:
        raise ProviderUnavailable(f"{words} computes fp16 at 1/64 of its fp32 rate. Use profile 'cuda-fp32'.")
    if profile.provider == "tensorrt" and capability < (7, 5):
        raise ProviderUnavailable(f"TensorRT 10 has no code for {words}. Use profile 'cuda-fp32' or 'cuda-fp16'.")


def _with_engine(profile: Profile, hardware: Hardware, engine: str) -> Profile:
    if profile.provider != "cpu":
        if engine == "openvino":
            raise ProviderUnavailable(f"profile {profile.name!r} runs in onnxruntime; openvino here drives CPUs only.")
        return profile
    if engine == "auto":
        engine = profile.engine
    if engine == "onnxruntime":
        if profile.name == "cpu-bf16":
            raise ProviderUnavailable("onnxruntime multiplies no bfloat16 on a CPU. Use engine = 'openvino'.")
        return replace(profile, engine="onnxruntime", arithmetic="fp32")
    if not hardware.openvino:
        raise ProviderUnavailable(
            f"profile {profile.name!r} with engine 'openvino' needs the package openvino, which is not installed. "
            "pip install 'news-dedup[openvino]'."
        )
    if profile.precision == "int8":
        if not hardware.vnni:
            raise ProviderUnavailable(
                "openvino multiplies int8 with AVX512-VNNI, which this CPU does not say it has. Use engine = "
                "'onnxruntime', whose int8 runs on any CPU."
            )
        return replace(profile, engine="openvino", arithmetic="bf16" if hardware.bf16 else "fp32")
    return replace(profile, engine="openvino")
