"""Pages that several articles link to."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from typing import Any

import pytest

from dedup_ingest import Article, FeedOutcome, FetchSettings, FullTextSettings

pytest.importorskip("trafilatura", reason="the extra [fulltext] is not installed")

TITLE = "Ferry line reopens after the storm"
STORY = (
    "The ferry between the two islands sails again from Monday, the harbour office said after a week of storms.",
    "Engineers replaced both ramps during the night and tested them with an empty ship before the first passengers.",
    "Tickets for the morning crossing were sold out within an hour, and a second ship will help until the weekend.",
)
PAGE = (
    f"<!DOCTYPE html><html><head><title>{TITLE}</title></head><body><article><h1>{TITLE}</h1>"
    f"{''.join(f'<p>{paragraph}</p>' for paragraph in STORY)}</article></body></html>"
).encode()
HTML = [("Content-Type", "text/html; charset=utf-8")]


class Collecting:
    """Visits to feeds at one server, under `/feed…`; everything else that is there is the page."""

    def __init__(self, kit: Any, *entries: tuple[str, str]) -> None:
        self.kit = kit
        self.entries = entries
        self.paths: list[str] = []
        self.answering = asyncio.Event()

    async def answer(self, connection: Any) -> None:
        self.paths.append(connection.path)
        if connection.path.startswith("/feed"):
            base = f"http://{connection.headers['host']}"
            items = (
                f"<item><title>{title}</title><guid>{number}</guid><link>{base}{link}</link>"
                "<description>The ferry sails again.</description></item>"
                for number, (link, title) in enumerate(self.entries)
            )
            await connection.reply(self.kit.rss(*items))
        else:
            await self.answering.wait()
            await connection.reply(PAGE, headers=HTML)

    async def visit(self, names: Sequence[str], *, at_once: int = 2, known: Any = None) -> list[FeedOutcome]:
        async with self.kit.raw_server(self.answer) as server:
            fetch = FetchSettings(
                allow_networks=self.kit.LOOPBACK, host_spacing_seconds=0, max_retries=0, max_concurrency=at_once
            )
            pages = FullTextSettings(enabled="all", workers=1, max_pages_per_feed=2)
            urls = [f"{server.url}/{name}" for name in names]
            return list((await self.kit.gather(urls, fetch, pages=pages, known=known)).values())


def test_a_page_that_several_articles_link_to_is_asked_once_and_serves_all_of_them(kit: Any) -> None:
    async def scenario() -> tuple[list[str], FeedOutcome]:
        links = ["/story", "/story#second", "/story", "/other", "/story"]
        entries = [(link, TITLE) for link in links] + [("/story", "Volcano closes every airport nearby")]
        collecting = Collecting(kit, *entries)
        collecting.answering.set()
        (outcome,) = await collecting.visit(["feed"])
        return collecting.paths, outcome

    paths, outcome = kit.run(scenario())
    assert sorted(paths) == ["/feed", "/other", "/story"]
    assert [article.page_sha256 is not None for article in outcome.articles] == [True] * 5 + [False]
    assert [page.status for page in outcome.pages] == ["text"] * 5 + ["unrelated"]
    assert len({page.key for page in outcome.pages}) == 6


@pytest.mark.parametrize(("at_once", "asked"), [(2, 1), (1, 2)], ids=["together", "one after the other"])
def test_a_page_is_asked_once_by_visits_that_are_under_way_together_and_anew_by_later_ones(
    kit: Any, at_once: int, asked: int
) -> None:
    async def scenario() -> tuple[list[str], list[FeedOutcome]]:
        collecting = Collecting(kit, ("/story", TITLE))
        reading: list[int] = []

        async def known(articles: Sequence[Article]) -> Collection[str]:
            reading.append(len(articles))
            if len(reading) >= at_once:
                collecting.answering.set()
            return ()

        outcomes = await collecting.visit(["feed1", "feed2"], at_once=at_once, known=known)
        return collecting.paths, outcomes

    paths, outcomes = kit.run(scenario())
    assert paths.count("/story") == asked
    assert [article.text for outcome in outcomes for article in outcome.articles] == ["\n".join(STORY)] * 2
