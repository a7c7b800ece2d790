"""Feeds as tables for people."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from dedup.feeds import FeedView

STYLES = {"ok": "green", "new": "", "failing": "yellow", "disabled": "dim"}


def feeds(views: Sequence[FeedView]) -> RenderableType:
    """One line for each feed."""
    if not views:
        return Text("no feeds")
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="dim")
    table.add_column("feed", justify="right")
    table.add_column("state", no_wrap=True)
    table.add_column("visited (UTC)", no_wrap=True)
    table.add_column("due (UTC)", no_wrap=True)
    table.add_column("a day", justify="right")
    table.add_column("title, address", overflow="fold")
    for view in views:
        name = Text(view.title or "", style="bold")
        name.append(("\n" if view.title else "") + view.url, style="dim" if view.title else "")
        if view.group or view.cron:
            name.append("\n" + ", ".join(filter(None, (view.group, view.cron))), style="dim")
        if view.why_disabled:
            name.append(f"\n{view.why_disabled}", style="dim")
        if moves := [entry for entry in view.history if entry["event"] == "moved"]:
            name.append(f"\nmoved {moves[-1]['at'][:10]} {moves[-1]['detail']}", style="dim")
        daily = "" if view.entries_per_hour is None else f"{view.entries_per_hour * 24:.1f}"
        state = Text(view.state, style=STYLES[view.state])
        table.add_row(str(view.id), state, _when(view.checked_at), _when(view.next_at), daily, name)
    return table


def errors(views: Sequence[FeedView]) -> RenderableType:
    """What is wrong with each feed, and since when."""
    if not views:
        return Text("no feed is in trouble")
    return Group(*(_trouble(view) for view in views))


def _trouble(view: FeedView) -> RenderableType:
    lines = Text.assemble((f"{view.id}  ", "bold"), (view.title or view.url, "bold"))
    if view.title:
        lines.append(f"\n  {view.url}", style="dim")
    if view.disabled_reason:
        lines.append(f"\n  disabled {_when(view.disabled_at)}: {view.why_disabled}", style="red")
    if view.failures:
        times = "once" if view.failures == 1 else f"{view.failures} times in a row"
        since = f", last read {_when(view.succeeded_at)}" if view.succeeded_at else ", never read"
        lines.append(f"\n  failed {times}{since}: {view.error}", style="yellow")
    if view.problem:
        lines.append(f"\n  is read, but {view.problem}")
    if view.next_at:
        lines.append(f"\n  due {_when(view.next_at)}", style="dim")
    return lines


def _when(at: datetime | None) -> str:
    return "" if at is None else f"{at:%Y-%m-%d %H:%M}"
