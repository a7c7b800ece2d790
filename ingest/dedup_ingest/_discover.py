"""From the address of a site to its feeds: the address itself, or what the page names as its alternates."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urljoin

from ._charset import decode
from ._errors import ErrorKind, FeedError, ParseError
from ._fetch import Fetcher
from ._outcome import FeedRequest
from ._pool import ParserPool
from ._settings import ArticleLimits, FetchSettings, ParseSettings
from ._urls import feed_identity, web_link

if TYPE_CHECKING:
    from aiohttp.abc import AbstractResolver

_FEED_TYPES: Final = frozenset({"application/rss+xml", "application/atom+xml", "application/feed+json"})
_MAX_PAGE_BYTES: Final = 1_000_000  # links to feeds stand in the head
_MAX_TRIED: Final = 5  # of the alternates that one page names
_MAX_TITLE: Final = 200


@dataclass(frozen=True, slots=True)
class FoundFeed:
    """A feed that was fetched and could be read. `url` is where it is, `title` what it calls itself."""

    url: str
    title: str | None
    entries: int


async def discover_feeds(
    url: str,
    fetch: FetchSettings,
    parse: ParseSettings,
    *,
    resolver: AbstractResolver | None = None,
) -> tuple[FoundFeed, ...]:
    """The feeds behind an http(s) address, in the order of the page: one when the address is a feed itself.

    Each is fetched, past the network guard like any other, and is there only if it can be read. At most five alternates
    of a page are tried.

    Raises:
        FeedError: the address cannot be fetched, or is neither a feed nor a page that names one that can be read.
    """
    pool = ParserPool(parse, ArticleLimits())
    async with Fetcher(fetch, resolver) as fetcher:
        try:
            fetched = await fetcher.fetch(FeedRequest(url))
            body = fetched.body or b""
            try:
                return (await _read(pool, body, url, fetched.final_url, fetched.content_type),)
            except ParseError as error:
                if error.kind is not ErrorKind.NOT_A_FEED:
                    raise
                links = feed_links(decode(body[:_MAX_PAGE_BYTES], fetched.content_type).text, fetched.final_url)
                if not links:
                    raise
            tried = await asyncio.gather(*(_try(fetcher, pool, link) for link in links[:_MAX_TRIED]))
        finally:
            await pool.close()
    found = tuple(one for one in tried if isinstance(one, FoundFeed))
    if not found:
        said = "; ".join(f"{link}: {error}" for link, error in zip(links, tried, strict=False))
        raise ParseError(ErrorKind.NOT_A_FEED, f"is a web page, and no feed that it names can be read: {said[:500]}")
    return found


def feed_links(html: str, base: str) -> tuple[str, ...]:
    """The absolute http(s) URLs that a page names as its feeds (`link rel=alternate` with a feed's type), in order."""
    from selectolax.lexbor import LexborHTMLParser

    tree = LexborHTMLParser(html)
    root = tree.css_first("base[href]")
    if root is not None:
        with suppress(ValueError):
            base = urljoin(base, root.attributes.get("href") or "")
    found: dict[str, str] = {}
    for node in tree.css("link[rel][href]"):
        given = node.attributes
        kind = (given.get("type") or "").partition(";")[0].strip().lower()
        if "alternate" in (given.get("rel") or "").lower().split() and kind in _FEED_TYPES:
            link = web_link(given.get("href") or "", base)
            if link is not None:
                found.setdefault(feed_identity(link), link)
    return tuple(found.values())


async def _try(fetcher: Fetcher, pool: ParserPool, url: str) -> FoundFeed | FeedError:
    try:
        fetched = await fetcher.fetch(FeedRequest(url))
        return await _read(pool, fetched.body or b"", url, fetched.final_url, fetched.content_type)
    except FeedError as error:
        return error


async def _read(pool: ParserPool, body: bytes, url: str, base: str, content_type: str | None) -> FoundFeed:
    parsed = await pool.parse(body, url=url, base=base, content_type=content_type)
    return FoundFeed(url, parsed.title[:_MAX_TITLE] or None, parsed.found)
