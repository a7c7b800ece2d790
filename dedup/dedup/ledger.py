"""The rows of stories, and the only code that changes them: open, join, merge, take apart. Inside the lock.

Every change writes a `story_event`; told again from the beginning, the events give the memberships.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import exists, func, select, update
from sqlalchemy.orm import Session

from dedup import _queries as queries
from dedup.memory import Vectors, pack
from dedup.pairs import Pairs
from dedup.results import to_json
from dedup.store import ArticleRow, EmbeddingRow, MatchRow, MembershipRow, StoryEventRow, StoryRow
from dedup.stories import Standing, representative
from dedup.verdict import Decision

EncodeRow = Callable[[ArticleRow], Vectors]

# Pairs that an event shows: the strongest ones.
SHOWN_PAIRS = 5


class Ledger:
    """Changes of stories in one transaction; `source_rank` names the best sources first.

    `encode` gives a vector to an article that must stand for a story and never reached the encoder.
    """

    def __init__(
        self, session: Session, space: str, now: datetime, source_rank: Sequence[str], encode: EncodeRow
    ) -> None:
        self._session = session
        self._space = space
        self._now = now
        self._source_rank = source_rank
        self._encode = encode

    def event(
        self, story_id: int, kind: str, article_id: int | None = None, detail: dict[str, Any] | None = None
    ) -> None:
        self._session.add(
            StoryEventRow(story_id=story_id, kind=kind, article_id=article_id, at=self._now, detail=detail)
        )

    def open(self, article_id: int, at: datetime) -> int:
        """A story of one article; returns its id."""
        story_id = self._new_story(article_id, at)
        self._session.add(MembershipRow(article_id=article_id, story_id=story_id, joined_at=self._now))
        self.event(story_id, "create", article_id)
        return story_id

    def join(self, story_id: int, article_id: int, match_id: int, detail: dict[str, Any]) -> None:
        """Put a new article into a story; `detail` says with which article, and why."""
        self._session.add(
            MembershipRow(article_id=article_id, story_id=story_id, match_id=match_id, joined_at=self._now)
        )
        self.event(story_id, "join", article_id, detail)
        self._session.flush()
        self.settle(story_id)

    def record(self, article_id: int, other_id: int, decision: Decision, *, word: str | None = None) -> int:
        """Keep the evidence of a pair; returns the id of the match. `word`: why they are together
        although the evidence alone would not join them."""
        row = self._session.scalars(
            select(MatchRow).where(MatchRow.article_id == article_id, MatchRow.other_id == other_id)
        ).one_or_none()
        if row is None:
            row = MatchRow(article_id=article_id, other_id=other_id, created_at=self._now)
            self._session.add(row)
        verdict, reason = decision.verdict.value, decision.reason
        if word is not None:
            verdict, reason = "same_event", f"{word}; the articles say: {reason}"
        row.verdict, row.probability = verdict, decision.probability
        row.evidence = {**to_json(decision.evidence), "reason": reason}
        row.space = self._space if decision.evidence.cosine is not None else None
        self._session.flush()
        return row.id

    def members(self, story_ids: Iterable[int]) -> dict[int, list[int]]:
        """Article ids of each story, by time."""
        found: dict[int, list[int]] = {story_id: [] for story_id in story_ids}
        for part in queries.chunks(sorted(found)):
            query = (
                select(MembershipRow.story_id, MembershipRow.article_id)
                .join(ArticleRow, ArticleRow.id == MembershipRow.article_id)
                .where(MembershipRow.story_id.in_(part))
                .order_by(ArticleRow.at, ArticleRow.id)
            )
            for story_id, article_id in self._session.execute(query):
                found[story_id].append(article_id)
        return found

    def merge(self, story_id: int, ended: int, detail: dict[str, Any], *, article_id: int | None = None) -> None:
        """Let `ended` go on as `story_id`, the older one: members, and every id that ever led to it."""
        assert story_id < ended, "the oldest id lives on"
        moved = self.members([ended])[ended]
        self._relabel(moved, story_id)
        self._end(ended, story_id)
        self.event(story_id, "merge", article_id, {"from": ended, "articles": moved, **detail})
        self._session.flush()
        self.settle(story_id)

    def take_out(self, articles: Sequence[int], detail: dict[str, Any]) -> int:
        """A new story of articles that leave theirs, which is settled by the caller; returns its id."""
        story_id = self._new_story(articles[0], self._now)
        sources = self._relabel(articles, story_id)
        for old, moved in sorted(sources.items()):
            self.event(old, "leave", None, {"to": story_id, "articles": moved, **detail})
        main = max(sources, key=lambda old: (len(sources[old]), -old))
        self.event(story_id, "split", None, {"from": main, "articles": sources.pop(main), **detail})
        for old, moved in sorted(sources.items()):
            self.event(story_id, "move", None, {"from": old, "articles": moved, **detail})
        self._session.flush()
        self.settle(story_id)
        return story_id

    def move(self, articles: Sequence[int], story_id: int, detail: dict[str, Any]) -> None:
        """Articles go from their stories, which are settled by the caller, to another one."""
        for old, moved in sorted(self._relabel(articles, story_id).items()):
            self.event(old, "leave", None, {"to": story_id, "articles": moved, **detail})
            self.event(story_id, "move", None, {"from": old, "articles": moved, **detail})
        self._session.flush()
        self.settle(story_id)

    def settle(self, story_id: int) -> None:
        """Size, span and representative of a story as its members have them."""
        has_vector = exists().where(EmbeddingRow.article_id == ArticleRow.id, EmbeddingRow.space == self._space)
        rows = self._session.execute(
            select(ArticleRow.id, ArticleRow.source, func.length(ArticleRow.text), ArticleRow.at, has_vector)
            .join(MembershipRow, MembershipRow.article_id == ArticleRow.id)
            .where(MembershipRow.story_id == story_id)
        ).all()
        story = self._session.get_one(StoryRow, story_id)
        story.size = len(rows)
        if not rows:
            return
        standing = [Standing(id_, source, length, at, bool(vector)) for id_, source, length, at, vector in rows]
        story.first_at, story.last_at = min(one.at for one in standing), max(one.at for one in standing)
        story.representative_id = representative(standing, self._source_rank)
        if not any(one.comparable for one in standing):
            self._embed(story.representative_id)
        self._session.flush()

    def rehang(self, story_id: int, pairs: Pairs, ties: Mapping[tuple[int, int], str | None]) -> None:
        """See that every article but one has a match with another article of its story, and that all hang together.

        `ties` are the pairs that may be used beside the matches there are, each with an editor's word or `None`; the
        strongest are used first (Prim's tree from the oldest article). An article without any is tied to the nearest.
        """
        members = self.members([story_id])[story_id]
        inside = set(members)
        rows = {
            row.article_id: row
            for part in queries.chunks(members)
            for row in self._session.scalars(select(MembershipRow).where(MembershipRow.article_id.in_(part)))
        }
        parents = self._parents(rows, inside)
        roots = [id_ for id_ in members if rows[id_].match_id is None]
        root = (roots or members)[0]
        if rows[root].match_id is not None:
            rows[root].match_id = None
        parents.pop(root, None)
        attached = _below({root}, parents)
        if len(attached) < len(members):
            pairs.load(self._session, members)
            # A match there is may be read from either end.
            usable = {**dict.fromkeys(((min(a, b), max(a, b)) for a, b in parents.items())), **ties}
            strongest = sorted(
                (pair for pair in usable if inside.issuperset(pair)),
                key=lambda pair: (not pairs.weight(*pair).joins, -pairs.weight(*pair).probability, pair),
            )
            while len(attached) < len(members):
                pair = next((pair for pair in strongest if len(attached.intersection(pair)) == 1), None)
                word = "it stayed when others left" if pair is None else usable.get(pair)
                if pair is None:
                    alone = next(id_ for id_ in members if id_ not in attached)
                    pair = max(((alone, id_) for id_ in sorted(attached)), key=lambda pair: pairs.weight(*pair)[::-1])
                other, article_id = pair if pair[0] in attached else pair[::-1]
                decision = pairs.decision(article_id, other)
                rows[article_id].match_id = self.record(
                    article_id, other, decision, word=word if word and not decision.verdict.joins else None
                )
                parents[article_id] = other
                attached |= _below({article_id}, parents)
        self._session.flush()

    def _parents(self, rows: Mapping[int, MembershipRow], inside: set[int]) -> dict[int, int]:
        """Which article each was matched with, where that one is in the same story."""
        wanted = {row.match_id: id_ for id_, row in rows.items() if row.match_id is not None}
        parents = {}
        for part in queries.chunks(sorted(wanted)):
            for match_id, other in self._session.execute(
                select(MatchRow.id, MatchRow.other_id).where(MatchRow.id.in_(part))
            ):
                if other in inside:
                    parents[wanted[match_id]] = other
        return parents

    def _new_story(self, article_id: int, at: datetime) -> int:
        story = StoryRow(created_at=self._now, first_at=at, last_at=at, size=1, representative_id=article_id)
        self._session.add(story)
        self._session.flush()
        return story.id

    def _relabel(self, articles: Collection[int], story_id: int) -> dict[int, list[int]]:
        """Put articles into a story; returns those that came, by the story they left."""
        left: dict[int, list[int]] = {}
        for part in queries.chunks(list(articles)):
            for row in self._session.scalars(select(MembershipRow).where(MembershipRow.article_id.in_(part))):
                left.setdefault(row.story_id, []).append(row.article_id)
                row.story_id = story_id
        self._session.flush()
        return {old: sorted(moved) for old, moved in left.items()}

    def _end(self, ended: int, story_id: int) -> None:
        # Every id that led to the ended story leads to the living one at once: no chain is longer than one step.
        self._session.execute(update(StoryRow).where(StoryRow.merged_into == ended).values(merged_into=story_id))
        row = self._session.get_one(StoryRow, ended)
        row.merged_into, row.size = story_id, 0
        self._session.flush()

    def _embed(self, article_id: int) -> None:
        row = self._session.get_one(ArticleRow, article_id)
        self._session.add(EmbeddingRow(article_id=article_id, space=self._space, vector=pack(self._encode(row))))
        # A new revision, so that every process takes the vector into its index.
        row.revision = (self._session.scalar(select(func.max(ArticleRow.revision))) or 0) + 1


def shown(pairs: Pairs, between: Iterable[tuple[int, int]]) -> list[list[float]]:
    """The strongest of these pairs, as an event keeps them: [article, article, probability]."""
    strongest = sorted(between, key=lambda pair: (-pairs.weight(*pair).probability, pair))
    return [[a, b, round(pairs.weight(a, b).probability, 4)] for a, b in strongest[:SHOWN_PAIRS]]


def _below(roots: set[int], parents: Mapping[int, int]) -> set[int]:
    """The articles whose way up leads to one of the roots, and the roots."""
    children: dict[int, list[int]] = {}
    for child, parent in parents.items():
        children.setdefault(parent, []).append(child)
    found, waiting = set(roots), list(roots)
    while waiting:
        for child in children.get(waiting.pop(), ()):
            if child not in found:
                found.add(child)
                waiting.append(child)
    return found
