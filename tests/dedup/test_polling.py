"""Visits by the clock, with real processes, sockets and signals: who visits what, how often, and how it ends."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from feedserver import LOOPBACK, FeedServer, write_feeds
from newsroom import assert_index_is_caught_up, assert_store_is_consistent, config_for, hashing_service
from rich.console import Console
from sqlalchemy import func, select, update

from dedup import jobs, poll
from dedup._errors import ConfigError
from dedup.feeds import Collector, FeedBook, Leases, check_crons
from dedup.render import report as rendered
from dedup.results import IngestReport
from dedup.store import ArticleRow, FeedRow, PendingRow, Store, open_store

SCRIPT = Path(__file__).with_name("polling.py")
FEEDS = Path(__file__).parents[2] / "examples" / "feeds.txt"
PATIENCE_SECONDS = 100.0

# Starting processes is dear: what no database has a say in is tried on one.
on_sqlite = pytest.mark.parametrize("empty_url", ["sqlite"], indirect=True)

Start = Callable[..., "Polling"]


class Polling:
    """A polling process; `log` grows with its stderr."""

    def __init__(self, url: str, feeds: Path | None, sections: dict[str, dict[str, Any]]) -> None:
        command = [sys.executable, str(SCRIPT), url, str(feeds or ""), json.dumps(sections)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.log: list[str] = []
        self._reader = threading.Thread(target=lambda: self.log.extend(self.process.stderr), daemon=True)
        self._reader.start()
        assert self.process.stdout
        if self.process.stdout.readline() != "ready\n":
            self._reader.join()
            pytest.fail("".join(self.log))

    def until(self, condition: Callable[[], object]) -> None:
        end = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            if self.process.poll() is not None or time.monotonic() > end:
                pytest.fail(f"it did not happen (status {self.process.poll()}): {''.join(self.log)}")
            time.sleep(0.02)

    def says(self, pattern: str) -> None:
        self.until(lambda: any(re.search(pattern, line) for line in list(self.log)))

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.ended()

    def ended(self) -> int:
        self.process.wait(PATIENCE_SECONDS)
        self._reader.join(PATIENCE_SECONDS)
        return self.process.returncode


@pytest.fixture
def start(url: str) -> Iterator[Start]:
    running: list[Polling] = []

    def begin(feeds: Path | None = None, **sections: dict[str, Any]) -> Polling:
        sections = {"fetch": LOOPBACK, "parse": {"workers": 1, "detect_language": False}} | sections
        sections["poll"] = {"tick_seconds": 0.1} | sections.get("poll", {})
        running.append(Polling(url, feeds, sections))
        return running[-1]

    yield begin
    for polling in running:
        polling.process.kill()
        polling.process.wait()


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    opened = open_store(url)
    yield opened
    opened.close()


@pytest.fixture
def server(serve: Callable[[Path], FeedServer], tmp_path: Path) -> FeedServer:
    (tmp_path / "www").mkdir()
    return serve(tmp_path / "www")


def list_of(server: FeedServer, names: list[str], tmp_path: Path) -> Path:
    path = tmp_path / "feeds.txt"
    path.write_text("".join(f"{server.url}/{name}\n" for name in names), encoding="utf-8")
    return path


def count(store: Store, column: Any, *conditions: Any) -> int:
    with store.reading() as session:
        return session.scalar(select(func.count(column)).where(*conditions)) or 0


def articles(store: Store) -> int:
    return count(store, ArticleRow.id)


def rows(store: Store) -> dict[str, FeedRow]:
    with store.reading() as session:
        return {row.url.rsplit("/", 1)[1]: row for row in session.scalars(select(FeedRow))}


def test_case_59_two_processes_visit_each_feed_once_and_sort_each_article_once(
    start: Start, store: Store, server: FeedServer, tmp_path: Path
) -> None:
    names = write_feeds(server.folder, 40)
    feeds = list_of(server, names, tmp_path)
    both = [start(feeds, poll={"claim_feeds": 4}, encode={"batch_articles": 8}) for _ in range(2)]
    both[0].until(lambda: articles(store) == 120)
    assert [polling.stop() for polling in both] == [0, 0]
    assert server.asked == dict.fromkeys(names, 1)
    assert count(store, PendingRow.id) == 0
    assert count(store, FeedRow.id, FeedRow.lease_owner.is_not(None)) == 0
    with hashing_service(store.engine.url.render_as_string(hide_password=False)) as service:
        assert_store_is_consistent(service.store, articles=120)
        assert_index_is_caught_up(service)


@on_sqlite
def test_case_60_a_visit_longer_than_many_ticks_is_one_visit_and_holds_up_no_other_feed(
    start: Start, store: Store, server: FeedServer, tmp_path: Path
) -> None:
    names = write_feeds(server.folder, 3)
    release = server.hold("f0.xml")
    polling = start(list_of(server, names, tmp_path), poll={"tick_seconds": 0.02})
    polling.until(lambda: articles(store) == 6)
    time.sleep(1)  # fifty ticks
    assert server.asked == {"f0.xml": 1, "f1.xml": 1, "f2.xml": 1}
    release.set()
    polling.until(lambda: articles(store) == 9)
    assert polling.stop() == 0
    assert server.asked == {"f0.xml": 1, "f1.xml": 1, "f2.xml": 1}


@on_sqlite
def test_case_61_a_signal_ends_it_within_the_drain_and_what_had_come_is_stored(
    start: Start, store: Store, server: FeedServer, tmp_path: Path
) -> None:
    names = write_feeds(server.folder, 4)
    server.hold("f0.xml")
    polling = start(list_of(server, names, tmp_path), poll={"drain_seconds": 0.5})
    polling.until(lambda: articles(store) == 9)
    assert polling.stop() == 0  # the server would hold it for a minute, and the deadline of a fetch is half of one
    assert any("poll.drain_seconds" in line and "are left" in line for line in polling.log)
    left = rows(store)["f0.xml"]
    assert (left.lease_owner, left.checked_at) == (None, None)
    assert left.next_at is not None
    assert left.next_at <= datetime.now(UTC)


@on_sqlite
def test_case_61_a_visit_that_ends_within_the_drain_is_stored(
    start: Start, store: Store, server: FeedServer, tmp_path: Path
) -> None:
    names = write_feeds(server.folder, 2)
    release = server.hold("f0.xml")
    polling = start(list_of(server, names, tmp_path))
    polling.until(lambda: server.asked["f0.xml"] and articles(store) == 3)
    polling.process.send_signal(signal.SIGTERM)
    polling.says("stopping")
    release.set()
    assert polling.ended() == 0
    assert rows(store)["f0.xml"].succeeded_at is not None
    assert articles(store) + count(store, PendingRow.id) == 6


@on_sqlite
def test_case_61_a_stop_while_the_database_is_asked_what_is_due_is_not_missed(url: str, store: Store) -> None:
    # It was: a process with nothing to do stayed for all of poll.drain_seconds.
    async def run() -> None:
        loop, tick = asyncio.get_running_loop(), asyncio.Event()

        class Slow(Leases):
            def claim_feeds(self, most: int) -> list[Any]:
                stopped = threading.Event()
                loop.call_soon_threadsafe(lambda: (collector.stop(tick), stopped.set()))
                stopped.wait()
                return []

        collector = Collector(store, config_for(url, poll={"drain_seconds": 600}), Slow(store, 60))
        await asyncio.wait_for(collector.visit_due(tick), PATIENCE_SECONDS)

    asyncio.run(run())


@on_sqlite
def test_case_61_a_second_signal_leaves_at_once(start: Start, store: Store, server: FeedServer, tmp_path: Path) -> None:
    names = write_feeds(server.folder, 1)
    server.hold("f0.xml")
    polling = start(list_of(server, names, tmp_path))
    polling.until(lambda: server.asked["f0.xml"])
    polling.process.send_signal(signal.SIGTERM)
    polling.says("stopping")
    assert polling.stop() == -signal.SIGTERM


@on_sqlite
@pytest.mark.parametrize("years", [-1, 1], ids=["set_back", "set_forward"])
def test_case_62_a_clock_that_jumps_by_a_year_makes_one_visit_due_and_no_storm(
    start: Start, store: Store, server: FeedServer, tmp_path: Path, years: int
) -> None:
    """To the program, a clock that is set back is stored times that all lie ahead, and the other way round."""
    names = write_feeds(server.folder, 5)
    polling = start(list_of(server, names, tmp_path))
    polling.until(lambda: articles(store) == 15)
    polling.until(lambda: all(row.next_at > datetime.now(UTC) for row in rows(store).values()))
    before = {name: row.next_at - row.checked_at for name, row in rows(store).items()}
    jump = timedelta(days=-365 * years)
    with store.writing() as session:
        for row in session.scalars(select(FeedRow)):
            row.checked_at, row.succeeded_at, row.next_at = (
                row.checked_at + jump,
                row.succeeded_at + jump,
                row.next_at + jump,
            )
    if years < 0:
        polling.says("5 feeds were planned anew")
        after = rows(store)
        assert {name: row.next_at - row.checked_at for name, row in after.items()} == before
        assert all(row.checked_at <= datetime.now(UTC) for row in after.values())
    else:
        polling.until(lambda: len(server.asked) == 5 and min(server.asked.values()) == 2)
    time.sleep(1)  # ten ticks
    assert polling.stop() == 0
    assert server.asked == dict.fromkeys(names, 1 if years < 0 else 2)


def test_case_63_a_locked_database_is_tried_again(
    start: Start, store: Store, server: FeedServer, tmp_path: Path
) -> None:
    names = write_feeds(server.folder, 2)
    release = server.hold("f0.xml")
    polling = start(list_of(server, names, tmp_path), store={"lock_timeout_seconds": 0.2})
    polling.until(lambda: articles(store) == 3)
    with store.writing() as session:
        session.execute(update(FeedRow).values(title="held"))
        release.set()
        polling.says("trying again")
    polling.until(lambda: articles(store) == 6)
    assert polling.stop() == 0


def test_case_63_a_list_that_changes_while_the_database_is_locked_is_read_again(
    start: Start, store: Store, server: FeedServer, tmp_path: Path
) -> None:
    names = write_feeds(server.folder, 2)
    path = list_of(server, names[:1], tmp_path)
    polling = start(path, store={"lock_timeout_seconds": 0.2})
    polling.until(lambda: articles(store) == 3)
    with store.locked() as session:
        session.execute(update(FeedRow).values(title="held"))
        list_of(server, names, tmp_path)
        polling.says("the lists are read again at the next tick")
    polling.until(lambda: articles(store) == 6)
    assert polling.stop() == 0


def test_case_65_a_feed_that_is_removed_during_its_visit_is_ignored(
    start: Start, store: Store, server: FeedServer, tmp_path: Path, url: str
) -> None:
    names = write_feeds(server.folder, 2)
    book = FeedBook(store, config_for(url))
    for name in names:
        book.add(f"{server.url}/{name}")
    release = server.hold("f0.xml")
    polling = start(poll={"feeds": ""})
    polling.until(lambda: server.asked["f0.xml"] and articles(store) == 3)
    book.remove(f"{server.url}/f0.xml")
    release.set()
    book.add(f"{server.url}/{write_feeds(server.folder, 3)[2]}")
    polling.until(lambda: articles(store) == 6)  # it goes on with the others
    assert polling.stop() == 0
    assert rows(store).keys() == {"f1.xml", "f2.xml"}
    assert count(store, ArticleRow.id, ArticleRow.source == "Ward 0") + count(store, PendingRow.id) == 0


@on_sqlite
def test_case_68_a_restart_keeps_the_times_of_the_next_visits(
    start: Start, store: Store, server: FeedServer, tmp_path: Path
) -> None:
    names = write_feeds(server.folder, 5)
    feeds = list_of(server, names, tmp_path)
    polling = start(feeds)
    polling.until(lambda: articles(store) == 15)
    assert polling.stop() == 0
    planned = {name: row.next_at for name, row in rows(store).items()}
    assert all(at > datetime.now(UTC) for at in planned.values())
    # One of them falls due while nobody polls.
    with store.writing() as session:
        session.execute(
            update(FeedRow)
            .where(FeedRow.url.endswith("/f3.xml"))
            .values(next_at=datetime.now(UTC) - timedelta(hours=2))
        )
    again = start(feeds)
    again.until(lambda: server.asked["f3.xml"] == 2)
    time.sleep(0.5)
    assert again.stop() == 0
    assert server.asked == {**dict.fromkeys(names, 1), "f3.xml": 2}
    kept = {name: row.next_at for name, row in rows(store).items()}
    assert {name: at for name, at in kept.items() if name != "f3.xml"} == {
        name: at for name, at in planned.items() if name != "f3.xml"
    }


@on_sqlite
def test_a_process_that_was_killed_gives_its_feeds_and_articles_to_the_next(
    start: Start, store: Store, server: FeedServer, tmp_path: Path
) -> None:
    names = write_feeds(server.folder, 3)
    feeds = list_of(server, names, tmp_path)
    server.hold("f0.xml")
    first = start(feeds)
    first.until(lambda: articles(store) == 6 and server.asked["f0.xml"])
    assert first.stop(signal.SIGKILL) == -signal.SIGKILL
    assert rows(store)["f0.xml"].lease_owner is not None
    server.held.pop("f0.xml").set()
    second = start(feeds)  # long before the lease would end
    second.until(lambda: articles(store) == 9)
    assert second.stop() == 0


def ingest(url: str, path: Path) -> IngestReport:
    with hashing_service(url, fetch=LOOPBACK) as service:
        return jobs.ingest(service, config_for(url, fetch=LOOPBACK), [path])


def test_a_feed_that_is_being_polled_is_left_to_its_poller_by_ingest_which_says_so(
    start: Start, store: Store, server: FeedServer, tmp_path: Path, url: str
) -> None:
    names = write_feeds(server.folder, 2)
    release = server.hold("f0.xml")
    feeds = list_of(server, names, tmp_path)
    polling = start(feeds)
    polling.until(lambda: server.asked["f0.xml"] and articles(store) == 3)
    holder = rows(store)["f0.xml"].lease_owner
    report = ingest(url, feeds)
    assert (report.feeds, report.not_modified, report.elsewhere, report.failed) == (2, 1, 1, 0)
    console = Console(width=200)
    with console.capture() as said:
        console.print(rendered(report))
    assert "2 feeds: 0 fetched, 1 unchanged, 0 failed, 1 left to another process that is visiting it now" in said.get()
    assert (rows(store)["f0.xml"].lease_owner, server.asked["f0.xml"]) == (holder, 1)
    release.set()
    polling.until(lambda: articles(store) == 6)
    assert polling.stop() == 0
    assert server.asked == {"f0.xml": 1, "f1.xml": 2}
    assert rows(store)["f0.xml"].succeeded_at is not None


@on_sqlite
def test_a_feed_that_ingest_visits_is_nobody_elses_meanwhile(
    start: Start, store: Store, server: FeedServer, tmp_path: Path, url: str
) -> None:
    feeds = list_of(server, write_feeds(server.folder, 1), tmp_path)
    FeedBook(store, config_for(url)).synchronise([feeds])  # it is due
    release = server.hold("f0.xml")
    with ThreadPoolExecutor(1) as thread:
        ingesting = thread.submit(ingest, url, feeds)
        end = time.monotonic() + PATIENCE_SECONDS
        while not server.asked["f0.xml"] and time.monotonic() < end:
            time.sleep(0.02)
        polling = start(feeds)
        time.sleep(1)  # ten ticks
        release.set()
        assert (ingesting.result().fetched, ingesting.result().elsewhere) == (1, 0)
    polling.until(lambda: articles(store) == 3)
    assert polling.stop() == 0
    assert server.asked == {"f0.xml": 1}


@on_sqlite
@pytest.mark.parametrize("end", ["it was killed", "the lease is over"])
def test_ingest_visits_what_a_process_left_leased_that_is_no_more(
    start: Start, store: Store, server: FeedServer, tmp_path: Path, url: str, end: str
) -> None:
    feeds = list_of(server, write_feeds(server.folder, 1), tmp_path)
    release = server.hold("f0.xml")
    polling = start(feeds)
    polling.until(lambda: server.asked["f0.xml"])
    assert polling.stop(signal.SIGKILL) == -signal.SIGKILL
    release.set()
    if end == "the lease is over":  # of another machine: nobody can know whether it lives
        with store.writing() as session:
            past = datetime.now(UTC) - timedelta(seconds=1)
            session.execute(update(FeedRow).values(lease_owner="elsewhere:1", lease_until=past))
    report = ingest(url, feeds)
    assert (report.fetched, report.elsewhere, report.stored) == (1, 0, 3)


@on_sqlite
def test_a_list_is_followed_while_it_is_polled(start: Start, store: Store, server: FeedServer, tmp_path: Path) -> None:
    names = write_feeds(server.folder, 3)
    feeds = list_of(server, names[:2], tmp_path)
    polling = start(feeds)
    polling.until(lambda: articles(store) == 6)
    list_of(server, names[1:], tmp_path)
    polling.until(lambda: articles(store) == 9 and rows(store)["f0.xml"].disabled_reason == "unlisted")
    feeds.unlink()
    polling.says("the feeds stay as they are")
    assert polling.stop() == 0
    assert rows(store)["f1.xml"].disabled_reason is None


def test_the_command_polls_until_it_is_told_to_stop_and_once_visits_what_is_due(stored_line: Any) -> None:
    process = stored_line.start("poll", "--feeds", str(FEEDS))
    line = next(line for line in process.stderr if "visited" in line)
    assert re.search(r"visited \d feeds \(0 unchanged, 0 failed\), [1-9]\d* new articles", line)
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate()
    assert (process.returncode, out) == (0, "")
    assert "Traceback" not in err
    again = stored_line.json("poll", "--once", "--feeds", str(FEEDS))
    assert again["failed"] == 0
    rest = stored_line.json("poll", "--once", "--feeds", str(FEEDS))
    assert (rest["feeds"], rest["stored"]) == (0, 0)  # nothing is due yet


@pytest.mark.parametrize("cron", ["every hour", "61 * * * *", "* * * *", "* * * * * *"])
def test_a_cron_expression_that_cannot_be_read_is_a_configuration_error(cron: str) -> None:
    with pytest.raises(ConfigError, match=r"poll\.cron"):
        check_crons(config_for("sqlite://", poll={"cron": cron}), datetime.now(UTC))
    with pytest.raises(ConfigError, match=r"poll\.group_cron\.wires"):
        check_crons(config_for("sqlite://", poll={"group_cron": {"wires": cron}}), datetime.now(UTC))


def test_a_list_that_is_not_there_stops_poll_before_it_begins(command_line: Any) -> None:
    done = command_line.run("poll", "--feeds", "nowhere.txt")
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert "nowhere.txt" in done.stderr
    assert not command_line.database.exists()


def test_the_configured_list_may_be_missing_when_feeds_are_stored(tmp_path: Path) -> None:
    config = config_for(f"sqlite:///{tmp_path}/news.sqlite3", poll={"feeds": str(tmp_path / "feeds.txt")})
    with pytest.raises(OSError, match=r"feeds\.txt"):
        poll.lists_to_follow(config, [])
    opened = open_store(config.store.url)
    FeedBook(opened, config).add("https://wire.example/rss")
    opened.close()
    assert poll.lists_to_follow(config, []) == ()
