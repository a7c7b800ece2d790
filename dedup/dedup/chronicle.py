"""What people read in a terminal of the history of stories: events, feedback of editors, repairs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from dedup.render import DIM, plain_table, plural, some, when

if TYPE_CHECKING:
    from dedup.results import FeedbackView, RepairReport, StoryEvent

# Pairs that one line of a history names.
MAX_PAIRS = 2


def history(events: Sequence[StoryEvent]) -> RenderableType:
    """One block for each thing that happened to a story, oldest first."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True, style=DIM)
    grid.add_column(no_wrap=True, style="bold")
    grid.add_column(overflow="fold")
    for event in events:
        grid.add_row(when(event.at), event.kind, Text(_happened(event)))
    return grid


def _happened(event: StoryEvent) -> str:
    """An event in words."""
    detail = event.detail
    told = {
        "create": f"article {event.article_id} opened story {event.story_id}",
        "join": f"article {event.article_id} joined story {event.story_id}",
        "update": f"article {event.article_id} was edited",
        "merge": f"story {detail.get('from')} ended in story {event.story_id}",
        "split": f"story {event.story_id} was taken out of story {detail.get('from')}",
        "move": f"came to story {event.story_id} from story {detail.get('from')}",
        "leave": f"left story {event.story_id} for story {detail.get('to')}",
        "feedback": f"an editor said: {detail.get('kind')} (feedback {detail.get('feedback')})",
    }
    parts = [told.get(event.kind, event.kind)]
    if "articles" in detail:
        count = len(detail["articles"])
        parts[0] += f": {plural(count, 'article')} {some([str(id_) for id_ in detail['articles']])}"
    if "with" in detail:
        verdict = detail["verdict"].replace("_", " ")
        parts.append(f"{verdict} {detail['probability']:.0%} as {detail['with']}: {detail['reason']}")
    if "why" in detail:
        editor = detail["why"] == "feedback"
        parts.append(f"an editor said so (feedback {detail['feedback']})" if editor else detail["why"])
    if event.kind == "merge" and event.article_id is not None:
        parts.append(f"by article {event.article_id}")
    if "mean" in detail and "with" not in detail:
        parts.append(f"{detail['mean']:.0%} likely the same event on average")
    parts += [f"{a} and {b} {probability:.0%}" for a, b, probability in detail.get("pairs", [])[:MAX_PAIRS]]
    return "; ".join(parts)


def feedback(said: Sequence[FeedbackView]) -> RenderableType:
    """One line for each word of an editor."""
    if not said:
        return Text("no feedback")
    table = plain_table()
    for name in ("feedback", "when (UTC)", "said", "articles", "in"):
        table.add_column(name, overflow="fold" if name == "articles" else "ellipsis")
    for word in said:
        first, second = (some([str(id_) for id_ in side]) for side in word.sides)
        kind = word.kind if word.revokes is None else f"{word.kind} {word.revokes}"
        table.add_row(
            str(word.id),
            when(word.said_at),
            kind if word.revoked_by is None else f"{kind} (taken back by {word.revoked_by})",
            f"{first} | {second}" if word.revokes is None else "",
            f"{plural(len(word.stories), 'story', 'stories')} {some([str(id_) for id_ in word.stories])}",
        )
    return table


def repaired(result: RepairReport) -> RenderableType:
    """What a repair did, in two lines."""
    lines = Text(f"{result.examined} {plural(result.examined, 'article')} looked at: ")
    lines.append(
        f"{result.merged} {plural(result.merged, 'story', 'stories')} merged, {result.split} split off, "
        f"{result.moved} {plural(result.moved, 'article')} moved\n",
        style="bold",
    )
    lines.append(f"{result.seconds:.1f} s", style=DIM)
    if result.waiting:
        lines.append(f"; {result.waiting} still wait: run `dedup repair` again, or with --all", style=DIM)
    return lines
