"""The CUDA way to run a graph: buffers that stay on the card, and one recorded CUDA graph for each of a few shapes.

A recorded graph needs fixed shapes and addresses, so batches are padded to a bucket. What that costs in tokens (a tenth
on average over news leads) is less than what starting some two hundred kernels one by one costs at small batches.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ._session import open_session

#: Widths, in tokens, that batches are padded to; above the last one to a multiple of _STEP.
WIDTHS = (16, 32, 48, 64, 96, 128, 192, 256, 384, 512)
_STEP = 256
#: What onnxruntime says when a graph cannot be recorded, because some of its nodes have no CUDA kernel.
_NOT_RECORDABLE = "graph capture"
_TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16}


def bucket_for(texts: int, tokens: int, longest: int = 0) -> tuple[int, int]:
    """Rows and width that a batch of so many texts, the longest of so many tokens, is padded to.

    Rows are a power of two, so that few shapes serve every batch. longest: a model's own limit, beyond which it has no
    positions; 0 for none.
    """
    if texts < 1 or tokens < 1:
        raise ValueError(f"a batch holds at least one text of one token, not {texts} of {tokens}")
    width = next((width for width in WIDTHS if width >= tokens), -(-tokens // _STEP) * _STEP)
    if longest >= tokens:
        width = min(width, longest)
    return 1 << (texts - 1).bit_length(), width


def fit(
    ids: NDArray[np.int64], mask: NDArray[np.int64], bucket: tuple[int, int]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Ids and mask (texts, tokens) padded to a bucket (rows, width).

    A padding row attends to one token: with none, attention and pooling would divide by zero.
    """
    wide_ids, wide_mask = np.zeros(bucket, np.int64), np.zeros(bucket, np.int64)
    wide_ids[: ids.shape[0], : ids.shape[1]] = ids
    wide_mask[: mask.shape[0], : mask.shape[1]] = mask
    wide_mask[mask.shape[0] :, 0] = 1
    return wide_ids, wide_mask


@dataclass(frozen=True, slots=True)
class _Slot:
    """The buffers of one shape, bound once; `options` name the recording that belongs to them."""

    inputs: dict[str, Any]
    output: Any
    binding: Any
    options: Any


class BoundSession:
    """A session whose inputs and outputs stay at fixed addresses. Any thread may call; one batch runs at a time.

    device: where the buffers lie. recording: the session records a CUDA graph per shape (`enable_cuda_graph`): the
    first run of a shape is slow, those after it start as one. longest: as for `bucket_for`.
    """

    def __init__(self, session: Any, device: Literal["cpu", "cuda"], *, recording: bool, longest: int = 0) -> None:
        self._session = session
        self._device = device
        self._longest = longest
        self.recording = recording
        self._names = [item.name for item in session.get_inputs()]
        (output,) = (item for item in session.get_outputs() if item.name == "sentence_embedding")
        self._type = _TYPES[output.type]
        self._dimension = output.shape[-1] if isinstance(output.shape[-1], int) else 0
        self._slots: dict[tuple[int, int], _Slot] = {}
        self._lock = threading.Lock()

    @property
    def provider(self) -> str:
        """The provider that onnxruntime reports as active."""
        return str(self._session.get_providers()[0])

    def run(self, ids: NDArray[np.int64], mask: NDArray[np.int64]) -> NDArray[np.float32]:
        """Embeddings (texts, dimension) of padded ids and their mask, both (texts, tokens), as the graph gives them."""
        texts, tokens = ids.shape
        bucket = bucket_for(texts, tokens, self._longest)
        wide_ids, wide_mask = fit(ids, mask, bucket)
        with self._lock:
            slot = self._slots.get(bucket) or self._open(bucket)
            slot.inputs["input_ids"].update_inplace(wide_ids)
            slot.inputs["attention_mask"].update_inplace(wide_mask)
            self._session.run_with_iobinding(slot.binding, slot.options)
            slot.binding.synchronize_outputs()
            rows = slot.output.numpy()[: len(ids)]
            return np.array(rows, np.float32)  # a copy: the next batch overwrites the buffer

    def _open(self, bucket: tuple[int, int]) -> _Slot:
        import onnxruntime

        value = onnxruntime.OrtValue
        inputs = {name: value.ortvalue_from_numpy(np.zeros(bucket, np.int64), self._device, 0) for name in self._names}
        shape = (bucket[0], self._dimension or self._ask_dimension())
        output = value.ortvalue_from_shape_and_type(shape, self._type, self._device, 0)
        binding = self._session.io_binding()
        for name, buffer in inputs.items():
            binding.bind_ortvalue_input(name, buffer)
        binding.bind_ortvalue_output("sentence_embedding", output)
        options = onnxruntime.RunOptions()
        if self.recording:
            # Each recording has a number of its own; 0 would be the one that sessions without shapes share.
            options.add_run_config_entry("gpu_graph_id", str(len(self._slots) + 1))
        self._slots[bucket] = _Slot(inputs, output, binding, options)
        return self._slots[bucket]

    def _ask_dimension(self) -> int:
        """Exporters leave the width of the output symbolic: run one token to see it, and record nothing."""
        import onnxruntime

        options = onnxruntime.RunOptions()
        if self.recording:
            options.add_run_config_entry("gpu_graph_id", "-1")
        feed = {name: np.ones((1, 1), np.int64) for name in self._names}
        self._dimension = int(self._session.run(["sentence_embedding"], feed, options)[0].shape[-1])
        return self._dimension


def open_cuda(graph: Path, threads: int, longest: int = 0) -> BoundSession:
    """A bound session on the first CUDA card; without recordings where some node of the graph cannot be recorded.

    Raises ProviderUnavailable, ProviderFallback.
    """
    try:
        session = open_session(graph, "cuda", threads, {"enable_cuda_graph": "1"})
    except Exception as error:  # onnxruntime's own kinds of errors cannot be imported by a public name
        if _NOT_RECORDABLE not in str(error):
            raise
        return BoundSession(open_session(graph, "cuda", threads), "cuda", recording=False, longest=longest)
    return BoundSession(session, "cuda", recording=True, longest=longest)
