"""Many feeds at once: fetched under the limits, parsed in workers, given out as they are done."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING, Final
from urllib.parse import urldefrag, urlsplit

from ._errors import ErrorKind, FeedError
from ._fetch import Fetched, Fetcher
from ._fulltext import Known, PageReader
from ._localfile import read_file
from ._outcome import FeedOutcome, FeedRequest
from ._pool import ParserPool
from ._queue import More, RequestQueue, Turn
from ._settings import ArticleLimits, FetchSettings, FullTextSettings, ParseSettings

if TYPE_CHECKING:
    from aiohttp.abc import AbstractResolver

_DEFAULT_LIMITS: Final = ArticleLimits()
_PERMANENT: Final = frozenset({301, 308})


async def collect(
    requests: Sequence[FeedRequest],
    fetch: FetchSettings,
    parse: ParseSettings,
    limits: ArticleLimits = _DEFAULT_LIMITS,
    *,
    more: More | None = None,
    until: asyncio.Event | None = None,
    pages: FullTextSettings | None = None,
    known: Known | None = None,
    resolver: AbstractResolver | None = None,
    random: Random | None = None,
) -> AsyncIterator[FeedOutcome]:
    """One FeedOutcome per request, in the order in which they are done.

    A feed that fails is a failed outcome, never an exception. When the iteration ends early (close it with
    contextlib.aclosing) or is cancelled, requests are cancelled and the parsing processes killed. At most
    `fetch.max_concurrency` bodies are in memory. With `more` the requests need not all be known at the beginning: it is
    awaited when fewer can be begun than may run at once, so that neither one slow feed nor all those of a slow host
    hold up the rest of a list; it may take its time, and what it raises ends the iteration. Once `until` is set no
    request is begun any more; those that are under way end the iteration.

    With `pages` the articles of a feed get the texts of their pages before its outcome is given out, where those
    settings say so, and `outcome.pages` says what became of each page. `known` is asked for the keys of articles whose
    pages are not wanted, because they are stored in this revision: `async def known(articles) -> set_of_keys`; without
    it every visit asks for every page; what it raises ends the iteration. An article keeps key and revision of its
    feed's entry, whatever its page says. Raises SettingsError when the extra `fulltext` is not installed.

    `resolver` replaces the system's name lookup, `random` the source of the chances that are taken (delays of retries,
    unconditional requests).
    """
    queue = RequestQueue(
        requests, more, at_once=fetch.max_concurrency, per_host=fetch.max_concurrency_per_host, until=until
    )
    done: asyncio.Queue[FeedOutcome | None] = asyncio.Queue(maxsize=fetch.max_concurrency)
    pool = ParserPool(parse, limits)

    async with Fetcher(fetch, resolver, random) as fetcher:
        reader = PageReader(pages, fetcher, limits) if pages is not None and pages.active else None

        async def visit(turn: Turn) -> None:
            request = turn.request
            try:
                outcome = await _outcome(turn, fetcher, pool, fetch)
                if reader is not None:
                    outcome = await reader.read(outcome, request.scope or request.url, known)
                await done.put(outcome)
            except Exception as error:  # of `known`: nothing else in here raises
                queue.fail(error)
            finally:
                turn.end()

        async def work() -> None:
            async with asyncio.TaskGroup() as visits:
                while (turn := await queue.next()) is not None:
                    visits.create_task(visit(turn))
                if queue.error is not None:  # not after all that are under way
                    await done.put(None)
            await done.put(None)

        working = asyncio.create_task(work())
        try:
            while (outcome := await done.get()) is not None:
                yield outcome
            if queue.error is not None:
                raise queue.error
        finally:
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)
            await queue.close()
            await pool.close()
            if reader is not None:
                await reader.close()


async def _outcome(turn: Turn, fetcher: Fetcher, pool: ParserPool, settings: FetchSettings) -> FeedOutcome:
    request = turn.request
    started = time.monotonic()
    fetched: Fetched | None = None
    try:
        fetched = await _fetched(turn, fetcher, settings)
        outcome = await _parsed(request, fetched, pool)
    except FeedError as error:
        outcome = _failed(request, fetched, error.kind, str(error), error.http_status)
        outcome = replace(outcome, retry_after_seconds=error.retry_after_seconds)
    except Exception as error:  # a fault of ours must stop one feed and not all of them
        outcome = _failed(request, fetched, ErrorKind.INTERNAL, f"{type(error).__name__}: {error}", None)
    return replace(outcome, elapsed_seconds=time.monotonic() - started)


async def _fetched(turn: Turn, fetcher: Fetcher, settings: FetchSettings) -> Fetched:
    request = turn.request
    if settings.allow_local_files and request.url.startswith("/"):
        return await asyncio.to_thread(read_file, request, settings.max_body_bytes)
    return await fetcher.fetch(request, turn=turn)


async def _parsed(request: FeedRequest, fetched: Fetched, pool: ParserPool) -> FeedOutcome:
    outcome = FeedOutcome(
        url=request.url,
        status="not_modified",
        etag=fetched.etag,
        last_modified=fetched.last_modified,
        http_status=fetched.http_status,
        final_url=fetched.final_url,
        redirects=fetched.redirects,
        fresh_seconds=fetched.fresh_seconds,
        problem=_downgrade(request.url, fetched),
    )
    if fetched.body is None:
        return outcome
    parsed = await pool.parse(
        fetched.body,
        url=request.scope or request.url,
        base=fetched.final_url,
        content_type=fetched.content_type,
    )
    if parsed.truncated:
        # What is missing must come with the next request, so that one must not be answered "not modified".
        outcome = replace(outcome, etag=None, last_modified=None)
    return replace(
        outcome,
        status="fetched",
        articles=parsed.articles,
        entries=parsed.found,
        skipped=parsed.skipped,
        title=parsed.title or None,
        ttl_minutes=parsed.pace.ttl_minutes,
        skip_hours=parsed.pace.skip_hours,
        skip_days=parsed.pace.skip_days,
        body_bytes=len(fetched.body),
        moved_to=_moved_to(fetched) if outcome.problem is None else None,
        problem="; ".join(filter(None, (outcome.problem, parsed.problem))) or None,
    )


def _moved_to(fetched: Fetched) -> str | None:
    """The URL that permanent redirects lead to; a 304 does not count, because nobody looked at what is there."""
    if not fetched.redirects or any(hop.status not in _PERMANENT for hop in fetched.redirects):
        return None
    return urldefrag(fetched.final_url).url


def _downgrade(url: str, fetched: Fetched) -> str | None:
    """What to say about a way that leaves https, at whatever hop."""
    schemes = [urlsplit(hop).scheme for hop in (url, *(redirect.url for redirect in fetched.redirects))]
    for before, after, redirect in zip(schemes, schemes[1:], fetched.redirects, strict=False):
        if (before, after) == ("https", "http"):
            return f"redirected from https to unprotected http ({redirect.url[:200]})"
    return None


def _failed(
    request: FeedRequest, fetched: Fetched | None, kind: ErrorKind, message: str, http_status: int | None
) -> FeedOutcome:
    return FeedOutcome(
        url=request.url,
        status="failed",
        http_status=fetched.http_status if fetched else http_status,
        final_url=fetched.final_url if fetched else None,
        redirects=fetched.redirects if fetched else (),
        body_bytes=len(fetched.body or b"") if fetched else 0,
        error=message,
        error_kind=kind,
    )
