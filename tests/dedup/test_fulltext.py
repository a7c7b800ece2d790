"""Full text in the store: pages are fetched once, their texts are what is compared, their hashes are kept."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from feedserver import LOOPBACK, rss
from newsroom import config_for, hashing_service
from rich.console import Console
from sqlalchemy import select

from dedup import jobs
from dedup.feeds import FeedBook
from dedup.render import report as rendered
from dedup.results import IngestReport, PageCounts
from dedup.store import ArticleRow, open_store

pytest.importorskip("trafilatura", reason="the extra [fulltext] is not installed")

STORY = (
    "The ferry between the two islands sails again from Monday, the harbour office said after a week of storms.",
    "Engineers replaced both ramps during the night and tested them with an empty ship before the first passengers.",
    "Tickets for the morning crossing were sold out within an hour, and a second ship will help until the weekend.",
)


def page(title: str) -> str:
    body = "".join(f"<p>{paragraph}</p>" for paragraph in STORY)
    return f"<html><head><title>{title}</title></head><body><article><h1>{title}</h1>{body}</article></body></html>"


def run(url: str, path: Path, mode: str) -> tuple[IngestReport, list[ArticleRow]]:
    settings = {"fetch": LOOPBACK, "fulltext": {"enabled": mode, "workers": 1}}
    with hashing_service(url, **settings) as service:
        report = jobs.ingest(service, config_for(url, **settings), [path])
        with service.store.reading() as session:
            return report, list(session.scalars(select(ArticleRow).order_by(ArticleRow.id)))


def test_a_page_is_fetched_once_and_its_text_and_hash_are_stored(url: str, serve: object, tmp_path: Path) -> None:
    server = serve(tmp_path)  # type: ignore[operator]
    titles = ["Ferry sails again", "Harbour reopens ramps"]
    for number, title in enumerate(titles):
        (tmp_path / f"{number}.html").write_text(page(title), encoding="utf-8")
    # A guid is the address of its page unless it says otherwise.
    items = [(f"{server.url}/{number}.html", title, "It reopens.") for number, title in enumerate(titles)]
    (tmp_path / "feed.xml").write_text(rss("Gazette", items[:1]), encoding="utf-8")
    path = tmp_path / "feeds.txt"
    path.write_text(f"{server.url}/feed.xml\n", encoding="utf-8")

    report, rows = run(url, path, "short")
    assert (report.stored, report.problems, report.pages) == (1, (), PageCounts(text=1))
    assert [row.text for row in rows] == ["\n".join(STORY)]
    assert [row.page_sha256 for row in rows] == [hashlib.sha256((tmp_path / "0.html").read_bytes()).hexdigest()]

    (tmp_path / "feed.xml").write_text(rss("Gazette", items), encoding="utf-8")
    report, rows = run(url, path, "short")
    assert (report.stored, report.known, report.updated) == (1, 1, 0)
    assert [row.page_sha256 is not None for row in rows] == [True, True]
    assert {name: server.asked[name] for name in ("0.html", "1.html")} == {"0.html": 1, "1.html": 1}


def test_no_page_is_asked_for_unless_the_configuration_says_so(tmp_path: Path, serve: object) -> None:
    server = serve(tmp_path)  # type: ignore[operator]
    (tmp_path / "0.html").write_text(page("Ferry sails again"), encoding="utf-8")
    items = [(f"{server.url}/0.html", "Ferry sails again", "It reopens.")]
    (tmp_path / "feed.xml").write_text(rss("Gazette", items), encoding="utf-8")
    path = tmp_path / "feeds.txt"
    path.write_text(f"{server.url}/feed.xml\n", encoding="utf-8")
    _, rows = run(f"sqlite:///{tmp_path}/news.sqlite3", path, "off")
    assert [row.page_sha256 for row in rows] == [None]
    assert server.asked["0.html"] == 0


def test_the_report_says_what_became_of_each_page(tmp_path: Path, serve: object) -> None:
    server = serve(tmp_path)  # type: ignore[operator]
    (tmp_path / "0.html").write_text(page("Ferry sails again"), encoding="utf-8")
    (tmp_path / "1.html").write_text(page("Parliament debates the budget"), encoding="utf-8")
    titles = ["Ferry sails again", "Volcano closes airport", "Nobody kept this page"]
    items = [(f"{server.url}/{number}.html", title, "It reopens.") for number, title in enumerate(titles)]
    (tmp_path / "feed.xml").write_text(rss("Gazette", items), encoding="utf-8")
    path = tmp_path / "feeds.txt"
    path.write_text(f"{server.url}/feed.xml\n", encoding="utf-8")
    url = f"sqlite:///{tmp_path}/news.sqlite3"
    report, rows = run(url, path, "all")
    assert report.pages == PageCounts(text=1, unrelated=1, failed=1)
    assert len(rows) == 3  # an article whose page is of no use keeps the text of its feed
    console = Console(width=200)
    with console.capture() as said:
        console.print(rendered(report))
    assert "pages: 1 gave the article's text, 1 about something else, 1 failed" in said.get()
    (feed,) = FeedBook(open_store(url), config_for(url)).feeds()
    assert feed.problem is not None
    assert "no text from 1 of 3 pages: about something else" in feed.problem
    assert "404" in feed.problem
