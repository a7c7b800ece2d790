"""What one process keeps at hand of the stored articles: a vector index and a near-copy index, both caches of SQL."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from dedup.copies import CopyIndex
from dedup.crowding import Surroundings, sampled, surroundings_of
from dedup.store import ArticleRow, EmbeddingRow
from dedup_index import (
    FlatIndex,
    IndexMissing,
    SavedIndex,
    SavedIndexError,
    VectorIndex,
    load_index,
)

Vectors = NDArray[np.float32]
LOAD_ROWS = 2000
# Articles whose surroundings are kept at hand, of a sample that stays as it is: 3 KB each.
AROUND_KEPT = 4096
SWEEP_SECONDS = 3600.0


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
        self._rows: dict[int, tuple[datetime, int]] = {}  # article id → (time, revision)
        self._vectors: set[int] = set()
        self._around: dict[int, Surroundings | None] = {}  # of this sample, by article id
        self._sample_ids = np.empty(0, np.int64)
        self._sample: Vectors = np.empty((0, index.dimension), np.float32)
        self._sample_is_old = True
        self._expected: dict[int, Surroundings] = {}
        self._keep = keep
        self._newest: datetime | None = None
        self._swept_seconds = time.monotonic()
        self._lock = threading.RLock()

    @classmethod
    def empty(cls, dimension: int, owner: str, keep: timedelta) -> Memory:
        """Caches with nothing in them. `owner` is written into the saved index: see `restore`."""
        return cls(FlatIndex(dimension, owner), keep)

    @property
    def newest(self) -> datetime | None:
        """The time of the newest article that was ever taken in."""
        return self._newest

    def horizon(self, session: Session) -> datetime:
        """Articles before this time are not kept at hand."""
        newest = session.scalar(select(func.max(ArticleRow.at)))
        return newest - self._keep if newest else datetime.min.replace(tzinfo=UTC)

    def fresh(self, session: Session, space: str, *, after: int | None = None) -> list[Fresh]:
        """Rows with a revision above `after` (default: the watermark), oldest first, with their vector in this space.

        The vector is `None` where the article has none: copies never reach the encoder.
        """
        query = (
            select(ArticleRow.id, ArticleRow.revision, ArticleRow.at, ArticleRow.signature, EmbeddingRow.vector)
            .outerjoin(EmbeddingRow, (EmbeddingRow.article_id == ArticleRow.id) & (EmbeddingRow.space == space))
            .where(
                ArticleRow.revision > (self.watermark if after is None else after),
                ArticleRow.at >= self.horizon(session),
            )
            .order_by(ArticleRow.revision)
            .execution_options(yield_per=LOAD_ROWS)
        )
        return [
            Fresh(id_, revision, at, signed, unpack(vector) if vector is not None else None)
            for id_, revision, at, signed, vector in session.execute(query)
        ]

    def sync(self, session: Session, space: str) -> int:
        """Take in what other processes committed; returns the watermark: every row up to it is in the caches."""
        self.apply(self.fresh(session, space))
        return self.watermark

    def apply(self, rows: list[Fresh]) -> None:
        """Take committed rows into the caches; an older text of an article gives way to a newer one."""
        with self._lock:
            # Two threads may bring the same rows in either order: what is known in a newer revision stays.
            news: dict[int, Fresh] = {}
            for row in rows:
                if row.revision > self._rows.get(row.id, (row.at, 0))[1]:
                    news[row.id] = row
                    self._expected.pop(row.id, None)
                    self._rows[row.id] = (row.at, row.revision)
                    self.copies.add(row.id, row.signature)
            self._drop_vectors(news)
            vectors = {id_: row.vector for id_, row in news.items() if row.vector is not None}
            if vectors:
                ids, stacked = (
                    np.fromiter(vectors, dtype=np.int64, count=len(vectors)),
                    np.stack(list(vectors.values())),
                )
                self.index.add(ids, stacked)
                self._vectors.update(vectors)
                self._sample_is_old = True
            self.watermark = max([self.watermark, *(row.revision for row in rows)])
            for row in news.values():
                self._newest = max(self._newest or row.at, row.at)
            # A service that runs for months must not keep everything. Not at every batch: it walks over all rows, and
            # one run over feeds of many years may still compare articles that are all old.
            if time.monotonic() - self._swept_seconds >= SWEEP_SECONDS:
                self.expire()

    def expire(self) -> int:
        """Drop what is older than the newest article by more than `index.keep_hours`; returns how many left."""
        with self._lock:
            if self._newest is None:
                return 0
            self._swept_seconds = time.monotonic()
            old = [id_ for id_, (at, _) in self._rows.items() if at < self._newest - self._keep]
            self.copies.remove(old)
            self._drop_vectors(old)
            for id_ in old:
                del self._rows[id_]
            return len(old)

    def similar_within(
        self, vectors: Vectors, times: Sequence[datetime], window: timedelta | None, floor: float, count: int
    ) -> list[list[tuple[int, float]]]:
        """The (article id, cosine) of the `count` nearest neighbours of each vector, at or above `floor`, best first.

        Only articles within `window` of the vector's time; `None` looks at all.
        """
        answers: list[list[tuple[int, float]]] = [[] for _ in times]
        pending, k = list(range(len(times))), count * 2
        with self._lock:
            while pending:
                found = self.index.search(vectors[pending], k)
                again = []
                for row, place in enumerate(pending):
                    hits = found.row(row)
                    inside = [
                        (hit.id, hit.score)
                        for hit in hits
                        if hit.score >= floor and (window is None or self.within(hit.id, times[place], window))
                    ]
                    answers[place] = inside[:count]
                    # The nearest of all may lie outside the window: then look deeper, while anything is near enough.
                    if len(inside) < count and len(hits) == k and hits[-1].score >= floor:
                        again.append(place)
                pending, k = again, k * 4
        return answers

    def around(self, article_ids: Iterable[int]) -> dict[int, Surroundings | None]:
        """What is around articles (see `dedup.crowding`), of those that have a vector; `None` among too few others."""
        with self._lock:
            every = set(article_ids)
            expected = {id_: self._expected[id_] for id_ in self._expected.keys() & every}
            wanted = (self._vectors & every) - expected.keys()
            self._take_sample()
            if len(self._around) > AROUND_KEPT:
                self._around.clear()
            missing = sorted(wanted - self._around.keys())
            if missing:
                rows = self.index.vectors(np.array(missing, dtype=np.int64)) @ self._sample.T
                self._around.update((id_, surroundings_of(row)) for id_, row in zip(missing, rows, strict=True))
            return {**expected, **{id_: self._around[id_] for id_ in wanted}}

    def expect(self, article_id: int, around: Surroundings) -> None:
        """What `around_vectors` said of an article that is being written, until it is applied."""
        with self._lock:
            self._expected[article_id] = around

    def expect_nothing(self) -> None:
        """What was being written was rolled back."""
        with self._lock:
            self._expected.clear()

    def around_vectors(self, vectors: Vectors) -> list[Surroundings | None]:
        """The same of vectors (n, d) that are not in the index yet, among those that are and among one another."""
        with self._lock:
            self._take_sample()
            inside = vectors @ self._sample.T
        return [surroundings_of(row) for row in np.concatenate([inside, vectors @ vectors.T], axis=1)]

    def _take_sample(self) -> None:
        if not self._sample_is_old:
            return
        ids = sampled(np.fromiter(self._vectors, dtype=np.int64, count=len(self._vectors)))
        if not np.array_equal(ids, self._sample_ids):
            self._sample_ids, self._sample = ids, self.index.vectors(ids)
            self._around.clear()
        self._sample_is_old = False

    def within(self, article_id: int, at: datetime, window: timedelta) -> bool:
        """Whether an indexed article lies inside the window around `at`."""
        known = self._rows.get(article_id)
        return known is not None and abs(known[0] - at) <= window

    def has_vector(self, article_id: int) -> bool:
        """Whether an article was encoded and is kept at hand."""
        return article_id in self._vectors

    def copies_of(self, signed: bytes, at_least: float) -> tuple[int, ...]:
        with self._lock:
            return self.copies.candidates(signed, at_least=at_least)

    def save(self, folder: Path) -> None:
        with self._lock:
            self.index.save(folder, self.watermark)

    def adopt(self, session: Session, space: str, saved: SavedIndex) -> None:
        """Take over a saved index, put right against SQL: what it lacks is added, what SQL does not know is taken out.

        It can lack vectors below its watermark: another process, with another model, stored the articles, and this one
        embedded them only later.
        """
        query = (
            select(ArticleRow.id, ArticleRow.at, ArticleRow.revision, ArticleRow.signature, EmbeddingRow.article_id)
            .outerjoin(EmbeddingRow, (EmbeddingRow.article_id == ArticleRow.id) & (EmbeddingRow.space == space))
            .where(ArticleRow.revision <= saved.watermark, ArticleRow.at >= self.horizon(session))
            .execution_options(yield_per=LOAD_ROWS)
        )
        embedded: set[int] = set()
        for id_, at, revision, signed, has_vector in session.execute(query):
            self._rows[id_] = (at, revision)
            self._newest = max(self._newest or at, at)
            self.copies.add(id_, signed)
            if has_vector is not None:
                embedded.add(id_)
        self.index, self.watermark = saved.index, saved.watermark
        self._vectors = set(self.index.ids().tolist())
        self._drop_vectors(self._vectors - embedded)
        missing = sorted(embedded - self._vectors)
        for start in range(0, len(missing), LOAD_ROWS):
            some = select(EmbeddingRow.article_id, EmbeddingRow.vector).where(
                EmbeddingRow.space == space, EmbeddingRow.article_id.in_(missing[start : start + LOAD_ROWS])
            )
            vectors = {id_: unpack(blob) for id_, blob in session.execute(some)}
            self.index.add(np.fromiter(vectors, dtype=np.int64, count=len(vectors)), np.stack(list(vectors.values())))
            self._vectors.update(vectors)

    def _drop_vectors(self, ids: Iterable[int]) -> None:
        held = self._vectors.intersection(ids)
        if held:
            # All is sampled anew: one of them may come back with another vector.
            self._sample_is_old = True
            self._sample_ids, self._sample = self._sample_ids[:0], self._sample[:0]
            self._around.clear()
            self.index.remove(np.fromiter(held, dtype=np.int64, count=len(held)))
            self._vectors -= held


def restore(
    session: Session,
    folder: Path,
    space: str,
    owner: str,
    dimension: int,
    keep: timedelta,
    note: Callable[[str], None],
) -> Memory:
    """The caches as SQL has them: the saved index where it is whole and of this `owner`, and the rows since from SQL.

    `owner` names the database as well as the space, so that the index beside a database that was deleted or replaced is
    never taken for this one's. A missing, corrupt, foreign or impossible index (ahead of SQL: the database was put back
    from a backup) is rebuilt and saved at once, or it would pass as soon as SQL has grown past it; `note` is told why.
    """
    memory = Memory.empty(dimension, owner, keep)
    last = session.scalar(select(func.max(ArticleRow.revision))) or 0
    reason: Exception | None = None
    try:
        saved = load_index(folder, artifact=owner, dimension=dimension)
        if saved.watermark > last:
            raise SavedIndexError(f"{folder} knows revision {saved.watermark}, the database ends at {last}")  # noqa: TRY301
        memory.adopt(session, space, saved)
    except (SavedIndexError, OSError) as error:
        reason = error
    memory.sync(session, space)
    memory.expire()
    if reason is not None and (last or not isinstance(reason, IndexMissing)):
        note(f"index rebuilt from the database: {reason}")
        try:
            memory.save(folder)
        except OSError as error:  # a reader may have no right to write: it works from memory
            note(f"the rebuilt index could not be saved: {error}")
    return memory


def pack(vector: Vectors) -> bytes:
    """A unit vector as little-endian float16 bytes."""
    return vector.astype("<f2").tobytes()


def unpack(blob: bytes) -> Vectors:
    """Back to float32, made unit again: rounding moves the norm by up to 0.001."""
    vector = np.frombuffer(blob, dtype="<f2").astype(np.float32)
    norm = float(np.linalg.norm(vector))
    return np.asarray(vector / norm, dtype=np.float32) if norm else vector
