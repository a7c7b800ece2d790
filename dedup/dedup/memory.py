"""What one process keeps at hand of the stored articles: a vector index and a near-copy index, both caches of SQL."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from dedup.copies import CopyIndex
from dedup.store import ArticleRow, EmbeddingRow
from dedup_index import FlatIndex, SavedIndexError, VectorIndex, load_index, neighbours_above_each

Vectors = NDArray[np.float32]
LOAD_ROWS = 2000


@dataclass(frozen=True, slots=True)
class Fresh:
    """An article that this process has not indexed yet: what the caches need of it."""

    id: int
    revision: int
    at: datetime
    signature: bytes
    vector: Vectors | None


class Memory:
    """The caches of one space. Every method may be called from any thread; `sync` brings in what others committed."""

    def __init__(self, index: VectorIndex, keep: timedelta) -> None:
        self.index = index
        self.copies = CopyIndex()
        self.watermark = 0
        self._at: dict[int, datetime] = {}
        self._vectors: set[int] = set()
        self._keep = keep
        self._lock = threading.RLock()

    @classmethod
    def empty(cls, dimension: int, space: str, keep: timedelta) -> Memory:
        """Caches with nothing in them."""
        return cls(FlatIndex(dimension, space), keep)

    @property
    def newest(self) -> datetime | None:
        return max(self._at.values(), default=None)

    def horizon(self, session: Session) -> datetime:
        """Articles before this time are not kept at hand."""
        newest = session.scalar(select(func.max(ArticleRow.at)))
        return newest - self._keep if newest else datetime.min.replace(tzinfo=UTC)

    def fresh(self, session: Session, space: str) -> list[Fresh]:
        """Rows committed since the watermark, oldest revision first, with their vector in this space if they have one."""
        query = (
            select(ArticleRow.id, ArticleRow.revision, ArticleRow.at, ArticleRow.signature, EmbeddingRow.vector)
            .outerjoin(EmbeddingRow, (EmbeddingRow.article_id == ArticleRow.id) & (EmbeddingRow.space == space))
            .where(ArticleRow.revision > self.watermark, ArticleRow.at >= self.horizon(session))
            .order_by(ArticleRow.revision)
            .execution_options(yield_per=LOAD_ROWS)
        )
        return [
            Fresh(id_, revision, at, signed, unpack(vector) if vector is not None else None)
            for id_, revision, at, signed, vector in session.execute(query)
        ]

    def apply(self, rows: list[Fresh]) -> None:
        """Take committed rows into the caches; rows that were there before are replaced."""
        with self._lock:
            for row in rows:
                self.watermark = max(self.watermark, row.revision)
                self._at[row.id] = row.at
                self.copies.add(row.id, row.signature)
            stale = [row.id for row in rows if row.id in self._vectors]
            if stale:
                self.index.remove(np.array(stale, dtype=np.int64))
                self._vectors.difference_update(stale)
            latest = {row.id: row.vector for row in rows if row.vector is not None}
            if latest:
                ids = np.fromiter(latest, dtype=np.int64, count=len(latest))
                self.index.add(ids, np.stack(list(latest.values())))
                self._vectors.update(latest)

    def expire(self) -> int:
        """Drop what is older than the newest article by more than `index.keep_hours`; returns how many left."""
        with self._lock:
            newest = self.newest
            if newest is None:
                return 0
            old = [id_ for id_, at in self._at.items() if at < newest - self._keep]
            if not old:
                return 0
            self.copies.remove(old)
            indexed = [id_ for id_ in old if id_ in self._vectors]
            if indexed:
                self.index.remove(np.array(indexed, dtype=np.int64))
                self._vectors.difference_update(indexed)
            for id_ in old:
                del self._at[id_]
            return len(old)

    def similar(self, vectors: Vectors, floor: float, k: int) -> list[list[tuple[int, float]]]:
        """For each vector the (article id, cosine) of its neighbours at or above `floor`, best first."""
        if not len(vectors):
            return []
        with self._lock:
            found = neighbours_above_each(self.index, vectors, floor, k_start=k)
        return [[(hit.id, hit.score) for hit in row] for row in found]

    def within(self, article_id: int, at: datetime, window: timedelta) -> bool:
        """Whether an indexed article lies inside the window around `at`."""
        known = self._at.get(article_id)
        return known is not None and abs(known - at) <= window

    def copies_of(self, signed: bytes, at_least: float) -> tuple[int, ...]:
        with self._lock:
            return self.copies.candidates(signed, at_least=at_least)

    def save(self, folder: Path) -> None:
        with self._lock:
            self.index.save(folder, self.watermark)


def restore(
    session: Session, folder: Path, space: str, dimension: int, keep: timedelta, note: Callable[[str], None]
) -> Memory:
    """The caches as SQL has them: the saved index where it is whole and of this space, rows above its watermark from SQL.

    A missing, corrupt, foreign or impossible index (ahead of SQL) is rebuilt; `note` is told why.
    """
    last = session.scalar(select(func.max(ArticleRow.revision))) or 0
    try:
        saved = load_index(folder, artifact=space, dimension=dimension)
        if saved.watermark > last:
            raise SavedIndexError(f"{folder} knows revision {saved.watermark}, the database ends at {last}")
        memory = Memory(saved.index, keep)
        start = saved.watermark
    except SavedIndexError as reason:
        note(f"index rebuilt from the database: {reason}")
        memory = Memory.empty(dimension, space, keep)
        start = 0
    if start:
        query = select(ArticleRow.id, ArticleRow.at, ArticleRow.signature).where(
            ArticleRow.revision <= start, ArticleRow.at >= memory.horizon(session)
        )
        for id_, at, signed in session.execute(query.execution_options(yield_per=LOAD_ROWS)):
            memory._at[id_] = at
            memory.copies.add(id_, signed)
        memory._vectors = set(memory.index.ids().tolist())
        memory.watermark = start
    memory.apply(memory.fresh(session, space))
    memory.expire()
    return memory


def pack(vector: Vectors) -> bytes:
    """A unit vector as little-endian float16 bytes."""
    return vector.astype("<f2").tobytes()


def unpack(blob: bytes) -> Vectors:
    """Back to float32, made unit again: rounding moves the norm by up to 0.001."""
    vector = np.frombuffer(blob, dtype="<f2").astype(np.float32)
    norm = float(np.linalg.norm(vector))
    return np.asarray(vector / norm, dtype=np.float32) if norm else vector
