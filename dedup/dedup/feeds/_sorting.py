"""From the inbox into stories, beside the fetching."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

from dedup.feeds._collecting import patiently
from dedup.feeds._inbox import Inbox
from dedup.feeds._leases import Leases
from dedup.results import Placed

if TYPE_CHECKING:
    from dedup.service import Deduplicator


class Sorter:
    """Sorts what waits, one batch (`encode.batch_articles`) after the other; for use in one event loop.

    `eager` sorts whatever there is at once; otherwise a batch is begun when it is full, or when nothing more will come:
    the encoder is quickest, and stories begin with their first article, in full batches. `placed` is told each batch.
    """

    def __init__(
        self,
        service: Deduplicator,
        inbox: Inbox,
        leases: Leases,
        *,
        eager: bool,
        placed: Callable[[Sequence[Placed]], None],
    ) -> None:
        self._service = service
        self._inbox = inbox
        self._leases = leases
        self._eager = eager
        self._placed = placed
        self._size = service.config.encode.batch_articles
        self._news = asyncio.Event()
        self._complete = self._stopping = False
        # Threads of its own: the loop waits for its default ones at its end, and a batch may take longer than a drain.
        self._threads = ThreadPoolExecutor(1, "dedup-sort")

    async def run(self) -> None:
        """Until `complete` and nothing is left, or until `stop`.

        Raises:
            StoreUnavailable: the database cannot be written; what was taken waits on.
        """
        loop = asyncio.get_running_loop()
        try:
            while not self._stopping:
                self._news.clear()
                last = self._complete
                work = partial(patiently, partial(self._sort, last or self._eager), lambda: self._stopping)
                placed = await loop.run_in_executor(self._threads, work)
                if placed:
                    self._placed(placed)
                elif last:
                    return
                else:
                    await self._news.wait()
        finally:
            self._threads.shutdown(wait=False)

    def wake(self) -> None:
        """There may be something to sort."""
        self._news.set()

    def complete(self) -> None:
        """Nothing more comes: sort what is left, and end."""
        self._complete = True
        self._news.set()

    def stop(self) -> None:
        """End after the batch that is being sorted; the rest waits for the next start."""
        self._stopping = True
        self._news.set()

    def _sort(self, whatever: bool) -> tuple[Placed, ...]:
        if not whatever and len(self._inbox) < self._size:
            return ()
        return self._inbox.sort(self._service, self._leases, self._size)
