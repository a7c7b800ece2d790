"""What the commands share: options, the opened service, progress on stderr, one JSON document on stdout."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.progress import Progress as Bars

    from dedup.config import Config
    from dedup.service import Deduplicator

JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document on stdout instead of text.")]
Progress = Callable[[str, int, int], None]

BAR_AFTER_SECONDS = 2.0
# Without a terminal rich would cut at 80 columns; the tables are made for 100.
PLAIN_WIDTH = 100


@dataclass(frozen=True, slots=True)
class Globals:
    """The options in front of the command."""

    config: Path | None


def config_path(context: typer.Context) -> Path | None:
    found = context.find_object(Globals)
    return found.config if found else None


def read_config(context: typer.Context, overrides: dict[str, dict[str, Any]] | None = None) -> Config:
    from dedup.config import load_config

    return load_config(config_path(context), overrides)


@contextmanager
def opened(config: Config, *, batching: bool = False) -> Iterator[tuple[Deduplicator, Progress]]:
    """The service and a progress receiver; the bar is gone when the block is left, so print after it."""
    from dedup.service import Deduplicator

    with progress_bar() as progress, Deduplicator.open(config, progress=progress, batching=batching) as service:
        yield service, progress


def moment(value: str | None, option: str) -> datetime | None:
    """An ISO 8601 date or time as an aware datetime; without a zone it is taken as UTC."""
    if value is None:
        return None
    try:
        parsed = datetime.fromisoformat(value)
    except ValueError:
        raise typer.BadParameter(f"{value!r} is no ISO 8601 time like 2026-03-12T09:30Z", param_hint=option) from None
    if not 1970 <= parsed.year <= 2100:
        raise typer.BadParameter(f"{value!r} is not between 1970 and 2100", param_hint=option)
    return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)


def print_json(value: Any) -> None:
    import json

    from dedup.results import to_json

    # A lone surrogate cannot be written in UTF-8: escape everything in the rare text that has one.
    document = json.dumps(to_json(value), ensure_ascii=False, indent=2)
    try:
        document.encode()
    except UnicodeEncodeError:
        document = json.dumps(to_json(value), indent=2)
    sys.stdout.write(document + "\n")


def show(renderable: RenderableType) -> None:
    """Print for people on stdout: in a terminal with its colours and width, else plain lines of 100 columns."""
    from rich.console import Console

    # Titles are data: nothing in them is markup, an emoji code or a number to colour.
    if sys.stdout.isatty():
        Console(highlight=False, markup=False, emoji=False).print(renderable)
        return
    width = None if "COLUMNS" in os.environ else PLAIN_WIDTH
    console = Console(width=width, highlight=False, markup=False, emoji=False)
    with console.capture() as captured:
        console.print(renderable)
    sys.stdout.write("".join(line.rstrip() + "\n" for line in captured.get().splitlines()))


def note(message: str) -> None:
    """A line for people on stderr."""
    print(message, file=sys.stderr, flush=True)


@contextmanager
def progress_bar(after_seconds: float = BAR_AFTER_SECONDS) -> Iterator[Progress]:
    """A receiver of (stage, done, total) that shows a bar on stderr once the work has lasted `after_seconds`.

    Silent where stderr is no terminal. `total` 0 means unknown: the bar only moves.
    """
    if not sys.stderr.isatty():
        yield lambda stage, done, total: None
        return
    with ExitStack() as stack:
        yield stack.enter_context(_Bar(after_seconds))


class _Bar:
    def __init__(self, after_seconds: float) -> None:
        self._lock = threading.Lock()
        self._timer = threading.Timer(after_seconds, self._show)
        self._timer.daemon = True
        self._bars: Bars | None = None
        self._state: tuple[str, int, int] | None = None
        self._closed = False

    def __enter__(self) -> Progress:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        with self._lock:
            self._closed = True
            if self._bars is not None:
                self._bars.stop()

    def __call__(self, stage: str, done: int, total: int) -> None:
        with self._lock:
            self._state = (stage, done, total)
            if self._bars is not None:
                self._draw(self._bars)

    def _show(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        with self._lock:
            if self._closed:
                return
            self._bars = Progress(
                SpinnerColumn(),
                TextColumn("{task.description}", markup=False),
                BarColumn(bar_width=30),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                console=Console(stderr=True),
                transient=True,
            )
            self._bars.start()
            self._draw(self._bars)

    def _draw(self, bars: Bars) -> None:
        if self._state is None:
            return
        stage, done, total = self._state
        task = next((task for task in bars.tasks if task.description == stage), None)
        if task is None:
            for earlier in bars.task_ids:
                bars.remove_task(earlier)
            identifier = bars.add_task(stage, total=total or None)
        else:
            identifier = task.id
        bars.update(identifier, completed=done, total=total or None)
