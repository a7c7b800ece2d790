"""Rounds of ingesting by the clock: APScheduler says when, one round at a time, a signal ends it after the round."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, Protocol

from dedup._errors import ConfigError

if TYPE_CHECKING:
    from dedup.config import Config
    from dedup.results import IngestReport
    from dedup.service import Deduplicator

log = logging.getLogger("dedup.poll")


class Round(Protocol):
    """One visit to all feeds; it reports its own failures and does not raise."""

    def __call__(self) -> None: ...


class Rounds:
    """The round that `dedup poll` repeats: read the lists (they may have changed), fetch, store, log one line."""

    def __init__(self, service: Deduplicator, config: Config, lists: Sequence[Path]) -> None:
        self._service = service
        self._config = config
        self._lists = tuple(lists)

    def ingest(self, progress: Callable[[str, int, int], None] | None = None) -> IngestReport:
        from dedup import jobs

        return jobs.ingest(self._service, self._config, self._lists, progress=progress)

    def __call__(self) -> None:
        try:
            report = self.ingest()
        except Exception:
            # The next round may find the database unlocked, the disk emptied or the list repaired.
            log.exception("round failed")
            return
        for problem in report.problems:
            log.warning("%s: %s: %s", problem.feed, problem.kind, problem.message)
        log.info(
            "round: %d feeds (%d unchanged, %d failed), %d new articles, %d joined a story, %.1f s",
            report.feeds,
            report.not_modified,
            report.failed,
            report.stored,
            report.joined,
            report.seconds,
        )


def cron_trigger(expression: str) -> Any:
    """A trigger for a crontab expression of five fields, in UTC.

    Raises:
        ConfigError: the expression cannot be read.
    """
    from apscheduler.triggers.cron import CronTrigger

    try:
        return CronTrigger.from_crontab(expression, timezone=UTC)
    except ValueError as error:
        raise ConfigError(
            f"poll.cron {expression!r}: {error}; five fields are needed: minute hour day month weekday"
        ) from error


def require_lists(lists: Sequence[Path]) -> None:
    """Fail at the start, before the model is loaded, when a list of feeds cannot be read.

    Raises:
        FeedListError: from `dedup_ingest`.
    """
    from dedup_ingest import read_feed_list

    for path in lists:
        read_feed_list(path)


def run_until_signal(work: Round, trigger: Any) -> None:
    """Run `work` now and then at every time of `trigger`, until SIGTERM or SIGINT; must be called from the main thread.

    A round that is running when the signal comes is finished first; a second signal leaves at once, which loses nothing
    that was stored. Times that come while a round runs are skipped; those missed while the machine slept are made up
    for by one round.
    """
    # BackgroundScheduler, not BlockingScheduler: a signal handler that stops the latter from within its own lock may
    # leave a round half scheduled; here the main thread only waits, and the handler only sets an event.
    from apscheduler.schedulers.background import BackgroundScheduler

    _log_to_stderr()
    stop = threading.Event()

    def on_signal(number: int, _frame: FrameType | None) -> None:
        if stop.is_set():
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        stop.set()

    previous = {number: signal.signal(number, on_signal) for number in (signal.SIGTERM, signal.SIGINT)}
    scheduler = BackgroundScheduler(timezone=UTC)
    scheduler.add_job(
        work,
        trigger,
        id="round",
        max_instances=1,
        coalesce=True,
        misfire_grace_time=None,
        next_run_time=datetime.now(UTC),
    )
    scheduler.start()
    try:
        stop.wait()
        log.info("stopping after the round that runs")
        scheduler.shutdown(wait=True)
        log.info("stopped")
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _log_to_stderr() -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    # It says "added job", "executed successfully" around every round; its warnings stay.
    logging.getLogger("apscheduler").setLevel(logging.WARNING)
