"""The book of feeds: by hand, from lists, and what servers say of them."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from feedserver import LOOPBACK, FeedServer, write_feeds
from newsroom import config_for, hashing_service
from sqlalchemy import select, update

from dedup import jobs
from dedup._errors import FeedRefused, NotFound
from dedup.feeds import FeedBook, FeedView, Leases
from dedup.results import IngestReport
from dedup.store import ArticleRow, FeedRow, Store, open_store

WIRE, GAZETTE, LEDGER = (f"https://{name}.example/rss" for name in ("wire", "gazette", "ledger"))


@pytest.fixture
def store(url: str) -> Any:
    opened = open_store(url)
    yield opened
    opened.close()


@pytest.fixture
def book(store: Store, url: str) -> FeedBook:
    return FeedBook(store, config_for(url))


def listed(path: Path, *lines: str) -> Path:
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    return path


def by_url(book: FeedBook) -> dict[str, FeedView]:
    return {view.url: view for view in book.feeds()}


def test_a_feed_is_added_once_and_due_at_once(book: FeedBook) -> None:
    added = book.add(WIRE, title="Wire", group="wires", cron="*/5 * * * *")
    assert (added.state, added.title, added.group, added.cron) == ("new", "Wire", "wires", "*/5 * * * *")
    assert added.next_at is not None
    assert added.next_at <= datetime.now(UTC)
    again = book.add("HTTPS://WIRE.example/rss#top")
    assert (again.id, again.url, again.group, again.cron) == (added.id, WIRE, "wires", "*/5 * * * *")
    assert len(book.feeds()) == 1
    with pytest.raises(FeedRefused, match="five fields"):
        book.add(GAZETTE, cron="hourly")
    assert len(book.feeds()) == 1


def test_a_feed_is_disabled_enabled_and_removed_by_id_or_url(book: FeedBook) -> None:
    one, two = book.add(WIRE), book.add(GAZETTE)
    disabled = book.disable(str(one.id))
    assert (disabled.state, disabled.why_disabled, disabled.next_at) == ("disabled", "disabled by hand", None)
    assert [view.url for view in book.feeds("polled")] == [GAZETTE]
    assert [view.url for view in book.feeds("disabled")] == [WIRE]
    enabled = book.enable(WIRE)
    assert (enabled.state, enabled.disabled_reason) == ("new", None)
    assert [entry["event"] for entry in enabled.history] == ["disabled", "enabled"]
    assert book.remove(GAZETTE).id == two.id
    assert [view.url for view in book.feeds()] == [WIRE]
    for name in ("99", GAZETTE, "nonsense", "99999999999999999999"):
        with pytest.raises(NotFound, match="no feed"):
            book.enable(name)


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


@pytest.fixture
def server(serve: Callable[[Path], FeedServer], tmp_path: Path) -> FeedServer:
    write_feeds(tmp_path / "www", 3)
    return serve(tmp_path / "www")


def poll_once(url: str, **sections: dict[str, Any]) -> IngestReport:
    """Everything is due, whatever was planned."""
    sections = {"fetch": LOOPBACK, "parse": {"workers": 1, "detect_language": False}} | sections
    with hashing_service(url, **sections) as service:
        with service.store.writing() as session:
            past = datetime.now(UTC) - timedelta(seconds=1)
            session.execute(update(FeedRow).where(FeedRow.next_at.is_not(None)).values(next_at=past))
        return jobs.ingest_due(service, config_for(url, **sections), [])


def test_case_12_a_feed_moves_at_the_second_permanent_redirect_and_its_articles_stay_what_they_are(
    url: str, book: FeedBook, store: Store, server: FeedServer
) -> None:
    old, new = f"{server.url}/f0.xml", f"{server.url}/f1.xml"
    book.add(old)
    assert poll_once(url).stored == 3
    document = (server.folder / "f0.xml").read_text(encoding="utf-8")
    more = "<item><guid>0-9</guid><title>Lusen counts its geese</title></item></channel>"
    (server.folder / "f1.xml").write_text(document.replace("</channel>", more), encoding="utf-8")
    server.moved["f0.xml"] = new
    assert poll_once(url).stored == 1
    assert book.feed(old).url == old
    assert poll_once(url).not_modified == 1
    moved = book.feed(old)  # still found by the address that it had
    assert moved.url == new
    assert [(entry["event"], entry["url"]) for entry in moved.history] == [("moved", old)]
    asked = server.asked["f0.xml"]
    report = poll_once(url)
    assert (report.feeds, report.stored, server.asked["f0.xml"]) == (1, 0, asked)
    with store.reading() as session:
        assert len(list(session.scalars(select(ArticleRow)))) == 4


def test_a_feed_that_moves_to_another_is_disabled_and_says_so(url: str, book: FeedBook, server: FeedServer) -> None:
    book.add(f"{server.url}/f0.xml")
    other = book.add(f"{server.url}/f1.xml")
    poll_once(url)
    server.moved["f0.xml"] = f"{server.url}/f1.xml"
    poll_once(url)
    poll_once(url)
    ended = book.feed(f"{server.url}/f0.xml")
    assert (ended.state, ended.disabled_reason) == ("disabled", "moved")
    assert ended.history[-1]["detail"].endswith(f"which is feed {other.id}")
    assert ended in book.feeds("trouble")


def test_case_28_a_feed_that_is_gone_is_disabled_and_visible_and_one_that_fails_waits(
    url: str, book: FeedBook, server: FeedServer
) -> None:
    for name in ("f0.xml", "f1.xml", "f2.xml"):
        book.add(f"{server.url}/{name}")
    server.broken |= {"f0.xml": 410, "f1.xml": 503}
    report = poll_once(url)
    assert (report.failed, report.fetched, len(report.problems)) == (2, 1, 2)
    views = {view.url.rsplit("/", 1)[1]: view for view in book.feeds()}
    assert (views["f0.xml"].state, views["f0.xml"].disabled_reason, views["f0.xml"].next_at) == (
        "disabled",
        "gone",
        None,
    )
    assert "410" in str(views["f0.xml"].error)
    assert (views["f1.xml"].state, views["f1.xml"].failure_class) == ("failing", "temporary")
    assert views["f2.xml"].state == "ok"
    assert {view.url for view in book.feeds("trouble")} == {views["f0.xml"].url, views["f1.xml"].url}
    poll_once(url)
    assert (server.asked["f0.xml"], server.asked["f1.xml"], book.feed(views["f1.xml"].url).failures) == (1, 2, 2)
    server.broken.clear()
    book.enable(views["f0.xml"].url)
    poll_once(url)
    assert [view.state for view in book.feeds()] == ["ok", "ok", "ok"]


def test_feeds_keep_to_their_own_cron_or_that_of_their_group_or_the_one_for_all(
    url: str, book: FeedBook, server: FeedServer
) -> None:
    book.add(f"{server.url}/f0.xml", cron="0 4 1 1 *")
    book.add(f"{server.url}/f1.xml", group="wires")
    book.add(f"{server.url}/f2.xml")
    poll_once(url, poll={"cron": "30 6 * * *", "group_cron": {"wires": "15 5 * * *"}})
    times = [(view.next_at.month, view.next_at.hour, view.next_at.minute) for view in book.feeds() if view.next_at]
    assert times[0] == (1, 4, 0)
    assert [time[1:] for time in times[1:]] == [(5, 15), (6, 30)]


def test_a_cron_expression_that_comes_later_counts_at_the_next_start(url: str, book: FeedBook) -> None:
    book.add(WIRE)
    with open_store(url).writing() as session:
        far = datetime.now(UTC) + timedelta(days=3)
        session.execute(update(FeedRow).values(next_at=far, checked_at=datetime.now(UTC)))
    assert FeedBook(open_store(url), config_for(url, poll={"cron": "*/5 * * * *"})).replan(crons=True) == 1
    due = book.feed(WIRE).next_at
    assert due is not None
    assert due <= datetime.now(UTC) + timedelta(minutes=5)
    assert book.replan() == 0


def test_what_ingest_fetches_once_is_not_polled_until_somebody_says_so(
    url: str, book: FeedBook, server: FeedServer, tmp_path: Path
) -> None:
    path = listed(tmp_path / "feeds.txt", f"{server.url}/f0.xml")
    with hashing_service(url, fetch=LOOPBACK) as service:
        assert jobs.ingest(service, config_for(url, fetch=LOOPBACK), [path]).stored == 3
    view = book.feed(f"{server.url}/f0.xml")
    assert (view.state, view.disabled_reason, view.next_at) == ("disabled", "once", None)
    assert poll_once(url).feeds == 0
    book.synchronise([path])
    assert poll_once(url).not_modified == 1


@pytest.mark.parametrize("reason", ["once", "unlisted"])
def test_a_listed_feed_that_moves_to_one_which_is_not_polled_goes_on_there(
    reason: str, url: str, book: FeedBook, store: Store, server: FeedServer, tmp_path: Path
) -> None:
    old, new = f"{server.url}/f0.xml", f"{server.url}/f1.xml"
    lists = [listed(tmp_path / "feeds.txt", old)]
    book.once([listed(tmp_path / "other.txt", new)])
    with store.writing() as session:
        session.execute(update(FeedRow).where(FeedRow.url == new).values(disabled_reason=reason))
    book.synchronise(lists)
    poll_once(url)
    server.moved["f0.xml"] = new
    poll_once(url)
    poll_once(url)
    assert [view.url for view in book.feeds("polled")] == [new]
    again = book.synchronise(lists)  # the list still says the old address, and means the new one
    assert (again.added, again.enabled, again.disabled) == (0, 0, 0)
    assert [view.url for view in book.feeds("polled")] == [new]
    assert book.synchronise([listed(tmp_path / "feeds.txt", "")]).disabled == 1
    assert book.synchronise([listed(tmp_path / "feeds.txt", old)]).enabled == 1
    assert [view.url for view in book.feeds("polled")] == [new]


def test_a_feed_is_known_by_every_address_that_it_had(url: str, book: FeedBook, server: FeedServer) -> None:
    addresses = [f"{server.url}/f0.xml", f"{server.url}/f1.xml", f"{server.url}/f2.xml"]
    first = book.add(addresses[0])
    for old, new in pairwise(addresses):
        server.moved[old.rpartition("/")[2]] = new
        poll_once(url)
        poll_once(url)
    assert [book.feed(address).id for address in addresses] == [first.id] * 3
    assert book.feed(addresses[0]).url == addresses[2]
    assert book.add(addresses[1]).id == first.id


def test_feeds_that_differ_in_a_parameter_or_in_who_asks_are_several(book: FeedBook) -> None:
    same = "https://ward.example/feed"
    several = [
        same,
        f"{same}?source=twitter",
        f"{same}?source=telegram",
        f"{same}?feed=rss",
        "https://u:p@ward.example/feed",
    ]
    assert len({book.add(one).id for one in several}) == len(several)
    assert book.add("HTTPS://Ward.example:443/feed#top").id == book.feed(same).id
    assert book.feed("https://u:p@ward.example/feed").url == "https://u:p@ward.example/feed"


def test_a_list_that_two_processes_read_at_once_is_added_once(url: str, tmp_path: Path) -> None:
    lists = [listed(tmp_path / "feeds.txt", *(f"https://ward{number}.example/rss" for number in range(50)))]
    start = Barrier(4)

    def synchronise(_: int) -> int:
        with closing(open_store(url)) as own:
            start.wait()
            return FeedBook(own, config_for(url)).synchronise(lists).added

    with ThreadPoolExecutor(4) as threads:
        assert sorted(threads.map(synchronise, range(4))) == [0, 0, 0, 50]


def test_a_removed_feed_leaves_its_articles(url: str, book: FeedBook, store: Store, server: FeedServer) -> None:
    book.add(f"{server.url}/f0.xml")
    poll_once(url)
    book.remove(f"{server.url}/f0.xml")
    with store.reading() as session:
        assert [row.feed_id for row in session.scalars(select(ArticleRow))] == [None] * 3
    assert poll_once(url).feeds == 0


def test_a_lease_is_kept_from_others_while_its_holder_lives_and_longer_leases_than_any_are_void(
    store: Store, book: FeedBook
) -> None:
    for address in (WIRE, GAZETTE, LEDGER):
        book.add(address)
    one, two = Leases(store, 60), Leases(store, 60)
    assert [claim.request.url for claim in one.claim_feeds(2)] == [WIRE, GAZETTE]
    assert [claim.request.url for claim in two.claim_feeds(5)] == [LEDGER]
    assert two.claim_feeds(5) == []
    later = datetime.now(UTC) + timedelta(seconds=61)
    assert len(two.claim_feeds(5, later)) == 3
    # Written before the clock was set back by a day: nobody would ever get them.
    earlier = datetime.now(UTC) - timedelta(days=1)
    with store.writing() as session:
        session.execute(update(FeedRow).values(next_at=earlier))
    assert len(one.claim_feeds(5, earlier)) == 3
    assert one.recover() == 0  # whoever holds them lives
    one.release()
    assert len(two.claim_feeds(5)) == 3


def test_an_entry_edited_while_it_is_being_sorted_waits_again(url: str, book: FeedBook, server: FeedServer) -> None:
    book.add(f"{server.url}/f0.xml")
    with hashing_service(url, fetch=LOOPBACK) as service:
        from dedup.feeds import Inbox
        from dedup.feeds._inbox import put
        from dedup_ingest import make_article

        def entry(text: str) -> Any:
            return make_article(source="Ward", title="Swans", text=text, guid="1", scope="ward")

        now = datetime.now(UTC)
        inbox, leases = Inbox(service.store), Leases(service.store, 60)
        with service.store.writing() as session:
            assert put(session, [(1, [entry("One swan.")])], now)[0] == {1: 1}
        taken = leases.claim_pending(10)
        assert len(taken) == 1
        with service.store.writing() as session:
            assert put(session, [(1, [entry("Two swans.")])], now)[2] == 1
        # The first sorter ends now: what it deletes is the old text only.
        assert [key for key, *_ in taken] == [entry("").key]
        assert len(inbox) == 1
        assert [placed.outcome for placed in inbox.sort(service, Leases(service.store, 60), 10)] == ["new_story"]
        assert len(inbox) == 0
