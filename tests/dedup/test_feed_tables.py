"""Feeds as people read them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from rich.console import Console, RenderableType

from dedup.cli import _feedtables
from dedup.feeds import FeedView
from dedup.feeds._views import view_of
from dedup.store import FeedRow

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


def view(**facts: Any) -> FeedView:
    return view_of(FeedRow(id=7, url="https://ward.example/rss", added_at=NOON, failures=0, **facts))


def said(shown: RenderableType) -> str:
    console = Console(width=160)
    with console.capture() as captured:
        console.print(shown)
    return captured.get()


def test_a_list_of_feeds_says_why_one_is_disabled_and_where_one_came_from() -> None:
    assert "the server says 410 Gone" in said(_feedtables.feeds([view(disabled_reason="gone", disabled_at=NOON)]))
    moves = [
        {"at": f"2026-05-0{day}T12:00:00Z", "event": "moved", "detail": f"from https://{name}.example"}
        for day, name in ((1, "first"), (2, "second"))
    ]
    shown = said(_feedtables.feeds([view(history=moves)]))
    assert "moved 2026-05-02 from https://second.example" in shown
    assert "first" not in shown


def test_a_feed_that_is_read_with_something_left_out_is_in_trouble() -> None:
    shown = said(_feedtables.errors([view(problem="left out: 3 entries without title and text")]))
    assert "is read, but left out: 3 entries without title and text" in shown
