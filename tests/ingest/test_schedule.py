"""When a feed is visited next: pure decisions, over invented visits."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dedup_ingest import (
    ErrorKind,
    FeedOutcome,
    FeedPlan,
    Redirect,
    ScheduleError,
    ScheduleSettings,
    SettingsError,
    after_visit,
    interval_seconds,
    is_due,
    make_article,
    next_cron,
    replanned,
)
from dedup_ingest._schedule import first_rate, observed_rate

NOW = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)  # a Monday
URL = "https://gazette.example/rss"
EXACT = ScheduleSettings(jitter_share=0.0)
HOUR = 3600.0


def plan(**changes: Any) -> FeedPlan:
    return replace(FeedPlan("7", URL, next_at=NOW), **changes)


def outcome(status: Any = "fetched", **changes: Any) -> FeedOutcome:
    return replace(FeedOutcome(URL, status), **changes)


def failed(kind: ErrorKind = ErrorKind.HTTP_STATUS, http_status: int | None = 503, **changes: Any) -> FeedOutcome:
    return outcome("failed", error="why", error_kind=kind, http_status=http_status, **changes)


def wait(after: FeedPlan, since: datetime = NOW) -> float:
    assert after.next_at is not None
    return (after.next_at - since).total_seconds()


def entries(*hours_ago: float | None) -> tuple[Any, ...]:
    moments = [None if hours is None else NOW - timedelta(hours=hours) for hours in hours_ago]
    return tuple(
        make_article(source="s", title=f"Ferry {number}", text="", lang="en", published=moment)
        for number, moment in enumerate(moments)
    )


def test_a_feed_is_due_once_however_long_it_was_missed_and_never_when_it_is_disabled() -> None:
    assert is_due(plan(), NOW)
    assert is_due(plan(next_at=NOW - timedelta(days=400)), NOW)
    assert not is_due(plan(next_at=NOW + timedelta(seconds=1)), NOW)
    assert not is_due(plan(next_at=None), NOW)
    assert not is_due(plan(disabled="by_hand"), NOW)


@pytest.mark.parametrize(
    ("rate", "seconds"), [(None, 1800.0), (1.0, HOUR), (4.0, 900.0), (1000.0, 300.0), (0.001, 86400.0), (0.0, 86400.0)]
)
def test_a_feed_is_visited_as_often_as_it_has_news_within_bounds(rate: float | None, seconds: float) -> None:
    assert interval_seconds(rate, EXACT) == seconds


@pytest.mark.parametrize(
    ("hours_ago", "rate"),
    [((1, 2, 3, 4), 1.0), ((0.1, 0.2), 2.0), ((), None), ((None, None), None), ((24 * 60,), 1 / 720), ((-5,), None),
     ((10, 24 * 60, None), 0.1)],
)  # fmt: skip
def test_the_first_visit_learns_the_rate_from_the_dates(
    hours_ago: tuple[float | None, ...], rate: float | None
) -> None:
    assert first_rate([article.published for article in entries(*hours_ago)], NOW) == rate
    after = after_visit(plan(), outcome(articles=entries(*hours_ago)), len(hours_ago), NOW, EXACT)
    assert after.entries_per_hour == rate
    assert wait(after) == interval_seconds(rate, EXACT)


def test_later_visits_learn_slowly_and_forget() -> None:
    known = plan(entries_per_hour=1.0, succeeded_at=NOW - timedelta(hours=1), visited_at=NOW - timedelta(hours=1))
    quiet = after_visit(known, outcome("not_modified"), 0, NOW, EXACT)
    busy = after_visit(known, outcome(articles=entries(*[0.5] * 9)), 4, NOW, EXACT)
    assert 0.9 < (quiet.entries_per_hour or 0) < 1.0 < (busy.entries_per_hour or 0) < 1.3
    assert wait(busy) < HOUR < wait(quiet)
    assert observed_rate(1.0, 0, 24.0, EXACT) == pytest.approx(0.368, abs=1e-3)


def test_a_feed_none_of_whose_old_entries_is_left_is_visited_sooner_because_some_were_missed() -> None:
    known = plan(entries_per_hour=1.0, succeeded_at=NOW - timedelta(hours=2))
    after = after_visit(known, outcome(articles=entries(*[0.5] * 10)), 10, NOW, EXACT)
    assert after.entries_per_hour == 10.0  # twice what was seen


@pytest.mark.parametrize(
    ("said", "seconds"),
    [({"fresh_seconds": 7200.0}, 7200.0), ({"ttl_minutes": 180}, 10800.0), ({"fresh_seconds": 10.0}, 1800.0),
     ({"ttl_minutes": 60 * 24 * 30}, 86400.0), ({"fresh_seconds": 4000.0, "ttl_minutes": 60}, 4000.0)],
)  # fmt: skip
def test_ttl_and_cache_headers_hold_a_visit_back_within_the_longest_interval(said: Any, seconds: float) -> None:
    assert wait(after_visit(plan(), outcome(**said), 0, NOW, EXACT)) == seconds


def test_what_a_feed_asked_for_counts_until_it_says_otherwise() -> None:
    asked = after_visit(plan(), outcome(ttl_minutes=180, skip_hours=(3,), skip_days=("sunday",)), 0, NOW, EXACT)
    kept = after_visit(asked, outcome("not_modified"), 0, NOW, EXACT)
    assert (kept.ttl_minutes, kept.skip_hours, kept.skip_days) == (180, (3,), ("sunday",))
    free = after_visit(kept, outcome(), 0, NOW, EXACT)
    assert (free.ttl_minutes, free.skip_hours, free.skip_days) == (None, (), ())


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"skip_hours": (10, 11, 12)}, datetime(2026, 11, 23, 13, 30, tzinfo=UTC)),
        ({"skip_days": ("monday", "tuesday")}, datetime(2026, 11, 25, 0, 30, tzinfo=UTC)),
        ({"skip_hours": tuple(range(1, 24)), "skip_days": ("tuesday",)}, datetime(2026, 11, 25, 0, 30, tzinfo=UTC)),
    ],
)
def test_hours_and_days_to_be_left_alone_are_passed_over(said: Any, expected: datetime) -> None:
    assert after_visit(plan(), outcome(**said), 0, NOW, EXACT).next_at == expected


def test_a_cron_expression_rules_alone_but_for_a_failure_that_asks_for_more_time() -> None:
    own = plan(cron="*/15 * * * *")
    assert wait(after_visit(own, outcome(fresh_seconds=7200.0, skip_hours=(10,)), 0, NOW, EXACT)) == 900
    assert wait(after_visit(own, failed(), 0, NOW, EXACT)) == 900  # 300 s would be over sooner
    assert wait(after_visit(own, failed(retry_after_seconds=HOUR), 0, NOW, EXACT)) == HOUR + 900


@pytest.mark.parametrize(
    ("expression", "expected"),
    [("0 * * * *", (23, 11, 0)), ("30 6 * * 1-5", (24, 6, 30)), ("0 12 * * 0", (29, 12, 0)),
     ("5 10 23 11 *", (23, 10, 5))],
)  # fmt: skip
def test_a_cron_expression_says_the_next_time(expression: str, expected: tuple[int, int, int]) -> None:
    day, hour, minute = expected
    assert next_cron(expression, NOW) == datetime(2026, 11, day, hour, minute, tzinfo=UTC)


@pytest.mark.parametrize("expression", ["", "* * * *", "* * * * * *", "61 * * * *", "0 0 31 2 *", "often"])
def test_a_cron_expression_that_cannot_be_is_refused_with_what_is_needed(expression: str) -> None:
    with pytest.raises(ScheduleError, match="five fields are needed"):
        next_cron(expression, NOW)


def test_case_28_failures_back_off_by_class_and_a_success_forgets_them() -> None:
    waits: dict[int, list[float]] = {}
    for status in (503, 404):
        after = plan(entries_per_hour=1.0, succeeded_at=NOW - timedelta(hours=1))
        waits[status] = []
        for _ in range(9):
            after = after_visit(after, failed(http_status=status), 0, NOW, EXACT)
            waits[status].append(wait(after))
        assert (after.failures, after.failure_class) == (9, "temporary" if status == 503 else "permanent")
        well = after_visit(after, outcome("not_modified"), 0, NOW, EXACT)
        assert (well.failures, well.failure_class) == (0, None)
    assert waits[503] == [300, 600, 1200, 2400, 3600, 3600, 3600, 3600, 3600]
    assert waits[404] == [3600, 7200, 14400, 28800, 57600, 115200, 230400, 259200, 259200]


def test_case_28_only_410_disables_and_case_30_a_week_without_dns_disables_nothing() -> None:
    gone = after_visit(plan(), failed(http_status=410), 0, NOW, EXACT)
    assert (gone.disabled, gone.next_at, gone.failure_class) == ("gone", None, "gone")
    after = plan()
    for _ in range(500):
        after = after_visit(after, failed(ErrorKind.DNS, None), 0, NOW, EXACT)
    assert (after.disabled, after.failures, wait(after)) == (None, 500, 3600)


def test_case_27_what_retry_after_asks_for_is_the_least_that_is_waited() -> None:
    assert wait(after_visit(plan(), failed(retry_after_seconds=7200.0), 0, NOW, EXACT)) == 7200
    waits = {
        wait(after_visit(plan(key=str(key)), failed(retry_after_seconds=7200.0), 0, NOW, ScheduleSettings()))
        for key in range(50)
    }
    assert len(waits) == 50  # so that the feeds of one server do not come back in one moment
    assert min(waits) >= 7200
    assert max(waits) <= 7920


NEW, OTHER = "https://new.example/rss", "https://other.example/rss"


@pytest.mark.parametrize(
    ("visits", "url", "moving_to"),
    [
        ([NEW], URL, NEW),
        ([NEW, NEW], NEW, None),
        ([NEW, None, NEW], URL, NEW),
        ([NEW, OTHER], URL, OTHER),
        ([NEW, OTHER, OTHER], OTHER, None),
        ([NEW, "failed", NEW], URL, NEW),
        ([NEW, "304"], NEW, None),
        (["304"], URL, None),
    ],
)
def test_case_12_the_second_permanent_redirect_in_a_row_to_one_feed_moves_it(
    visits: list[str | None], url: str, moving_to: str | None
) -> None:
    after = plan()
    for target in visits:
        if target == "failed":
            visit = failed()
        elif target == "304":
            visit = outcome("not_modified", redirects=(Redirect(301, NEW),), final_url=NEW)
        else:
            visit = outcome(moved_to=target)
        after = after_visit(after, visit, 0, NOW, EXACT)
    assert (after.url, after.moving_to) == (url, moving_to)


def test_case_62_a_clock_that_was_set_back_keeps_the_wait_and_one_set_forward_makes_a_feed_due_once() -> None:
    ahead = NOW + timedelta(days=365)
    visited = plan(visited_at=ahead, succeeded_at=ahead, next_at=ahead + timedelta(hours=2))
    mended = replanned(visited, NOW, EXACT)
    assert (mended.visited_at, mended.succeeded_at, wait(mended)) == (NOW, NOW, 2 * HOUR)
    assert replanned(mended, NOW, EXACT) == mended
    assert wait(replanned(replace(visited, cron="0 * * * *"), NOW, EXACT)) == HOUR
    late = plan(visited_at=NOW - timedelta(days=400), next_at=NOW - timedelta(days=399))
    assert replanned(late, NOW, EXACT) == late
    assert is_due(late, NOW)
    assert replanned(plan(next_at=ahead), NOW, EXACT).next_at == NOW  # never visited
    assert replanned(plan(next_at=None), NOW, EXACT).next_at is None


@pytest.mark.parametrize(
    ("changes", "named"),
    [({"min_interval_seconds": 0.0}, "min_interval_seconds"), ({"jitter_share": 2.0}, "jitter_share"),
     ({"min_interval_seconds": 99.0, "max_interval_seconds": 9.0}, "above max_interval_seconds"),
     ({"max_clock_drift_seconds": -1.0}, "max_clock_drift_seconds")],
)  # fmt: skip
def test_settings_that_contradict_themselves_are_refused(changes: Any, named: str) -> None:
    with pytest.raises(SettingsError, match=named):
        ScheduleSettings(**changes)


_SAID = st.fixed_dictionaries(
    {
        "fresh_seconds": st.none() | st.floats(0, 1e7),
        "ttl_minutes": st.none() | st.integers(1, 10**6),
        "skip_hours": st.sets(st.integers(0, 23), max_size=23).map(lambda hours: tuple(sorted(hours))),
        "retry_after_seconds": st.none() | st.floats(0, 86400),
        "http_status": st.sampled_from([200, 404, 410, 429, 503]),
        "status": st.sampled_from(["fetched", "not_modified", "failed"]),
    }
)


@given(st.lists(st.tuples(_SAID, st.integers(0, 500), st.floats(-10, 1e6)), max_size=8), st.text(max_size=5))
def test_no_history_makes_a_storm_or_a_feed_that_is_never_visited_again(visits: list[Any], key: str) -> None:
    settings, now, after = ScheduleSettings(), NOW, plan(key=key)
    for said, new, later in visits:
        now += timedelta(seconds=later)
        fields = {**said, "error_kind": ErrorKind.HTTP_STATUS if said["status"] == "failed" else None}
        visit = FeedOutcome(URL, **fields)
        after = after_visit(after, visit, new, now, settings)
        if after.disabled:
            assert (said["status"], said["http_status"], after.next_at) == ("failed", 410, None)
            return
        least = settings.temporary_delay_seconds if said["status"] == "failed" else settings.min_interval_seconds
        if said["status"] == "failed":
            least = max(least, said["retry_after_seconds"] or 0)
        most = max(settings.max_interval_seconds, settings.max_permanent_delay_seconds) * (1 + settings.jitter_share)
        assert least <= wait(after, now) <= most + 8 * 86400
