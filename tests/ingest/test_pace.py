"""How often a feed asks to be fetched: ttl, skipHours, skipDays, from the document to the outcome."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dedup_ingest._entries import Pace
from dedup_ingest._pace import pace_of

_HOURS = "<skipHours>\n <hour>0</hour><hour> 23 </hour><hour>5</hour></skipHours>"
_DAYS = "<skipDays><day>Sunday</day>\n<day>saturday</day></skipDays>"


@pytest.mark.parametrize(
    ("head", "pace"),
    [
        ("<channel><ttl>60</ttl>", Pace(60)),
        ("<ttl>\n 90 \n</ttl>", Pace(90)),
        ("<ttl>12.5</ttl>", Pace(12)),
        ("<TTL>5</TTL>", Pace(5)),
        (_HOURS, Pace(None, (0, 5, 23))),
        (_DAYS, Pace(None, (), ("saturday", "sunday"))),
        (f"<ttl>15</ttl>{_DAYS}{_HOURS}", Pace(15, (0, 5, 23), ("saturday", "sunday"))),
    ],
)
def test_a_head_says_how_often_to_come(head: str, pace: Pace) -> None:
    assert pace_of(head) == pace


@pytest.mark.parametrize(
    "head",
    [
        "",
        "<ttl></ttl>",
        "<ttl>0</ttl>",
        "<ttl>-5</ttl>",
        "<ttl>soon</ttl>",
        "<!-- <ttl>60</ttl> -->",
        "<skipHours><hour>77</hour></skipHours>",
        "<hour>5</hour><day>Monday</day>",
        "<skipDays><day>Caturday</day></skipDays>",
        "<skipHours>" + "".join(f"<hour>{hour}</hour>" for hour in range(24)) + "</skipHours>",
    ],
)
def test_what_makes_no_sense_is_as_if_not_said(head: str) -> None:
    assert pace_of(head) == Pace()


def test_a_ttl_of_a_thousand_years_is_a_year() -> None:
    assert pace_of("<ttl>525600000</ttl>").ttl_minutes == 366 * 24 * 60


def test_hour_24_of_old_feeds_is_midnight() -> None:
    assert pace_of("<skipHours><hour>24</hour></skipHours>").skip_hours == (0,)


@given(st.text(), st.text())
def test_no_head_makes_the_reader_fail(before: str, inside: str) -> None:
    pace = pace_of(f"{before}<skipHours><hour>{inside}</hour></skipHours><ttl>{inside}</ttl>")
    assert pace.ttl_minutes is None or pace.ttl_minutes > 0
    assert all(0 <= hour <= 23 for hour in pace.skip_hours)


@pytest.mark.parametrize("after", [False, True])
def test_the_outcome_of_a_feed_carries_its_pace_wherever_the_channel_says_it(kit: Any, after: bool) -> None:
    said = f"<ttl>30</ttl>{_HOURS}{_DAYS}"
    quoting = kit.item(1, text="&lt;ttl&gt;7&lt;/ttl&gt; and <![CDATA[<ttl>8</ttl>]]>")
    body = kit.rss(quoting, said) if after else kit.rss(quoting, extra=said)

    async def answer(connection: Any) -> None:
        await connection.reply(body)

    async def scenario() -> Any:
        async with kit.raw_server(answer) as server:
            outcomes = await kit.gather([f"{server.url}/feed"])
            return next(iter(outcomes.values()))

    outcome = kit.run(scenario())
    assert (outcome.ttl_minutes, outcome.skip_hours, outcome.skip_days) == (30, (0, 5, 23), ("saturday", "sunday"))
