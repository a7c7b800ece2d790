"""Visits by the clock: what is due is fetched, what waits is sorted, until a signal comes; processes share the work."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import time
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dedup._errors import StoreBusy, StoreError

if TYPE_CHECKING:
    from dedup.config import Config
    from dedup.results import Placed
    from dedup.service import Deduplicator
    from dedup_ingest import FeedOutcome

log = logging.getLogger("dedup.poll")

# The index is a cache: after a crash the vectors that came since the last save are read from SQL (1 s per 30,000).
SAVE_EVERY_SECONDS = 600.0
# Stories that new articles changed are put right this often, `story.repair_articles` at a time.
REPAIR_EVERY_SECONDS = 60.0


def lists_to_follow(config: Config, given: Sequence[Path]) -> tuple[Path, ...]:
    """The lists that `dedup poll` keeps its feeds in step with: those given, else `poll.feeds`, which may be empty.

    Fails at the start, before the model is loaded, when a list cannot be read; but the configured one need not be there
    where feeds are stored already.

    Raises:
        FeedListError: from `dedup_ingest`.
        StoreError: the database cannot be used.
    """
    from dedup_ingest import read_feed_list

    lists = tuple(given) or ((Path(config.poll.feeds),) if config.poll.feeds else ())
    if lists and not given and not lists[0].exists() and _feeds_are_stored(config):
        return ()
    for path in lists:
        read_feed_list(path)
    return lists


def _feeds_are_stored(config: Config) -> bool:
    from dedup.archive import Archive
    from dedup.feeds import FeedBook

    with Archive.read(config) as archive:
        return bool(FeedBook(archive.store, config).feeds("polled", limit=1))


class Poller:
    """Visits feeds as they fall due and sorts what they bring; see `run`."""

    def __init__(self, service: Deduplicator, config: Config, lists: Sequence[Path]) -> None:
        from dedup.feeds import FeedBook, Leases

        self._service = service
        self._config = config
        self._lists = tuple(lists)
        self._book = FeedBook(service.store, config)
        self._leases = Leases(service.store, config.poll.lease_seconds)
        self._seen: dict[Path, tuple[int, int]] = {}
        self._placed: Counter[str] = Counter()
        self._told: Counter[str] = Counter()
        self._saved_at = self._repaired_at = time.monotonic()

    def run(self) -> bool:
        """Until SIGTERM or SIGINT; must be called from the main thread. Whether everything could be ended in time.

        At a signal no visit is begun any more; what runs has `poll.drain_seconds`, and what it brought is committed. A
        second signal leaves at once, which loses nothing that was stored. Ticks that come while the work of one runs
        are one tick; a feed that missed any number of visits is visited once.

        Raises:
            StoreUnavailable: the database cannot be read or written, and not because somebody else holds its lock.
        """
        self._leases.recover()
        self._prepare(crons=True)
        log.info("polling, a tick every %g s; Ctrl-C or SIGTERM ends it", self._config.poll.tick_seconds)
        try:
            return asyncio.run(self._run())
        finally:
            with contextlib.suppress(StoreError):
                self._leases.release()
            self._service.save_index()

    async def _run(self) -> bool:
        from dedup.feeds import Collector, Inbox, Sorter

        loop = asyncio.get_running_loop()
        stop, tick = asyncio.Event(), asyncio.Event()
        sorter = Sorter(self._service, Inbox(self._service.store), self._leases, eager=True, placed=self._count_placed)
        collector = Collector(
            self._service.store, self._config, self._leases, visited=_log_problem, brought=sorter.wake
        )
        with _signals(loop, stop):
            fetching = asyncio.create_task(collector.visit_due(tick))
            sorting = asyncio.create_task(sorter.run())
            ticking = asyncio.create_task(self._tick(tick, sorter, collector))
            stopped = asyncio.create_task(stop.wait())
            tasks = (fetching, sorting, ticking, stopped)
            try:
                done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
                log.info("stopping: what runs has %g s (poll.drain_seconds)", self._config.poll.drain_seconds)
                until = loop.time() + self._config.poll.drain_seconds
                ticking.cancel()
                sorter.stop()
                collector.stop(tick)
                await fetching
                _, late = await asyncio.wait((sorting,), timeout=max(0.0, until - loop.time()))
                if not late:
                    sorting.result()
                self._log_counts(collector)
                log.info("stopped%s", "; the batch that was being sorted waits for the next start" if late else "")
                return not late
            finally:
                sorter.stop()
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    async def _tick(self, tick: asyncio.Event, sorter: Any, collector: Any) -> None:
        """APScheduler says when; what is due is decided by the stored plans."""
        from apscheduler.schedulers.asyncio import AsyncIOScheduler

        from dedup._ticks import Ticks

        seconds = self._config.poll.tick_seconds
        beat = asyncio.Event()

        async def strike() -> None:
            beat.set()

        scheduler = AsyncIOScheduler(timezone=UTC)
        job = scheduler.add_job(strike, Ticks(seconds=seconds), max_instances=1, coalesce=True, misfire_grace_time=None)
        scheduler.start()
        try:
            while True:
                try:
                    await asyncio.wait_for(beat.wait(), seconds * 2)
                except TimeoutError:
                    # It counts by the clock on the wall: set back by a day, it would not strike for a day.
                    job.modify(next_run_time=datetime.now(UTC))
                beat.clear()
                try:
                    await asyncio.to_thread(self._prepare)
                except StoreBusy as error:
                    log.warning("%s; the lists are read again at the next tick", error)
                tick.set()
                sorter.wake()
                self._log_counts(collector)
        finally:
            scheduler.shutdown(wait=False)

    def _prepare(self, *, crons: bool = False) -> None:
        """Follow the lists where they have changed, and a clock that was set back."""
        from dedup_ingest import FeedListError

        now = {path: _state(path) for path in self._lists}
        if now != self._seen:
            try:
                changed = self._book.synchronise(self._lists)
            except FeedListError as error:
                log.warning("%s; the feeds stay as they are", error)
            else:
                self._seen = now
                for problem in changed.problems:
                    log.warning("%s: %s", problem.feed, problem.message)
        if mended := self._book.replan(crons=crons):
            log.info("%d feeds were planned anew: the clock or a cron expression was changed", mended)
        if time.monotonic() - self._repaired_at > REPAIR_EVERY_SECONDS:
            self._repair()
            self._repaired_at = time.monotonic()
        if time.monotonic() - self._saved_at > SAVE_EVERY_SECONDS:
            self._service.save_index()
            self._saved_at = self._repaired_at = time.monotonic()

    def _repair(self) -> None:
        try:
            report = self._service.repair()
        except StoreError as error:
            log.warning("stories are not repaired: %s", error)  # what waits for repair waits on
            return
        if report.merged or report.split or report.moved:
            log.info(
                "repaired: %d stories merged, %d split off, %d articles moved",
                report.merged,
                report.split,
                report.moved,
            )

    def _count_placed(self, placed: Sequence[Placed]) -> None:
        self._placed.update(one.outcome for one in placed)

    def _log_counts(self, collector: Any) -> None:
        total = collector.counts + self._placed
        since, self._told = total - self._told, total
        visits = since["fetched"] + since["not_modified"] + since["failed"]
        sorted_ = since["new_story"] + since["joined"] + since["updated"]
        if visits or sorted_:
            log.info(
                "visited %d feeds (%d unchanged, %d failed), %d new articles; sorted %d, %d joined a story",
                visits,
                since["not_modified"],
                since["failed"],
                since["new"],
                sorted_,
                since["joined"],
            )


@contextlib.contextmanager
def _signals(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> Any:
    """Set `stop` at the first signal, leave at once at the second."""

    def on_signal(number: int) -> None:
        if stop.is_set():
            loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        stop.set()

    numbers = (signal.SIGTERM, signal.SIGINT)
    for number in numbers:
        loop.add_signal_handler(number, on_signal, number)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


def _log_problem(outcome: FeedOutcome) -> None:
    if outcome.error is not None:
        log.warning("%s: %s: %s", outcome.url, outcome.error_kind, outcome.error)


def _state(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError:
        return (0, 0)
    return (found.st_mtime_ns, found.st_size)


def log_to_stderr() -> None:
    """One line for each event, for people and for journals."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    # It says "added job", "executed successfully" around every tick; its warnings stay.
    logging.getLogger("apscheduler").setLevel(logging.WARNING)
