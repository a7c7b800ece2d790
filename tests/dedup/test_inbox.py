"""What waits to be sorted when something breaks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from feedserver import LOOPBACK, FeedServer, write_feeds
from newsroom import HashingEncoder, hashing_service

from dedup.feeds import Inbox
from dedup.jobs import ingest


@pytest.fixture
def server(serve: Callable[[Path], FeedServer], tmp_path: Path) -> FeedServer:
    write_feeds(tmp_path / "www", 2)
    return serve(tmp_path / "www")


def listed(path: Path, *lines: str) -> Path:
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    return path


class Choking(HashingEncoder):
    """Breaks on texts that hold a word, as a defect nobody knows of would."""

    def __init__(self, word: str) -> None:
        super().__init__()
        self.word = word

    def encode(self, texts: Sequence[str], *, progress: object = None) -> Any:
        if any(self.word in text for text in texts):
            raise ValueError("choked")
        return super().encode(texts, progress=progress)


def test_an_article_that_breaks_the_sorting_waits_and_the_others_are_sorted(
    url: str, server: FeedServer, tmp_path: Path
) -> None:
    feeds = listed(tmp_path / "feeds.txt", f"{server.url}/f0.xml", f"{server.url}/f1.xml")
    with hashing_service(url, encoder=Choking("101 swans"), fetch=LOOPBACK) as service:
        report = ingest(service, service.config, [feeds])
        assert (report.stored, [problem.kind for problem in report.problems]) == (5, ["unsortable"])
        assert report.problems[0].feed == f"{server.url}/f1.xml"
        assert "ValueError: choked" in report.problems[0].message
        assert len(Inbox(service.store)) == 1
    with hashing_service(url, fetch=LOOPBACK) as mended:
        assert ingest(mended, mended.config, [feeds]).stored == 1
        assert len(Inbox(mended.store)) == 0


def test_what_breaks_every_article_is_told_and_loses_none(url: str, server: FeedServer, tmp_path: Path) -> None:
    feeds = listed(tmp_path / "feeds.txt", f"{server.url}/f0.xml")
    with hashing_service(url, encoder=Choking("swans"), fetch=LOOPBACK) as service:
        with pytest.raises(ValueError, match="choked"):
            ingest(service, service.config, [feeds])
        assert len(Inbox(service.store)) == 3
