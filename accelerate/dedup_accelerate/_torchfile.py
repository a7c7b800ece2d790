"""Weights saved by torch (`pytorch_model.bin`, zip format of torch ≥1.6), read without torch and without running code.

The archive holds one pickle that describes tensors and one raw file per storage. The unpickler below knows exactly the
four names such a description needs and refuses every other one, so a hostile file cannot reach an import.
"""

from __future__ import annotations

import pickle
import zipfile
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._errors import CheckpointInvalid

_STORAGES: dict[str, np.dtype[Any]] = {
    "FloatStorage": np.dtype("<f4"),
    "HalfStorage": np.dtype("<f2"),
    "DoubleStorage": np.dtype("<f8"),
    "LongStorage": np.dtype("<i8"),
}


@dataclass(frozen=True, slots=True)
class _StorageType:
    dtype: np.dtype[Any]


@dataclass(frozen=True, slots=True)
class _Tensor:
    storage: str
    dtype: np.dtype[Any]
    offset: int
    shape: tuple[int, ...]
    contiguous: bool


def _rebuild(storage: tuple[str, np.dtype[Any]], offset: int, shape: tuple[int, ...], stride: Any, *_: Any) -> _Tensor:
    expected, step = [], 1
    for size in reversed(shape):
        expected.append(step)
        step *= size
    contiguous = tuple(stride) == tuple(reversed(expected))
    return _Tensor(storage[0], storage[1], offset, tuple(shape), contiguous)


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _rebuild
        if (module, name) == ("torch._utils", "_rebuild_parameter"):
            return lambda tensor, *_: tensor
        if module == "torch" and name in _STORAGES:
            return _StorageType(_STORAGES[name])
        raise pickle.UnpicklingError(f"it asks for {module}.{name}, which no plain weight file needs")

    def persistent_load(self, pid: Any) -> Any:
        kind, storage, key, _location, _size = pid
        if kind != "storage" or not isinstance(storage, _StorageType):
            raise pickle.UnpicklingError("it holds a storage of an unknown kind")
        return str(key), storage.dtype


class TorchFile:
    """`Tensors` over one torch zip archive; storages are memory-mapped."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            with zipfile.ZipFile(path) as archive:
                members = {info.filename: info for info in archive.infolist()}
                description = next(name for name in members if name.endswith("/data.pkl"))
                root = description[: -len("data.pkl")]
                with archive.open(description) as stream:
                    content = _Unpickler(stream).load()
                self._tensors = {name: value for name, value in content.items() if isinstance(value, _Tensor)}
                self._storages = {
                    tensor.storage: self._map(members[f"{root}data/{tensor.storage}"], tensor.dtype)
                    for tensor in self._tensors.values()
                }
        except (OSError, zipfile.BadZipFile, pickle.UnpicklingError, StopIteration, KeyError, AttributeError) as error:
            raise CheckpointInvalid(
                f"{path} is not a plain torch weight file ({error}). Save the checkpoint as safetensors "
                "(SentenceTransformer.save() does), or install news-dedup[export] and use method='optimum'."
            ) from error

    def _map(self, info: zipfile.ZipInfo, dtype: np.dtype[Any]) -> NDArray[Any]:
        if info.compress_type != zipfile.ZIP_STORED:
            raise pickle.UnpicklingError(f"{info.filename} is compressed")
        with self._path.open("rb") as stream:
            # The local header repeats name and extra field with lengths of its own; the data begin behind both.
            stream.seek(info.header_offset + 26)
            lengths = stream.read(4)
        begin = info.header_offset + 30 + int.from_bytes(lengths[:2], "little") + int.from_bytes(lengths[2:], "little")
        return np.memmap(self._path, dtype=dtype, mode="r", offset=begin, shape=(info.file_size // dtype.itemsize,))

    def names(self) -> frozenset[str]:
        return frozenset(self._tensors)

    def shape(self, name: str) -> tuple[int, ...]:
        return self._tensors[name].shape

    def rows(self, name: str, start: int, stop: int) -> NDArray[np.float32]:
        tensor = self._tensors[name]
        if not tensor.contiguous:
            raise CheckpointInvalid(f"{self._path}: {name} is stored transposed. Save the checkpoint as safetensors.")
        width = int(np.prod(tensor.shape[1:], dtype=np.int64))
        flat = self._storages[tensor.storage][tensor.offset + start * width : tensor.offset + stop * width]
        return np.asarray(flat, dtype=np.float32).reshape(stop - start, *tensor.shape[1:])
