"""Which story an article joins. Pure: candidates in, one assignment out.

Nearest neighbour with two guards against chains: the article that stands for the story must be near too, and a story
has a largest size and span (union-find over pairs chains: B³ .816 against .855 on look-alike events).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from dedup.verdict import Decision, Verdict


@dataclass(frozen=True, slots=True)
class StoryLimits:
    """See `[story]` of config.toml."""

    max_size_articles: int
    max_span_hours: float
    min_representative_probability: float


@dataclass(frozen=True, slots=True)
class Candidate:
    """A story that an article may join.

    `member_id` and `decision` are of the nearest member; `representative` is the decision against the article that
    stands for the story (the same one when that is the nearest).
    """

    story_id: int
    size: int
    first_at: datetime
    last_at: datetime
    member_id: int
    decision: Decision
    representative: Decision


def choose(candidates: Iterable[Candidate], at: datetime, limits: StoryLimits) -> Candidate | None:
    """The story to join: of those allowed, the one with the strongest evidence; the oldest story on a draw."""
    allowed = [candidate for candidate in candidates if refusal(candidate, at, limits) is None]
    return max(allowed, key=lambda c: (_strength(c), -c.story_id), default=None)


def refusal(candidate: Candidate, at: datetime, limits: StoryLimits) -> str | None:
    """Why an article at time `at` may not join, or `None` if it may."""
    if not candidate.decision.verdict.joins:
        return candidate.decision.reason
    if candidate.size >= limits.max_size_articles:
        return f"the story already has {candidate.size} articles"
    span = max(candidate.last_at, at) - min(candidate.first_at, at)
    if span > timedelta(hours=limits.max_span_hours):
        return f"the story would span {span}"
    if candidate.decision.verdict is Verdict.IDENTICAL:
        return None
    if candidate.representative.evidence.conflicts:
        return "against the story's first article: " + candidate.representative.reason
    if candidate.representative.probability < limits.min_representative_probability:
        return "too far from the story's first article"
    return None


def _strength(candidate: Candidate) -> tuple[int, float]:
    rank = {Verdict.IDENTICAL: 2, Verdict.NEAR_COPY: 1}.get(candidate.decision.verdict, 0)
    return rank, (candidate.decision.probability + candidate.representative.probability) / 2
