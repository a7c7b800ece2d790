"""The text of a page in place of a summary: when it is asked for, what stands in the way, and which address counts."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import json
import socket
import subprocess
import sys
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

import pytest

from dedup_ingest import Article, ErrorKind, FeedOutcome, FeedRequest, FetchSettings, FullTextSettings

pytest.importorskip("trafilatura", reason="the extra [fulltext] is not installed")

TITLE = "Ferry line reopens after the storm"
STORY = (
    "The ferry between the two islands sails again from Monday, the harbour office said after a week of storms.",
    "Engineers replaced both ramps during the night and tested them with an empty ship before the first passengers.",
    "Tickets for the morning crossing were sold out within an hour, and a second ship will help until the weekend.",
    "The mayor of the smaller island thanked the crews, who had carried medicine across in fishing boats until now.",
)
CHROME = "<nav><a href='/'>Home</a> <a href='/sport'>Sport</a></nav>"


def page(*story: str, title: str = TITLE, head: str = "", extra: str = "", root: str = "") -> bytes:
    body = "".join(f"<p>{paragraph}</p>" for paragraph in story or STORY)
    return (
        f"<!DOCTYPE html><html {root}><head><meta charset='utf-8'><title>{title} | Harbour Gazette</title>{head}</head>"
        f"<body>{CHROME}<article><h1>{title}</h1>{body}</article>{extra}"
        "<footer>All rights reserved</footer></body></html>"
    ).encode()


def linking(address: str, relation: str = "canonical") -> str:
    return f'<link rel="{relation}" href="{address}">'


def entry(link: str, *, number: int = 1, title: str = TITLE, text: str = "The ferry sails again.") -> str:
    return (
        f"<item><title>{title}</title><guid>g-{number}</guid><link>{link}</link>"
        f"<description>{text}</description></item>"
    )


class Web:
    """Pages by path, each bytes or an answerer; `{base}` in what they say is the address of the server."""

    def __init__(self, kit: Any, **pages: Any) -> None:
        self.kit, self.pages = kit, {f"/{name}": answer for name, answer in pages.items()}

    async def __call__(self, connection: Any) -> None:
        answer = self.pages.get(connection.path.partition("?")[0])
        if answer is None:
            await connection.reply(b"nothing", status="404 Not Found")
        elif isinstance(answer, bytes):
            host = connection.headers["host"].encode()
            body = answer.replace(b"{base}", b"http://" + host).replace(b"{port}", host.rpartition(b":")[2])
            await connection.reply(body, headers=[("Content-Type", "text/html; charset=utf-8")])
        else:
            await answer(connection)


class AllHere:
    """Every name is at one address."""

    async def resolve(self, host: str, port: int = 0, family: int = socket.AF_INET) -> list[dict[str, Any]]:
        return [{"hostname": host, "host": "127.0.0.1", "port": port, "family": socket.AF_INET, "proto": 0, "flags": 0}]

    async def close(self) -> None:
        return None


def settings(**changes: Any) -> FullTextSettings:
    return FullTextSettings(**{"enabled": "all", "workers": 1, **changes})


def visit(
    kit: Any,
    entries: Sequence[str],
    pages: FullTextSettings | None = None,
    *,
    fetch: dict[str, Any] | None = None,
    known: Callable[[Sequence[Article]], Any] | None = None,
    **web: Any,
) -> tuple[FeedOutcome, Any]:
    """One visit to a feed with these entries at a host of its own, whose other paths are `web`."""

    async def scenario() -> tuple[FeedOutcome, Any]:
        site = Web(kit, feed=kit.rss(*entries), **web)
        async with kit.raw_server(site) as server:
            feed = f"http://gazette.example:{server.port}/feed"
            limits = {"allow_networks": kit.LOOPBACK, "host_spacing_seconds": 0, "max_retries": 0, **(fetch or {})}
            asked = settings() if pages is None else pages
            if asked.feeds:
                asked = settings(enabled=asked.enabled, feeds=dict.fromkeys([feed], asked.feeds["this"]))
            outcomes = await kit.gather([feed], FetchSettings(**limits), resolver=AllHere(), pages=asked, known=known)
            return outcomes[feed], server

    result: tuple[FeedOutcome, Any] = kit.run(scenario())
    return result


def paths(server: Any) -> list[str]:
    return [request.path for request in server.requests]


def test_the_text_of_the_page_takes_the_place_of_the_summary_and_the_article_stays_the_same_one(kit: Any) -> None:
    plain, _ = visit(kit, [entry("/story")], settings(enabled="off"), story=page())
    outcome, server = visit(kit, [entry("/story")], story=page())
    before, after = plain.articles[0], outcome.articles[0]
    assert (before.text, before.page_sha256, plain.pages) == ("The ferry sails again.", None, ())
    assert after.text == "\n".join(STORY)
    assert (after.title, after.guid, after.revision) == (before.title, "g-1", before.revision)
    assert after.fingerprint != before.fingerprint
    assert after.page_sha256 == hashlib.sha256(page()).hexdigest() == outcome.pages[0].sha256
    assert (outcome.pages[0].status, outcome.pages[0].method, outcome.pages[0].key) == (
        "text",
        "trafilatura",
        after.key,
    )
    assert "text/html" in server.requests[1].headers["accept"]
    assert "if-none-match" not in server.requests[1].headers


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (FullTextSettings(), []),
        (FullTextSettings(enabled="short"), ["/short"]),
        (FullTextSettings(feeds={"this": "all"}), ["/long", "/short"]),
        (FullTextSettings(enabled="all", feeds={"this": "short"}), ["/short"]),
        (FullTextSettings(enabled="all", feeds={"this": "off"}), []),
    ],
    ids=["off", "short", "this feed", "this feed's short ones", "but not this feed"],
)
def test_the_rule_for_all_feeds_and_the_rule_of_one_say_which_pages_are_asked_for(
    kit: Any, asked: FullTextSettings, expected: list[str]
) -> None:
    entries = [
        entry("/short", number=1),
        entry("/long", number=2, text="The ferry sails again. " * 40),
        entry("", number=3),
    ]
    outcome, server = visit(kit, entries, asked, short=page(), long=page())
    assert sorted(set(paths(server)) - {"/feed"}) == expected
    assert len(outcome.articles) == 3


def test_pages_of_articles_that_are_stored_are_left_alone_and_an_error_of_the_store_ends_the_visit(kit: Any) -> None:
    entries = [entry(f"/{name}", number=number) for number, name in enumerate(("old", "new"))]

    async def known(articles: Sequence[Article]) -> Collection[str]:
        return {article.key for article in articles if article.guid == "g-0"}

    async def broken(articles: Sequence[Article]) -> Collection[str]:
        raise OSError("the database is away")

    outcome, server = visit(kit, entries, known=known, old=page(), new=page())
    assert paths(server) == ["/feed", "/new"]
    assert [article.page_sha256 is not None for article in outcome.articles] == [False, True]
    with pytest.raises(OSError, match="database is away"):
        visit(kit, entries, known=broken, old=page(), new=page())


def test_no_more_pages_are_asked_for_in_one_visit_than_the_limit(kit: Any) -> None:
    entries = [entry(f"/story?{number}", number=number) for number in range(5)]
    outcome, server = visit(kit, entries, settings(max_pages_per_feed=2), story=page())
    assert sorted(paths(server)) == ["/feed", "/story?0", "/story?1"]
    assert [article.page_sha256 is not None for article in outcome.articles] == [True, True, False, False, False]


SUBSCRIBE = "<div class='offer'>Already a subscriber? Sign in to continue.</div>"
LOCKED = '<script type="application/ld+json">{"@type": "NewsArticle", "isAccessibleForFree": "False"}</script>'
COOKIES = (
    "<p>We use cookies and similar techniques to show advertising that fits you, and so do our partners.</p>"
    "<p>Our partners store information on your device. You can change your mind at any time in the settings.</p>"
    "<button>Accept all</button><button>Manage preferences</button>"
)
INSTEAD = {
    "subscribe": (page(*STORY[:3], extra=SUBSCRIBE), "paywall"),
    "not_free": (page(*STORY[:3], head=LOCKED), "paywall"),
    "tier": (page(*STORY[:3], head='<meta name="article:content_tier" content="locked">'), "paywall"),
    "metered": (page(*STORY * 4, head=LOCKED), "text"),  # says that it is locked, and gives everything
    "consent": (f"<html><body><h1>Before you continue</h1>{COOKIES}</body></html>".encode(), "consent"),
    "banner": (page(extra=f"<div id='banner'>{COOKIES}</div>"), "text"),  # below an article it is no wall
    "short": (page("The ferry sails again."), "short"),
    "another": (page(*(text.replace("ferry", "train") for text in STORY), title="Choir wins prize"), "unrelated"),
}


@pytest.fixture(scope="module")
def instead(kit: Any) -> dict[str, tuple[Any, Article]]:
    """What became of each page of INSTEAD in one visit, and the article afterwards."""
    entries = [entry(f"/{name}", number=number, title="Ferry line reopens") for number, name in enumerate(INSTEAD)]
    outcome, _ = visit(kit, entries, **{name: body for name, (body, _) in INSTEAD.items()})
    return dict(zip(INSTEAD, zip(outcome.pages, outcome.articles, strict=True), strict=True))


@pytest.mark.parametrize("name", INSTEAD)
def test_what_a_page_shows_instead_of_its_article_leaves_the_summary_in_place(
    instead: dict[str, tuple[Any, Article]], name: str
) -> None:
    body, status = INSTEAD[name]
    seen, article = instead[name]
    assert seen.status == status
    assert (article.text != "The ferry sails again.") is (status == "text")
    assert seen.sha256 == hashlib.sha256(body).hexdigest()


def test_a_redirect_to_a_consent_page_of_another_host_is_a_wall(kit: Any) -> None:
    async def redirect(connection: Any) -> None:
        target = f"http://consent.gazette.example:{connection.headers['host'].rpartition(':')[2]}/collect"
        await connection.reply(status="302 Found", headers=[("Location", target)])

    outcome, _ = visit(kit, [entry("/story")], story=redirect, collect=page())
    assert (outcome.pages[0].status, outcome.articles[0].text) == ("consent", "The ferry sails again.")


async def _missing(connection: Any) -> None:
    await connection.reply(status="404 Not Found")


async def _huge(connection: Any) -> None:
    await connection.reply(gzip.compress(bytes(50_000_000)), headers=[("Content-Encoding", "gzip")])


async def _picture(connection: Any) -> None:
    await connection.reply(b"\x89PNG\r\n" + bytes(500), headers=[("Content-Type", "image/png")])


async def _silent(connection: Any) -> None:
    await asyncio.sleep(30)


async def _inside(connection: Any) -> None:
    await connection.reply(status="302 Found", headers=[("Location", "http://169.254.169.254/latest/meta-data")])


async def _nested(connection: Any) -> None:
    await connection.reply(b"<html><body>" + b"<div>" * 300_000, headers=[("Content-Type", "text/html")])


FAILING = {
    "missing": (_missing, {ErrorKind.HTTP_STATUS}),
    "bomb": (_huge, {ErrorKind.TOO_LARGE}),
    "picture": (_picture, {ErrorKind.NOT_A_PAGE}),
    "silent": (_silent, {ErrorKind.TIMEOUT}),
    "inside": (_inside, {ErrorKind.REFUSED_ADDRESS}),
    "nested": (_nested, {ErrorKind.PARSE_DEADLINE, ErrorKind.PARSE_CRASH, ErrorKind.PARSE_MEMORY}),
}


def test_a_page_that_fails_costs_its_text_only_and_the_next_page_is_read(kit: Any) -> None:
    entries = [entry(f"/{name}", number=number) for number, name in enumerate([*FAILING, "story"])]
    web = {name: answer for name, (answer, _) in FAILING.items()}
    asked = settings(deadline_seconds=3.0, max_concurrency=1)
    outcome, _ = visit(kit, entries, asked, fetch={"read_timeout_seconds": 0.5}, **web, story=page())
    assert outcome.status == "fetched"
    for (name, (_, kinds)), seen in zip(FAILING.items(), outcome.pages, strict=False):
        assert (seen.status, seen.error_kind in kinds) == ("failed", True), (name, seen)
    assert [article.text for article in outcome.articles] == ["The ferry sails again."] * 6 + ["\n".join(STORY)]


def test_feeds_and_pages_of_one_host_share_its_limit(kit: Any) -> None:
    now = most = 0

    async def slow(connection: Any) -> None:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.01)
        if connection.path.startswith("/feed"):
            await connection.reply(kit.rss(*(entry(f"/story?{connection.path[5:]}-{n}", number=n) for n in range(3))))
        else:
            await connection.reply(page(), headers=[("Content-Type", "text/html")])
        now -= 1

    async def scenario() -> dict[str, FeedOutcome]:
        async with kit.raw_server(slow) as server:
            fetch = FetchSettings(allow_networks=kit.LOOPBACK, max_concurrency_per_host=2, host_spacing_seconds=0)
            outcomes: dict[str, FeedOutcome] = await kit.gather(
                [f"{server.url}/feed{number}" for number in range(6)], fetch, pages=settings(enabled="all")
            )
            return outcomes

    outcomes = kit.run(scenario())
    assert sum(page.status == "text" for outcome in outcomes.values() for page in outcome.pages) == 18
    assert most == 2


_WIRE = "http://wire.example:{port}"
NAMED: dict[str, tuple[str, bytes | None, bool]] = {
    "same_site": ("http://www.gazette.example:{port}/news/ferry", None, True),
    "relative": ("/news/ferry", None, True),
    "front_page": ("http://www.gazette.example:{port}/", None, False),
    "itself": ("{base}/itself?utm_source=rss", None, False),
    "no_address": ("javascript:alert(1)", None, False),
    "agreeing": (f"{_WIRE}/1", page(head=linking(f"{_WIRE}/1")), True),
    "silent_site": (f"{_WIRE}/2", page(), True),
    "other_headline": (f"{_WIRE}/3", page(title="Something else entirely"), False),
    "other_address": (f"{_WIRE}/4", page(head=linking(f"{_WIRE}/other")), False),
    "missing": (f"{_WIRE}/5", None, False),
    "private": ("http://10.0.0.1/origin", None, False),
}


@pytest.fixture(scope="module")
def named(kit: Any) -> dict[str, tuple[Any, Article, str]]:
    """What became of each page of NAMED in one visit, the article afterwards, and the server's port."""
    entries = [entry(f"/{name}", number=number) for number, name in enumerate(NAMED)]
    web = {name: page(head=linking(address)) for name, (address, _, _) in NAMED.items()}
    web |= {address.rpartition("/")[2]: there for address, there, _ in NAMED.values() if there is not None}
    outcome, server = visit(kit, entries, **web)
    ports = [str(server.port)] * len(NAMED)
    return dict(zip(NAMED, zip(outcome.pages, outcome.articles, ports, strict=True), strict=True))


@pytest.mark.parametrize("name", NAMED)
def test_the_address_that_a_page_calls_its_own_is_taken_when_it_may_be(
    named: dict[str, tuple[Any, Article, str]], name: str
) -> None:
    written, _, accepted = NAMED[name]
    seen, article, port = named[name]
    own = f"http://gazette.example:{port}"
    address = f"{own}{written}" if written.startswith("/") else written.replace("{port}", port)
    assert seen.status == "text"
    assert article.url == (address if accepted else f"{own}/{name}")
    assert seen.canonical_url == (address if accepted else None)


def test_the_amp_form_is_asked_once_where_the_page_itself_has_no_text(kit: Any) -> None:
    empty = page("Loading", head=linking("/amp/story", "amphtml"))
    amp = page(head=linking("{base}/story"), root="amp")
    outcome, server = visit(kit, [entry("/story")], story=empty, **{"amp/story": amp})
    assert paths(server) == ["/feed", "/story", "/amp/story"]
    assert outcome.articles[0].text == "\n".join(STORY)
    assert outcome.articles[0].url == f"http://gazette.example:{server.port}/story"


def test_an_article_that_the_feed_links_by_its_amp_form_gets_its_canonical_address(kit: Any) -> None:
    amp = page(head=linking("{base}/story"), root="amp")
    outcome, server = visit(kit, [entry("/amp/story")], **{"amp/story": amp})
    assert outcome.articles[0].url == f"http://gazette.example:{server.port}/story"


def test_a_page_in_an_old_encoding_that_only_its_meta_names_is_read(kit: Any) -> None:
    story = tuple(
        f"{paragraph} Паром снова ходит между островами, сообщила администрация порта." for paragraph in STORY
    )
    body = page(*story).replace(b"utf-8", b"windows-1251").decode().encode("cp1251")

    async def answer(connection: Any) -> None:
        await connection.reply(body, headers=[("Content-Type", "text/html")])

    outcome, _ = visit(kit, [entry("/story")], story=answer)
    assert "администрация порта" in outcome.articles[0].text


def test_without_an_extractor_the_publisher_s_own_body_is_the_text(kit: Any) -> None:
    data = json.dumps({"@graph": [{"@type": "NewsArticle", "articleBody": "\n\n".join(STORY)}]})
    head = f'<script type="application/ld+json">{data}</script><title>{TITLE}</title>'
    body = f'<html><head>{head}</head><body><div id="app"></div></body></html>'
    outcome, _ = visit(kit, [entry("/story")], story=body.encode())
    assert (outcome.pages[0].status, outcome.pages[0].method) == ("text", "publisher")
    assert STORY[-1] in outcome.articles[0].text


def test_full_text_of_a_local_feed_never_reads_local_pages(kit: Any, tmp_path: Path) -> None:
    (tmp_path / "story").write_bytes(page())
    path = tmp_path / "feed.xml"
    path.write_bytes(kit.rss(entry(str(tmp_path / "story")), entry(f"file://{tmp_path}/story", number=2)))
    outcome = kit.run(kit.gather([FeedRequest(str(path))], pages=settings()))[str(path)]
    assert [article.text for article in outcome.articles] == ["The ferry sails again."] * 2
    assert all(article.page_sha256 is None for article in outcome.articles)


_WITHOUT = """
import asyncio, sys
from importlib.machinery import PathFinder
from dedup_ingest import FeedRequest, FetchSettings, FullTextSettings, ParseSettings, SettingsError, collect

class Finder(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name == "trafilatura" else super().find_spec(name, path, target)

sys.meta_path = [Finder if finder is PathFinder else finder for finder in sys.meta_path]

async def main(mode):
    pages = FullTextSettings(enabled=mode)
    async for outcome in collect([FeedRequest("/nowhere")], FetchSettings(), ParseSettings(), pages=pages):
        print(outcome.status)

asyncio.run(main("off"))
try:
    asyncio.run(main("all"))
except SettingsError as error:
    print(error)
"""


def test_without_the_extra_full_text_is_one_error_that_says_what_to_install() -> None:
    done = subprocess.run([sys.executable, "-c", _WITHOUT], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[0] == "failed"  # switched off, nothing of it is needed
    assert "pip install 'news-dedup[fulltext]'" in done.stdout
