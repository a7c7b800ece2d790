"""The tables. SQL is the truth: the vector index and the near-copy index are caches rebuilt from these rows."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    ColumnElement,
    DateTime,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
    func,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator


class UtcDateTime(TypeDecorator[datetime]):
    """Aware UTC datetimes on every database; SQLite has no time zones, so there the zone is added on the way out."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"naive datetime {value!r}: every time in the store is aware")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


# 64 bits everywhere; on SQLite only a plain INTEGER primary key counts by itself.
BigId = BigInteger().with_variant(Integer, "sqlite")


class Base(DeclarativeBase):
    type_annotation_map = {datetime: UtcDateTime, dict[str, Any]: JSON}  # noqa: RUF012 - SQLAlchemy's own convention


class FeedRow(Base):
    """A feed: its HTTP validators, how the last visit went, when the next one is due and under whose lease.

    `scope` is the URL under which its entries have their identity, once the feed has moved (NULL: `url` itself).
    `origin` is the list of feeds that speaks for it, NULL for one that was added by hand. `next_at` NULL: it is not
    polled, and `disabled_reason` says why; an unlisted feed keeps its time for when it is listed again. `moving_to` is
    where one permanent redirect led; the second one moves it.
    """

    __tablename__ = "feed"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    url: Mapped[str] = mapped_column(Text, unique=True)
    title: Mapped[str | None] = mapped_column(Text)
    etag: Mapped[str | None] = mapped_column(Text)
    last_modified: Mapped[str | None] = mapped_column(Text)
    added_at: Mapped[datetime]
    checked_at: Mapped[datetime | None]
    succeeded_at: Mapped[datetime | None]
    http_status: Mapped[int | None] = mapped_column(Integer)
    error: Mapped[str | None] = mapped_column(Text)
    failures: Mapped[int] = mapped_column(Integer, default=0)
    scope: Mapped[str | None] = mapped_column(Text)
    group: Mapped[str | None] = mapped_column(Text)
    cron: Mapped[str | None] = mapped_column(Text)
    origin: Mapped[str | None] = mapped_column(Text)
    next_at: Mapped[datetime | None] = mapped_column(index=True)
    lease_owner: Mapped[str | None] = mapped_column(Text)
    lease_until: Mapped[datetime | None]
    failure_class: Mapped[str | None] = mapped_column(String(16))
    disabled_at: Mapped[datetime | None]
    disabled_reason: Mapped[str | None] = mapped_column(String(16))
    entries_per_hour: Mapped[float | None] = mapped_column(Float)
    hints: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    moving_to: Mapped[str | None] = mapped_column(Text)
    problem: Mapped[str | None] = mapped_column(Text)
    history: Mapped[list[Any] | None] = mapped_column(JSON(none_as_null=True))
    __table_args__ = (Index("ix_feed_scope", "scope", unique=True),)


class PendingRow(Base):
    """An article that was fetched and is not sorted into a story yet; gone in the transaction that sorts it.

    Committed together with the validators of its feed, so that nothing is lost between fetching and sorting. `at` is
    the time that windows will count with, `article` is JSON, `edition` tells whether the entry was edited again while
    it was being sorted.
    """

    __tablename__ = "pending"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    key: Mapped[str] = mapped_column(String(64), unique=True)
    edition: Mapped[str] = mapped_column(String(64))
    feed_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("feed.id", ondelete="SET NULL"))
    at: Mapped[datetime] = mapped_column(index=True)
    lease_owner: Mapped[str | None] = mapped_column(Text)
    lease_until: Mapped[datetime | None]
    article: Mapped[str] = mapped_column(Text)


class ArticleRow(Base):
    """An article as it was last seen.

    `key` is its identity in its source, `fingerprint` that of its text, `edition` the same without clock times and
    dates: a page that writes the time into its text is not edited by that. `at` is the time that windows count with:
    the publication time, or the time it was first seen where the feed gave none or one in the future. `revision` grows
    with every insert and update over the whole table: a reader that remembers the largest one it saw finds what is new.
    `page_sha256` is the hash of the page that the text was taken from, NULL where the text is the feed's. `sentences`
    are the keys of the text's sentences, `news_text` the text without those that its outlet always writes, NULL where
    it has none of them (see `dedup.standing`).
    """

    __tablename__ = "article"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    key: Mapped[str] = mapped_column(String(64), unique=True)
    revision: Mapped[int] = mapped_column(BigId, unique=True)
    feed_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("feed.id"))
    source: Mapped[str] = mapped_column(Text)
    lang: Mapped[str] = mapped_column(String(16))
    title: Mapped[str] = mapped_column(Text)
    text: Mapped[str] = mapped_column(Text)
    url: Mapped[str | None] = mapped_column(Text)
    guid: Mapped[str | None] = mapped_column(Text)
    published_at: Mapped[datetime | None]
    seen_at: Mapped[datetime]
    updated_at: Mapped[datetime | None]
    at: Mapped[datetime] = mapped_column(index=True)
    fingerprint: Mapped[str] = mapped_column(String(64), index=True)
    edition: Mapped[str] = mapped_column(String(64))
    page_sha256: Mapped[str | None] = mapped_column(String(64))
    signature: Mapped[bytes] = mapped_column(LargeBinary)
    sentences: Mapped[bytes | None] = mapped_column(LargeBinary)
    news_text: Mapped[str | None] = mapped_column(Text)
    __table_args__ = (Index("ix_article_source_id", "source", "id"), {"sqlite_autoincrement": True})

    @hybrid_property
    def news(self) -> str:
        """What is compared of the text."""
        return self.text if self.news_text is None else self.news_text

    @news.inplace.expression
    @classmethod
    def _news(cls) -> ColumnElement[str]:
        return func.coalesce(cls.news_text, cls.text)


class SpaceRow(Base):
    """A space of comparable embeddings: one model artifact reading one view of the articles, and its score scale.

    `id` is a hash of the artifact's fingerprint and the view, so vectors and scores of two artifacts can never meet.
    """

    __tablename__ = "space"
    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    artifact: Mapped[str] = mapped_column(String(64))
    model: Mapped[str] = mapped_column(Text)
    view: Mapped[str] = mapped_column(Text)
    dimension: Mapped[int] = mapped_column(Integer)
    scale: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]


class EmbeddingRow(Base):
    """The vector of one article in one space: little-endian float16, unit norm before rounding."""

    __tablename__ = "embedding"
    article_id: Mapped[int] = mapped_column(BigId, ForeignKey("article.id"), primary_key=True)
    space: Mapped[str] = mapped_column(ForeignKey("space.id"), primary_key=True)
    vector: Mapped[bytes] = mapped_column(LargeBinary)


class MatchRow(Base):
    """Why two articles were compared as they were: the verdict and all its evidence. `article_id` is the newer row."""

    __tablename__ = "match"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    article_id: Mapped[int] = mapped_column(BigId, ForeignKey("article.id"))
    other_id: Mapped[int] = mapped_column(BigId, ForeignKey("article.id"), index=True)
    verdict: Mapped[str] = mapped_column(String(16))
    probability: Mapped[float] = mapped_column(Float)
    evidence: Mapped[dict[str, Any]]
    space: Mapped[str | None] = mapped_column(ForeignKey("space.id"))
    created_at: Mapped[datetime]
    __table_args__ = (UniqueConstraint("article_id", "other_id"),)


class StoryRow(Base):
    """The cluster of one event. Ids are never reused; a merged story points to the one that lives on."""

    __tablename__ = "story"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    merged_into: Mapped[int | None] = mapped_column(BigId, ForeignKey("story.id"))
    created_at: Mapped[datetime]
    first_at: Mapped[datetime]
    last_at: Mapped[datetime] = mapped_column(index=True)
    size: Mapped[int] = mapped_column(Integer)
    representative_id: Mapped[int] = mapped_column(BigId, ForeignKey("article.id"))
    __table_args__ = ({"sqlite_autoincrement": True},)


class MembershipRow(Base):
    """Which story an article belongs to, and the match that brought it there (none for the first of a story)."""

    __tablename__ = "membership"
    article_id: Mapped[int] = mapped_column(BigId, ForeignKey("article.id"), primary_key=True)
    story_id: Mapped[int] = mapped_column(BigId, ForeignKey("story.id"), index=True)
    match_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("match.id"))
    joined_at: Mapped[datetime]


class StoryEventRow(Base):
    """Append-only history of the stories.

    `kind`: create, join and update (of `article_id`); merge (`detail.from` ended in this story), split (this story was
    taken out of `detail.from`), move (`detail.articles` came from `detail.from`), feedback and expire. Told again from
    the beginning, the events give the memberships. `detail` is the evidence: which article, which pairs, how sure.
    """

    __tablename__ = "story_event"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    story_id: Mapped[int] = mapped_column(BigId, ForeignKey("story.id"))
    kind: Mapped[str] = mapped_column(String(16))
    article_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("article.id"))
    at: Mapped[datetime]
    detail: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    __table_args__ = (Index("ix_story_event_story_id_id", "story_id", "id"),)


class UnsettledRow(Base):
    """An article whose neighbourhood waits for repair: it is new there, was edited, or an editor spoke of it."""

    __tablename__ = "unsettled"
    article_id: Mapped[int] = mapped_column(BigId, ForeignKey("article.id"), primary_key=True)


class FeedbackRow(Base):
    """What an editor said; append-only. `revokes_id`: takes an earlier word back (kind revoke)."""

    __tablename__ = "feedback"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    kind: Mapped[str] = mapped_column(String(16))
    revokes_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("feedback.id"), unique=True)
    created_at: Mapped[datetime]
    __table_args__ = ({"sqlite_autoincrement": True},)


class FeedbackArticleRow(Base):
    """An article that an editor spoke of, and on which of the two sides (0, 1) it stood."""

    __tablename__ = "feedback_article"
    feedback_id: Mapped[int] = mapped_column(BigId, ForeignKey("feedback.id"), primary_key=True)
    article_id: Mapped[int] = mapped_column(BigId, ForeignKey("article.id"), primary_key=True, index=True)
    side: Mapped[int] = mapped_column(Integer)
