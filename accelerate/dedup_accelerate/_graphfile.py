"""An ONNX graph with its weights in one file beside it, written front to back in bounded memory."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

#: Page size: a tensor that starts on a page can be memory-mapped by onnxruntime and shared between processes.
_ALIGNMENT = 4096
#: Constants up to this size stay inside the graph, where shape inference can see them.
_INLINE_BYTES = 1024

GRAPH_NAME = "model.onnx"
WEIGHTS_NAME = "model.onnx.data"
MICROSOFT = "com.microsoft"


class GraphFile:
    """Collects nodes, streams weights to `model.onnx.data`, and writes `model.onnx` on `finish`.

    Use as a context manager so that the weight file is closed whatever happens.
    """

    def __init__(self, folder: Path, *, opset: int = 17) -> None:
        self._folder = folder
        self._opset = opset
        self._stream: BinaryIO = (folder / WEIGHTS_NAME).open("wb")
        self._nodes: list[Any] = []
        self._initializers: list[Any] = []
        self._names: set[str] = set()
        self._uses_microsoft = False

    def __enter__(self) -> GraphFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stream.close()

    def weight(self, name: str, dtype: Any, shape: Sequence[int], chunks: Iterable[NDArray[Any]]) -> str:
        """Add a constant whose values arrive in pieces, in order; returns its name."""
        import onnx

        size = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
        proto = onnx.TensorProto(name=name, dims=shape, data_type=onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))
        if size <= _INLINE_BYTES:
            proto.raw_data = b"".join(np.ascontiguousarray(chunk, dtype).tobytes() for chunk in chunks)
            written = len(proto.raw_data)
        else:
            self._stream.write(b"\0" * (-self._stream.tell() % _ALIGNMENT))
            begin = self._stream.tell()
            for chunk in chunks:
                self._stream.write(np.ascontiguousarray(chunk, dtype).data)
            written = self._stream.tell() - begin
            proto.data_location = onnx.TensorProto.EXTERNAL
            for key, value in (("location", WEIGHTS_NAME), ("offset", begin), ("length", written)):
                proto.external_data.add(key=key, value=str(value))
        if written != size or name in self._names:
            raise AssertionError(f"weight {name!r}: {written} bytes of {size}, or added twice")
        self._names.add(name)
        self._initializers.append(proto)
        return name

    def constant(self, name: str, value: Any, dtype: Any) -> str:
        """Add a small constant once; asking again for the same name gives the same one."""
        if name not in self._names:
            array = np.asarray(value, dtype)
            self.weight(name, array.dtype, array.shape, [array])
        return name

    def node(self, operator: str, inputs: Sequence[str], output: str, *, domain: str = "", **attributes: Any) -> str:
        """Add a node with one output and return that output's name."""
        self.split(operator, inputs, [output], domain=domain, **attributes)
        return output

    def split(
        self, operator: str, inputs: Sequence[str], outputs: Sequence[str], *, domain: str = "", **attributes: Any
    ) -> Sequence[str]:
        """Add a node with several outputs and return their names."""
        import onnx

        self._uses_microsoft |= domain == MICROSOFT
        self._nodes.append(
            onnx.helper.make_node(
                operator, inputs, outputs, name=f"{outputs[0]}/{operator}", domain=domain, **attributes
            )
        )
        return outputs

    def finish(self, name: str, inputs: Sequence[Any], outputs: Sequence[Any]) -> Path:
        """Write the graph file and return its path. The bytes depend on what was added and on nothing else."""
        import onnx

        from ._durable import write_synced

        opsets = [onnx.helper.make_opsetid("", self._opset)]
        if self._uses_microsoft:
            opsets.append(onnx.helper.make_opsetid(MICROSOFT, 1))
        graph = onnx.helper.make_graph(self._nodes, name, inputs, outputs, initializer=self._initializers)
        # IR version 10 is read by every onnxruntime since 1.18, the oldest one a Pascal GPU may need.
        model = onnx.helper.make_model(graph, opset_imports=opsets, ir_version=10, producer_name="news-dedup")
        self._stream.flush()
        path = self._folder / GRAPH_NAME
        write_synced(path, model.SerializeToString(deterministic=True))
        return path
