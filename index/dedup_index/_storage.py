"""A saved index on disk: one manifest and one data file named after its content.

Order of a save: data under its new name, then the manifest over the old one, then the old data goes. Each file is
written beside its place, flushed to the disk and renamed, so a process killed between any two steps leaves either the
old pair or the new pair whole. Knows nothing of FAISS.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ._errors import IndexCorrupt, IndexForeign, IndexMissing

SCHEMA = 1
MANIFEST_NAME = "manifest.json"
_LOCK_NAME = ".lock"
_TEMPORARY_PREFIX = ".writing-"
_DATA_PATTERN = "index-*.bin"
#: A reader may meet a save that swaps the pair under its hands; each retry starts from the manifest then current.
_READ_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class Manifest:
    """What was saved. ``sha256`` and ``bytes`` are of the data file, ``watermark`` is a SQL row number."""

    engine: str
    artifact: str
    dimension: int
    count: int
    watermark: int
    sha256: str
    bytes: int

    @property
    def data_name(self) -> str:
        return f"index-{self.sha256[:32]}.bin"


def write_saved(
    folder: Path, data: memoryview, *, engine: str, artifact: str, dimension: int, count: int, watermark: int
) -> Manifest:
    """Replace what ``folder`` holds. Raises OSError, and then the older pair is still the one that loads."""
    manifest = Manifest(engine, artifact, dimension, count, watermark, hashlib.sha256(data).hexdigest(), data.nbytes)
    folder.mkdir(parents=True, exist_ok=True)
    with _one_writer(folder):
        _write_file(folder, manifest.data_name, data)
        _write_file(folder, MANIFEST_NAME, memoryview(_encode(manifest)))
        _remove_leftovers(folder, keep=manifest.data_name)
    return manifest


def read_saved(folder: Path) -> tuple[Manifest, bytes]:
    """The manifest and the data it vouches for. Raises IndexMissing, IndexCorrupt, IndexForeign, OSError."""
    for attempt in range(1, _READ_ATTEMPTS + 1):
        encoded = _manifest_bytes(folder)
        manifest = _decode(encoded, folder)
        try:
            return manifest, _checked_data(folder, manifest)
        except IndexCorrupt:
            if attempt == _READ_ATTEMPTS or _manifest_bytes(folder) == encoded:
                raise
    raise AssertionError("unreachable: the last attempt returns or raises")


def _checked_data(folder: Path, manifest: Manifest) -> bytes:
    path = folder / manifest.data_name
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise IndexCorrupt(f"{path} is gone though the manifest names it; rebuild the index from SQL") from None
    if len(data) != manifest.bytes:
        raise IndexCorrupt(f"{path} has {len(data)} bytes, saved were {manifest.bytes}; rebuild the index from SQL")
    # FAISS itself does not notice a flipped bit: it answers with another vector.
    if hashlib.sha256(data).hexdigest() != manifest.sha256:
        raise IndexCorrupt(f"{path} does not match its SHA-256; rebuild the index from SQL")
    return data


def _manifest_bytes(folder: Path) -> bytes:
    try:
        return (folder / MANIFEST_NAME).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise IndexMissing(f"no saved index in {folder}; build it from SQL") from None


def _encode(manifest: Manifest) -> bytes:
    fields = {"schema": SCHEMA, **asdict(manifest)}
    return (json.dumps({**fields, "checksum": _checksum(fields)}, indent=1, ensure_ascii=False) + "\n").encode()


def _decode(encoded: bytes, folder: Path) -> Manifest:
    path = folder / MANIFEST_NAME
    try:
        fields: Any = json.loads(encoded)
        checksum = fields.pop("checksum")
        schema = fields["schema"]
    except (ValueError, AttributeError, KeyError, TypeError, RecursionError) as error:
        raise IndexCorrupt(f"{path} is not a manifest ({error!r}); rebuild the index from SQL") from error
    if checksum != _checksum(fields):
        raise IndexCorrupt(f"{path} does not match its checksum; rebuild the index from SQL")
    if schema != SCHEMA:
        raise IndexForeign(
            f"{path} has schema {schema}, this version reads {SCHEMA}; update the program or rebuild the index from SQL"
        )
    del fields["schema"]
    try:
        return Manifest(**fields)
    except TypeError as error:
        raise IndexCorrupt(f"{path} has other fields than schema {SCHEMA}: {error}") from error


def _checksum(fields: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


@contextlib.contextmanager
def _one_writer(folder: Path) -> Iterator[None]:
    """Two saves at once would each sweep the other's data away; the kernel drops this lock with the process."""
    handle = os.open(folder / _LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _write_file(folder: Path, name: str, data: memoryview) -> None:
    handle, temporary_name = tempfile.mkstemp(prefix=_TEMPORARY_PREFIX, dir=folder)
    temporary = Path(temporary_name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(folder / name)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    _flush_folder(folder)


def _flush_folder(folder: Path) -> None:
    """A rename is on the disk only once the folder is."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _remove_leftovers(folder: Path, keep: str) -> None:
    """Data of older saves and half-written files of killed ones. What cannot be removed now goes next time."""
    for pattern in (_DATA_PATTERN, f"{_TEMPORARY_PREFIX}*"):
        for path in folder.glob(pattern):
            if path.name != keep:
                with contextlib.suppress(OSError):
                    path.unlink()
