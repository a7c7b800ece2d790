"""What the service answers with: frozen, free of SQL and of the model, ready for JSON (`to_json`)."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from dedup.evidence import Evidence
from dedup.verdict import Decision, Verdict, default_verifier


@dataclass(frozen=True, slots=True)
class ArticleView:
    """An article as stored.

    `story_id` is the live story it belongs to. `left_out`: the sentences of its text that are not compared, because its
    source writes them in one article after another.
    """

    id: int
    source: str
    lang: str
    title: str
    text: str
    url: str | None
    published_at: datetime | None
    at: datetime
    story_id: int
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MatchView:
    """One comparison that joined, or would join, an article to another: the verdict, how sure, and why."""

    article: ArticleView
    verdict: Verdict
    probability: float
    evidence: Evidence
    reason: str

    @classmethod
    def of(cls, article: ArticleView, decision: Decision) -> MatchView:
        """What was decided of this article, and another."""
        return cls(article, decision.verdict, decision.probability, decision.evidence, decision.reason)

    @property
    def near_copy_probability(self) -> float:
        """That one text was copied from the other, 0…1; see `Verifier.near_copy`."""
        return 1.0 if self.verdict is Verdict.IDENTICAL else default_verifier().near_copy(self.evidence)


@dataclass(frozen=True, slots=True)
class Member:
    """An article of a story, and the match that brought it in (`None` for the first article of the story)."""

    article: ArticleView
    joined_by: MatchView | None


@dataclass(frozen=True, slots=True)
class StorySummary:
    """A story in a list. `sources` and `langs` are sorted and distinct."""

    id: int
    title: str
    size: int
    first_at: datetime
    last_at: datetime
    representative_id: int
    sources: tuple[str, ...]
    langs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StoryView:
    """A story with all its articles, oldest first, each with the reason it is here."""

    story: StorySummary
    members: tuple[Member, ...]


@dataclass(frozen=True, slots=True)
class Placed:
    """What became of one article handed to the service.

    `outcome`: `new_story` (nothing like it), `joined` (a duplicate, `match` says of what), `updated` (same article,
    text changed: its story stays), `known` (already stored as it is).
    """

    article_id: int
    story_id: int
    outcome: str
    match: MatchView | None


@dataclass(frozen=True, slots=True)
class PageCounts:
    """What became of the pages that were fetched for their full text.

    `text`: the page's text is the article's. In all other cases the feed's text stays: `short`, the page says no more;
    `paywall` or `consent` stood in the article's place; `unrelated`, it is about something else; `failed`, none came.
    """

    text: int = 0
    short: int = 0
    paywall: int = 0
    consent: int = 0
    unrelated: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True)
class RepairReport:
    """What a repair did: articles looked at with their neighbourhoods, stories that ended in others, stories that were
    taken out of others, articles that changed over, articles that still wait (`dedup repair` again)."""

    examined: int
    merged: int
    split: int
    moved: int
    waiting: int
    seconds: float


@dataclass(frozen=True, slots=True)
class IngestReport:
    """Totals of one ingest or import run, and of the repair at its end.

    `joined` and `stories` count what became of articles when they were sorted, before the repair. `seconds` are wall
    clock, `encoder_seconds` the part spent in the model. `elsewhere` counts feeds that were not visited because another
    process was visiting them.
    """

    feeds: int
    fetched: int
    not_modified: int
    failed: int
    elsewhere: int
    entries: int
    skipped: int
    stored: int
    updated: int
    known: int
    joined: int
    stories: int
    encoded: int
    seconds: float
    encoder_seconds: float
    pages: PageCounts
    repair: RepairReport
    problems: tuple[FeedProblem, ...]


@dataclass(frozen=True, slots=True)
class FeedProblem:
    """One feed (or line of a feed list) that could not be used, and why; the others went on."""

    feed: str
    kind: str
    message: str


@dataclass(frozen=True, slots=True)
class StoryEvent:
    """One thing that happened to a story.

    `kind`: create, join, update (of `article_id`); merge (a story ended here), split (this story was taken out of
    another), move (articles came), leave (articles went), feedback. `detail`: the evidence, by kind: with, verdict,
    probability, reason (join); from, to, articles, why, mean, pairs (article, article, probability), feedback.
    """

    at: datetime
    kind: str
    story_id: int
    article_id: int | None
    detail: dict[str, Any]


@dataclass(frozen=True, slots=True)
class FeedbackView:
    """Something that an editor said.

    `kind`: merge, split, is-a-duplicate, not-a-duplicate or revoke. `sides`: article ids; of a split first those that
    stay. `revokes`, `revoked_by`: ids of feedback. `stories`: those that the articles are in now.
    """

    id: int
    kind: str
    said_at: datetime
    sides: tuple[tuple[int, ...], ...]
    revokes: int | None
    revoked_by: int | None
    stories: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class StoreStats:
    """What is stored, and the state of the index over it."""

    articles: int
    stories: int
    matches: int
    feeds: int
    embeddings: int
    indexed: int
    artifact: str
    model: str
    dimension: int


def to_json(value: Any) -> Any:
    """Plain JSON types: dataclasses → dicts, datetimes → ISO 8601 with `Z`, tuples → lists, enums → their value."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_json(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, (list, tuple)):
        return [to_json(item) for item in value]
    if isinstance(value, dict):
        return {str(key): to_json(item) for key, item in value.items()}
    if isinstance(value, Verdict):
        return value.value
    return value
