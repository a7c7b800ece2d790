"""Full text: the page of an article is fetched and its text taken in place of the feed's summary.

Off unless asked for. A page that fails, stands behind a wall, is about something else or says less than the summary
changes nothing: the article keeps what its feed says. Pages go through the same fetcher as feeds: the network guard,
the deadline, the byte limit and the limits per host hold for them too.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import TYPE_CHECKING, Final, Literal
from urllib.parse import urlsplit

from ._article import Article, with_text
from ._errors import ErrorKind, FeedError
from ._fetch import Fetcher
from ._normalise import normalise
from ._outcome import FeedRequest
from ._page import Page
from ._pool import PagePool
from ._settings import ArticleLimits, FetchSettings, FullTextSettings, ParseSettings
from ._urls import canonical_url, host_of, same_site

if TYPE_CHECKING:
    from aiohttp.abc import AbstractResolver

    from ._hosts import Hosts

PageStatus = Literal["text", "short", "paywall", "consent", "unrelated", "failed"]

_DEFAULT_LIMITS: Final = ArticleLimits()
_WORD: Final = re.compile(r"\w{4,}")
_SHARED_WORDS: Final = 0.5  # of a headline's words, which the page must have: dead links lead to front pages


@dataclass(frozen=True, slots=True)
class PageOutcome:
    """What became of the page of one article.

    status          text: the page's text is the article's; short: it says no more than the feed; paywall, consent: what
                    the page shows instead of the article; unrelated: it is about something else; failed: see `error`
    article         with the page's text, or as it was
    url             that was asked for; final_url the one that answered
    canonical_url   the address that the page calls its own, when it was accepted (see `PageReader`), or None
    sha256          64 hex digits, of the bytes of the page; None when none came
    method          what found the text: trafilatura, publisher, paragraphs, none
    """

    status: PageStatus
    article: Article
    url: str
    final_url: str | None = None
    canonical_url: str | None = None
    sha256: str | None = None
    method: str = "none"
    http_status: int | None = None
    error: str | None = None
    error_kind: ErrorKind | None = None
    elapsed_seconds: float = 0.0


def wants_page(article: Article, feed_url: str, settings: FullTextSettings) -> bool:
    """Whether the page of an article is to be fetched: by the feed's own rule, or by the rule for all."""
    mode = dict(settings.feeds).get(feed_url, settings.enabled)
    if mode == "off" or article.url is None:
        return False
    return mode == "all" or len(article.text) < settings.min_text_characters


class PageReader:
    """Fetches pages of articles; use as an async context manager.

    The address that a page calls its own (rel=canonical, og:url) becomes the article's when it is
      - on the same site (the same host but for www., m., amp., mobile., or one host within the other), and not the
        front page of it; or
      - on another site, and the page there, fetched past the guard like any other, calls itself by that address and has
        the same headline. A page can so be claimed only by a site that agrees.
    When there is no text, or a wall, the AMP form of the page is asked once, if it is on the same site.
    """

    def __init__(
        self,
        settings: FullTextSettings,
        fetch: FetchSettings,
        limits: ArticleLimits = _DEFAULT_LIMITS,
        *,
        hosts: Hosts | None = None,
        resolver: AbstractResolver | None = None,
        random: Random | None = None,
    ) -> None:
        self._settings, self._limits = settings, limits
        asked = replace(fetch, max_body_bytes=settings.max_page_bytes, allow_local_files=False)
        self._fetcher = Fetcher(asked, resolver, random)
        self._slots = asyncio.Semaphore(settings.max_concurrency)
        self._pool = PagePool(
            ParseSettings(
                workers=settings.workers,
                deadline_seconds=settings.deadline_seconds,
                max_memory_bytes=settings.max_memory_bytes,
                detect_language=False,
            ),
            limits,
        )

    async def __aenter__(self) -> PageReader:
        await self._fetcher.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._pool.close()
        await self._fetcher.__aexit__(*error)

    async def read(self, articles: Iterable[Article]) -> Sequence[PageOutcome]:
        """One outcome per article, in their order; never raises for a page. Articles without a URL must not come."""
        return await asyncio.gather(*(self._read(article) for article in articles))

    async def _read(self, article: Article) -> PageOutcome:
        url = article.url
        if url is None:
            raise ValueError(f"the article {article.key} has no URL; ask wants_page first")
        async with self._slots:
            started = time.monotonic()
            try:
                outcome = await self._outcome(article, url)
            except FeedError as error:
                outcome = PageOutcome("failed", article, url, http_status=error.http_status)
                outcome = replace(outcome, error=str(error), error_kind=error.kind)
            except Exception as error:  # a fault of ours must cost one page and not all of them
                said = f"{type(error).__name__}: {error}"
                outcome = PageOutcome("failed", article, url, error=said, error_kind=ErrorKind.INTERNAL)
            return replace(outcome, elapsed_seconds=time.monotonic() - started)

    async def _outcome(self, article: Article, url: str) -> PageOutcome:
        page, final_url, http_status = await self._page(url)
        status = self._status(article, page)
        if status in ("short", "paywall", "consent") and page.amp and _may_replace(page.amp, final_url):
            try:
                second, _, _ = await self._page(page.amp)
            except FeedError:
                second = page
            if self._status(article, second) == "text":
                page, status = replace(second, canonical=second.canonical or page.canonical), "text"
        canonical = await self._accepted(page, final_url) if status == "text" else None
        return PageOutcome(
            status=status,
            article=with_text(article, page.text, canonical, self._limits) if status == "text" else article,
            url=url,
            final_url=final_url,
            canonical_url=canonical,
            sha256=page.sha256,
            method=page.method,
            http_status=http_status,
        )

    async def _page(self, url: str) -> tuple[Page, str, int | None]:
        fetched = await self._fetcher.fetch(FeedRequest(url))
        page = await self._pool.extract(
            fetched.body or b"", url=fetched.final_url, content_type=fetched.content_type
        )
        return page, fetched.final_url, fetched.http_status

    def _status(self, article: Article, page: Page) -> PageStatus:
        if page.wall is not None:
            return page.wall
        if len(page.text) < self._settings.min_page_characters or len(page.text) <= len(article.text):
            return "short"
        return "text" if _is_about(article, page) else "unrelated"

    async def _accepted(self, page: Page, final_url: str) -> str | None:
        """The canonical address, when the rule of the class lets it stand for this page and it is another one."""
        named = page.canonical
        if named is None or canonical_url(named) == canonical_url(final_url):
            return None
        if same_site(named, final_url):
            return named if _may_replace(named, final_url) else None
        try:
            other, reached, _ = await self._page(named)
        except FeedError:
            return None
        claims = {canonical_url(reached), canonical_url(other.canonical or reached)}
        agrees = claims == {canonical_url(named)} and normalise(other.title) == normalise(page.title)
        return named if agrees else None


def _may_replace(address: str, url: str) -> bool:
    """Whether an address on the same site may stand for a page: the front page may not stand for an article."""
    front = not urlsplit(address).path.strip("/") and not urlsplit(address).query
    return same_site(address, url) and host_of(address) != "" and not front


def _is_about(article: Article, page: Page) -> bool:
    """Whether at least half of the headline's words are on the page; a headline without any long word proves nothing."""
    asked = set(_WORD.findall(normalise(article.title)))
    found = normalise(f"{page.title}\n{page.text}")
    return not asked or sum(word in found for word in asked) >= _SHARED_WORDS * len(asked)
