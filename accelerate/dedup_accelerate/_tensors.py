"""Weights of a checkpoint, read row by row without loading the file: safetensors (one file or shards)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ._errors import CheckpointInvalid
from ._stack import read_json

Floats = NDArray[np.float32]


class Tensors(Protocol):
    """Named float tensors of a checkpoint."""

    def names(self) -> frozenset[str]: ...

    def shape(self, name: str) -> tuple[int, ...]: ...

    def rows(self, name: str, start: int, stop: int) -> Floats:
        """Rows `start:stop` of the first axis as float32; a one-dimensional tensor's values likewise."""
        ...


def whole(tensors: Tensors, name: str) -> Floats:
    """The complete tensor as float32."""
    return tensors.rows(name, 0, tensors.shape(name)[0])


def row_chunks(tensors: Tensors, name: str, chunk_bytes: int) -> Iterator[Floats]:
    """The tensor in pieces of whole rows, each at most `chunk_bytes` large (and at least one row)."""
    count, *rest = tensors.shape(name)
    step = max(1, chunk_bytes // (4 * int(np.prod(rest, dtype=np.int64)) or 4))
    for start in range(0, count, step):
        yield tensors.rows(name, start, min(start + step, count))


def weight_files(folder: Path) -> tuple[Path, ...]:
    """The files that hold the folder's weights, safetensors first. Raises CheckpointInvalid when there are none."""
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        return tuple(folder / name for name in sorted(set(read_json(index)["weight_map"].values())))
    for name in ("model.safetensors", "pytorch_model.bin"):
        if (folder / name).is_file():
            return (folder / name,)
    raise CheckpointInvalid(f"{folder} has neither model.safetensors nor pytorch_model.bin: the weights are missing.")


def open_tensors(folder: Path) -> Tensors:
    """Open the folder's weights. Raises CheckpointInvalid naming the file that cannot be read."""
    files = weight_files(folder)
    if files[0].suffix == ".bin":
        from ._torchfile import TorchFile

        return TorchFile(files[0])
    return SafeTensors(files)


class SafeTensors:
    """One or several safetensors files, memory-mapped by the safetensors library."""

    def __init__(self, files: tuple[Path, ...]) -> None:
        from safetensors import SafetensorError, safe_open

        self._owner: dict[str, Any] = {}
        for path in files:
            try:
                file: Any = safe_open(path, framework="numpy")
                names = file.keys()
                self._owner.update(dict.fromkeys(names, file))
            except (OSError, SafetensorError) as error:
                raise CheckpointInvalid(f"{path} cannot be read: {error}. Fetch the checkpoint again.") from error

    def names(self) -> frozenset[str]:
        return frozenset(self._owner)

    def shape(self, name: str) -> tuple[int, ...]:
        return tuple(self._owner[name].get_slice(name).get_shape())

    def rows(self, name: str, start: int, stop: int) -> Floats:
        return np.asarray(self._owner[name].get_slice(name)[start:stop], dtype=np.float32)
