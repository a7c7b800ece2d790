"""The book of feeds: by hand, from lists, and what servers say of them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from feedserver import LOOPBACK, FeedServer, write_feeds
from newsroom import config_for, hashing_service
from sqlalchemy import select, update

from dedup import jobs
from dedup._errors import FeedRefused, NotFound
from dedup.feeds import FeedBook, FeedView, Leases, _leases
from dedup.results import IngestReport
from dedup.store import ArticleRow, FeedRow, Store, open_store

WIRE, GAZETTE, LEDGER = (f"https://{name}.example/rss" for name in ("wire", "gazette", "ledger"))


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


@pytest.mark.parametrize("address", ["ftp://no.example/x", "javascript:1", "wire.example/rss"])
def test_an_address_that_nobody_can_fetch_is_refused(book: FeedBook, address: str) -> None:
    with pytest.raises(FeedRefused, match="only http and https are fetched"):
        book.add(address)
    assert book.feeds() == ()


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


def test_a_removed_feed_leaves_its_articles(url: str, book: FeedBook, store: Store, server: FeedServer) -> None:
    book.add(f"{server.url}/f0.xml")
    poll_once(url)
    book.remove(f"{server.url}/f0.xml")
    with store.reading() as session:
        assert [row.feed_id for row in session.scalars(select(ArticleRow))] == [None] * 3
    assert poll_once(url).feeds == 0


def test_a_lease_is_kept_from_others_while_its_holder_lives_and_is_never_longer_than_any_that_is_given(
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
    # Written before the clock was set back by a day: nobody would get them for a day.
    with store.writing() as session:
        session.execute(update(FeedRow).values(lease_until=later + timedelta(days=1)))
    three = Leases(store, 60)
    assert three.recover() == 0  # whoever holds them lives
    assert three.claim_feeds(5) == []
    assert len(three.claim_feeds(5, datetime.now(UTC) + timedelta(seconds=61))) == 3
    three.release()
    assert len(two.claim_feeds(5)) == 3


@pytest.mark.parametrize("renewed", [False, True], ids=["just_set", "renewed_since"])
@pytest.mark.parametrize("days", [-1, 1], ids=["set_back", "set_forward"])
def test_a_claim_during_which_the_clock_is_set_takes_nothing_that_somebody_holds(
    store: Store, book: FeedBook, monkeypatch: pytest.MonkeyPatch, days: int, renewed: bool
) -> None:
    def long_due() -> None:
        with store.writing() as session:
            session.execute(update(FeedRow).values(next_at=datetime.now(UTC) - timedelta(days=2)))

    class Clock(datetime):
        """Set by `days` as the claim reads it: after that, or before it with the holder's renewal in between."""

        @classmethod
        def now(cls, tz: Any = None) -> Any:
            was, is_ = datetime.now(tz), datetime.now(tz) + timedelta(days=days)
            if reads and reads.pop():
                monkeypatch.setattr(_leases, "_clock_ahead", lambda: ahead() + timedelta(days=days))
                if renewed:
                    holder.renew()
                    return was
            return is_

    book.add(WIRE)
    holder, other = Leases(store, 60), Leases(store, 60)
    assert len(holder.claim_feeds(1)) == 1
    long_due()
    reads, ahead = [True], _leases._clock_ahead
    monkeypatch.setattr(_leases, "datetime", Clock)
    assert other.claim_feeds(1) == []
    assert not reads
    assert other.claim_feeds(1) == []
    book.add(GAZETTE)
    long_due()
    assert [claim.request.url for claim in other.claim_feeds(2)] == [GAZETTE]


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
