"""Full text: the page of an article is fetched and its text taken in place of the feed's summary.

Off unless asked for. A page that fails, stands behind a wall, is about something else or says less than the summary
changes nothing: the article keeps what its feed says. Pages go through the same fetcher as feeds: the network guard,
the deadline and the limits per host hold for them too, for feeds and pages of a host together.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import replace
from importlib.util import find_spec
from typing import Final
from urllib.parse import urldefrag, urlsplit
from weakref import WeakValueDictionary

from ._article import Article, with_text
from ._errors import ErrorKind, FeedError, SettingsError
from ._fetch import Fetcher, Kind
from ._normalise import normalise
from ._outcome import FeedOutcome, FeedRequest, PageOutcome, PageStatus
from ._page import Page
from ._pool import PagePool
from ._settings import ArticleLimits, FullTextSettings, ParseSettings
from ._urls import canonical_url, feed_identity, same_site

Known = Callable[[Sequence[Article]], Awaitable[Collection[str]]]
"""Asked for the keys of those articles that are stored already in this revision: their pages are left alone."""

Answer = tuple[Page, str, int | None]
"""A page, the address that it was found at, and the status that the server gave."""
Pages = dict[str, asyncio.Task[Answer]]
"""What one visit has asked for so far, by address."""

_ACCEPT: Final = "text/html, application/xhtml+xml, */*;q=0.1"
_WORD: Final = re.compile(r"\w{4,}")
_SHARED_WORDS: Final = 0.5  # of a headline's words, which the page must have: dead links lead to front pages


class PageReader:
    """Fetches pages of articles through `fetcher`; close it when done.

    The address that a page calls its own (rel=canonical, og:url) becomes the article's when it is
      - on the same site (the same host but for www., m., mobile., amp., or one host within the other), and not the
        front page of it; or
      - on another site, and the page there, fetched past the guard like any other, calls itself by that address and has
        the same headline. A page can so be claimed only by a site that agrees.
    When there is no text, or a wall, the AMP form of the page is asked once, if it is on the same site.

    What several articles link to is asked once: by all of one feed, and by the visits that are under way together. A
    later visit asks again, because the page may have changed.

    Raises SettingsError when the extractor is not installed.
    """

    def __init__(self, settings: FullTextSettings, fetcher: Fetcher, limits: ArticleLimits) -> None:
        if find_spec("trafilatura") is None:
            raise SettingsError("full text needs trafilatura: pip install 'news-dedup[fulltext]'")
        self._settings, self._limits, self._fetcher = settings, limits, fetcher
        self._modes = {feed_identity(url): mode for url, mode in settings.feeds.items()}
        self._kind = Kind(_ACCEPT, settings.max_page_bytes, "max_page_bytes")
        self._slots = asyncio.Semaphore(settings.max_concurrency)
        self._under_way: WeakValueDictionary[str, asyncio.Task[Answer]] = WeakValueDictionary()
        self._pool = PagePool(
            ParseSettings(
                workers=settings.workers,
                deadline_seconds=settings.deadline_seconds,
                max_memory_bytes=settings.max_memory_bytes,
                detect_language=False,
            ),
            limits,
        )

    async def close(self) -> None:
        """Kill the extracting processes."""
        await self._pool.close()

    async def read(self, outcome: FeedOutcome, scope: str, known: Known | None) -> FeedOutcome:
        """The outcome with the texts of the pages that are wanted. `scope` is another URL that the feed goes by."""
        wanted = [article for article in outcome.articles if self._wants(article, (outcome.url, scope))]
        if wanted and known is not None:
            stored = frozenset(await known(wanted))
            wanted = [article for article in wanted if article.key not in stored]
        if not wanted:
            return outcome
        addresses = list(dict.fromkeys(map(_address, wanted)))[: self._settings.max_pages_per_feed]
        asked: Pages = {}
        read = await asyncio.gather(*(self._read(one, asked) for one in wanted if _address(one) in addresses))
        full = {article.key: article for article, _ in read}
        return replace(
            outcome,
            articles=tuple(full.get(article.key, article) for article in outcome.articles),
            pages=tuple(page for _, page in read),
        )

    def _wants(self, article: Article, names: Sequence[str]) -> bool:
        """Whether the page of an article is to be fetched: by the feed's own rule, or by the rule for all."""
        rules = (self._modes[url] for url in map(feed_identity, names) if url in self._modes)
        mode = next(rules, self._settings.enabled)
        if mode == "off" or article.url is None:
            return False
        return mode == "all" or len(article.text) < self._settings.min_text_characters

    async def _read(self, article: Article, asked: Pages) -> tuple[Article, PageOutcome]:
        """The article, with the page's text if it has one, and what became of the page; never raises for a page."""
        url = article.url
        assert url is not None, "an article without a URL is not wanted"
        async with self._slots:
            started = time.monotonic()
            try:
                article, outcome = await self._outcome(article, url, asked)
            except FeedError as error:
                outcome = PageOutcome("failed", article.key, url, http_status=error.http_status)
                outcome = replace(outcome, error=str(error), error_kind=error.kind)
            except Exception as error:  # a fault of ours must cost one page and not all of them
                said = f"{type(error).__name__}: {error}"
                outcome = PageOutcome("failed", article.key, url, error=said, error_kind=ErrorKind.INTERNAL)
            return article, replace(outcome, elapsed_seconds=time.monotonic() - started)

    async def _outcome(self, article: Article, url: str, asked: Pages) -> tuple[Article, PageOutcome]:
        page, final_url, http_status = await self._page(url, asked)
        status = self._status(article, page)
        if status in ("short", "paywall", "consent") and page.amp and _may_stand_for(page.amp, final_url):
            try:
                second, _, _ = await self._page(page.amp, asked)
            except FeedError:
                second = page
            if self._status(article, second) == "text":
                page, status = replace(second, canonical=second.canonical or page.canonical), "text"
        canonical = await self._accepted(page, final_url, asked) if status == "text" else None
        if status == "text":
            article = with_text(article, page.text, canonical, self._limits, page_sha256=page.sha256)
        return article, PageOutcome(
            status=status,
            key=article.key,
            url=url,
            final_url=final_url,
            canonical_url=canonical,
            sha256=page.sha256,
            method=page.method,
            http_status=http_status,
        )

    async def _page(self, url: str, asked: Pages) -> Answer:
        address = urldefrag(url).url  # entries of a live report link to places on one page
        task = asked.get(address) or self._under_way.get(address)
        if task is None:
            task = asyncio.create_task(self._fetched(address))
        asked[address] = self._under_way[address] = task
        return await task

    async def _fetched(self, url: str) -> Answer:
        fetched = await self._fetcher.fetch(FeedRequest(url), self._kind)
        page = await self._pool.extract(fetched.body or b"", url=fetched.final_url, content_type=fetched.content_type)
        return page, fetched.final_url, fetched.http_status

    def _status(self, article: Article, page: Page) -> PageStatus:
        if page.wall is not None:
            return page.wall
        if len(page.text) < self._settings.min_page_characters or len(page.text) <= len(article.text):
            return "short"
        return "text" if _is_about(article, page) else "unrelated"

    async def _accepted(self, page: Page, final_url: str, asked: Pages) -> str | None:
        """The canonical address, when the rule of the class lets it stand for this page and it is another one."""
        named = page.canonical
        if named is None or canonical_url(named) == canonical_url(final_url):
            return None
        if same_site(named, final_url):
            return named if _may_stand_for(named, final_url) else None
        try:
            other, reached, _ = await self._page(named, asked)
        except FeedError:
            return None
        claims = {canonical_url(reached), canonical_url(other.canonical or reached)}
        agrees = claims == {canonical_url(named)} and normalise(other.title) == normalise(page.title)
        return named if agrees else None


def _address(article: Article) -> str:
    return urldefrag(article.url or "").url


def _may_stand_for(address: str, url: str) -> bool:
    """Whether an address on the same site may stand for a page: the front page may not stand for an article."""
    parts = urlsplit(address)
    return same_site(address, url) and bool(parts.path.strip("/") or parts.query)


def _is_about(article: Article, page: Page) -> bool:
    """Whether half of the headline's words are on the page; a headline without any long word proves nothing."""
    asked = set(_WORD.findall(normalise(article.title)))
    found = normalise(f"{page.title}\n{page.text}")
    return not asked or sum(word in found for word in asked) >= _SHARED_WORDS * len(asked)
