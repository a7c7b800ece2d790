"""One round: feeds are visited, and what they bring is sorted beside it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from dedup._errors import StoreError
from dedup.feeds._collecting import Collector
from dedup.feeds._inbox import Inbox
from dedup.feeds._leases import Claim, Leases
from dedup.feeds._sorting import Sorter
from dedup.results import FeedProblem, Placed

if TYPE_CHECKING:
    from dedup._tally import Tally
    from dedup.config import Config
    from dedup.service import Deduplicator, Progress
    from dedup_ingest import FeedOutcome


def gather(
    service: Deduplicator, config: Config, tally: Tally, feed_ids: Sequence[int] | None, progress: Progress
) -> None:
    """Visit these feeds, or with None all that are due, and sort what they bring and what waits already.

    A feed that another process is visiting is left to it: what it brings comes in there, and is sorted there.

    Raises:
        StoreUnavailable: the database cannot be written; what was committed waits, or is repeated, next time.
    """
    leases = Leases(service.store, config.poll.lease_seconds)
    leases.recover()
    try:
        claims = None
        if feed_ids is not None:
            claims = leases.claim_these(feed_ids)
            tally.feeds = len(feed_ids)
            tally.add("elsewhere", len(feed_ids) - len(claims))
        asyncio.run(_gather(service, config, tally, leases, claims, progress))
    finally:
        with contextlib.suppress(StoreError):
            leases.release()


async def _gather(
    service: Deduplicator,
    config: Config,
    tally: Tally,
    leases: Leases,
    claims: Sequence[Claim] | None,
    progress: Progress,
) -> None:
    inbox = Inbox(service.store)
    visited = sorted_ = 0

    def on_visit(outcome: FeedOutcome) -> None:
        nonlocal visited
        visited += 1
        if outcome.error is not None:
            tally.problems.append(FeedProblem(outcome.url, str(outcome.error_kind), outcome.error))
        progress("feeds", visited, visited if claims is None else len(claims))

    def on_placed(placed: Sequence[Placed]) -> None:
        nonlocal sorted_
        sorted_ += len(placed)
        tally.place(placed)
        if fetching.done():
            progress("sort", sorted_, sorted_ + len(inbox))

    sorter = Sorter(service, inbox, leases, eager=False, placed=on_placed)
    collector = Collector(service.store, config, leases, visited=on_visit, brought=sorter.wake)
    fetching = asyncio.create_task(collector.visit_due() if claims is None else collector.visit(claims))
    fetching.add_done_callback(lambda _: sorter.complete())
    sorting = asyncio.create_task(sorter.run())
    try:
        # Whichever fails first ends the other; sorting ends by itself when fetching has.
        await asyncio.gather(fetching, sorting)
    finally:
        sorter.stop()
        fetching.cancel()
        await asyncio.gather(fetching, sorting, return_exceptions=True)
        tally.counts.update(collector.counts)
        tally.problems += inbox.set_aside
        if claims is None:
            tally.feeds = visited
