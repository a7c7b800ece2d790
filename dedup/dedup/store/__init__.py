"""The SQL store: tables, sessions, the one locked section, and the migrations."""

from __future__ import annotations

from dedup.store._session import Store, open_store
from dedup.store.models import (
    ArticleRow,
    Base,
    EmbeddingRow,
    FeedbackArticleRow,
    FeedbackRow,
    FeedRow,
    MatchRow,
    MembershipRow,
    PendingRow,
    SpaceRow,
    StoryEventRow,
    StoryRow,
    UnsettledRow,
)

__all__ = [
    "ArticleRow",
    "Base",
    "EmbeddingRow",
    "FeedRow",
    "FeedbackArticleRow",
    "FeedbackRow",
    "MatchRow",
    "MembershipRow",
    "PendingRow",
    "SpaceRow",
    "Store",
    "StoryEventRow",
    "StoryRow",
    "UnsettledRow",
    "open_store",
]
