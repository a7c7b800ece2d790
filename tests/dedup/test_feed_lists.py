"""Lists of feeds: what they say, what they do not, and what becomes of feeds that they lose."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier

import pytest
from feedserver import LOOPBACK, FeedServer, write_feeds
from newsroom import config_for, hashing_service
from sqlalchemy import select, update

from dedup import jobs
from dedup._errors import FeedRefused
from dedup.feeds import FeedBook, FeedView, Leases
from dedup.store import FeedRow, Store, open_store

WIRE, GAZETTE, LEDGER = (f"https://{name}.example/rss" for name in ("wire", "gazette", "ledger"))


@pytest.fixture
def book(store: Store, url: str) -> FeedBook:
    return FeedBook(store, config_for(url))


@pytest.fixture
def server(serve: Callable[[Path], FeedServer], tmp_path: Path) -> FeedServer:
    write_feeds(tmp_path / "www", 1)
    return serve(tmp_path / "www")


def listed(path: Path, *lines: str) -> Path:
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    return path


def by_url(book: FeedBook) -> dict[str, FeedView]:
    return {view.url: view for view in book.feeds()}


def test_a_list_speaks_for_its_feeds_and_for_no_others(book: FeedBook, tmp_path: Path) -> None:
    by_hand = book.add(LEDGER)
    path = listed(tmp_path / "feeds.txt", WIRE, GAZETTE, LEDGER, "ftp://no.example/x")
    first = book.synchronise([path])
    assert (first.added, first.enabled, first.disabled, first.known) == (2, 0, 0, 1)
    assert [problem.feed for problem in first.problems] == [f"{path}:4"]
    assert by_url(book)[WIRE].origin == str(path)
    listed(path, GAZETTE)
    second = book.synchronise([path])
    assert (second.added, second.disabled) == (0, 1)
    assert by_url(book)[WIRE].disabled_reason == "unlisted"
    assert by_url(book)[LEDGER] == by_hand
    listed(path, WIRE, GAZETTE)
    assert book.synchronise([path]).enabled == 1
    assert by_url(book)[WIRE].state == "new"
    # What a person decided, no list takes back; and a list does not let go of what it names.
    book.disable(WIRE)
    assert book.synchronise([path]).enabled == 0
    assert by_url(book)[WIRE].disabled_reason == "by_hand"
    with pytest.raises(FeedRefused, match=r"stands in .*feeds\.txt"):
        book.remove(GAZETTE)


def test_a_feed_in_two_lists_leaves_with_the_second(book: FeedBook, tmp_path: Path) -> None:
    one, two = listed(tmp_path / "one.txt", WIRE), listed(tmp_path / "two.txt", WIRE, GAZETTE)
    book.synchronise([one, two])
    listed(one, "# nothing")
    assert book.synchronise([one, two]).disabled == 0
    assert by_url(book)[WIRE].origin == str(two)
    listed(two, GAZETTE)
    assert book.synchronise([one, two]).disabled == 1


def test_a_feed_that_its_list_lost_for_a_moment_goes_on_with_its_plan(
    book: FeedBook, store: Store, tmp_path: Path
) -> None:
    path = listed(tmp_path / "feeds.txt", WIRE, GAZETTE)
    book.synchronise([path])
    now = datetime.now(UTC)
    plan = {"next_at": now + timedelta(hours=30), "checked_at": now, "failures": 5, "failure_class": "temporary"}
    with store.writing() as session:
        kept = plan | {"etag": '"v1"', "last_modified": "Mon", "moving_to": LEDGER}
        session.execute(update(FeedRow).where(FeedRow.url == WIRE).values(**kept))
    listed(path, GAZETTE)
    book.synchronise([path])
    assert (by_url(book)[WIRE].state, by_url(book)[WIRE].next_at) == ("disabled", None)
    listed(path)  # as an editor leaves it before it writes
    assert book.synchronise([path]).disabled == 1
    assert Leases(store, 60).claim_feeds(5, now + timedelta(days=9)) == []
    listed(path, WIRE, GAZETTE)
    assert book.synchronise([path]).enabled == 2
    again = by_url(book)[WIRE]
    assert {name: getattr(again, name) for name in plan} == plan
    with store.reading() as session:
        row = session.scalars(select(FeedRow).where(FeedRow.url == WIRE)).one()
        assert (row.etag, row.last_modified, row.moving_to) == ('"v1"', "Mon", LEDGER)
    # Only what nobody has visited yet is due; and by hand a feed begins anew, as the command says.
    assert [claim.request.url for claim in Leases(store, 60).claim_feeds(5)] == [GAZETTE]
    listed(path, GAZETTE)
    book.synchronise([path])
    enabled = book.enable(WIRE)
    assert enabled.next_at is not None
    assert (enabled.next_at < plan["next_at"], enabled.failures) == (True, 0)


def test_a_visit_that_ends_while_its_feed_is_unlisted_counts_when_it_is_listed_again(
    url: str, book: FeedBook, server: FeedServer, tmp_path: Path
) -> None:
    path = listed(tmp_path / "feeds.txt", f"{server.url}/f0.xml")
    book.synchronise([path])
    book.synchronise([listed(tmp_path / "feeds.txt")])
    with hashing_service(url, fetch=LOOPBACK) as service:
        jobs.ingest(service, config_for(url, fetch=LOOPBACK), [listed(tmp_path / "once.txt", f"{server.url}/f0.xml")])
    assert book.feed(f"{server.url}/f0.xml").disabled_reason == "unlisted"
    book.synchronise([listed(path, f"{server.url}/f0.xml")])
    due = book.feed(f"{server.url}/f0.xml").next_at
    assert due is not None
    assert due > datetime.now(UTC)


def test_a_list_that_breaks_off_takes_no_feed_away(book: FeedBook, tmp_path: Path) -> None:
    path = tmp_path / "feeds.opml"
    whole = "".join(f'<outline type="rss" text="a" xmlUrl="{url}"/>\n' for url in (WIRE, GAZETTE))
    path.write_text(f'<opml version="2.0"><body>{whole}</body></opml>', encoding="utf-8")
    assert book.synchronise([path]).added == 2
    path.write_text(f'<opml version="2.0"><body>{whole[: len(whole) // 2]}', encoding="utf-8")
    broken = book.synchronise([path])
    assert (broken.disabled, len(broken.problems)) == (0, 1)


def test_opml_comes_in_with_groups_and_goes_out_the_same(book: FeedBook, tmp_path: Path, url: str) -> None:
    path = tmp_path / "in.opml"
    path.write_text(
        f'<opml version="2.0"><body><outline text="Wires"><outline type="rss" title="Wire" xmlUrl="{WIRE}"/></outline>'
        f'<outline type="rss" title="Gazette" xmlUrl="{GAZETTE}"/></body></opml>',
        encoding="utf-8",
    )
    assert book.import_list(path).added == 2
    assert {(v.url, v.title, v.group, v.origin) for v in book.feeds()} == {
        (WIRE, "Wire", "Wires", None),
        (GAZETTE, "Gazette", None, None),
    }
    out = tmp_path / "out.opml"
    out.write_text(book.export_opml(), encoding="utf-8")
    book.disable(GAZETTE)
    other = open_store(f"sqlite:///{tmp_path}/other.sqlite3")
    copy = FeedBook(other, config_for(url))
    assert copy.import_list(out).added == 2
    assert {(v.url, v.title, v.group) for v in copy.feeds()} == {(v.url, v.title, v.group) for v in book.feeds()}
    other.close()
    assert GAZETTE not in book.export_opml()
    assert GAZETTE in book.export_opml("all")


def test_a_list_that_two_processes_read_at_once_is_added_once(url: str, tmp_path: Path) -> None:
    lists = [listed(tmp_path / "feeds.txt", *(f"https://ward{number}.example/rss" for number in range(50)))]
    start = Barrier(4)

    def synchronise(_: int) -> int:
        with closing(open_store(url)) as own:
            start.wait()
            return FeedBook(own, config_for(url)).synchronise(lists).added

    with ThreadPoolExecutor(4) as threads:
        assert sorted(threads.map(synchronise, range(4))) == [0, 0, 0, 50]


def test_a_feed_disabled_by_hand_stays_so_when_a_list_with_it_is_imported(book: FeedBook, tmp_path: Path) -> None:
    path = listed(tmp_path / "feeds.txt", WIRE, GAZETTE)
    assert book.import_list(path).added == 2
    book.disable(WIRE)
    again = book.import_list(path)
    assert (again.added, again.enabled, again.known, again.by_hand) == (0, 0, 2, 1)
    assert [view.url for view in book.feeds("polled")] == [GAZETTE]
    assert book.synchronise([path]).by_hand == 1
    assert book.add(WIRE).state == "new"  # that is somebody's word again
