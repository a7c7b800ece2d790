"""Requests that are not begun yet: hosts take turns, and those of a busy host are passed over."""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict, deque
from collections.abc import Awaitable, Callable, Iterable, Sequence

from ._outcome import FeedRequest
from ._urls import host_of

More = Callable[[], Awaitable[Sequence[FeedRequest]]]
"""Asked for further requests whenever few are left to begin; an answer without any is the last."""


class Turn:
    """A request that was begun: one of those that run at once, and one of those at its host."""

    def __init__(self, queue: RequestQueue, request: FeedRequest) -> None:
        self.request = request
        self._queue = queue
        self._host: str | None = host_of(request.url)
        self._runs = True

    def go_to(self, host: str) -> None:
        """It asks this host next: when it was redirected to another one, the first has a place again."""
        if self._host not in (None, host):
            self._queue.leave(self._host, runs=False)
            self._host = None

    def wait(self) -> None:
        """It has to wait for its host: another one may run meanwhile."""
        self._queue.leave(None, runs=self._runs)
        self._runs = False

    def runs(self) -> bool:
        """Run again, if one more may."""
        self._runs = self._runs or self._queue.enter_now()
        return self._runs

    async def go_on(self) -> None:
        """Run again, as soon as one more may, and before any that has not begun."""
        await self._queue.enter()
        self._runs = True

    def end(self) -> None:
        """The request is over: its places are free."""
        self._queue.leave(self._host, runs=self._runs)
        self._host, self._runs = None, False


class RequestQueue:
    """Hands out requests, `at_once` and of one host at most `per_host`, and asks for `more` before it runs out.

    Whoever takes a turn says when it waits and when it is over. Were a busy host's requests handed out, or did those
    count that wait for another host, all would soon wait for that host and nobody would fetch from the others. They may
    become many here, because `more` is asked for as long as fewer than `at_once` can be begun.
    """

    def __init__(
        self,
        requests: Sequence[FeedRequest],
        more: More | None = None,
        *,
        at_once: int,
        per_host: int,
        until: asyncio.Event | None = None,
    ) -> None:
        self._waiting: OrderedDict[str, deque[FeedRequest]] = OrderedDict()  # by host, the next host first
        self._begun: Counter[str] = Counter()
        self._running = self._returning = 0
        self._more, self._at_once, self._per_host, self._until = more, at_once, per_host, until
        self._refilling: asyncio.Task[None] | None = None
        self._news = asyncio.Event()
        self.error: Exception | None = None
        self._add(requests)

    async def next(self) -> Turn | None:
        """The next request, as soon as it may run; None when there will be none, `until` is set, or all has failed."""
        while self.error is None and (self._until is None or not self._until.is_set()):
            if self._running + self._returning < self._at_once:
                if self._more is not None and self._refilling is None and self._beginnable() < self._at_once:
                    # Not awaited where there is work: the answer may take until something is due.
                    self._refilling = asyncio.create_task(self._refill(self._more))
                for host in self._waiting:
                    if self._places(host):
                        return self._begin(host)
            if not self._waiting and self._refilling is None and self._more is None:
                break
            await self._news.wait()
        return None

    def leave(self, host: str | None, *, runs: bool) -> None:
        """One that ran, or that was of a host, is so no more."""
        self._running -= runs
        if host is not None:
            self._begun[host] -= 1
            if not self._begun[host]:
                del self._begun[host]
        self._tell()

    def enter_now(self) -> bool:
        """Whether one more runs, because it may."""
        free = self._running < self._at_once
        self._running += free
        return free

    async def enter(self) -> None:
        """One more runs, as soon as it may."""
        self._returning += 1
        try:
            while not self.enter_now():
                await self._news.wait()
        finally:
            self._returning -= 1

    def fail(self, error: Exception) -> None:
        """Give out nothing more, because of this."""
        self.error = error
        self._tell()

    async def close(self) -> None:
        """Ask for no more."""
        if self._refilling is not None:
            self._refilling.cancel()
            await asyncio.gather(self._refilling, return_exceptions=True)

    def _begin(self, host: str) -> Turn:
        request = self._waiting[host].popleft()
        self._begun[host] += 1
        self._running += 1
        if self._waiting[host]:
            self._waiting.move_to_end(host)
        else:
            del self._waiting[host]
        return Turn(self, request)

    def _places(self, host: str) -> int:
        # Files have no host, and nothing that one would have to be polite to.
        return self._per_host - self._begun[host] if host else self._at_once

    def _beginnable(self) -> int:
        return sum(min(len(waiting), self._places(host)) for host, waiting in self._waiting.items())

    def _add(self, requests: Iterable[FeedRequest]) -> None:
        for request in requests:
            self._waiting.setdefault(host_of(request.url), deque()).append(request)

    async def _refill(self, more: More) -> None:
        found: Sequence[FeedRequest] = ()
        try:
            found = await more()
        except Exception as error:
            self.error = error
        if not found:
            self._more = None
        self._add(found)
        self._refilling = None
        self._tell()

    def _tell(self) -> None:
        self._news.set()
        self._news = asyncio.Event()
