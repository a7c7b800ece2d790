"""`jobs.ingest` over files and over HTTP on loopback: what it counts, what a second run does, what a kill leaves."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from feedserver import LOOPBACK, rss
from newsroom import (
    ROOT,
    SHARED,
    assert_index_is_caught_up,
    assert_store_is_consistent,
    config_for,
    hashing_service,
)
from sqlalchemy import select

from dedup import jobs
from dedup.results import IngestReport
from dedup.store import ArticleRow, FeedRow, Store

EXAMPLES = ROOT / "examples"
REAL = SHARED / "feeds"
SCRIPT = Path(__file__).with_name("crashing.py")

needs_real_feeds = pytest.mark.skipif(not REAL.is_dir(), reason=f"the real feeds are not at {REAL}")

# tests/ingest explains each: two entries without a title and a text, one guid twice in a feed, one empty document.
# One document breaks off: what was there is kept, and its validators are not, so that it is read again.
REAL_SKIPPED, REAL_FAILED, REAL_CUT = 3, 1, 1
REAL_WHOLE = 61 - REAL_FAILED - REAL_CUT


def ingest(url: str, *lists: Path, batch: int = 64) -> IngestReport:
    config = config_for(url, fetch=LOOPBACK, encode={"batch_articles": batch})
    with hashing_service(url, fetch=LOOPBACK, encode={"batch_articles": batch}) as service:
        report = jobs.ingest(service, config, list(lists))
        assert_store_is_consistent(service.store)
        assert_index_is_caught_up(service)
        return report


def contents(store: Store) -> set[tuple[str, str, str]]:
    with store.reading() as session:
        return {(row.key, row.fingerprint, row.source) for row in session.scalars(select(ArticleRow))}


def stored(url: str) -> set[tuple[str, str, str]]:
    with hashing_service(url) as service:
        return contents(service.store)


def feed_list(path: Path, lines: list[str]) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_the_invented_day_comes_in_once_and_a_second_run_stores_nothing(url: str) -> None:
    first = ingest(url, EXAMPLES / "feeds.txt")
    assert (first.feeds, first.fetched, first.failed, first.entries, first.stored) == (6, 6, 0, 71, 71)
    assert first.stories + first.joined == first.stored
    second = ingest(url, EXAMPLES / "feeds.txt")
    assert (second.feeds, second.not_modified, second.stored, second.updated, second.encoded) == (6, 6, 0, 0, 0)


def test_the_same_feed_in_two_lists_is_fetched_once(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/news.sqlite3"
    copy = feed_list(tmp_path / "again.txt", [str(path) for path in sorted((EXAMPLES / "feeds").iterdir())] * 2)
    report = ingest(url, EXAMPLES / "feeds.txt", copy)
    assert (report.feeds, report.stored) == (6, 71)


def test_bad_feeds_and_bad_lines_are_problems_not_a_stop(tmp_path: Path, serve: object) -> None:
    server = serve(EXAMPLES / "feeds")  # type: ignore[operator]
    server.broken["lusen-ledger.atom"] = 500
    (tmp_path / "noise.xml").write_bytes(b"\x00\xff\x00 no feed")
    lines = [
        f"{server.url}/meridian-wire.xml",
        f"{server.url}/lusen-ledger.atom",
        f"{server.url}/missing.xml",
        "ftp://somewhere.example/feed",
        str(tmp_path / "noise.xml"),
        str(tmp_path / "absent.xml"),
    ]
    url = f"sqlite:///{tmp_path}/news.sqlite3"
    report = ingest(url, feed_list(tmp_path / "feeds.txt", lines))
    assert report.fetched == 1
    assert report.stored > 0
    assert len(report.problems) == 5
    assert any("feeds.txt:4" in problem.feed for problem in report.problems)
    assert all(problem.message for problem in report.problems)
    with hashing_service(url) as service, service.store.reading() as session:
        rows = {row.url: row for row in session.scalars(select(FeedRow))}
    bad = rows[f"{server.url}/lusen-ledger.atom"]
    assert (bad.http_status, bad.failures, bad.succeeded_at) == (500, 1, None)
    assert bad.error
    good = rows[f"{server.url}/meridian-wire.xml"]
    assert (good.http_status, good.failures, good.error) == (200, 0, None)
    assert good.title == "Meridian Wire"
    assert good.etag is not None
    server.broken.clear()
    again = ingest(url, tmp_path / "feeds.txt")
    assert again.fetched == 1
    with hashing_service(url) as service, service.store.reading() as session:
        row = session.scalars(select(FeedRow).where(FeedRow.url == f"{server.url}/lusen-ledger.atom")).one()
        assert (row.failures, row.error) == (0, None)
        assert row.succeeded_at is not None


def test_an_edited_entry_is_updated_and_a_new_one_added(tmp_path: Path, serve: object) -> None:
    folder = tmp_path / "www"
    folder.mkdir()
    old = ("1", "Storks return to Kelmouth", "They nest on the brewery.")
    (folder / "a.xml").write_text(rss("Wire", [old]))
    server = serve(folder)  # type: ignore[operator]
    url = f"sqlite:///{tmp_path}/news.sqlite3"
    lists = feed_list(tmp_path / "feeds.txt", [f"{server.url}/a.xml"])
    assert ingest(url, lists).stored == 1
    edited = ("1", "Storks return to Kelmouth", "They nest on the town hall, not on the brewery.")
    (folder / "a.xml").write_text(rss("Wire", [("2", "Penrose votes on its budget", "By a hair."), edited]))
    report = ingest(url, lists)
    assert (report.fetched, report.stored, report.updated, report.known) == (1, 1, 1, 0)
    assert ingest(url, lists).not_modified == 1


def test_the_validators_of_a_feed_are_committed_with_its_last_article(tmp_path: Path, serve: object) -> None:
    """Nobody may see a feed's ETag before its articles wait: a crash between them would lose the rest for good."""
    server = serve(EXAMPLES / "feeds")  # type: ignore[operator]
    url = f"sqlite:///{tmp_path}/news.sqlite3"
    lists = feed_list(tmp_path / "feeds.txt", [f"{server.url}/meridian-wire.xml"])
    whole = ingest(url, lists).stored
    assert whole > 8
    other = f"sqlite:///{tmp_path}/other.sqlite3"
    config = config_for(other, fetch=LOOPBACK, encode={"batch_articles": 4})
    seen: list[tuple[int, int, bool]] = []
    with hashing_service(other, encode={"batch_articles": 4}) as service:
        from sqlalchemy import event

        @event.listens_for(service.store.engine, "commit")
        def look(_: object) -> None:
            watcher = service.store.engine.raw_connection()
            try:
                cursor = watcher.cursor()
                sorted_ = cursor.execute("SELECT count(*) FROM article").fetchone()[0]
                waiting = cursor.execute("SELECT count(*) FROM pending").fetchone()[0]
                etag = cursor.execute("SELECT etag FROM feed").fetchone()
                seen.append((sorted_, waiting, bool(etag and etag[0])))
            finally:
                watcher.close()

        jobs.ingest(service, config, [lists])
        assert service.stats().articles == whole
    assert {sorted_ + waiting for sorted_, waiting, etag in seen if etag} == {whole}
    assert {sorted_ + waiting for sorted_, waiting, etag in seen if not etag} == {0}
    assert any(0 < sorted_ < whole for sorted_, _, _ in seen)


def kill_at(where: str, kind: str, place: int) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), where, str(EXAMPLES / "feeds.txt"), kind, str(place)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> tuple[int, set[tuple[str, str, str]]]:
    """How many statements an undisturbed ingest has, and what it stores."""
    url = f"sqlite:///{tmp_path_factory.mktemp('calm')}/news.sqlite3"
    done = kill_at(url, "never", 0)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["statement"], stored(url)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_case_58_an_ingest_killed_in_the_middle_and_run_again_equals_an_undisturbed_one(
    url: str, seed: int, calm: tuple[int, set[tuple[str, str, str]]]
) -> None:
    statements, everything = calm
    place = random.Random(seed).randint(10, int(statements * 0.9))
    assert kill_at(url, "statement", place).returncode == -signal.SIGKILL
    with hashing_service(url) as service:
        assert_store_is_consistent(service.store)
        before = service.stats().articles
    report = ingest(url, EXAMPLES / "feeds.txt", batch=16)
    assert report.stored == 71 - before
    assert stored(url) == everything
    assert ingest(url, EXAMPLES / "feeds.txt").not_modified == 6


@needs_real_feeds
def test_the_real_feeds_come_in_as_the_manifest_counts_them(tmp_path: Path, serve: object) -> None:
    manifest = {row["file"]: row["fp_entries"] for row in json.loads((REAL / "manifest.json").read_text())}
    from_files = f"sqlite:///{tmp_path}/files.sqlite3"
    paths = feed_list(tmp_path / "paths.txt", [str((REAL / name).resolve()) for name in manifest])
    first = ingest(from_files, paths)
    assert (first.feeds, first.fetched, first.failed) == (61, 61 - REAL_FAILED, REAL_FAILED)
    assert first.entries == sum(manifest.values())
    assert first.stored == first.entries - REAL_SKIPPED
    second = ingest(from_files, paths)
    assert (second.not_modified, second.stored, second.updated, second.encoded) == (REAL_WHOLE, 0, 0, 0)

    server = serve(REAL)  # type: ignore[operator]
    over_http = f"sqlite:///{tmp_path}/http.sqlite3"
    urls = feed_list(tmp_path / "urls.txt", [f"{server.url}/{name}" for name in manifest])
    third = ingest(over_http, urls)
    assert (third.entries, third.stored, third.failed) == (first.entries, first.stored, REAL_FAILED)
    server.statuses.clear()
    fourth = ingest(over_http, urls)
    assert (fourth.not_modified, fourth.stored, fourth.updated) == (REAL_WHOLE, 0, 0)
    assert sorted(server.statuses) == [200] * (REAL_FAILED + REAL_CUT) + [304] * REAL_WHOLE
