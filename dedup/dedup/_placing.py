"""One batch of articles on its way into the store: find candidates outside the lock, decide and write inside it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from dedup import _queries as queries
from dedup.config import Config
from dedup.evidence import Side, compare
from dedup.memory import Fresh, Memory, Vectors, pack
from dedup.profile import Profile, jaccard
from dedup.results import MatchView, Placed, to_json
from dedup.space import Scale
from dedup.store import ArticleRow, EmbeddingRow, MatchRow, MembershipRow, StoryEventRow, StoryRow
from dedup.stories import Candidate, StoryLimits, choose
from dedup.verdict import Decision, Verdict, VerdictLimits, Verifier, decide

if TYPE_CHECKING:
    from dedup_ingest import Article


@dataclass(slots=True)
class Newcomer:
    """An article that is not stored yet (or whose text changed), with what was found out about it so far."""

    article: Article
    feed_id: int | None
    at: datetime
    view: str
    signature: bytes
    profile: Profile
    vector: Vectors | None = None
    is_copy: bool = False
    decisions: dict[int, Decision] = field(default_factory=dict)

    def side(self, *, timed: bool = True) -> Side:
        article = self.article
        return Side(article.title, self.profile, article.lang, article.source, self.at if timed else None)

    def decide(
        self,
        other: queries.Known,
        cosine: float | None,
        scale: Scale,
        limits: VerdictLimits,
        verifier: Verifier,
        *,
        timed: bool = True,
    ) -> Decision:
        """The verdict on this article and a known one."""
        theirs = other.side()
        translation = self.article.lang != other.lang and "und" not in (self.article.lang, other.lang)
        scaled = None if cosine is None else scale.scaled(cosine, translation=translation)
        evidence = compare(self.side(timed=timed), theirs, cosine=cosine, scaled_cosine=scaled)
        same_text = self.article.fingerprint == other.fingerprint
        return decide(evidence, same_text=same_text, limits=limits, verifier=verifier)


class Placer:
    """Places one batch. `find_copies` and `find_neighbours` run outside the lock, `place` inside it."""

    def __init__(
        self,
        memory: Memory,
        space: str,
        scale: Scale,
        limits: VerdictLimits,
        verifier: Verifier,
        window: timedelta,
        config: Config,
        now: datetime,
    ) -> None:
        self._memory = memory
        self._space = space
        self._scale = scale
        self._limits = limits
        self._verifier = verifier
        self._window = window
        self._config = config
        self._now = now
        self._story_limits = StoryLimits(
            config.story.max_size_articles,
            config.story.max_span_hours,
            config.story.min_representative_probability,
        )
        self._floor = scale.cosine(config.verdict.floor_scaled_cosine)
        self._revision = 0
        self.committed: list[Fresh] = []

    def find_copies(self, session: Session, newcomers: list[Newcomer]) -> None:
        """Mark the newcomers that copy a stored article, or an earlier one of the batch: the encoder need not see them."""
        by_text = queries.by_fingerprint(session, [n.article.fingerprint for n in newcomers])
        near = {id(n): self._memory.copies_of(n.signature, self._limits.near_copy_jaccard * 0.8) for n in newcomers}
        wanted = {i for ids in near.values() for i in ids[: self._config.verdict.candidates]}
        wanted |= {i for ids in by_text.values() for i in ids}
        known = queries.known(session, sorted(wanted))
        for place, newcomer in enumerate(newcomers):
            ids = [*by_text.get(newcomer.article.fingerprint, ()), *near[id(newcomer)]]
            for id_ in dict.fromkeys(ids):
                other = known.get(id_)
                if other is None or other.key == newcomer.article.key or abs(other.at - newcomer.at) > self._window:
                    continue
                decision = self._decide(newcomer, other, None)
                if decision.verdict.joins:
                    newcomer.decisions[id_] = decision
                    newcomer.is_copy = True
            newcomer.is_copy = newcomer.is_copy or self._copies_earlier(newcomer, newcomers[:place])

    def find_neighbours(self, session: Session, newcomers: list[Newcomer]) -> None:
        """Decide on the stored neighbours of encoded newcomers."""
        vectors = np.stack([n.vector for n in newcomers if n.vector is not None]) if newcomers else np.zeros((0, 1))
        count = self._config.verdict.candidates
        near = self._memory.similar(vectors.astype(np.float32), self._floor, count)
        inside = [
            [hit for hit in row if self._memory.within(hit[0], newcomer.at, self._window)][:count]
            for newcomer, row in zip(newcomers, near, strict=True)
        ]
        known = queries.known(session, sorted({id_ for row in inside for id_, _ in row}))
        for newcomer, row in zip(newcomers, inside, strict=True):
            for id_, cosine in row:
                if known[id_].key != newcomer.article.key:
                    newcomer.decisions[id_] = self._decide(newcomer, known[id_], cosine)

    def place(self, session: Session, newcomers: list[Newcomer]) -> dict[str, Placed]:
        """Inside the lock: compare with what came in since the search, choose the stories, write everything."""
        late = self._memory.fresh(session, self._space)
        self._memory.apply(late)
        self._revision = session.scalar(select(func.max(ArticleRow.revision))) or 0
        latecomers = queries.known(session, [row.id for row in late])
        tail: list[tuple[queries.Known, Vectors | None]] = [(latecomers[row.id], row.vector) for row in late]
        stored = queries.by_key(session, [n.article.key for n in newcomers])
        placed: dict[str, Placed] = {}
        for newcomer in newcomers:
            existing = stored.get(newcomer.article.key)
            if existing is not None:
                placed[newcomer.article.key] = self._update(session, newcomer, existing)
                continue
            for other, vector in tail:
                self._compare_late(newcomer, other, vector)
            placed[newcomer.article.key] = self._insert(session, newcomer)
            row = self.committed[-1]
            tail.append((queries.Known.of(newcomer.article, row.id, newcomer.at), row.vector))
        return placed

    def _decide(self, newcomer: Newcomer, other: queries.Known, cosine: float | None) -> Decision:
        return newcomer.decide(other, cosine, self._scale, self._limits, self._verifier)

    def _copies_earlier(self, newcomer: Newcomer, earlier: list[Newcomer]) -> bool:
        """Whether an earlier, encoded article of the same batch makes encoding this one unnecessary."""
        for other in earlier:
            if other.is_copy or abs(other.at - newcomer.at) > self._window:
                continue
            if jaccard(newcomer.profile.shingles, other.profile.shingles) >= self._limits.near_copy_jaccard:
                known = queries.Known.of(other.article, 0, other.at)
                if self._decide(newcomer, known, None).verdict.joins:
                    return True
        return False

    def _compare_late(self, newcomer: Newcomer, other: queries.Known, vector: Vectors | None) -> None:
        if other.id in newcomer.decisions or abs(other.at - newcomer.at) > self._window:
            return
        cosine = None
        if vector is not None and newcomer.vector is not None:
            cosine = float(vector @ newcomer.vector)
        alike = jaccard(newcomer.profile.shingles, other.profile.shingles) >= self._limits.near_copy_jaccard * 0.8
        same = other.fingerprint == newcomer.article.fingerprint
        if same or alike or (cosine is not None and cosine >= self._floor):
            newcomer.decisions[other.id] = self._decide(newcomer, other, cosine)

    def _insert(self, session: Session, newcomer: Newcomer) -> Placed:
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
            signature=newcomer.signature,
        )
        session.add(row)
        session.flush()
        self._embed(session, row.id, newcomer)
        best = self._choose(session, newcomer)
        if best is None:
            story = StoryRow(
                created_at=self._now, first_at=newcomer.at, last_at=newcomer.at, size=1, representative_id=row.id
            )
            session.add(story)
            session.flush()
            story_id, match_id, view, event = story.id, None, None, "create"
        else:
            story_id, event = best.story_id, "join"
            match_id = self._record(session, row.id, newcomer, best)
            member = queries.article_view(session, best.member_id)
            decision = best.decision
            view = MatchView(member, decision.verdict, decision.probability, decision.evidence, decision.reason)
            self._grow(session, story_id, row.id, newcomer.at)
        session.add(MembershipRow(article_id=row.id, story_id=story_id, match_id=match_id, joined_at=self._now))
        session.add(StoryEventRow(story_id=story_id, kind=event, article_id=row.id, at=self._now))
        session.flush()
        self.committed.append(Fresh(row.id, row.revision, newcomer.at, newcomer.signature, newcomer.vector))
        return Placed(row.id, story_id, "new_story" if best is None else "joined", view)

    def _update(self, session: Session, newcomer: Newcomer, existing: queries.Stored) -> Placed:
        """The text of a stored article changed: new text, new vector, same identity and story."""
        article = newcomer.article
        row = session.get_one(ArticleRow, existing.id)
        if row.fingerprint == article.fingerprint:  # another process was quicker
            return Placed(row.id, existing.story_id, "known", None)
        row.title, row.text, row.lang, row.url = article.title, article.text, article.lang, article.url
        row.fingerprint, row.signature, row.updated_at = article.fingerprint, newcomer.signature, self._now
        row.revision = self._next_revision()
        for embedding in session.scalars(select(EmbeddingRow).where(EmbeddingRow.article_id == row.id)):
            session.delete(embedding)
        session.flush()
        self._embed(session, row.id, newcomer)
        session.add(StoryEventRow(story_id=existing.story_id, kind="update", article_id=row.id, at=self._now))
        session.flush()
        self.committed.append(Fresh(row.id, row.revision, row.at, newcomer.signature, newcomer.vector))
        return Placed(row.id, existing.story_id, "updated", None)

    def _embed(self, session: Session, article_id: int, newcomer: Newcomer) -> None:
        if newcomer.vector is not None:
            session.add(EmbeddingRow(article_id=article_id, space=self._space, vector=pack(newcomer.vector)))

    def _next_revision(self) -> int:
        self._revision += 1
        return self._revision

    def _choose(self, session: Session, newcomer: Newcomer) -> Candidate | None:
        joining = {id_: decision for id_, decision in newcomer.decisions.items() if decision.verdict.joins}
        if not joining:
            return None
        stories = queries.stories_of(session, list(joining))
        nearest: dict[int, int] = {}
        for id_ in sorted(joining, key=lambda id_: (_rank(joining[id_]), -id_), reverse=True):
            nearest.setdefault(stories[id_].id, id_)
        candidates = []
        for id_ in nearest.values():
            story = stories[id_]
            candidates.append(
                Candidate(
                    story.id,
                    story.size,
                    story.first_at,
                    story.last_at,
                    id_,
                    joining[id_],
                    self._against_representative(session, newcomer, story.representative_id),
                )
            )
        return choose(candidates, newcomer.at, self._story_limits)

    def _against_representative(self, session: Session, newcomer: Newcomer, representative_id: int) -> Decision:
        known = newcomer.decisions.get(representative_id)
        if known is not None:
            return known
        vectors = queries.vectors(session, self._space, [representative_id])
        cosine = None
        if representative_id in vectors and newcomer.vector is not None:
            cosine = float(vectors[representative_id] @ newcomer.vector)
        other = queries.known(session, [representative_id])[representative_id]
        return self._decide(newcomer, other, cosine)

    def _record(self, session: Session, article_id: int, newcomer: Newcomer, best: Candidate) -> int:
        """Keep the evidence: of the join, and of the next best matches."""
        ranked = sorted(newcomer.decisions.items(), key=lambda item: (_rank(item[1]), -item[0]), reverse=True)
        kept = [(id_, d) for id_, d in ranked if d.verdict.joins and id_ != best.member_id]
        rows = [
            MatchRow(
                article_id=article_id,
                other_id=id_,
                verdict=decision.verdict.value,
                probability=decision.probability,
                evidence={**to_json(decision.evidence), "reason": decision.reason},
                space=self._space if decision.evidence.cosine is not None else None,
                created_at=self._now,
            )
            for id_, decision in [(best.member_id, best.decision), *kept[: self._config.verdict.stored_matches - 1]]
        ]
        session.add_all(rows)
        session.flush()
        return rows[0].id

    def _grow(self, session: Session, story_id: int, article_id: int, at: datetime) -> None:
        story = session.get_one(StoryRow, story_id)
        story.size += 1
        if at < story.first_at:
            # The oldest article stands for the story: it is the one that others were told from.
            story.first_at, story.representative_id = at, article_id
        story.last_at = max(story.last_at, at)


def _rank(decision: Decision) -> tuple[int, float, float]:
    order = {Verdict.IDENTICAL: 2, Verdict.NEAR_COPY: 1}.get(decision.verdict, 0)
    return order, decision.probability, decision.evidence.jaccard
