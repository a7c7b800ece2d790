"""What the REST interface needs of the service."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from dedup.feeds import FeedView, Selection
from dedup.results import (
    ArticleView,
    FeedbackView,
    MatchView,
    Placed,
    RepairReport,
    StoreStats,
    StoryEvent,
    StorySummary,
    StoryView,
)

if TYPE_CHECKING:
    from dedup.editing import Editor
    from dedup.space import Vectors
    from dedup_accelerate import Artifact
    from dedup_ingest import Article


class Service(Protocol):
    """The part of `dedup.service.Deduplicator` that requests call, from several threads at once."""

    @property
    def artifact(self) -> Artifact: ...

    async def embed(self, texts: Sequence[str]) -> tuple[Vectors, int]: ...

    def add(self, articles: Sequence[Article]) -> tuple[Placed, ...]: ...

    def similar(
        self,
        *,
        title: str,
        text: str = "",
        published: datetime | None = None,
        lang: str | None = None,
        k: int = 10,
        min_probability: float = 0.0,
    ) -> tuple[MatchView, ...]: ...

    def article(self, article_id: int) -> ArticleView: ...

    def matches(self, article_id: int) -> tuple[MatchView, ...]: ...

    def stories(
        self, *, limit: int = 20, min_size: int = 1, since: datetime | None = None, lang: str | None = None
    ) -> tuple[StorySummary, ...]: ...

    def story(self, story_id: int) -> StoryView: ...

    def history(self, story_id: int) -> tuple[StoryEvent, ...]: ...

    def feedback(self, *, limit: int = 20) -> tuple[FeedbackView, ...]: ...

    @property
    def editor(self) -> Editor: ...

    def repair(self) -> RepairReport: ...

    def stats(self) -> StoreStats: ...

    def feeds(self, which: Selection = "all", *, limit: int | None = None, after: int = 0) -> tuple[FeedView, ...]: ...
