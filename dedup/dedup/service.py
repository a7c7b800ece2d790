"""The service: articles in, verdicts and stories out. Composes store, encoder, index and pure decisions."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from dedup import _queries as queries
from dedup._errors import StoreUnavailable
from dedup._placing import Newcomer, Placer, story_limits
from dedup._reading import Reading, read_news
from dedup._spaces import known_space, reembed
from dedup.archive import Archive
from dedup.calibration import limits_of
from dedup.config import Config
from dedup.copies import signature
from dedup.editing import Editor
from dedup.judge import Judge
from dedup.memory import Memory, Vectors, restore
from dedup.model import LazyEncoder, TextEncoder, prepare_model, space_of
from dedup.pairs import Pairs
from dedup.profile import profile
from dedup.repair import Mender
from dedup.results import MatchView, Placed, RepairReport, StoreStats
from dedup.space import Scale, View
from dedup.store import ArticleRow, EmbeddingRow, FeedRow, MatchRow, Store, StoryRow, open_store
from dedup.verdict import Decision, Verdict, default_verifier

if TYPE_CHECKING:
    from dedup_accelerate import Artifact
    from dedup_ingest import Article

log = logging.getLogger("dedup")

Progress = Callable[[str, int, int], None]
"""Told (stage, done, total) as long work goes on."""

Finish = Callable[[Session], None]
"""Writes along with the last batch, in its transaction."""

# A feed that dates an article further ahead than this is not believed: it would stay "newest" for that long.
MAX_AHEAD = timedelta(days=1)


def silent(stage: str, done: int, total: int) -> None:
    """A progress that says nothing."""


class Deduplicator(Archive):
    """An open database with a model and its caches. Safe under threads; several processes may share one database."""

    def __init__(
        self, config: Config, store: Store, artifact: Artifact, encoder: TextEncoder, progress: Progress
    ) -> None:
        self.config = config
        super().__init__(store)
        self.artifact = artifact
        self.encoder_seconds = 0.0
        self.encoded = 0
        self._encoder = encoder
        self._writing = threading.Lock()
        self._window = timedelta(hours=config.verdict.window_hours)
        self._view = View(config.encode.view, config.encode.lead_words, config.encode.clean)
        self._space = space_of(artifact, config)
        space = known_space(store, self._space, artifact, self._view, encoder, progress)
        limits = limits_of(config, artifact, self._space)
        self._judge = Judge(Scale(**space.scale), limits, default_verifier(), config.verdict.aggregators)
        # When this database first met this space tells two databases apart that lie at one path one after the other.
        self._owner = hashlib.sha256(f"{space.id}\0{space.created_at.isoformat()}".encode()).hexdigest()
        reembed(store, self._space, self._view, self._encode, config.encode.batch_articles, progress)
        self._memory = self._restore()
        self._pairs = Pairs(self._space, self._decide, self._judge.scale.cosine(config.verdict.floor_scaled_cosine))
        self._mender = Mender(self._space, self._pairs, story_limits(config), config, self._encode_row)
        self.editor = Editor(self._changing, self._mender, self._pairs)

    @classmethod
    def open(cls, config: Config, *, progress: Progress | None = None, batching: bool = False) -> Deduplicator:
        """Open the store, prepare the model and load the index; the encoder is loaded by the first text.

        The model comes first, so that nothing is stored when it cannot be had. `batching` is for servers: texts of
        concurrent calls run in common batches, and `dedup_accelerate.EncoderBusy` is raised when too many wait.

        Raises:
            StoreError: the database cannot be used.
            ParityMissed: the artifact was measured, and does not decide as its fp32 original does (`[parity]`).
            CalibrationError: the model tells nothing apart.
            dedup_accelerate.AccelerateError: the model cannot be had or does not verify.
        """
        from dedup.parity import require

        told = progress or silent
        artifact = prepare_model(config, progress=told)
        require(artifact, config)
        encoder = LazyEncoder(artifact, config, batching=batching)
        store = open_store(config.store.url, lock_timeout_seconds=config.store.lock_timeout_seconds)
        try:
            return cls(config, store, artifact, encoder, told)
        except BaseException:
            encoder.close()
            store.close()
            raise

    @property
    def space(self) -> str:
        """The identity of this model and view: vectors, scale and calibration belong to it."""
        return self._space

    @property
    def judge(self) -> Judge:
        """What decides on a pair in this space."""
        return self._judge

    @property
    def index_folder(self) -> Path:
        """Where the saved index lives: `index.folder`, or beside the SQLite file, or the user's data folder."""
        if self.config.index.folder:
            return Path(self.config.index.folder).expanduser()
        database = self.store.engine.url.database
        if self.store.is_sqlite and database and database != ":memory:":
            return Path(f"{database}.index")
        from platformdirs import user_data_path

        return user_data_path("news-dedup") / "index" / f"{self.store.engine.url.host}-{database}"

    def add(
        self,
        articles: Sequence[Article],
        *,
        feed_ids: Mapping[str, int] | None = None,
        finish: Finish | None = None,
        progress: Progress | None = None,
    ) -> tuple[Placed, ...]:
        """Store articles and say what became of each, in the order given.

        Articles that repeat a key are one article; the last text wins. Each batch is one transaction, so a crash leaves
        whole batches; running again finds the rest. `feed_ids` names the stored feed of an article key.
        `finish(session)` runs inside the last batch's transaction, also when there are no articles: what it writes is
        there exactly when all the articles are.

        Raises:
            StoreUnavailable: the database cannot be written; batches before the one that failed are stored.
        """
        told = progress or silent
        latest = {article.key: article for article in articles}
        now = datetime.now(UTC)
        # Oldest first: feeds list the newest first, and a story should begin with its first article.
        ordered = sorted(latest.values(), key=lambda article: (effective_time(article.published, now), article.key))
        size = self.config.encode.batch_articles
        batches = [ordered[start : start + size] for start in range(0, len(ordered), size)] or [[]]
        placed: dict[str, Placed] = {}
        with self._writing:
            for number, batch in enumerate(batches):
                last = finish if number == len(batches) - 1 else None
                placed.update(self._add_batch(batch, feed_ids or {}, now, last))
                told("store", min((number + 1) * size, len(ordered)), len(ordered))
        return tuple(placed[article.key] for article in articles)

    def close(self) -> None:
        """Close the database, and let the encoder finish what waits for it."""
        if isinstance(self._encoder, LazyEncoder):  # no other keeps a thread
            self._encoder.close()
        super().close()

    def warm_up(self) -> None:
        """Load the encoder now rather than with the first text. Raises dedup_accelerate.ProviderError."""
        self._encoder.encode(["warm up"])

    async def embed(self, texts: Sequence[str]) -> tuple[Vectors, int]:
        """The model's own embeddings (n, dimension), and how many tokens it read; nothing is stored.

        Unlike what is stored they keep their language (`Scale.project`), as other users of the model expect them.
        """
        vectors = await self._encoder.aencode(texts)
        return vectors, sum(await asyncio.to_thread(self._encoder.count_tokens, texts))

    def similar(
        self,
        *,
        title: str,
        text: str = "",
        published: datetime | None = None,
        lang: str | None = None,
        k: int = 10,
        min_probability: float = 0.0,
    ) -> tuple[MatchView, ...]:
        """The stored articles nearest to a text, best first; nothing is stored.

        With `published` only articles inside the window around it are considered. At most `k` with a probability of at
        least `min_probability`; empty when there is nothing to compare.
        """
        from dedup_ingest import make_article

        article = make_article(source="", title=title, text=text, published=published, lang=lang)
        newcomer = self._newcomer(article, datetime.now(UTC), Reading(frozenset(), article.text))
        vector = self._encode([newcomer.view])
        newcomer.vector = vector[0]
        newcomer.around = self._memory.around_vectors(vector)[0]
        window = None if published is None else self._window
        with self.store.reading() as session:
            self._memory.sync(session, self._space)
        cosines: dict[int, float | None] = dict(
            self._memory.similar_within(vector, [newcomer.at], window, -1.0, max(k, self.config.verdict.candidates))[0]
        )
        for other_id in self._memory.copies_of(newcomer.signature, self.config.verdict.near_copy_jaccard / 2)[:k]:
            if window is None or self._memory.within(other_id, newcomer.at, window):
                cosines.setdefault(other_id, None)
        # A session of its own: what memory knows is committed, but perhaps only since the one above began.
        with self.store.reading() as session:
            found = []
            side = newcomer.side(timed=published is not None)
            around = self._memory.around(cosines)
            for id_, other in queries.known(session, list(cosines)).items():
                decision = self._judge.decide(side, other.side(around.get(id_)), cosines[id_])
                if decision.probability >= min_probability:
                    found.append((decision, other))
            found.sort(
                key=lambda item: (not item[0].verdict.joins, -item[0].probability, -(item[0].evidence.cosine or 0))
            )
            views = queries.article_views(session, [other.id for _, other in found[:k]])
            return tuple(MatchView.of(views[other.id], decision) for decision, other in found[:k])

    def explain(self, article_id: int, other_id: int) -> MatchView:
        """The verdict on any two stored articles, reckoned anew. The view is of `other_id`.

        A copy that was never encoded is read with the vector of the article that it copies. Raises: NotFound.
        """
        pairs = Pairs(self._space, self._decide, -1.0)
        with self.store.reading() as session:
            pairs.load(session, [article_id, other_id])
            decision = pairs.decision(article_id, other_id)
            view = queries.article_view(session, other_id)
            return MatchView.of(view, decision)

    def stats(self) -> StoreStats:
        """Totals of the database and the index."""
        with self.store.reading() as session:

            def count(column: object) -> int:
                return session.scalar(select(func.count(column))) or 0  # type: ignore[arg-type]

            live = session.scalar(select(func.count(StoryRow.id)).where(StoryRow.merged_into.is_(None))) or 0
            embedded = select(func.count()).select_from(EmbeddingRow).where(EmbeddingRow.space == self._space)
            return StoreStats(
                articles=count(ArticleRow.id),
                stories=live,
                matches=count(MatchRow.id),
                feeds=count(FeedRow.id),
                embeddings=session.scalar(embedded) or 0,
                indexed=len(self._memory.index),
                artifact=self.artifact.fingerprint,
                model=self.artifact.manifest.model,
                dimension=self.artifact.dimension,
            )

    def save_index(self) -> None:
        """Write the index to disk, so that the next start need not rebuild it.

        That it cannot be written is logged, no more: the articles are stored, and the index is built from them again.
        """
        with self._writing:
            self._memory.expire()
            try:
                self._memory.save(self.index_folder)
            except OSError as error:
                log.warning("the index was not saved in %s and will be rebuilt: %s", self.index_folder, error)

    def rebuild_index(self, *, progress: Progress | None = None) -> StoreStats:
        """Throw the index away, build it from SQL, save it.

        Raises:
            StoreUnavailable: the folder of the index cannot be written.
        """
        told = progress or silent
        told("index", 0, 1)
        with self._writing, self.store.reading() as session:
            fresh = Memory.empty(self.artifact.dimension, self._owner, timedelta(hours=self.config.index.keep_hours))
            fresh.sync(session, self._space)
            try:
                fresh.save(self.index_folder)
            except OSError as error:
                raise StoreUnavailable(f"cannot write the index to {self.index_folder}: {error}") from error
            self._memory = fresh
        told("index", 1, 1)
        return self.stats()

    def repair(self, *, everything: bool = False, progress: Progress | None = None) -> RepairReport:
        """Group what is new or edited anew with its neighbourhood; split, merge and move stories accordingly.

        Looks around `story.repair_articles` articles, or `everything` that waits. What editors said holds. Running it
        again when nothing is new changes nothing.

        Raises:
            StoreUnavailable: the database cannot be written; what was repaired before stays repaired.
        """
        with self._writing, self._forgetting_on_failure():
            limit = None if everything else self.config.story.repair_articles
            report = self._mender.run(self.store, limit, progress or silent)
            with self.store.reading() as session:
                self._memory.sync(session, self._space)
        return report

    def _add_batch(
        self, batch: Sequence[Article], feed_ids: Mapping[str, int], now: datetime, finish: Finish | None
    ) -> dict[str, Placed]:
        with self.store.reading() as session:
            searched = self._memory.sync(session, self._space)
            stored = queries.by_key(session, [article.key for article in batch])
            fresh = [
                article
                for article in batch
                if article.key not in stored or stored[article.key].edition != article.revision
            ]
            readings = read_news(session, fresh, self.config.boilerplate)
        newcomers = [
            self._newcomer(article, now, reading, feed_ids.get(article.key))
            for article, reading in zip(fresh, readings, strict=True)
        ]
        placer = Placer(
            self._memory,
            searched,
            self._space,
            self._judge,
            self._window,
            self.config,
            now,
            self._encode,
            self._encode_row,
            self._pairs,
        )
        placer.find_copies(self.store, newcomers)
        waiting = [newcomer for newcomer in newcomers if not newcomer.is_copy]
        for newcomer, vector in zip(waiting, self._encode([n.view for n in waiting]), strict=True):
            newcomer.vector = vector
        placer.find_neighbours(self.store, waiting)
        with self._forgetting_on_failure(), self.store.locked() as session:
            placed = placer.place(self.store, session, newcomers)
            if finish is not None:
                finish(session)
        for article in batch:
            if article.key not in placed:
                row = stored[article.key]
                placed[article.key] = Placed(row.id, row.story_id, "known", None)
        self._memory.apply(placer.committed)
        return placed

    def _newcomer(self, article: Article, now: datetime, reading: Reading, feed_id: int | None = None) -> Newcomer:
        facts = profile(article.title, reading.news, article.lang)
        return Newcomer(
            article=article,
            reading=reading,
            feed_id=feed_id,
            at=effective_time(article.published, now),
            view=self._view.text(article.title, reading.news, article.lang),
            signature=signature(facts.shingles),
            profile=facts,
        )

    @contextmanager
    def _changing(self) -> Iterator[Session]:
        with self._writing, self._forgetting_on_failure():
            with self.store.locked() as session:
                yield session
            with self.store.reading() as session:
                self._memory.sync(session, self._space)

    @contextmanager
    def _forgetting_on_failure(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self._pairs.clear()  # it may know articles that were never committed
            self._memory.expect_nothing()
            raise

    def _decide(self, a: queries.Known, b: queries.Known, cosine: float | None) -> Decision:
        around = {} if cosine is None else self._memory.around((a.id, b.id))
        return self._judge.decide(a.side(around.get(a.id)), b.side(around.get(b.id)), cosine)

    def _encode_row(self, row: ArticleRow) -> Vectors:
        vector: Vectors = self._encode([self._view.text(row.title, row.news, row.lang)])[0]
        return vector

    def _encode(self, texts: Sequence[str]) -> Vectors:
        if not texts:
            return np.zeros((0, self.artifact.dimension), dtype=np.float32)
        started = time.perf_counter()
        vectors = self._judge.scale.project(self._encoder.encode(texts))
        self.encoder_seconds += time.perf_counter() - started
        self.encoded += len(texts)
        return vectors

    def _restore(self) -> Memory:
        keep = timedelta(hours=self.config.index.keep_hours)
        with self.store.reading() as session:
            return restore(
                session, self.index_folder, self._space, self._owner, self.artifact.dimension, keep, log.info
            )


def effective_time(published: datetime | None, now: datetime) -> datetime:
    """The time that windows count with: publication, or now where there is none or it lies too far ahead."""
    return published if published is not None and published <= now + MAX_AHEAD else now


__all__ = ["Deduplicator", "Progress", "Verdict", "effective_time"]
