"""Visits to feeds: fetched and parsed by `dedup_ingest`, written down together with what they brought."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing, suppress
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from dedup._errors import StoreBusy
from dedup._queries import chunks
from dedup.config import Config
from dedup.feeds import _plans as plans
from dedup.feeds._inbox import known, put
from dedup.feeds._leases import Claim, Leases
from dedup.store import FeedRow, Store
from dedup_ingest import ArticleLimits, FeedOutcome, FetchSettings, FullTextSettings, ParseSettings, collect

if TYPE_CHECKING:
    from dedup_ingest import Article, FeedRequest, More

log = logging.getLogger("dedup.feeds")

# Outcomes that arrive within this time are committed together, but not more than so many: a commit costs the disk the
# same for one feed as for twenty, and an article is late by this at most.
GATHER_SECONDS = 0.25
MAX_BATCH_ARTICLES = 1000
MAX_BATCH_FEEDS = 64
BUSY_SECONDS = 1.0  # before another try for the lock, which was waited for store.lock_timeout_seconds already

Result = TypeVar("Result")


class Collector:
    """Visits feeds on behalf of one holder of leases; for use in one event loop.

    `counts` has the totals: fetched, not_modified, failed, entries, skipped, new and known articles, `page:` and what
    became of a page, and `ignored` visits to feeds that were removed, or given to somebody else, in the meantime.
    `visited` is told each outcome once it is committed, `brought` that there is something to sort.
    """

    def __init__(
        self,
        store: Store,
        config: Config,
        leases: Leases,
        *,
        visited: Callable[[FeedOutcome], None] = lambda outcome: None,
        brought: Callable[[], None] = lambda: None,
    ) -> None:
        self.counts: Counter[str] = Counter()
        self._store = store
        self._config = config
        self._leases = leases
        self._visited = visited
        self._brought = brought
        self._claims: dict[str, Claim] = {}
        self._stopping = asyncio.Event()
        self._drain_seconds = config.poll.drain_seconds
        self._draining: asyncio.Timeout | None = None

    async def visit(self, claims: Sequence[Claim]) -> None:
        """Visit each of these feeds once.

        Raises:
            StoreUnavailable: the database cannot be written; visits that are not written down are repeated next time.
        """
        await self._written(self._collect(self._requests(claims)))

    async def visit_due(self, tick: asyncio.Event | None = None) -> None:
        """Visit what is due, as it falls due, until `stop`; without a `tick` until nothing is due.

        `tick` is set from outside when it is time to look again; meanwhile the leases are kept alive.

        Raises:
            StoreUnavailable: as `visit`.
        """

        async def more() -> Sequence[FeedRequest]:
            while not self._stopping.is_set():
                if tick is not None:
                    tick.clear()  # before the look: a stop or a tick that comes during it is not lost
                claims = await asyncio.to_thread(patiently, self._claim, self._stopping.is_set)
                if claims or tick is None:
                    return self._requests(claims)
                await tick.wait()
            return ()

        await self._written(self._collect((), more=more, until=self._stopping))

    def stop(self, tick: asyncio.Event | None = None) -> None:
        """Begin no further visit; those that are under way have `poll.drain_seconds`."""
        self._stopping.set()
        if self._draining is not None:
            self._draining.reschedule(asyncio.get_running_loop().time() + self._drain_seconds)
        if tick is not None:
            tick.set()

    def _collect(
        self, requests: Sequence[FeedRequest], *, more: More | None = None, until: asyncio.Event | None = None
    ) -> AsyncIterator[FeedOutcome]:
        config = self._config
        return collect(
            requests,
            FetchSettings(**config.fetch.model_dump()),
            ParseSettings(**config.parse.model_dump()),
            ArticleLimits(**config.article.model_dump()),
            more=more,
            until=until,
            pages=FullTextSettings(**config.fulltext.model_dump()),
            known=self._known,
        )

    async def _known(self, articles: Sequence[Article]) -> set[str]:
        return await asyncio.to_thread(patiently, partial(known, self._store, articles), self._stopping.is_set)

    def _claim(self) -> list[Claim]:
        return self._leases.claim_feeds(self._config.poll.claim_feeds)

    def _requests(self, claims: Sequence[Claim]) -> list[FeedRequest]:
        self._claims.update((claim.request.url, claim) for claim in claims)
        return [claim.request for claim in claims]

    async def _written(self, outcomes: AsyncIterator[FeedOutcome]) -> None:
        """Write every outcome down; after a stop, those that come within the time to drain."""
        arrived: asyncio.Queue[FeedOutcome | None] = asyncio.Queue(MAX_BATCH_FEEDS)
        reading = asyncio.create_task(self._read(outcomes, arrived))
        leasing = asyncio.create_task(self._keep_leases())
        try:
            while batch := await _batch(arrived):
                await asyncio.to_thread(patiently, partial(self._write, batch), self._stopping.is_set)
                for outcome in batch:
                    self._visited(outcome)
                self._brought()
            await reading
        finally:
            reading.cancel()
            leasing.cancel()
            await asyncio.gather(reading, leasing, return_exceptions=True)

    async def _read(self, outcomes: AsyncIterator[FeedOutcome], arrived: asyncio.Queue[FeedOutcome | None]) -> None:
        failure = None
        try:
            async with asyncio.timeout(None) as self._draining, aclosing(outcomes) as stream:  # type: ignore[type-var]
                async for outcome in stream:
                    await arrived.put(outcome)
        except TimeoutError:
            log.warning("visits that run %g s after the stop (poll.drain_seconds) are left", self._drain_seconds)
        except Exception as error:
            failure = error
        await arrived.put(None)
        if failure is not None:
            raise failure

    async def _keep_leases(self) -> None:
        while True:
            await asyncio.sleep(self._config.poll.lease_seconds / 3)
            with suppress(StoreBusy):  # whoever holds the lock for that long will be told so by the next write
                await asyncio.to_thread(self._leases.renew)

    def _write(self, outcomes: Sequence[FeedOutcome]) -> None:
        """In one transaction the articles wait, and their feeds know when they were visited and will be next."""
        now = datetime.now(UTC)
        visits = {claim.feed_id: (claim, outcome) for outcome in outcomes if (claim := self._claims.get(outcome.url))}
        counts: Counter[str] = Counter()
        with self._store.writing() as session:
            rows = {row.id: row for row in self._rows(session, visits)}
            brought = [(id_, outcome.articles) for id_, (_, outcome) in visits.items() if id_ in rows]
            new, known, _ = put(session, brought, now)
            for id_, row in rows.items():
                plans.record(session, row, visits[id_][1], new[id_], now, self._config)
        for outcome in outcomes:
            self._claims.pop(outcome.url, None)
            counts[outcome.status] += 1
            counts["entries"] += outcome.entries
            counts["skipped"] += sum(count for _, count in outcome.skipped)
            counts.update(f"page:{page.status}" for page in outcome.pages)
        counts.update(new=sum(new.values()), known=known, ignored=len(outcomes) - len(rows))
        self.counts.update(counts)

    def _rows(self, session: Session, visits: dict[int, tuple[Claim, FeedOutcome]]) -> list[FeedRow]:
        """The feeds that are still there, and still leased to whom they were when their visit began."""
        found: list[FeedRow] = []
        for part in chunks(sorted(visits)):
            query = select(FeedRow).where(FeedRow.id.in_(part)).order_by(FeedRow.id).with_for_update()
            found += [row for row in session.scalars(query) if visits[row.id][0].owner == row.lease_owner]
        return found


async def _batch(arrived: asyncio.Queue[FeedOutcome | None]) -> list[FeedOutcome]:
    """What arrives together; empty at the end."""
    batch: list[FeedOutcome] = []
    articles = 0
    with suppress(TimeoutError):
        async with asyncio.timeout(None) as deadline:
            while len(batch) < MAX_BATCH_FEEDS and articles < MAX_BATCH_ARTICLES:
                outcome = await arrived.get()
                if outcome is None:
                    if batch:
                        arrived.put_nowait(None)
                    break
                if not batch:
                    deadline.reschedule(asyncio.get_running_loop().time() + GATHER_SECONDS)
                batch.append(outcome)
                articles += len(outcome.articles)
    return batch


def patiently(work: Callable[[], Result], stopping: Callable[[], bool]) -> Result:
    """The result of `work`, tried again for as long as the database is busy and nobody is stopping.

    Raises:
        StoreUnavailable: for any other reason, or busy while stopping.
    """
    while True:
        try:
            return work()
        except StoreBusy as error:
            if stopping():
                raise
            log.warning("%s; trying again", error)
            time.sleep(BUSY_SECONDS)
