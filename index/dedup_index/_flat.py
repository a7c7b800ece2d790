"""The exact engine: FAISS ``IndexIDMap2(IndexFlatIP)`` behind the guards that FAISS leaves to its caller.

Source: Johnson, Douze, Jégou, "Billion-scale similarity search with GPUs", 2017, and the FAISS wiki. Every search reads
every vector: 14 ms for one query over 100,000 vectors of 768 numbers on one thread, and nothing is ever missed.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from ._checks import checked_ids, checked_pairs, checked_vectors, shown
from ._errors import BadIds, DuplicateIds, IndexCorrupt, IndexForeign, IndexInputError
from ._protocol import PADDING_ID, AnyFloats, Ids, Neighbours, Vectors
from ._storage import read_saved, write_saved

ENGINE = "faiss-flat-ip"


class FlatIndex:
    """Exact inner-product index over unit vectors; see ``VectorIndex`` for the methods.

    ``dimension`` is the length of every vector, ``artifact`` the fingerprint of the model artifact that makes them.
    One lock covers every method: FAISS moves its table while adding and removing, and a search that reads it meanwhile
    reads freed memory. Searches queue behind each other, each using all of FAISS's threads. ``save`` holds the lock
    only while it copies the table in memory (three times the table's size for that moment), not while it writes.

    Raises IndexInputError where ``dimension`` is below 1 or ``artifact`` is empty.
    """

    def __init__(self, dimension: int, artifact: str) -> None:
        if dimension < 1:
            raise IndexInputError(f"dimension must be 1 or more, got {dimension}")
        if not artifact:
            raise IndexInputError("artifact must be the fingerprint of the model artifact, got an empty string")
        import faiss

        self._faiss: Any = faiss
        self._dimension = dimension
        self._artifact = artifact
        self._table: Any = faiss.IndexIDMap2(faiss.IndexFlatIP(dimension))
        self._held: set[int] = set()
        self._lock = threading.Lock()

    @property
    def dimension(self) -> int:
        return self._dimension

    @property
    def artifact(self) -> str:
        return self._artifact

    def __len__(self) -> int:
        with self._lock:
            return len(self._held)

    def __repr__(self) -> str:
        return f"FlatIndex({len(self)} vectors of {self._dimension}, artifact {self._artifact!r})"

    def ids(self) -> Ids:
        with self._lock:
            held = np.fromiter(self._held, dtype=np.int64, count=len(self._held))
        held.sort()
        return held

    def vectors(self, ids: Ids) -> Vectors:
        wanted = checked_ids(ids)
        with self._lock:
            missing = sorted(set(wanted.tolist()) - self._held)
            if missing:
                raise BadIds(f"not in the index: {shown(missing)}")
            found: Vectors = self._table.reconstruct_batch(wanted)
        return found

    def add(self, ids: Ids, vectors: AnyFloats) -> None:
        good_ids, good_vectors = checked_pairs(ids, vectors, self._dimension)
        new = good_ids.tolist()
        with self._lock:
            known = sorted(self._held.intersection(new))
            if known:
                raise DuplicateIds(f"in the index already: {shown(known)}; use replace() for new vectors of known ids")
            self._table.add_with_ids(good_vectors, good_ids)
            self._held.update(new)

    def remove(self, ids: Ids) -> int:
        wanted = checked_ids(ids).tolist()
        with self._lock:
            return self._remove(self._held.intersection(wanted))

    def replace(self, ids: Ids, vectors: AnyFloats) -> None:
        good_ids, good_vectors = checked_pairs(ids, vectors, self._dimension)
        new = good_ids.tolist()
        with self._lock:
            self._remove(self._held.intersection(new))
            self._table.add_with_ids(good_vectors, good_ids)
            self._held.update(new)

    def _remove(self, known: set[int]) -> int:
        if known:  # FAISS walks and compacts the whole table even for nothing
            self._table.remove_ids(np.fromiter(known, dtype=np.int64, count=len(known)))
            self._held -= known
        return len(known)

    def search(self, queries: AnyFloats, k: int) -> Neighbours:
        if k < 1:
            raise IndexInputError(f"k must be 1 or more, got {k}")
        good = checked_vectors(queries, self._dimension, what="queries")
        ids = np.full((len(good), k), PADDING_ID, dtype=np.int64)
        scores = np.full((len(good), k), -np.inf, dtype=np.float32)
        with self._lock:
            width = min(k, len(self._held))
            if width and len(good):
                found_scores, found_ids = self._table.search(good, width)
                order = np.lexsort((found_ids, -found_scores), axis=1)
                ids[:, :width] = np.take_along_axis(found_ids, order, axis=1)
                scores[:, :width] = np.take_along_axis(found_scores, order, axis=1)
        return Neighbours(ids=ids, scores=scores)

    def save(self, folder: Path, watermark: int) -> None:
        if watermark < 0:
            raise IndexInputError(f"watermark must be 0 or more, got {watermark}")
        with self._lock:
            data = self._faiss.serialize_index(self._table)
            count = len(self._held)
        write_saved(
            folder,
            memoryview(data),
            engine=ENGINE,
            artifact=self._artifact,
            dimension=self._dimension,
            count=count,
            watermark=watermark,
        )

    @classmethod
    def _from_bytes(cls, data: bytes, dimension: int, artifact: str, count: int) -> Self:
        """Take over a table that ``save`` wrote and whose SHA-256 was checked. Raises IndexCorrupt."""
        index = cls(dimension, artifact)
        try:
            table = index._faiss.deserialize_index(np.frombuffer(data, dtype=np.uint8))
        except RuntimeError as error:
            raise IndexCorrupt(f"FAISS cannot read the saved index; rebuild it from SQL: {error}") from error
        held = index._faiss.vector_to_array(table.id_map) if isinstance(table, index._faiss.IndexIDMap2) else None
        if held is None or table.d != dimension or table.ntotal != count or len(set(held.tolist())) != count:
            raise IndexCorrupt(
                f"the saved index is a {type(table).__name__} of {table.ntotal} vectors of {table.d}, its manifest "
                f"says {count} of {dimension}; rebuild it from SQL"
            )
        index._table = table
        index._held = set(held.tolist())
        return index


@dataclass(frozen=True, slots=True, eq=False)
class SavedIndex:
    """A loaded index, and the SQL row up to which it is complete: replay the rows above ``watermark``."""

    index: FlatIndex
    watermark: int


def load_index(folder: Path, *, artifact: str, dimension: int) -> SavedIndex:
    """Load what ``save`` left in ``folder``, if it is whole and of this artifact (a fingerprint) and dimension.

    Raises IndexMissing, IndexCorrupt or IndexForeign (all SavedIndexError: rebuild from SQL), or OSError.
    """
    manifest, data = read_saved(folder)
    for what, saved, wanted in (
        ("engine", manifest.engine, ENGINE),
        ("artifact", manifest.artifact, artifact),
        ("dimension", manifest.dimension, dimension),
    ):
        if saved != wanted:
            raise IndexForeign(
                f"the index in {folder} was made with {what} {saved!r}, wanted is {wanted!r}; rebuild it from SQL"
            )
    index = FlatIndex._from_bytes(data, dimension, artifact, manifest.count)
    return SavedIndex(index=index, watermark=manifest.watermark)
