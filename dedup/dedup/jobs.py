"""The two ways news comes in: lists of feeds, and files of articles."""

from __future__ import annotations

import gzip
import io
import json
import sys
import zlib
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from dedup._errors import ImportFailed
from dedup._tally import Tally
from dedup.config import Config
from dedup.results import IngestReport
from dedup.service import Deduplicator, Progress, silent

if TYPE_CHECKING:
    from dedup_ingest import Article

IMPORT_COLUMNS = ("id", "lang", "title", "text", "published", "source", "url")


def ingest(
    service: Deduplicator, config: Config, lists: Sequence[Path], *, progress: Progress | None = None
) -> IngestReport:
    """Fetch every feed of the lists once and sort what is new.

    A feed that another process is visiting right now is left to it and counted in the report (`elsewhere`). One bad
    feed or line is one `FeedProblem` of the report; the others go on. A feed's validators are committed together with
    its articles, which wait in the inbox until they are sorted: a crash in between loses nothing, and what an earlier
    run left there is sorted too.

    Raises:
        dedup_ingest.FeedListError: a list cannot be read.
        StoreUnavailable: the database cannot be written.
    """
    from dedup.feeds import FeedBook, gather

    tally = Tally(service)
    feed_ids, problems = FeedBook(service.store, config).once(lists)
    tally.problems = list(problems)
    gather(service, config, tally, feed_ids, progress or silent)
    repair = service.repair(everything=True, progress=progress)
    service.save_index()
    return tally.report(repair)


def ingest_due(
    service: Deduplicator, config: Config, lists: Sequence[Path], *, progress: Progress | None = None
) -> IngestReport:
    """Keep the stored feeds in step with the lists, fetch those that are due, sort what is new.

    Raises: as `ingest`.
    """
    from dedup.feeds import FeedBook, gather

    tally = Tally(service)
    book = FeedBook(service.store, config)
    if lists:
        tally.problems = list(book.synchronise(lists).problems)
    book.replan(crons=True)
    gather(service, config, tally, None, progress or silent)
    repair = service.repair(everything=True, progress=progress)
    service.save_index()
    return tally.report(repair)


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
    tally = Tally(service)
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
    told("import", total, total)
    repair = service.repair(everything=True, progress=progress)
    service.save_index()
    return tally.report(repair)


def read_articles(path: Path, config: Config) -> Iterator[Article]:
    """The articles of a file as `import_file` reads them. Raises ImportFailed, naming the line."""
    for number, line in enumerate(_lines(path), start=1):
        if line.strip():
            yield _article(line, path, number, config)


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
    from dedup_ingest import ArticleError, ArticleLimits, host_of, make_article

    try:
        row: Any = json.loads(line)
    except json.JSONDecodeError as error:
        raise ImportFailed(f"{path}:{number} is not JSON: {error}") from error
    if not isinstance(row, dict) or row.get("id") in (None, ""):
        raise ImportFailed(f"{path}:{number} has no id; a row is an object with {', '.join(IMPORT_COLUMNS)}")
    text = {name: str(row[name]) if row.get(name) is not None else None for name in IMPORT_COLUMNS}
    try:
        return make_article(
            source=text["source"] or host_of(text["url"] or ""),
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
