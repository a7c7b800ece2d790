"""What the store says when it cannot work, and that it is whole afterwards."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from feedserver import LOOPBACK, write_feeds
from newsroom import (
    article,
    assert_store_is_consistent,
    config_for,
    hashing_service,
    invented_news,
)
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from dedup import jobs
from dedup._errors import StoreUnavailable
from dedup.store import open_store
from dedup.store._session import make_engine

LIMITED = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
sys.path.insert(0, sys.argv[1])
from newsroom import hashing_service, invented_news
from dedup import jobs
from dedup._errors import StoreUnavailable
service = hashing_service(sys.argv[2])
service.add(invented_news(16))
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), int(sys.argv[3])))
try:
    service.add(invented_news(400))
except StoreUnavailable as error:
    print(error)
    sys.exit(7)
"""


def test_a_file_that_is_no_database_is_named_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("Shopping: bread, milk, a new kettle. " * 40)
    before = path.read_bytes()
    with pytest.raises(StoreUnavailable, match=r"no SQLite database.*store\.url") as caught:
        open_store(f"sqlite:///{path}")
    assert str(path) in str(caught.value)
    assert path.read_bytes() == before


def test_a_folder_in_place_of_the_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="cannot be opened"):
        open_store(f"sqlite:///{tmp_path}")


def test_a_url_that_is_none_and_a_driver_that_is_missing_are_named() -> None:
    with pytest.raises(StoreUnavailable, match="not a database URL"):
        open_store("news.sqlite3")
    with pytest.raises(StoreUnavailable, match="not a database URL"):
        open_store("nosuch://host/name")
    with pytest.raises(StoreUnavailable, match=r"pip install 'news-dedup\[postgres\]'"):
        open_store("postgresql+pg8000://host/name")


def test_a_server_that_does_not_answer_is_a_clear_refusal() -> None:
    with pytest.raises(StoreUnavailable, match="server cannot be reached"):
        open_store("postgresql+psycopg://nobody@127.0.0.1:1/none")


def test_case_64_a_read_only_database_can_be_read_and_says_so_when_written(tmp_path: Path) -> None:
    path = tmp_path / "news.sqlite3"
    with hashing_service(f"sqlite:///{path}") as service:
        service.add(invented_news(8))
    read_only = f"sqlite:///file:{path}?mode=ro&uri=true"
    with hashing_service(read_only, index={"folder": str(tmp_path / "index")}) as service:
        assert service.stats().articles == 8
        with pytest.raises(StoreUnavailable, match="read-only; nothing was stored"):
            service.add([article("new", "Lusen closes its harbour")])
        assert_store_is_consistent(service.store, articles=8)


def test_case_64_feeds_in_a_read_only_database_are_refused_and_nothing_is_fetched(tmp_path: Path, serve: Any) -> None:
    write_feeds(tmp_path / "www", 1)
    server = serve(tmp_path / "www")
    listed = tmp_path / "feeds.txt"
    listed.write_text(f"{server.url}/f0.xml", encoding="utf-8")
    path = tmp_path / "news.sqlite3"
    hashing_service(f"sqlite:///{path}").close()
    read_only, index = f"sqlite:///file:{path}?mode=ro&uri=true", {"folder": str(tmp_path / "index")}
    with hashing_service(read_only, index=index) as service:
        for job in (jobs.ingest, jobs.ingest_due):
            with pytest.raises(StoreUnavailable, match="read-only; nothing was stored"):
                job(service, config_for(read_only, fetch=LOOPBACK), [listed])
    assert server.asked == {}


def test_case_64_a_full_disk_stops_with_a_clear_text_and_whole_batches(tmp_path: Path) -> None:
    """The kernel refuses writes beyond a file size, as a full disk does."""
    database = tmp_path / "news.sqlite3"
    url = f"sqlite:///{database}"
    here = str(Path(__file__).parent)
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, here, url, str(600_000)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 7, done.stderr
    assert "disk" in done.stdout
    assert "nothing of this batch was stored" in done.stdout
    with sqlite3.connect(database) as raw:
        assert raw.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        stored = raw.execute("SELECT count(*) FROM article").fetchone()[0]
    assert 16 <= stored < 400
    assert stored % 16 == 0
    with hashing_service(url) as service:
        assert_store_is_consistent(service.store, articles=stored)
        service.add(invented_news(400))
        assert_store_is_consistent(service.store, articles=400)


def test_a_database_at_its_page_limit_says_full_and_keeps_what_it_had(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/news.sqlite3"
    with hashing_service(url) as service:
        service.add(invented_news(16))

        @event.listens_for(service.store.engine, "begin")
        def limit(connection: object) -> None:
            connection.exec_driver_sql("PRAGMA max_page_count = 1")  # type: ignore[attr-defined]

        with pytest.raises(StoreUnavailable, match="disk is full; nothing of this batch was stored"):
            service.add(invented_news(300))
    with hashing_service(url) as service:
        assert_store_is_consistent(service.store)
        assert service.stats().articles >= 16


def test_a_lock_that_is_held_too_long_is_named_with_the_setting(url: str) -> None:
    holder = open_store(url)
    with hashing_service(url, store={"lock_timeout_seconds": 0.3}) as service:
        with holder.locked(), pytest.raises(StoreUnavailable, match=r"write lock.*store\.lock_timeout_seconds"):
            service.add([article("a", "Brenholt opens a bridge")])
        assert service.add([article("a", "Brenholt opens a bridge")])[0].outcome == "new_story"
        assert_store_is_consistent(service.store, articles=1)
    holder.close()


def test_case_63_a_writer_waits_for_another_and_then_goes_on(url: str) -> None:
    import threading

    holder = open_store(url)
    with hashing_service(url) as service:
        free, held = threading.Event(), threading.Event()

        def hold() -> None:
            with holder.locked():
                held.set()
                free.wait(30)

        first = threading.Thread(target=hold)
        first.start()
        assert held.wait(30)
        outcome: list[str] = []
        second = threading.Thread(
            target=lambda: outcome.append(service.add([article("a", "Brenholt opens a bridge")])[0].outcome)
        )
        second.start()
        second.join(0.5)
        assert second.is_alive()
        assert outcome == []
        free.set()
        second.join(30)
        first.join(30)
        assert outcome == ["new_story"]
    holder.close()


def test_a_new_file_that_another_process_writes_into_is_waited_for(tmp_path: Path) -> None:
    file = tmp_path / "new.sqlite3"
    other = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(OperationalError, match="locked"):
        make_engine(f"sqlite:///{file}", 0.1).connect()
    threading.Timer(0.3, other.rollback).start()
    engine = make_engine(f"sqlite:///{file}", 30.0)
    with engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
    engine.dispose()
    other.close()


def test_a_failure_inside_the_lock_rolls_everything_back(url: str) -> None:
    def fail(session: object) -> None:
        raise RuntimeError("the caller's own")

    with hashing_service(url) as service:
        with pytest.raises(RuntimeError, match="the caller's own"):
            service.add(invented_news(5), finish=fail)
        assert service.stats().articles == 0
        assert service.stats().indexed == 0
        assert len(service.add(invented_news(5))) == 5
        assert_store_is_consistent(service.store, articles=5)


def test_times_without_a_zone_are_refused_and_all_others_come_back_in_utc(url: str) -> None:
    from datetime import UTC, datetime, timedelta, timezone

    from sqlalchemy.exc import StatementError

    from dedup.store import FeedRow

    store = open_store(url)
    east = datetime(2026, 3, 12, 3, 4, 5, 678901, tzinfo=timezone(timedelta(hours=5, minutes=45)))
    with store.locked() as session:
        session.add(FeedRow(url="a", added_at=east, failures=0))
    with store.reading() as session:
        row = session.query(FeedRow).one()
        assert row.added_at == east
        assert row.added_at.tzinfo is UTC
    with store.locked() as session:
        session.add(FeedRow(url="b", added_at=datetime(2026, 3, 12), failures=0))
        with pytest.raises(StatementError, match="naive datetime"):
            session.flush()
        session.rollback()
    store.close()


def test_the_index_lies_beside_a_sqlite_file_in_the_data_folder_of_a_server_or_where_it_is_told(
    url: str, tmp_path: Path
) -> None:
    with hashing_service(url) as service:
        if url.startswith("sqlite"):
            assert service.index_folder == tmp_path / "news.sqlite3.index"
        else:
            assert service.index_folder.is_relative_to(tmp_path / "data")
    with hashing_service(url, index={"folder": str(tmp_path / "x")}) as service:
        assert service.index_folder == tmp_path / "x"
