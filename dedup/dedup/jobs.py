"""The two ways news comes in: lists of feeds, and files of articles."""

from __future__ import annotations

import asyncio
import gzip
import io
import json
import sys
import time
import zlib
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, aclosing, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from sqlalchemy import select
from sqlalchemy.orm import Session

from dedup._errors import ImportFailed
from dedup.config import Config
from dedup.results import FeedProblem, IngestReport, Placed
from dedup.service import Deduplicator, Progress, silent
from dedup.store import FeedRow

if TYPE_CHECKING:
    from dedup_ingest import Article, FeedOutcome, FeedRequest

IMPORT_COLUMNS = ("id", "lang", "title", "text", "published", "source", "url")


@dataclass(slots=True)
class _Tally:
    """Running totals of a job."""

    service: Deduplicator
    started: float = field(default_factory=time.perf_counter)
    feeds: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    problems: list[FeedProblem] = field(default_factory=list)
    encoded: int = 0
    encoder_seconds: float = 0.0

    def __post_init__(self) -> None:
        self.encoded, self.encoder_seconds = self.service.encoded, self.service.encoder_seconds

    def add(self, name: str, by: int = 1) -> None:
        self.counts[name] = self.counts.get(name, 0) + by

    def place(self, placed: Sequence[Placed]) -> None:
        # A key that comes twice in one run was placed once.
        for one in {item.article_id: item for item in placed}.values():
            self.add(one.outcome)

    def report(self) -> IngestReport:
        count = self.counts.get
        return IngestReport(
            feeds=self.feeds,
            fetched=count("fetched", 0),
            not_modified=count("not_modified", 0),
            failed=count("failed", 0),
            entries=count("entries", 0),
            skipped=count("skipped", 0),
            stored=count("new_story", 0) + count("joined", 0),
            updated=count("updated", 0),
            known=count("known", 0),
            joined=count("joined", 0),
            stories=count("new_story", 0),
            encoded=self.service.encoded - self.encoded,
            seconds=time.perf_counter() - self.started,
            encoder_seconds=self.service.encoder_seconds - self.encoder_seconds,
            problems=tuple(self.problems),
        )


def ingest(
    service: Deduplicator, config: Config, lists: Sequence[Path], *, progress: Progress | None = None
) -> IngestReport:
    """Fetch every feed of the lists and store what is new.

    One bad feed or line is one `FeedProblem` of the report; the others go on. A feed's validators are committed
    together with the last of its articles: a crash in between means that the feed is fetched again, never that articles
    are lost.

    Raises:
        dedup_ingest.FeedListError: a list cannot be read.
        StoreUnavailable: the database cannot be written.
    """
    from dedup_ingest import read_feed_list

    tally = _Tally(service)
    urls: dict[str, None] = {}
    for path in lists:
        listed = read_feed_list(path)
        urls.update(dict.fromkeys(line.url for line in listed.feeds))
        tally.problems += [FeedProblem(f"{path}:{p.line}", "feed list", p.message) for p in listed.problems]
    tally.feeds = len(urls)
    feed_ids, requests = _requests(service, list(urls))
    asyncio.run(_collect(service, config, requests, feed_ids, tally, progress or silent))
    service.save_index()
    return tally.report()


def import_file(service: Deduplicator, config: Config, path: Path, *, progress: Progress | None = None) -> IngestReport:
    """Store the articles of a JSON lines file: rows of `id, lang, title, text, published, source` (and `url`).

    `path` may end in `.gz`; `-` is standard input. A row's identity is its source and id: importing again adds nothing.
    An archive longer than `index.keep_hours` should be in time order: in a run of more than an hour, articles older
    than the newest by more are stored, but compared with the rest of their batch and with equal texts only.

    Raises:
        ImportFailed: a row is no JSON object, has no id, or has neither title nor text; names the line. Rows before it
            are stored.
        StoreUnavailable: the database cannot be written.
    """
    told = progress or silent
    tally = _Tally(service)
    buffer: list[Article] = []
    size = config.encode.batch_articles * 4

    def flush() -> None:
        tally.place(service.add(buffer))
        buffer.clear()

    total = 0 if str(path) == "-" else sum(1 for _ in _lines(path))
    try:
        for number, line in enumerate(_lines(path), start=1):
            if line.strip():
                buffer.append(_article(line, path, number, config))
                tally.add("entries")
            if len(buffer) >= size:
                flush()
                told("import", number, max(total, number))
    except ImportFailed:
        flush()
        service.save_index()
        raise
    flush()
    service.save_index()
    told("import", total, total)
    return tally.report()


def read_articles(path: Path, config: Config) -> Iterator[Article]:
    """The articles of a file as `import_file` reads them. Raises ImportFailed, naming the line."""
    for number, line in enumerate(_lines(path), start=1):
        if line.strip():
            yield _article(line, path, number, config)


def _requests(service: Deduplicator, urls: list[str]) -> tuple[dict[str, int], list[FeedRequest]]:
    """The stored id and the validators of every feed; new feeds get a row."""
    from dedup_ingest import FeedRequest

    with service.store.locked() as session:
        rows = {row.url: row for row in session.scalars(select(FeedRow))}
        for url in urls:
            if url not in rows:
                rows[url] = FeedRow(url=url, added_at=datetime.now(UTC), failures=0)
                session.add(rows[url])
        session.flush()
        requests = [FeedRequest(url, rows[url].etag, rows[url].last_modified) for url in urls]
        return {url: rows[url].id for url in urls}, requests


async def _collect(
    service: Deduplicator,
    config: Config,
    requests: list[FeedRequest],
    feed_ids: dict[str, int],
    tally: _Tally,
    progress: Progress,
) -> None:
    from dedup_ingest import ArticleLimits, FetchSettings, ParseSettings, collect

    outcomes: list[FeedOutcome] = []
    done = 0

    def flush() -> None:
        articles = [article for outcome in outcomes for article in outcome.articles]
        ids = {article.key: feed_ids[outcome.url] for outcome in outcomes for article in outcome.articles}
        visited = list(outcomes)
        tally.place(service.add(articles, feed_ids=ids, finish=lambda session: _visit(session, visited)))
        outcomes.clear()

    fetching = collect(
        requests,
        FetchSettings(**config.fetch.model_dump()),
        ParseSettings(**config.parse.model_dump()),
        ArticleLimits(**config.article.model_dump()),
    )
    async with aclosing(fetching) as stream:  # type: ignore[type-var]
        async for outcome in stream:
            done += 1
            _count(outcome, tally)
            outcomes.append(outcome)
            if sum(len(one.articles) for one in outcomes) >= config.encode.batch_articles:
                # In a thread: the next feeds are fetched while these are encoded.
                await asyncio.to_thread(flush)
            progress("feeds", done, len(requests))
    await asyncio.to_thread(flush)


def _count(outcome: FeedOutcome, tally: _Tally) -> None:
    tally.add(outcome.status)
    tally.add("entries", outcome.entries)
    tally.add("skipped", sum(count for _, count in outcome.skipped))
    if outcome.error is not None:
        tally.problems.append(FeedProblem(outcome.url, str(outcome.error_kind), outcome.error))


def _visit(session: Session, outcomes: Sequence[FeedOutcome]) -> None:
    """Write down how each visit went, with the validators for the next."""
    now = datetime.now(UTC)
    for outcome in outcomes:
        row = session.scalars(select(FeedRow).where(FeedRow.url == outcome.url)).one()
        row.checked_at, row.http_status, row.error = now, outcome.http_status, outcome.error
        if outcome.status == "failed":
            row.failures += 1
            continue
        row.failures, row.succeeded_at = 0, now
        if outcome.status == "fetched":
            row.etag, row.last_modified, row.title = outcome.etag, outcome.last_modified, outcome.title


def _lines(path: Path) -> Iterator[str]:
    try:
        with _opened(path) as file:
            yield from io.TextIOWrapper(file, encoding="utf-8-sig")
    except (OSError, EOFError, UnicodeDecodeError, zlib.error) as error:
        raise ImportFailed(f"cannot read {path}: {error}") from error


def _opened(path: Path) -> AbstractContextManager[BinaryIO]:
    if str(path) == "-":
        return nullcontext(sys.stdin.buffer)
    return cast(BinaryIO, gzip.open(path)) if path.suffix == ".gz" else path.open("rb")


def _article(line: str, path: Path, number: int, config: Config) -> Article:
    from dedup_ingest import ArticleError, ArticleLimits, make_article

    try:
        row: Any = json.loads(line)
    except json.JSONDecodeError as error:
        raise ImportFailed(f"{path}:{number} is not JSON: {error}") from error
    if not isinstance(row, dict) or row.get("id") in (None, ""):
        raise ImportFailed(f"{path}:{number} has no id; a row is an object with {', '.join(IMPORT_COLUMNS)}")
    text = {name: str(row[name]) if row.get(name) is not None else None for name in IMPORT_COLUMNS}
    try:
        return make_article(
            source=text["source"] or path.name,
            title=text["title"] or "",
            text=text["text"] or "",
            url=text["url"],
            guid=text["id"],
            published=text["published"],
            lang=text["lang"],
            scope=f"import:{text['source'] or ''}",
            limits=ArticleLimits(**config.article.model_dump()),
        )
    except ArticleError as error:
        raise ImportFailed(f"{path}:{number}: {error}") from error
