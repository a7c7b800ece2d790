"""The documents that the command line (`--json`) and the REST interface share: the same question, the same JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dedup.evidence import Evidence
from dedup.feeds import FeedView
from dedup.results import ArticleView, FeedbackView, MatchView, Placed, StoryEvent, StorySummary, StoryView
from dedup.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Match:
    """An article that was compared with another one.

    `probability` is that of "same event", `near_copy_probability` that one text was copied from the other; `reason` is
    in words.
    """

    verdict: Verdict
    probability: float
    near_copy_probability: float
    story_id: int
    reason: str
    evidence: Evidence
    article: ArticleView

    @classmethod
    def of(cls, view: MatchView) -> Match:
        copied, story = view.near_copy_probability, view.article.story_id
        return cls(view.verdict, view.probability, copied, story, view.reason, view.evidence, view.article)


@dataclass(frozen=True, slots=True)
class Matches:
    """Answer to "what is like this?", best first."""

    matches: tuple[Match, ...]

    @classmethod
    def of(cls, views: Sequence[MatchView]) -> Matches:
        return cls(tuple(Match.of(view) for view in views))


@dataclass(frozen=True, slots=True)
class ArticleDocument:
    """A stored article and the stored comparisons it is part of."""

    article: ArticleView
    matches: tuple[Match, ...]

    @classmethod
    def of(cls, article: ArticleView, matches: Sequence[MatchView]) -> ArticleDocument:
        return cls(article, Matches.of(matches).matches)


@dataclass(frozen=True, slots=True)
class Placement:
    """What became of one article: `outcome` is new_story, joined, updated or known; `match` is why it joined."""

    article_id: int
    story_id: int
    outcome: str
    match: Match | None

    @classmethod
    def of(cls, placed: Placed) -> Placement:
        match = Match.of(placed.match) if placed.match else None
        return cls(placed.article_id, placed.story_id, placed.outcome, match)


@dataclass(frozen=True, slots=True)
class Placements:
    """One placement for each article of the request, in its order."""

    placed: tuple[Placement, ...]


@dataclass(frozen=True, slots=True)
class StoryMember:
    """An article of a story; `joined_by` compares it with the article it joined, and is null for the first one."""

    article: ArticleView
    joined_by: Match | None


@dataclass(frozen=True, slots=True)
class StoryDocument:
    """A story with all its articles, oldest first."""

    story: StorySummary
    members: tuple[StoryMember, ...]

    @classmethod
    def of(cls, view: StoryView) -> StoryDocument:
        members = (StoryMember(m.article, Match.of(m.joined_by) if m.joined_by else None) for m in view.members)
        return cls(view.story, tuple(members))


@dataclass(frozen=True, slots=True)
class Stories:
    """Stories, the one with the newest article first."""

    stories: tuple[StorySummary, ...]


@dataclass(frozen=True, slots=True)
class Feeds:
    """Stored feeds with their health, in the order in which they were added."""

    feeds: tuple[FeedView, ...]


@dataclass(frozen=True, slots=True)
class StoryHistory:
    """What happened to a story and to those that ended in it, oldest first."""

    events: tuple[StoryEvent, ...]


@dataclass(frozen=True, slots=True)
class FeedbackList:
    """What editors said, newest first; what was taken back too."""

    feedback: tuple[FeedbackView, ...]
