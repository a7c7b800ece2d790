"""Between a row of the store and the plan that `dedup_ingest` decides on."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import select
from sqlalchemy.orm import Session

from dedup._errors import ConfigError
from dedup.config import Config
from dedup.store import FeedRow
from dedup_ingest import FeedOutcome, FeedPlan, ScheduleError, ScheduleSettings, after_visit, next_cron

MAX_HISTORY = 50
"""Entries kept of a feed's history; a feed that moves every day must not grow for ever."""


# A list, or a feed that moves here, may take these back; what a person or a server decided stays.
LISTS_ENABLE = frozenset({"once", "unlisted"})


def settings_of(config: Config) -> ScheduleSettings:
    return ScheduleSettings(**config.schedule.model_dump())


def drift_of(config: Config) -> timedelta:
    """How far ahead a past visit may lie before the clock is known to have been set back."""
    return timedelta(seconds=config.schedule.max_clock_drift_seconds)


def cron_of(row: FeedRow, config: Config) -> str | None:
    """The feed's own expression, else that of its group, else the one for all."""
    return row.cron or config.poll.group_cron.get(row.group or "") or config.poll.cron or None


def check_crons(config: Config, now: datetime) -> None:
    """Raises: ConfigError, naming the key."""
    crons = {"poll.cron": config.poll.cron}
    crons |= {f"poll.group_cron.{group}": cron for group, cron in config.poll.group_cron.items()}
    for key, expression in crons.items():
        if expression or key != "poll.cron":
            try:
                next_cron(expression, now)
            except ScheduleError as error:
                raise ConfigError(f"{key}: {error}") from error


def plan_of(row: FeedRow, config: Config) -> FeedPlan:
    hints: dict[str, Any] = row.hints or {}
    return FeedPlan(
        key=row.scope or row.url,
        url=row.url,
        next_at=row.next_at,
        visited_at=row.checked_at,
        succeeded_at=row.succeeded_at,
        failures=row.failures,
        failure_class=cast(Any, row.failure_class),
        entries_per_hour=row.entries_per_hour,
        cron=cron_of(row, config),
        ttl_minutes=hints.get("ttl_minutes"),
        skip_hours=tuple(hints.get("skip_hours", ())),
        skip_days=tuple(hints.get("skip_days", ())),
        moving_to=row.moving_to,
        disabled=cast(Any, row.disabled_reason),
    )


def keep(row: FeedRow, plan: FeedPlan) -> None:
    """Write a plan down; the URL and the reason it is disabled for are `relocate`'s and `disable`'s to change."""
    hints = {"ttl_minutes": plan.ttl_minutes, "skip_hours": list(plan.skip_hours), "skip_days": list(plan.skip_days)}
    # A feed that is not polled may be fetched once by hand, and is not polled after that either.
    row.next_at = plan.next_at if row.disabled_reason in (None, "unlisted") else None
    row.checked_at, row.succeeded_at = plan.visited_at, plan.succeeded_at
    row.failures, row.failure_class = plan.failures, plan.failure_class
    row.entries_per_hour = plan.entries_per_hour
    row.hints = {name: value for name, value in hints.items() if value} or None
    row.moving_to = plan.moving_to


def record(
    session: Session, row: FeedRow, outcome: FeedOutcome, new_entries: int, now: datetime, config: Config
) -> None:
    """Write down how a visit went, the validators for the next one, and when that is due; the lease ends."""
    plan = plan_of(row, config)
    after = after_visit(plan, outcome, new_entries, now, settings_of(config))
    keep(row, after)
    row.http_status, row.error = outcome.http_status, outcome.error
    row.lease_owner = row.lease_until = None
    if outcome.status == "fetched":
        row.etag, row.last_modified, row.problem = outcome.etag, outcome.last_modified, outcome.remarks
        row.title = outcome.title or row.title
    if after.disabled == "gone" and row.disabled_reason is None:
        disable(row, "gone", now, outcome.error or "")
    elif after.url != row.url:
        other = session.scalar(select(FeedRow).where(FeedRow.url == after.url))
        if other is None:
            relocate(row, after.url, now)
        elif row.disabled_reason is None:
            disable(row, "moved", now, f"to {after.url}, which is feed {other.id}", url=after.url)
            if other.disabled_reason in LISTS_ENABLE:  # who wanted this feed wants that one now
                list_again(other, now)
                other.origin, other.group, other.cron = row.origin, other.group or row.group, other.cron or row.cron


def disable(row: FeedRow, reason: str, now: datetime, detail: str = "", url: str | None = None) -> None:
    row.disabled_reason, row.disabled_at = reason, now
    if reason != "unlisted":  # a list may be read while it is being written: see `list_again`
        row.next_at = None
    note(row, now, "disabled", detail or reason, url)


def enable(row: FeedRow, now: datetime) -> None:
    """Due at once, with a clean slate."""
    row.disabled_reason, row.disabled_at, row.next_at = None, None, now
    row.failures, row.failure_class, row.moving_to = 0, None, None
    note(row, now, "enabled")


def list_again(row: FeedRow, now: datetime) -> None:
    """A list names it again. What was only unlisted goes on with the plan that it had, back-off included: to be out of
    the list for a moment is no reason to be asked at once, with all others of it."""
    if row.disabled_reason != "unlisted" or row.next_at is None:
        enable(row, now)
    else:
        row.disabled_reason = row.disabled_at = None
        note(row, now, "enabled")


def relocate(row: FeedRow, url: str, now: datetime) -> None:
    """The feed has moved: its entries keep the identity that they have under its first URL."""
    note(row, now, "moved", f"from {row.url}", url=row.url)
    row.scope = row.scope or row.url
    row.url = url


def note(row: FeedRow, now: datetime, what: str, detail: str = "", url: str | None = None) -> None:
    entry = {"at": now.isoformat().replace("+00:00", "Z"), "event": what, "detail": detail}
    if url is not None:
        entry["url"] = url
    row.history = [*(row.history or []), entry][-MAX_HISTORY:]
