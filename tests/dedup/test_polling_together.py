"""Several processes over one database, a clock that jumps, and processes that are no more."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from feedserver import LOOPBACK, FeedServer, write_feeds
from newsroom import assert_index_is_caught_up, assert_store_is_consistent, config_for, hashing_service
from pollers import PATIENCE_SECONDS, Clock, Start, articles, count, list_of, on_sqlite, rows
from rich.console import Console
from sqlalchemy import update

from dedup import jobs
from dedup.feeds import FeedBook
from dedup.render import report as rendered
from dedup.results import IngestReport
from dedup.store import FeedRow, PendingRow, Store


@pytest.fixture
def server(serve: Callable[[Path], FeedServer], tmp_path: Path) -> FeedServer:
    (tmp_path / "www").mkdir()
    return serve(tmp_path / "www")


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
def test_case_29_fifty_feeds_on_one_host_never_exceed_the_limit_of_each_process(
    start: Start, store: Store, server: FeedServer, tmp_path: Path
) -> None:
    names = write_feeds(server.folder, 50)
    held = [server.hold(name) for name in names]
    (tmp_path / "second").mkdir()
    fetch = LOOPBACK | {"max_concurrency_per_host": 2, "read_timeout_seconds": 60, "total_deadline_seconds": 60}
    first = start(list_of(server, names[:25], tmp_path), fetch=fetch)
    first.until(lambda: count(store, FeedRow.id, FeedRow.lease_owner.is_not(None)) == 25 and server.answering == 2)
    first.stand_still(store)  # or it would have taken all of them
    second = start(list_of(server, names, tmp_path / "second"), fetch=fetch)
    second.until(lambda: count(store, FeedRow.id, FeedRow.lease_owner.is_not(None)) == 50 and server.answering == 4)
    first.process.send_signal(signal.SIGCONT)
    time.sleep(1)  # ten ticks of both
    for event in held:
        event.set()
    second.until(lambda: articles(store) == 150)
    assert [polling.stop() for polling in (first, second)] == [0, 0]
    assert server.asked == dict.fromkeys(names, 1)
    assert server.most == 4


@pytest.mark.parametrize("years", [-1, 1], ids=["set_back", "set_forward"])
def test_case_62_a_clock_that_jumps_by_a_year_makes_one_visit_due_and_no_storm(
    start: Start, store: Store, server: FeedServer, tmp_path: Path, years: int
) -> None:
    names = write_feeds(server.folder, 5)
    release = server.hold("f0.xml")
    feeds = list_of(server, names, tmp_path)
    fetch = LOOPBACK | {"read_timeout_seconds": 60, "total_deadline_seconds": 60}
    clock = Clock(tmp_path / "clock")
    both = [start(feeds, clock=clock, fetch=fetch) for _ in range(2)]
    both[1].says("polling")  # it has seen the clock as it was
    both[0].until(lambda: server.asked["f0.xml"] and articles(store) == 12)
    before = {name: row.next_at - row.checked_at for name, row in rows(store).items() if row.checked_at}
    assert len(before) == 4
    jump = timedelta(days=365 * years)
    clock.set(jump)
    others = [name for name in names if name != "f0.xml"]
    if years < 0:
        both[0].until(lambda: all(row.next_at < datetime.now(UTC) for row in rows(store).values()))
        kept = rows(store)
        assert {name: kept[name].next_at - kept[name].checked_at for name in others} == before
    else:
        both[0].until(lambda: min(server.asked[name] for name in others) == 2)
    time.sleep(1)  # ten ticks of both, while a visit is under way
    assert server.asked["f0.xml"] == 1
    release.set()
    both[0].until(lambda: articles(store) == 15)
    time.sleep(1)
    assert [polling.stop() for polling in both] == [0, 0]
    assert server.asked == {"f0.xml": 1} | dict.fromkeys(others, 1 if years < 0 else 2)
    visited = rows(store)["f0.xml"].succeeded_at
    assert visited is not None
    assert abs(visited - (datetime.now(UTC) + jump)) < timedelta(hours=1)


@on_sqlite
def test_a_process_that_begins_after_the_clock_was_set_back_leaves_what_others_hold_to_them(
    start: Start, store: Store, server: FeedServer, tmp_path: Path
) -> None:
    names = write_feeds(server.folder, 2)
    release = server.hold("f0.xml")
    clock = Clock(tmp_path / "clock")
    fetch = LOOPBACK | {"read_timeout_seconds": 60, "total_deadline_seconds": 60}
    feeds = list_of(server, names, tmp_path)
    first = start(feeds, clock=clock, fetch=fetch)
    first.until(lambda: server.asked["f0.xml"] and articles(store) == 3)
    first.stand_still(store)  # it has not seen yet that the clock is another
    clock.set(timedelta(days=-365))
    second = start(feeds, clock=clock, fetch=fetch)
    second.until(lambda: all(row.next_at < datetime.now(UTC) for row in rows(store).values()))
    time.sleep(1)
    first.process.send_signal(signal.SIGCONT)
    time.sleep(1)
    release.set()
    second.until(lambda: articles(store) == 6)
    assert [polling.stop() for polling in (first, second)] == [0, 0]
    assert server.asked == {"f0.xml": 1, "f1.xml": 1}


@on_sqlite
def test_a_lease_of_nobody_ends_although_the_clock_was_set(
    start: Start, store: Store, server: FeedServer, tmp_path: Path
) -> None:
    names = write_feeds(server.folder, 2)
    clock = Clock(tmp_path / "clock")
    polling = start(list_of(server, names[:1], tmp_path), clock=clock, poll={"lease_seconds": 3})
    polling.until(lambda: articles(store) == 3)
    until = datetime.now(UTC) + timedelta(seconds=5)
    left = FeedRow(url=f"{server.url}/f1.xml", added_at=until, next_at=until, failures=0)
    left.lease_owner, left.lease_until = "another machine:1", until
    with store.writing() as session:
        session.add(left)
    clock.set(timedelta(days=365))
    polling.until(lambda: server.asked["f1.xml"] == 1)
    assert polling.stop() == 0


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
