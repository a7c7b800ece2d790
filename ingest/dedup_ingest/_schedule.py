"""When a feed is visited next: pure decisions over frozen data, without clock, network or database.

A caller keeps a `FeedPlan` for each feed, asks `is_due`, visits, and keeps what `after_visit` makes of it.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Literal

from ._errors import ScheduleError
from ._failure import FailureClass, failure_class
from ._outcome import FeedOutcome
from ._settings import ScheduleSettings

Disabled = Literal["by_hand", "gone", "moved", "once", "unlisted"]

_PERMANENT: Final = frozenset({301, 308})
_DAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_HOUR: Final = timedelta(hours=1)
# Entries older than this say nothing of how often a feed has news now: many carry a dozen evergreen texts along.
_MAX_AGE_HOURS: Final = 30 * 24.0
_MAX_DOUBLINGS: Final = 30


@dataclass(frozen=True, slots=True)
class FeedPlan:
    """What is remembered of a feed from visit to visit. Times are aware.

    key               makes the jitter differ from feed to feed; the same in every process, at every start
    url               where it is fetched
    next_at           when it is due; None: it is not polled
    visited_at        the last visit, succeeded_at the last that did not fail
    failures          one after the other, and of what class the last one was
    entries_per_hour  new entries, as observed; None before the first visit
    cron              five fields, in UTC; None: as often as it has news
    ttl_minutes, skip_hours, skip_days: what the feed itself asked for
    moving_to         where a first permanent redirect led; a second one to the same place moves the feed
    disabled          why it is not polled, for good or until somebody enables it
    """

    key: str
    url: str
    next_at: datetime | None = None
    visited_at: datetime | None = None
    succeeded_at: datetime | None = None
    failures: int = 0
    failure_class: FailureClass | None = None
    entries_per_hour: float | None = None
    cron: str | None = None
    ttl_minutes: int | None = None
    skip_hours: tuple[int, ...] = ()
    skip_days: tuple[str, ...] = ()
    moving_to: str | None = None
    disabled: Disabled | None = None


def is_due(plan: FeedPlan, now: datetime) -> bool:
    """Whether the feed is to be visited now. One that missed any number of visits is due once."""
    return plan.disabled is None and plan.next_at is not None and plan.next_at <= now


def after_visit(
    plan: FeedPlan, outcome: FeedOutcome, new_entries: int, now: datetime, settings: ScheduleSettings
) -> FeedPlan:
    """The plan after a visit that ended `now` and brought `new_entries` that were not known before.

    A feed with a cron expression keeps to it; any other is visited when `entries_per_visit` new entries are to be
    expected, but not before its ttl, its Cache-Control or Expires are over, nor in the hours and days in which it asks
    to be left alone. Failures wait by their class, and never less than Retry-After. 410 disables. The second visit in
    a row that a permanent redirect leads to the same feed changes the URL.
    """
    if outcome.status == "failed":
        return _after_failure(plan, outcome, now, settings)
    fetched = outcome.status == "fetched"
    url, moving_to = _moved(plan, outcome)
    plan = replace(
        plan,
        url=url,
        moving_to=moving_to,
        entries_per_hour=_rate(plan, outcome, new_entries, now, settings),
        visited_at=now,
        succeeded_at=now,
        failures=0,
        failure_class=None,
        ttl_minutes=outcome.ttl_minutes if fetched else plan.ttl_minutes,
        skip_hours=outcome.skip_hours if fetched else plan.skip_hours,
        skip_days=outcome.skip_days if fetched else plan.skip_days,
    )
    if plan.cron is not None:
        return replace(plan, next_at=next_cron(plan.cron, now))
    asked = max(outcome.fresh_seconds or 0.0, (plan.ttl_minutes or 0) * 60.0)
    wait = max(interval_seconds(plan.entries_per_hour, settings), min(asked, settings.max_interval_seconds))
    return replace(plan, next_at=_outside_skipped(plan, now + _jittered(plan, wait, now, settings)))


def replanned(plan: FeedPlan, now: datetime, settings: ScheduleSettings) -> FeedPlan:
    """The plan after the clock was set back: the wait that was decided on, counted from now.

    Without it a feed that was visited while the clock showed next year would not be visited for a year. A plan whose
    past lies in the past is returned as it is; a clock that is set forward makes each feed due once, no more.
    """
    latest = now + timedelta(seconds=settings.max_clock_drift_seconds)
    if plan.next_at is None:
        return plan
    if plan.visited_at is None:
        return replace(plan, next_at=now) if plan.next_at > latest else plan
    if plan.visited_at <= latest:
        return plan
    wait = max(plan.next_at - plan.visited_at, timedelta())
    return replace(
        plan,
        visited_at=now,
        succeeded_at=None if plan.succeeded_at is None else min(plan.succeeded_at, now),
        next_at=now + wait if plan.cron is None else next_cron(plan.cron, now),
    )


def interval_seconds(entries_per_hour: float | None, settings: ScheduleSettings) -> float:
    """How long until `entries_per_visit` new entries are to be expected, within the bounds."""
    if entries_per_hour is None:
        wait = settings.first_interval_seconds
    else:
        wait = settings.entries_per_visit / max(entries_per_hour, 1e-9) * 3600
    return min(max(wait, settings.min_interval_seconds), settings.max_interval_seconds)


def next_cron(expression: str, after: datetime) -> datetime:
    """The first time of a cron expression (five fields; weekdays 0 and 7 are Sunday) after `after`, in its zone.

    Raises:
        ScheduleError: the expression cannot be read, or names a day that never comes.
    """
    from cronsim import CronSim, CronSimError

    needed = "five fields are needed: minute hour day month weekday"
    if len(expression.split()) != 5:  # cronsim would read six, the first of them as seconds
        raise ScheduleError(f"cron expression {expression!r}: {needed}")
    try:
        return next(CronSim(expression, after))
    except (CronSimError, StopIteration) as error:
        raise ScheduleError(
            f"cron expression {expression!r}: {str(error) or 'it never comes true'}; {needed}"
        ) from error


def observed_rate(previous: float | None, entries: int, hours: float, settings: ScheduleSettings) -> float:
    """New entries per hour, after `entries` in the last `hours`: an average that forgets exponentially."""
    seen = entries / hours
    if previous is None:
        return seen
    kept = math.exp(-hours / settings.rate_memory_hours)
    return previous * kept + seen * (1 - kept)


def first_rate(dates: Iterable[datetime | None], now: datetime) -> float | None:
    """New entries per hour by the dates of a first visit; None when they tell nothing."""
    ages = [(now - date).total_seconds() / 3600 for date in dates if date is not None]
    recent = [age for age in ages if 0 <= age <= _MAX_AGE_HOURS]
    if not recent:
        # Dated, and all of it old: a feed that sleeps. Undated: nobody knows.
        return 1 / _MAX_AGE_HOURS if ages and min(ages) > _MAX_AGE_HOURS else None
    return len(recent) / max(max(recent), 1.0)


def _rate(
    plan: FeedPlan, outcome: FeedOutcome, new_entries: int, now: datetime, settings: ScheduleSettings
) -> float | None:
    if plan.succeeded_at is None:
        return first_rate((article.published for article in outcome.articles), now)
    hours = (now - plan.succeeded_at).total_seconds() / 3600
    if hours <= 0:  # the clock was set back
        return plan.entries_per_hour
    rate = observed_rate(plan.entries_per_hour, new_entries, hours, settings)
    if new_entries > 1 and new_entries >= len(outcome.articles):
        # Not one entry of the last visit is left: others have probably come and gone unseen in between.
        rate = max(rate, 2 * new_entries / hours)
    # More than the shortest interval answers to would only take days to forget.
    return min(rate, settings.entries_per_visit * 3600 / settings.min_interval_seconds)


def _after_failure(plan: FeedPlan, outcome: FeedOutcome, now: datetime, settings: ScheduleSettings) -> FeedPlan:
    assert outcome.error_kind is not None, "a failed outcome says why"
    kind = failure_class(outcome.error_kind, outcome.http_status)
    plan = replace(plan, visited_at=now, failures=plan.failures + 1, failure_class=kind, moving_to=None)
    if kind == "gone":
        return replace(plan, next_at=None, disabled="gone")
    first, most = (
        (settings.temporary_delay_seconds, settings.max_temporary_delay_seconds)
        if kind == "temporary"
        else (settings.permanent_delay_seconds, settings.max_permanent_delay_seconds)
    )
    wait = min(first * 2 ** min(plan.failures - 1, _MAX_DOUBLINGS), most)
    # On top of what was asked for, so that the feeds of one server do not all come back in that moment.
    delay = _jittered(plan, max(wait, outcome.retry_after_seconds or 0.0), now, settings)
    return replace(plan, next_at=now + delay if plan.cron is None else next_cron(plan.cron, now + delay))


def _moved(plan: FeedPlan, outcome: FeedOutcome) -> tuple[str, str | None]:
    """The URL of the feed and where it seems to be moving."""
    target = outcome.moved_to
    if outcome.status == "not_modified" and outcome.redirects and plan.moving_to is not None:
        # A 304 shows no document, but the validators in the question are those of the feed that was there last time.
        permanent = all(hop.status in _PERMANENT for hop in outcome.redirects)
        target = plan.moving_to if permanent and outcome.final_url == plan.moving_to else None
    if target is None or target == plan.url:
        return plan.url, None
    return (target, None) if target == plan.moving_to else (plan.url, target)


def _jittered(plan: FeedPlan, seconds: float, now: datetime, settings: ScheduleSettings) -> timedelta:
    """Never less than `seconds`: what a server asked for is kept."""
    digest = hashlib.blake2b(f"{plan.key}\0{int(now.timestamp())}".encode(), digest_size=8).digest()
    chance = int.from_bytes(digest, "big") / 2**64
    return timedelta(seconds=seconds * (1 + settings.jitter_share * chance))


def _outside_skipped(plan: FeedPlan, moment: datetime) -> datetime:
    """The moment, or the same minute of the first hour after it in which the feed may be fetched."""
    for _ in range(8 * 24):
        if moment.hour not in plan.skip_hours and _DAYS[moment.weekday()] not in plan.skip_days:
            break
        moment += _HOUR
    return moment
