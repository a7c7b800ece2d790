"""61 real feeds of test suites: as many entries as feedparser finds, and a second run that finds nothing new."""

from __future__ import annotations

import asyncio
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from dedup_ingest import FeedOutcome, FeedRequest, FetchSettings, ParseSettings, read_feed_list

FEEDS = Path(__file__).resolve().parents[2] / ".." / "shared" / "data" / "feeds"

pytestmark = pytest.mark.skipif(not FEEDS.is_dir(), reason=f"the real feeds are not at {FEEDS}")

# Feeds with another number of entries than the manifest (feedparser alone, on the bytes), and why.
EXPLAINED_ENTRIES: dict[str, tuple[int, str]] = {}

# Feeds with fewer articles than entries, and why.
EXPLAINED_ARTICLES = {
    "feedreader__Rss20LeFigaro.xml": (49, "one entry stands in the feed twice with one guid"),
    "feedparser__rss_item_link_corrupted_ampersands.xml": (0, "its only entry has a link and neither title nor text"),
    "feedparser__rss_incomplete_cdata.xml": (0, "its only entry breaks off inside its title"),
}

# Feeds that fail, and why.
EXPLAINED_FAILURES = {"feedparser__rss_empty_document.xml": "a comment and nothing else: there is no element"}


@pytest.fixture(scope="module")
def manifest() -> dict[str, int]:
    rows = json.loads((FEEDS / "manifest.json").read_text(encoding="utf-8"))
    return {row["file"]: row["fp_entries"] for row in rows}


@pytest.fixture(scope="module")
def from_paths(kit: Any, manifest: dict[str, int], tmp_path_factory: pytest.TempPathFactory) -> dict[str, FeedOutcome]:
    path = tmp_path_factory.mktemp("real") / "feeds.txt"
    path.write_text("\n".join(str((FEEDS / name).resolve()) for name in manifest), encoding="utf-8")
    feeds = read_feed_list(path)
    assert feeds.problems == ()
    outcomes = kit.run(kit.gather([feed.url for feed in feeds.feeds], None, ParseSettings(workers=2)))
    return {Path(url).name: outcome for url, outcome in outcomes.items()}


def test_every_feed_of_the_list_has_the_entries_of_the_manifest(
    manifest: dict[str, int], from_paths: dict[str, FeedOutcome]
) -> None:
    expected = {name: EXPLAINED_ENTRIES.get(name, (count, ""))[0] for name, count in manifest.items()}
    assert {name: outcome.entries for name, outcome in from_paths.items()} == expected
    failures = {name for name, outcome in from_paths.items() if outcome.status == "failed"}
    assert failures == set(EXPLAINED_FAILURES)


def test_every_entry_is_an_article_except_the_explained_ones(from_paths: dict[str, FeedOutcome]) -> None:
    fewer = {
        name: len(outcome.articles)
        for name, outcome in from_paths.items()
        if outcome.status == "fetched" and len(outcome.articles) != outcome.entries
    }
    assert fewer == {name: count for name, (count, _) in EXPLAINED_ARTICLES.items()}
    for outcome in from_paths.values():
        assert len(outcome.articles) + sum(count for _, count in outcome.skipped) == outcome.entries


def test_no_article_holds_markup_controls_or_text_encoded_twice(from_paths: dict[str, FeedOutcome]) -> None:
    from ftfy.badness import is_bad

    for name, outcome in from_paths.items():
        for article in outcome.articles:
            assert "\x00" not in article.text
            assert not any(tag in article.text for tag in ("<p>", "<br", "<img ", "&nbsp;", "&amp;")), (
                name,
                article.text,
            )
            assert not is_bad(article.title), (name, article.title)


@pytest.mark.parametrize(
    ("name", "languages"),
    [
        ("feedreader__Rss20YandexRussia.xml", {"ru"}),
        ("feedreader__Rss20Spiegel.xml", {"de"}),
        ("feedreader__Rss20LeMonde.xml", {"fr"}),
        ("feedreader__Rss10Minutos20.xml", {"es"}),
        ("miniflux__urdu_UTF8.xml", {"ur"}),
        ("rsparser__aktuality.rss", {"sk"}),
    ],
)
def test_the_languages_of_real_feeds_are_recognised(
    from_paths: dict[str, FeedOutcome], name: str, languages: set[str]
) -> None:
    assert {article.lang for article in from_paths[name].articles} == languages


def test_a_second_run_over_the_files_finds_nothing_new(kit: Any, from_paths: dict[str, FeedOutcome]) -> None:
    whole = [outcome for outcome in from_paths.values() if outcome.etag is not None]
    assert len(whole) >= 58  # all but the one that fails and those that are cut short
    again = kit.run(kit.gather([FeedRequest(outcome.url, outcome.etag) for outcome in whole]))
    assert {outcome.status for outcome in again.values()} == {"not_modified"}


def test_over_http_with_etags_the_second_run_is_all_304(
    kit: Any, manifest: dict[str, int], from_paths: dict[str, FeedOutcome]
) -> None:
    async def answer(connection: Any) -> None:
        body = await asyncio.to_thread((FEEDS / connection.path.lstrip("/")).read_bytes)
        etag = f'W/"{hashlib.sha256(body).hexdigest()[:16]}"'
        if connection.headers.get("if-none-match") == etag:
            await connection.reply(status="304 Not Modified", headers=[("ETag", etag)])
        else:
            await connection.reply(body, headers=[("ETag", etag), ("Content-Type", "application/octet-stream")])

    async def scenario() -> None:
        async with kit.raw_server(answer) as server:
            # Without the 1 % of requests that carry no validators: one of 58 would mostly be among them.
            settings = FetchSettings(allow_networks=kit.LOOPBACK, host_spacing_seconds=0, unconditional_share=0.0)
            urls = [f"{server.url}/{name}" for name in manifest]
            first = await kit.gather(urls, settings, ParseSettings(workers=2, detect_language=False))
            for url, outcome in first.items():
                same = from_paths[url.rsplit("/", 1)[1]]
                assert (outcome.status, outcome.entries) == (same.status, same.entries), url
                fingerprints = [article.fingerprint for article in outcome.articles]
                assert fingerprints == [article.fingerprint for article in same.articles], url
            kept = [FeedRequest(url, outcome.etag) for url, outcome in first.items() if outcome.etag]
            assert len(kept) >= 58
            second = await kit.gather(kept, settings)
            assert {(outcome.status, outcome.http_status) for outcome in second.values()} == {("not_modified", 304)}

    kit.run(scenario())
