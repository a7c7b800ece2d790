"""Requests that are not begun yet: hosts take turns, and those of a busy host are passed over."""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict, deque
from collections.abc import Awaitable, Callable, Iterable, Sequence

from ._outcome import FeedRequest
from ._urls import host_of

More = Callable[[], Awaitable[Sequence[FeedRequest]]]
"""Asked for further requests whenever few are left to begin; an answer without any is the last."""


class RequestQueue:
    """Hands out requests, at most `per_host` of one host at a time, and asks for `more` before it runs out.

    Whoever takes a request says when it is `finished`. Were a busy host's requests handed out, all takers would soon
    wait for that host and nobody would fetch from the others. They may become many here, because `more` is asked for as
    long as fewer than `low` can be begun.
    """

    def __init__(
        self,
        requests: Sequence[FeedRequest],
        more: More | None = None,
        *,
        low: int,
        per_host: int,
        until: asyncio.Event | None = None,
    ) -> None:
        self._waiting: OrderedDict[str, deque[FeedRequest]] = OrderedDict()  # by host, the next host first
        self._begun: Counter[str] = Counter()
        self._more, self._low, self._per_host, self._until = more, low, per_host, until
        self._refilling: asyncio.Task[None] | None = None
        self._news = asyncio.Event()
        self.error: Exception | None = None
        self._add(requests)

    async def next(self) -> FeedRequest | None:
        """The next request, as soon as there is one; None when there will be none, or `until` is set."""
        while self._until is None or not self._until.is_set():
            if self._more is not None and self._refilling is None and self._beginnable() < self._low:
                # Not awaited by those that have work: the answer may take until something is due.
                self._refilling = asyncio.create_task(self._refill(self._more))
            for host in self._waiting:
                if self._places(host):
                    return self._begin(host)
            if not self._waiting and self._refilling is None:
                break
            await self._news.wait()
        return None

    def finished(self, request: FeedRequest) -> None:
        """The request is over: its host has a place again."""
        host = host_of(request.url)
        self._begun[host] -= 1
        if not self._begun[host]:
            del self._begun[host]
        self._tell()

    async def close(self) -> None:
        """Ask for no more."""
        if self._refilling is not None:
            self._refilling.cancel()
            await asyncio.gather(self._refilling, return_exceptions=True)

    def _begin(self, host: str) -> FeedRequest:
        request = self._waiting[host].popleft()
        self._begun[host] += 1
        if self._waiting[host]:
            self._waiting.move_to_end(host)
        else:
            del self._waiting[host]
        return request

    def _places(self, host: str) -> int:
        # Files have no host, and nothing that one would have to be polite to.
        return self._per_host - self._begun[host] if host else self._low

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
