"""Inside the lock: the story of one article by the evidence over whole stories, and stories that it shows to be one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy.orm import Session

from dedup import _queries as queries
from dedup.clustering import Weight
from dedup.feedback import kept_apart
from dedup.ledger import Ledger, shown
from dedup.pairs import Pairs, weigh
from dedup.stories import Candidate, StoryLimits, choose, link_refusal, spread
from dedup.verdict import Decision, Verdict


class Joiner:
    """Chooses stories in one transaction. Large stories are weighed by `sample_articles` of their members."""

    def __init__(
        self, session: Session, ledger: Ledger, pairs: Pairs, limits: StoryLimits, sample_articles: int
    ) -> None:
        self._session = session
        self._ledger = ledger
        self._pairs = pairs
        self._limits = limits
        self._sample = sample_articles

    def choose(self, article_id: int, decisions: Mapping[int, Decision]) -> list[Candidate]:
        """The stories that an article may join, best first.

        Args:
            article_id: the article, brought into `pairs`.
            decisions: those known already, by the other article.
        """
        joins = [id_ for id_, one in decisions.items() if one.verdict.joins]
        joining = sorted(joins, key=lambda id_: (rank(decisions[id_]), -id_))
        if not joining:
            return []
        stories = queries.stories_of(self._session, joining)
        nearest = {stories[id_].id: id_ for id_ in joining}  # the strongest comes last and stays
        members = self._ledger.members(nearest)
        sampled = {
            story_id: spread(members[story_id], self._sample, (id_, stories[id_].representative_id))
            for story_id, id_ in nearest.items()
        }
        self._pairs.load(self._session, {id_ for ids in sampled.values() for id_ in ids})

        def decide(other: int) -> Decision:
            return decisions.get(other) or self._pairs.decision(article_id, other)

        def weight(other: int) -> Weight:
            return weigh(decisions[other]) if other in decisions else self._pairs.weight(article_id, other)

        candidates = []
        for story_id, id_ in nearest.items():
            story = stories[id_]
            candidates.append(
                Candidate(
                    story_id,
                    story.size,
                    story.first_at,
                    story.last_at,
                    id_,
                    decisions[id_],
                    decide(story.representative_id),
                    tuple(weight(other) for other in sampled[story_id]),
                )
            )
        return choose(candidates, self._pairs.known(article_id).at, self._limits)

    def bridge(self, article_id: int, story_id: int, others: Sequence[Candidate]) -> int:
        """Merge the story of an article with others that it could have joined too; returns the id that lives on."""
        for other in others:
            kept, ended = sorted((story_id, other.story_id))
            between = self._between(kept, ended, article_id)
            if between is not None:
                detail = {"why": "an article connects them", "pairs": between}
                self._ledger.merge(kept, ended, detail, article_id=article_id)
                tie = sorted((article_id, other.member_id))
                self._ledger.rehang(kept, self._pairs, {(tie[0], tie[1]): None})
                story_id = kept
        return story_id

    def _between(self, one: int, other: int, article_id: int) -> list[list[float]] | None:
        """The strongest pairs between two stories if they are one."""
        members = self._ledger.members([one, other])
        if kept_apart(self._session, members[one], members[other]) is not None:
            return None
        stories = queries.stories_of(self._session, [members[one][0], members[other][0]]).values()
        span = max(story.last_at for story in stories) - min(story.first_at for story in stories)
        first, second = (spread(members[id_], self._sample, [article_id]) for id_ in (one, other))
        self._pairs.load(self._session, [*first, *second])
        pairs = [(a, b) for a in first for b in second]
        refused = link_refusal(
            [self._pairs.weight(a, b) for a, b in pairs],
            size=sum(story.size for story in stories),
            span_hours=span.total_seconds() / 3600,
            limits=self._limits,
        )
        return None if refused else shown(self._pairs, pairs)


def rank(decision: Decision) -> tuple[int, float, float]:
    """By how much a decision joins: copies first, then by probability, then by shared wording."""
    order = {Verdict.IDENTICAL: 2, Verdict.NEAR_COPY: 1}.get(decision.verdict, 0)
    return order, decision.probability, decision.evidence.jaccard
