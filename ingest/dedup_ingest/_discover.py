"""From the address of a site to its feeds: the address itself, or what the page names as its alternates."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ._errors import ErrorKind, FeedError, ParseError
from ._fetch import Fetcher
from ._outcome import FeedRequest
from ._pool import LinkPool, ParserPool
from ._settings import ArticleLimits, FetchSettings, ParseSettings

if TYPE_CHECKING:
    from aiohttp.abc import AbstractResolver

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
    of a page are tried. Page and feeds are parsed in processes that are killed at `parse.deadline_seconds`.

    Raises:
        FeedError: the address cannot be fetched, or is neither a feed nor a page that names one that can be read.
    """
    pool, link_pool = ParserPool(parse, ArticleLimits()), LinkPool(parse, ArticleLimits())
    async with Fetcher(fetch, resolver) as fetcher:
        try:
            fetched = await fetcher.fetch(FeedRequest(url))
            body = fetched.body or b""
            try:
                return (await _read(pool, body, url, fetched.final_url, fetched.content_type),)
            except ParseError as error:
                if error.kind is not ErrorKind.NOT_A_FEED:
                    raise
                links = await link_pool.links(body, base=fetched.final_url, content_type=fetched.content_type)
                if not links:
                    raise
            tried = await asyncio.gather(*(_try(fetcher, pool, link) for link in links[:_MAX_TRIED]))
        finally:
            await asyncio.gather(pool.close(), link_pool.close())
    found = tuple(one for one in tried if isinstance(one, FoundFeed))
    if not found:
        said = "; ".join(f"{link}: {error}" for link, error in zip(links, tried, strict=False))
        raise ParseError(ErrorKind.NOT_A_FEED, f"is a web page, and no feed that it names can be read: {said[:500]}")
    return found


async def _try(fetcher: Fetcher, pool: ParserPool, url: str) -> FoundFeed | FeedError:
    try:
        fetched = await fetcher.fetch(FeedRequest(url))
        return await _read(pool, fetched.body or b"", url, fetched.final_url, fetched.content_type)
    except FeedError as error:
        return error


async def _read(pool: ParserPool, body: bytes, url: str, base: str, content_type: str | None) -> FoundFeed:
    parsed = await pool.parse(body, url=url, base=base, content_type=content_type)
    return FoundFeed(url, parsed.title[:_MAX_TITLE] or None, parsed.found)
