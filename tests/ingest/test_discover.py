"""From a site to its feeds, on real sockets."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dedup_ingest import ErrorKind, FeedError, FetchSettings, FoundFeed, ParseSettings, discover_feeds
from dedup_ingest._links import feed_links

PAGE = """<!DOCTYPE html><html><head><title>Gazette</title>{base}
<link rel="stylesheet" href="/style.css"><link rel="alternate" hreflang="de" href="/de/">
<link rel="alternate" type="application/rss+xml" href="/rss?a=1&amp;b=2" title="All">
<LINK REL='Alternate home' TYPE='application/atom+xml; charset=utf-8' HREF='atom.xml'>
<link rel="alternate" type="application/feed+json" href="/feed.json#x"><link rel="alternate" type="application/rss+xml"
href="/rss?a=1&amp;b=2&amp;utm_source=page"><link rel="alternate" type="application/rss+xml" href="javascript:1">
</head><body>News</body></html>"""
JSON = b'{"version": "https://jsonfeed.org/version/1.1", "title": "As JSON", "items": []}'


def discovered(
    kit: Any,
    pages: dict[str, bytes],
    allow: tuple[str, ...] | None = None,
    path: str = "/",
    parse: ParseSettings | None = None,
) -> Any:
    """What is found at a server with these pages, as (path, title, entries), and the paths that it was asked for."""

    async def answer(connection: Any) -> None:
        body = pages.get(connection.path)
        await connection.reply(body or b"", status="200 OK" if body else "404 Not Found")

    async def scenario() -> Any:
        async with kit.raw_server(answer) as server:
            settings = FetchSettings(
                allow_networks=kit.LOOPBACK if allow is None else allow, host_spacing_seconds=0, max_retries=0
            )
            found = await discover_feeds(f"{server.url}{path}", settings, parse or kit.QUICK_PARSE)
            short = [FoundFeed(feed.url.removeprefix(server.url), feed.title, feed.entries) for feed in found]
            return short, [request.path for request in server.requests]

    return kit.run(scenario())


def test_case_45_the_feeds_that_a_page_names_are_fetched_and_those_that_can_be_read_are_found(kit: Any) -> None:
    pages = {
        "/": PAGE.format(base="").encode(),
        "/rss?a=1&b=2": kit.rss(kit.item(1), kit.item(2)),
        "/atom.xml": b"<html><body>Moved</body></html>",
        "/feed.json": JSON,
    }
    found, asked = discovered(kit, pages)
    assert found == [FoundFeed("/rss?a=1&b=2", "Harbour Gazette", 2), FoundFeed("/feed.json#x", "As JSON", 0)]
    assert sorted(asked) == ["/", "/atom.xml", "/feed.json", "/rss?a=1&b=2"]


def test_case_45_an_address_that_is_a_feed_is_its_own_answer(kit: Any) -> None:
    found, asked = discovered(kit, {"/feed": kit.rss(kit.item())}, path="/feed")
    assert (found, asked) == ([FoundFeed("/feed", "Harbour Gazette", 1)], ["/feed"])


@pytest.mark.parametrize(
    ("pages", "kind", "words"),
    [
        ({}, ErrorKind.HTTP_STATUS, "404"),
        ({"/": b"<html><body>No feeds</body></html>"}, ErrorKind.NOT_A_FEED, "names no feed"),
        ({"/": PAGE.format(base="").encode()}, ErrorKind.NOT_A_FEED, "no feed that it names can be read.*404"),
        ({"/": b"<rss><channel>" + b"\x00" * 9}, None, ""),
    ],
    ids=["missing", "no links", "dead links", "broken feed"],
)
def test_case_45_a_site_without_a_readable_feed_is_one_clear_error(
    kit: Any, pages: dict[str, bytes], kind: ErrorKind | None, words: str
) -> None:
    if kind is None:
        assert discovered(kit, pages)[0][0].entries == 0
        return
    with pytest.raises(FeedError, match=words) as caught:
        discovered(kit, pages)
    assert caught.value.kind is kind


def test_the_guard_judges_discovered_feeds_like_any_other(kit: Any) -> None:
    with pytest.raises(FeedError) as caught:
        discovered(kit, {"/": b"x"}, allow=())
    assert caught.value.kind is ErrorKind.REFUSED_ADDRESS
    page = PAGE.format(base='<base href="http://169.254.169.254/">').encode()
    with pytest.raises(FeedError, match=r"guard refuses 169\.254\.169\.254"):
        discovered(kit, {"/": page})


def test_a_page_of_nothing_but_open_tags_is_killed_at_the_deadline(kit: Any) -> None:
    # 150 KB of it take 1.8 s, and the time grows with the square: it was read by the process that polls.
    page = b"<html><body>" + b"<div>" * 190_000
    parse = ParseSettings(workers=1, detect_language=False, deadline_seconds=2.0)
    with pytest.raises(FeedError, match="deadline_seconds") as caught:
        discovered(kit, {"/": page}, parse=parse)
    assert caught.value.kind is ErrorKind.PARSE_DEADLINE


def test_links_are_absolute_of_a_feed_s_type_and_come_once() -> None:
    links = feed_links(PAGE.format(base='<base href="/news/">'), "https://gazette.example/today/")
    assert links == (
        "https://gazette.example/rss?a=1&b=2",
        "https://gazette.example/news/atom.xml",
        "https://gazette.example/feed.json#x",
    )


@given(st.lists(st.sampled_from([*PAGE.replace("{base}", "").split('"'), "<base href='//['>", "\x00", "<!--"])))
def test_no_page_makes_the_search_for_feeds_fail(parts: list[str]) -> None:
    assert all(link.startswith(("http://", "https://")) for link in feed_links('"'.join(parts), "https://a.example/"))
