"""One reader of feeds in a process of its own: reads the feeds of a list into a new SQLite file, prints what it took.

    python benchmarks/_feedruns.py ours|reader|sort LIST FOLDER

Twice: every feed is new, then every feed is asked whether it has changed. The clock runs from the first request to the
last commit, the start of parsing processes included. Both begin with their feeds in the database; at the end the
entries are read back out of the file. `sort` takes what `ours` left in the folder's inbox into stories, with an encoder
that costs nothing (hashed words): what sorting costs beside the model.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

READER_WORKERS = 4  # threads; of 1, 4, 8 and 16 what it is quickest with: they share one interpreter
PASSES = 2
SORTED = 1500  # articles
LOOPBACK = {"fetch": {"allow_networks": ("127.0.0.0/8",)}}


def opened(folder: Path) -> tuple[Any, Any]:
    from dedup.config import load_config
    from dedup.store import open_store

    config = load_config(overrides={"store": {"url": f"sqlite:///{folder / 'ours.sqlite3'}"}, **LOOPBACK})
    return config, open_store(config.store.url)


def ours(urls: list[str], folder: Path) -> dict[str, Any]:
    """Visits as `dedup poll` makes them: leased, fetched politely, parsed in processes, committed to the inbox."""
    from sqlalchemy import func, select, update

    from dedup.feeds import Collector, FeedBook, Leases
    from dedup.feeds._inbox import decoded
    from dedup.store import FeedRow, PendingRow

    config, store = opened(folder)
    path = folder / "feeds.txt"
    path.write_text("\n".join(urls), encoding="utf-8")
    FeedBook(store, config).import_list(path)
    seconds, processor = [], []
    for _ in range(PASSES):
        with store.writing() as session:
            session.execute(update(FeedRow).values(next_at=datetime.now(UTC)))
        leases = Leases(store, config.poll.lease_seconds)
        collector = Collector(store, config, leases)
        began, used = time.perf_counter(), processor_seconds()
        asyncio.run(collector.visit_due())
        seconds.append(time.perf_counter() - began)
        processor.append(processor_seconds() - used)
    with store.reading() as session:
        stored = [decoded(text) for text in session.scalars(select(PendingRow.article))]
        validators = session.scalar(select(func.count(FeedRow.id)).where(FeedRow.etag.is_not(None)))
    entries = len({one.key for one in stored if one.title and one.text})
    return {"seconds": seconds, "processor_seconds": processor, "entries": entries, "validators": validators}


def sort(urls: list[str], folder: Path) -> dict[str, Any]:
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "dedup"))
    from newsroom import HashingEncoder, hashing_artifact

    from dedup.feeds import Inbox, Leases
    from dedup.service import Deduplicator

    del urls
    config, store = opened(folder)
    service = Deduplicator(config, store, hashing_artifact(), HashingEncoder(), lambda *_: None)  # type: ignore[arg-type]
    inbox, leases, count = Inbox(store), Leases(store, config.poll.lease_seconds), 0
    began = time.perf_counter()
    while count < SORTED and (placed := inbox.sort(service, leases, config.encode.batch_articles)):
        count += len(placed)
    return {"articles": count, "seconds": time.perf_counter() - began}


def reader(urls: list[str], folder: Path) -> dict[str, Any]:
    """lemon24/reader as its manual says: `update_feeds`, in threads."""
    from reader import make_reader

    database = folder / "reader.sqlite3"
    made = make_reader(str(database))
    for url in urls:
        made.add_feed(url)
    seconds, processor = [], []
    for _ in range(PASSES):
        began, used = time.perf_counter(), processor_seconds()
        made.update_feeds(workers=READER_WORKERS, scheduled=False)
        seconds.append(time.perf_counter() - began)
        processor.append(processor_seconds() - used)
    stored = sum(1 for entry in made.get_entries() if entry.title and (entry.summary or entry.content))
    validators = sum(1 for feed in made.get_feeds() if feed.last_exception is None and feed.last_updated)
    made.close()
    return {"seconds": seconds, "processor_seconds": processor, "entries": stored, "validators": validators}


def processor_seconds() -> float:
    """Of this process and of those of its children that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


if __name__ == "__main__":
    run = {"ours": ours, "reader": reader, "sort": sort}[sys.argv[1]]
    print(json.dumps(run(Path(sys.argv[2]).read_text(encoding="utf-8").split(), Path(sys.argv[3]))))
