"""Dates of feeds become UTC or nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dedup_ingest import make_article, parse_date


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("Thu,28 Jul 2022 4:35:5 GMT+9", datetime(2022, 7, 27, 19, 35, 5, tzinfo=UTC)),
        ("Seg, 24 Set 2018 19:42:40 -0300", datetime(2018, 9, 24, 22, 42, 40, tzinfo=UTC)),
        ("Seg, 24 Set", None),
        ("0001-01-01T00:00:00Z", None),
        ("Mon, 01 Jan 0001 00:00:00 +0000", None),
        ("9999-12-31T23:59:59-12:00", None),
        ("Fri, 31 Dec 9999 23:59:59 GMT", None),
        ("2026-11-23T10:00:00Z", datetime(2026, 11, 23, 10, tzinfo=UTC)),
        ("2026-11-23T10:00:00.123456+05:30", datetime(2026, 11, 23, 4, 30, tzinfo=UTC)),
        ("2026-11-23 10:00", datetime(2026, 11, 23, 10, tzinfo=UTC)),
        ("2026-11-23", datetime(2026, 11, 23, tzinfo=UTC)),
        ("2026-11-23T24:00:00Z", datetime(2026, 11, 24, tzinfo=UTC)),
        ("Mon, 23 Nov 2026 10:00:00 GMT", datetime(2026, 11, 23, 10, tzinfo=UTC)),
        ("Mon, 23 Nov 2026 10:00:60 GMT", datetime(2026, 11, 23, 10, 0, 59, tzinfo=UTC)),
        ("23 Nov 26 10:00 EST", datetime(2026, 11, 23, 15, tzinfo=UTC)),
        ("Пн, 23 ноя 2026 10:00:00 +0300", datetime(2026, 11, 23, 7, tzinfo=UTC)),
        ("23 de dezembro de 2026", datetime(2026, 12, 23, tzinfo=UTC)),
        ("Mon, 23 Nov 2026 03:10:00 PM", datetime(2026, 11, 23, 15, 10, tzinfo=UTC)),
        ("Mon, 31 Feb 2026 10:00:00 GMT", None),
        ("2026-11-23T10:00:00+99:00", None),
        ("yesterday", None),
        ("", None),
        ("1" * 10_000, None),
    ],
)
def test_case_51_a_date_becomes_utc_or_nothing(written: str, expected: datetime | None) -> None:
    assert parse_date(written) == expected


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        (datetime(1, 1, 1, tzinfo=UTC), None),
        (datetime(9999, 12, 31, 23, 59, tzinfo=timezone(timedelta(hours=-12))), None),
        (datetime(2026, 11, 23, 10), datetime(2026, 11, 23, 10, tzinfo=UTC)),
        (
            datetime(2026, 11, 23, 10, 0, 0, 5, tzinfo=timezone(timedelta(hours=3))),
            datetime(2026, 11, 23, 7, tzinfo=UTC),
        ),
    ],
)
def test_case_51_a_moment_becomes_utc_or_nothing_in_an_article(moment: datetime, expected: datetime | None) -> None:
    article = make_article(source="s", title="Bridge opens", text="", lang="en", published=moment)
    assert article.published == expected


@given(st.text())
def test_no_text_makes_the_date_reader_fail(text: str) -> None:
    moment = parse_date(text)
    assert moment is None or (moment.tzinfo is UTC and 1969 <= moment.year <= 2101)


_MOMENTS = st.datetimes(
    min_value=datetime(1971, 1, 1),
    max_value=datetime(2099, 1, 1),
    timezones=st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes))),
).map(lambda moment: moment.replace(microsecond=0))


@given(_MOMENTS)
def test_every_moment_written_by_the_standards_is_read_back(moment: datetime) -> None:
    utc = moment.astimezone(UTC)
    assert parse_date(moment.isoformat()) == utc
    assert parse_date(moment.strftime("%a, %d %b %Y %H:%M:%S %z")) == utc
