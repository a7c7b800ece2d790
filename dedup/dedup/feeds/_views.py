"""A feed as people and programs see it: health included."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from dedup.store import FeedRow

REASONS = {
    "by_hand": "disabled by hand",
    "gone": "the server says 410 Gone",
    "moved": "moved to the address of another feed",
    "once": "fetched once by `dedup ingest`; `dedup feeds enable` polls it",
    "unlisted": "no longer in its list",
}


@dataclass(frozen=True, slots=True)
class FeedView:
    """A stored feed. Times are UTC.

    state             new (never visited), ok, failing or disabled
    origin            the list that speaks for it; None when it was added by hand
    cron              its own expression; None: that of its group, of all, or as often as it has news
    failures          in a row; failure_class temporary, permanent or gone; error is what the last one said
    problem           what is wrong although the feed is read: its document, entries left out, pages without text
    entries_per_hour  new entries, as observed
    history           moves, and when it was disabled and enabled, oldest first
    """

    id: int
    url: str
    state: str
    title: str | None
    group: str | None
    cron: str | None
    origin: str | None
    added_at: datetime
    checked_at: datetime | None
    succeeded_at: datetime | None
    next_at: datetime | None
    http_status: int | None
    failures: int
    failure_class: str | None
    error: str | None
    problem: str | None
    disabled_reason: str | None
    disabled_at: datetime | None
    entries_per_hour: float | None
    history: tuple[dict[str, Any], ...]

    @property
    def why_disabled(self) -> str | None:
        """The reason in words."""
        return REASONS.get(self.disabled_reason, self.disabled_reason) if self.disabled_reason else None


def view_of(row: FeedRow) -> FeedView:
    if row.disabled_reason:
        state = "disabled"
    elif row.failures:
        state = "failing"
    else:
        state = "ok" if row.checked_at else "new"
    return FeedView(
        row.id,
        row.url,
        state,
        row.title,
        row.group,
        row.cron,
        row.origin,
        row.added_at,
        row.checked_at,
        row.succeeded_at,
        None if row.disabled_reason else row.next_at,
        row.http_status,
        row.failures,
        row.failure_class,
        row.error,
        row.problem,
        row.disabled_reason,
        row.disabled_at,
        row.entries_per_hour,
        tuple(row.history or ()),
    )
