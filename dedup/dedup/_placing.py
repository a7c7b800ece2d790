"""One batch of articles on its way into the store: find candidates outside the lock, decide and write inside it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from dedup import _queries as queries
from dedup._joining import Joiner, rank
from dedup._reading import Reading
from dedup._tail import Tail
from dedup.config import Config
from dedup.crowding import Surroundings
from dedup.judge import Judge
from dedup.ledger import EncodeRow, Ledger
from dedup.memory import Fresh, Memory, Vectors, pack
from dedup.pairs import Pairs
from dedup.profile import Profile
from dedup.repair import unsettle
from dedup.results import MatchView, Placed
from dedup.sides import Side
from dedup.standing import pack_keys
from dedup.store import ArticleRow, EmbeddingRow, Store
from dedup.stories import Candidate, StoryLimits
from dedup.verdict import Decision

if TYPE_CHECKING:
    from dedup_ingest import Article


@dataclass(slots=True)
class Newcomer:
    """An article that is not stored yet (or whose text changed), with what was found out about it so far."""

    article: Article
    reading: Reading
    feed_id: int | None
    at: datetime
    view: str
    signature: bytes
    profile: Profile
    vector: Vectors | None = None
    around: Surroundings | None = None
    is_copy: bool = False
    decisions: dict[int, Decision] = field(default_factory=dict)

    @property
    def news_text(self) -> str | None:
        """As it is stored: `None` where it is the whole text."""
        return None if self.reading.news == self.article.text else self.reading.news

    def known(self, id_: int, at: datetime) -> queries.Known:
        return queries.Known.of(self.article, self.reading.news, id_, at)

    def side(self, *, timed: bool = True) -> Side:
        return queries.side_of(self.article, self.profile, self.at if timed else None, self.around)


class Placer:
    """Places one batch. `find_copies` and `find_neighbours` run outside the lock, `place` inside it.

    `searched` is the watermark of the memory before the search: `place` compares with every row after it, whoever wrote
    it, so that nothing slips between search and lock.
    """

    def __init__(
        self,
        memory: Memory,
        searched: int,
        space: str,
        judge: Judge,
        window: timedelta,
        config: Config,
        now: datetime,
        encode: Callable[[Sequence[str]], Vectors],
        encode_row: EncodeRow,
        pairs: Pairs,
    ) -> None:
        self._memory = memory
        self._searched = searched
        self._space = space
        self._judge = judge
        self._window = window
        self._config = config
        self._now = now
        self._encode = encode
        self._encode_row = encode_row
        self._pairs = pairs
        self._story_limits = story_limits(config)
        self._floor = judge.scale.cosine(config.verdict.floor_scaled_cosine)
        # The estimate of a pair's similarity is off by up to 0.1 at 128 permutations: look a little below the limit.
        self._alike = config.verdict.near_copy_jaccard * 0.8
        self._revision = 0
        self.committed: list[Fresh] = []

    def find_copies(self, store: Store, newcomers: list[Newcomer]) -> None:
        """Mark those that copy an encoded article, stored or earlier in the batch: the encoder need not see them."""
        near = {
            id(newcomer): self._foremost(
                other
                for other in self._memory.copies_of(newcomer.signature, self._alike)
                if self._memory.within(other, newcomer.at, self._window)
            )
            for newcomer in newcomers
        }
        # The session begins after the look into memory: whatever memory knows is committed, so it is there to be read.
        with store.reading() as session:
            by_text = queries.by_fingerprint(session, [n.article.fingerprint for n in newcomers])
            for newcomer in newcomers:
                same = by_text.get(newcomer.article.fingerprint, [])
                inside = self._foremost(other for other, at in same if abs(at - newcomer.at) <= self._window)
                near[id(newcomer)] = list(dict.fromkeys([*inside, *near[id(newcomer)]]))
            known = queries.known(session, sorted({other for ids in near.values() for other in ids}))
        batch = Tail(len(newcomers), 0)
        texts: dict[str, list[int]] = {}
        for place, newcomer in enumerate(newcomers):
            for id_ in near[id(newcomer)]:
                if known[id_].key == newcomer.article.key:
                    continue
                decision = self._decide(newcomer, known[id_], None)
                if decision.verdict.joins:
                    newcomer.decisions[id_] = decision
                    # A copy of what was a copy itself may be far from any text that was encoded.
                    newcomer.is_copy = newcomer.is_copy or self._memory.has_vector(id_)
            twins = texts.setdefault(newcomer.article.fingerprint, [])
            earlier = dict.fromkeys([*twins, *batch.alike(newcomer.signature, self._alike)])
            newcomer.is_copy = newcomer.is_copy or self._copies(newcomer, (newcomers[other] for other in earlier))
            twins.append(place)
            batch.add(place, newcomer.signature, None)

    def find_neighbours(self, store: Store, newcomers: list[Newcomer]) -> None:
        """Decide on the stored neighbours of encoded newcomers."""
        if not newcomers:
            return
        count = self._config.verdict.candidates
        vectors = np.stack([n.vector for n in newcomers if n.vector is not None])
        for newcomer, around in zip(newcomers, self._memory.around_vectors(vectors), strict=True):
            newcomer.around = around
        inside = self._memory.similar_within(vectors, [n.at for n in newcomers], self._window, self._floor, count)
        with store.reading() as session:
            known = queries.known(session, sorted({id_ for row in inside for id_, _ in row}))
        self._memory.around(known)  # all at once: what has to be searched for is searched for together
        for newcomer, row in zip(newcomers, inside, strict=True):
            for id_, cosine in row:
                if known[id_].key != newcomer.article.key:
                    newcomer.decisions[id_] = self._decide(newcomer, known[id_], cosine)

    def place(self, store: Store, session: Session, newcomers: list[Newcomer]) -> dict[str, Placed]:
        """Inside the lock: compare with what came in since the search, choose the stories, write everything."""
        late = self._memory.fresh(session, self._space, after=self._searched)
        self._memory.apply(late)
        self._revision = session.scalar(select(func.max(ArticleRow.revision))) or 0
        known = queries.known(session, [row.id for row in late])
        stored = queries.by_key(session, [n.article.key for n in newcomers])
        self._ledger = Ledger(session, self._space, self._now, self._config.story.source_rank, self._encode_row)
        self._joiner = Joiner(
            session, self._ledger, self._pairs, self._story_limits, self._config.story.sample_articles
        )
        tail = Tail(len(late) + len(newcomers), self._memory.index.dimension)
        texts: dict[str, list[int]] = {}
        for row in late:
            texts.setdefault(known[row.id].fingerprint, []).append(len(tail.ids))
            tail.add(row.id, row.signature, row.vector)
        placed: dict[str, Placed] = {}
        for newcomer in newcomers:
            existing = stored.get(newcomer.article.key)
            self._compare_late(newcomer, tail, texts, known)
            if existing is None:
                article = self._insert(session, newcomer)
                best = self._choose(session, article, newcomer)
                if not best and newcomer.vector is None:
                    # It was taken for a copy, but what it copies has changed since, or its story is full.
                    self._look_again(store, newcomer, tail, texts, known)
                    best = self._choose(session, article, newcomer)
                placed[newcomer.article.key] = self._join(session, article, newcomer, best)
            else:
                placed[newcomer.article.key] = self._update(session, newcomer, existing)
                if placed[newcomer.article.key].outcome == "known":
                    continue
            fresh = self.committed[-1]
            known[fresh.id] = newcomer.known(fresh.id, fresh.at)
            texts.setdefault(newcomer.article.fingerprint, []).append(len(tail.ids))
            tail.add(fresh.id, fresh.signature, fresh.vector)
        return placed

    def _foremost(self, ids: Iterable[int]) -> list[int]:
        """The first `verdict.candidates` of them, and the first that was encoded, which may come later."""
        every = list(ids)
        encoded = (id_ for id_ in every if self._memory.has_vector(id_))
        return list(dict.fromkeys([*every[: self._config.verdict.candidates], *islice(encoded, 1)]))

    def _decide(self, newcomer: Newcomer, other: queries.Known, cosine: float | None) -> Decision:
        around = None if cosine is None else self._memory.around([other.id]).get(other.id)
        return self._judge.decide(newcomer.side(), other.side(around), cosine)

    def _copies(self, newcomer: Newcomer, others: Iterable[Newcomer]) -> bool:
        """Whether an encoded one of these others, of the same batch, makes encoding this one unnecessary."""
        return any(
            not other.is_copy
            and abs(other.at - newcomer.at) <= self._window
            and self._decide(newcomer, other.known(0, other.at), None).verdict.joins
            for other in others
        )

    def _compare_late(
        self, newcomer: Newcomer, tail: Tail, texts: dict[str, list[int]], known: dict[int, queries.Known]
    ) -> None:
        count = self._config.verdict.candidates
        # Decisions from before the lock rest on texts that may have been edited since.
        changed = newcomer.decisions.keys() & set(tail.ids)
        for id_ in changed:
            del newcomer.decisions[id_]
        near = tail.near(newcomer.vector, self._floor, count)
        same = texts.get(newcomer.article.fingerprint, [])[-count:]
        for place in dict.fromkeys([*same, *tail.alike(newcomer.signature, self._alike)[:count], *near]):
            other = known[tail.ids[place]]
            if other.key != newcomer.article.key and abs(other.at - newcomer.at) <= self._window:
                newcomer.decisions[other.id] = self._decide(newcomer, other, tail.cosine(place, newcomer.vector))

    def _look_again(
        self,
        store: Store,
        newcomer: Newcomer,
        tail: Tail,
        texts: dict[str, list[int]],
        known: dict[int, queries.Known],
    ) -> None:
        """Encode and search inside the lock, for the rare article that turns out to begin a story after all."""
        newcomer.vector = self._encode([newcomer.view])[0]
        self.find_neighbours(store, [newcomer])
        self._compare_late(newcomer, tail, texts, known)

    def _insert(self, session: Session, newcomer: Newcomer) -> ArticleRow:
        article = newcomer.article
        row = ArticleRow(
            key=article.key,
            revision=self._next_revision(),
            feed_id=newcomer.feed_id,
            source=article.source,
            lang=article.lang,
            title=article.title,
            text=article.text,
            url=article.url,
            guid=article.guid,
            published_at=article.published,
            seen_at=self._now,
            updated_at=None,
            at=newcomer.at,
            fingerprint=article.fingerprint,
            edition=article.revision,
            page_sha256=article.page_sha256,
            signature=newcomer.signature,
            sentences=pack_keys(newcomer.reading.sentences),
            news_text=newcomer.news_text,
        )
        session.add(row)
        session.flush()
        if newcomer.around is not None:
            self._memory.expect(row.id, newcomer.around)
        return row

    def _choose(self, session: Session, row: ArticleRow, newcomer: Newcomer) -> list[Candidate]:
        known = newcomer.known(row.id, newcomer.at)
        self._pairs.put(known, row.revision, self._meaning(session, newcomer))
        return self._joiner.choose(row.id, newcomer.decisions)

    def _join(self, session: Session, row: ArticleRow, newcomer: Newcomer, best: list[Candidate]) -> Placed:
        self._embed(session, row.id, newcomer)
        match_ids = self._record(row.id, newcomer, best[0].member_id if best else None)
        if match_ids:
            unsettle(session, [row.id])
        if not best:
            story_id, view = self._ledger.open(row.id, newcomer.at), None
        else:
            chosen = best[0]
            decision = chosen.decision
            why = {
                "with": chosen.member_id,
                "verdict": decision.verdict.value,
                "probability": round(decision.probability, 4),
                "mean": round(chosen.mean, 4),
                "reason": decision.reason,
            }
            self._ledger.join(chosen.story_id, row.id, match_ids[0], why)
            story_id = self._joiner.bridge(row.id, chosen.story_id, best[1:])
            member = queries.article_view(session, chosen.member_id)
            view = MatchView.of(member, decision)
        self.committed.append(Fresh(row.id, row.revision, newcomer.at, newcomer.signature, newcomer.vector))
        return Placed(row.id, story_id, "joined" if best else "new_story", view)

    def _update(self, session: Session, newcomer: Newcomer, existing: queries.Stored) -> Placed:
        """The text of a stored article changed: new text, new vector, same identity; its story stays until repair."""
        article = newcomer.article
        row = session.get_one(ArticleRow, existing.id)
        if row.edition == article.revision:  # another process was quicker
            return Placed(row.id, existing.story_id, "known", None)
        if newcomer.vector is None:
            # It may stand for its story, so it needs a vector even if its new text is a copy of another article's.
            newcomer.vector = self._encode([newcomer.view])[0]
        row.title, row.text, row.lang, row.url = article.title, article.text, article.lang, article.url
        row.fingerprint, row.edition = article.fingerprint, article.revision
        row.page_sha256 = article.page_sha256
        row.sentences, row.news_text = pack_keys(newcomer.reading.sentences), newcomer.news_text
        row.signature, row.updated_at = newcomer.signature, self._now
        row.revision = self._next_revision()
        for embedding in session.scalars(select(EmbeddingRow).where(EmbeddingRow.article_id == row.id)):
            session.delete(embedding)
        session.flush()
        if newcomer.around is not None:
            self._memory.expect(row.id, newcomer.around)
        self._embed(session, row.id, newcomer)
        self._pairs.put(newcomer.known(row.id, row.at), row.revision, newcomer.vector)
        # What it is like now; the joins it had rest on a text that is gone, but say how it came where it is.
        self._record(row.id, newcomer, None)
        self._ledger.event(existing.story_id, "update", row.id)
        unsettle(session, [row.id])
        self._ledger.settle(existing.story_id)
        self.committed.append(Fresh(row.id, row.revision, row.at, newcomer.signature, newcomer.vector))
        return Placed(row.id, existing.story_id, "updated", None)

    def _embed(self, session: Session, article_id: int, newcomer: Newcomer) -> None:
        if newcomer.vector is not None:
            session.add(EmbeddingRow(article_id=article_id, space=self._space, vector=pack(newcomer.vector)))
            session.flush()

    def _next_revision(self) -> int:
        self._revision += 1
        return self._revision

    def _meaning(self, session: Session, newcomer: Newcomer) -> Vectors | None:
        """Its vector, or that of the article it copies."""
        if newcomer.vector is not None or not newcomer.decisions:
            return newcomer.vector
        copied = max(newcomer.decisions, key=lambda id_: (rank(newcomer.decisions[id_]), -id_))
        self._pairs.load(session, [copied])
        return self._pairs.vector(copied)

    def _record(self, article_id: int, newcomer: Newcomer, member_id: int | None) -> list[int]:
        """Keep the evidence: of the join with `member_id` first, and of the next best matches; ids of the matches."""
        ranked = sorted(newcomer.decisions, key=lambda id_: (rank(newcomer.decisions[id_]), -id_), reverse=True)
        kept = [id_ for id_ in ranked if newcomer.decisions[id_].verdict.joins and id_ != member_id]
        first = [] if member_id is None else [member_id]
        return [
            self._ledger.record(article_id, other, newcomer.decisions[other])
            for other in [*first, *kept[: self._config.verdict.stored_matches - len(first)]]
        ]


def story_limits(config: Config) -> StoryLimits:
    """The limits of `[story]`."""
    story = config.story
    return StoryLimits(
        story.max_size_articles,
        story.max_span_hours,
        story.min_representative_probability,
        story.min_mean_probability,
        story.max_conflict_share,
    )
