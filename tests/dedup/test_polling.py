"""Visits by the clock, with real processes, sockets and signals: who visits what, how often, and how it ends."""

from __future__ import annotations

import asyncio
import re
import signal
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from feedserver import FeedServer, write_feeds
from newsroom import config_for
from pollers import PATIENCE_SECONDS, Start, articles, count, list_of, on_sqlite, rows
from sqlalchemy import update

from dedup import poll
from dedup._errors import ConfigError
from dedup.feeds import Collector, FeedBook, Leases, check_crons
from dedup.store import ArticleRow, FeedRow, PendingRow, Store, open_store

FEEDS = Path(__file__).parents[2] / "examples" / "feeds.txt"


@pytest.fixture
def server(serve: Callable[[Path], FeedServer], tmp_path: Path) -> FeedServer:
    (tmp_path / "www").mkdir()
    return serve(tmp_path / "www")


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


def test_ticks_that_were_missed_are_one() -> None:
    from dedup._ticks import Ticks

    ticks, now = Ticks(seconds=10, timezone=UTC), datetime.now(UTC)
    assert ticks.get_next_fire_time(now - timedelta(days=20_000), now) == now + timedelta(seconds=10)
    assert ticks.get_next_fire_time(now - timedelta(seconds=4), now) == now + timedelta(seconds=6)
    first = ticks.get_next_fire_time(None, now)
    assert first is not None
    assert now <= first <= now + timedelta(seconds=10)
