"""How long an answer stays fresh by its headers, alone and on its way to the outcome of a feed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from dedup_ingest import FeedRequest
from dedup_ingest._freshness import fresh_seconds

NOW = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
YEAR = 366 * 86400.0
LATER = "Mon, 23 Nov 2026 10:30:00 GMT"


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, None),
        ({"Cache-Control": "max-age=600"}, 600.0),
        ({"cache-control": 'public, MAX-AGE = "600", stale-while-revalidate=60'}, 600.0),
        ({"Cache-Control": "max-age=600", "Age": "100"}, 500.0),
        ({"Cache-Control": "max-age=600", "Age": "700"}, 0.0),
        ({"Cache-Control": "max-age=600", "Expires": LATER}, 600.0),
        ({"Cache-Control": "s-maxage=600"}, None),
        ({"Cache-Control": "x-max-age=600"}, None),
        ({"Cache-Control": "max-age=-5"}, None),
        ({"Cache-Control": "max-age=999999999999"}, YEAR),
        ({"Cache-Control": "no-cache, max-age=600"}, 0.0),
        ({"Cache-Control": "No-Store"}, 0.0),
        ({"Cache-Control": 'no-cache="Set-Cookie"'}, 0.0),
        ({"Expires": LATER}, 1800.0),
        ({"Expires": LATER, "Date": "Mon, 23 Nov 2026 10:20:00 GMT"}, 600.0),
        ({"Expires": LATER, "Date": "now"}, 1800.0),
        ({"Expires": "Mon, 23 Nov 2026 09:00:00 GMT"}, 0.0),
        ({"Expires": "0"}, 0.0),
        ({"Expires": "-1"}, 0.0),
        ({"Expires": "Fri, 31 Dec 9999 23:59:59 GMT"}, YEAR),
        ({"Expires": "x" * 5000}, 0.0),
    ],
)
def test_headers_say_how_long_an_answer_stays_fresh(headers: dict[str, str], expected: float | None) -> None:
    assert fresh_seconds(CIMultiDict(headers), NOW) == expected


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (("public", "max-age=600"), 600.0),
        (("max-age=600", "no-cache"), 0.0),
        (("max-age=600", "max-age=60"), 600.0),
    ],
)
def test_every_line_of_cache_control_is_read(lines: tuple[str, ...], expected: float) -> None:
    assert fresh_seconds(CIMultiDict([("Cache-Control", line) for line in lines]), NOW) == expected


@given(st.text(max_size=60), st.text(max_size=40), st.text(max_size=10))
def test_no_header_is_out_of_bounds_or_an_exception(control: str, expires: str, age: str) -> None:
    for value in (control, f"max-age={control}", f"no-cache,{control}"):
        headers = CIMultiDict({"Cache-Control": value, "Expires": expires, "Age": age, "Date": expires})
        seconds = fresh_seconds(headers, NOW)
        assert seconds is None or 0 <= seconds <= YEAR


@pytest.mark.parametrize("status", ["200 OK", "304 Not Modified"])
def test_the_outcome_of_a_feed_carries_it_with_and_without_a_body(kit: Any, status: str) -> None:
    async def answer(connection: Any) -> None:
        body = kit.rss(kit.item()) if status.startswith("200") else b""
        await connection.reply(body, status=status, headers=[("Cache-Control", "max-age=900")])

    async def scenario() -> Any:
        async with kit.raw_server(answer) as server:
            return (await kit.gather([FeedRequest(server.url, '"v1"')]))[server.url]

    assert kit.run(scenario()).fresh_seconds == 900.0
