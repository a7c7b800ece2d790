"""Politeness to a host: how many requests at a time, and how soon one after the other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass


@dataclass(slots=True)
class _Host:
    slots: asyncio.Semaphore
    users: int = 0
    next_start: float = 0.0


class Hosts:
    """Never more than `limit` requests at one host, begun `spacing_seconds` apart; redirect targets included.

    Forgets hosts that nobody waits for.
    """

    def __init__(self, limit: int, spacing_seconds: float) -> None:
        self._limit = limit
        self._spacing = spacing_seconds
        self._hosts: dict[str, _Host] = {}

    def __len__(self) -> int:
        return len(self._hosts)

    @asynccontextmanager
    async def slot(self, name: str, deadline: asyncio.Timeout) -> AsyncIterator[None]:
        """Room for one request. The wait for it does not count against the deadline: it is not the feed's fault.

        Without that, 500 feeds of one host that answers in 5 s would time out by being many.
        """
        loop = asyncio.get_running_loop()
        host = self._hosts.setdefault(name, _Host(asyncio.Semaphore(self._limit)))
        host.users += 1
        left = (deadline.when() or loop.time()) - loop.time()
        deadline.reschedule(None)
        try:
            async with host.slots:
                start = max(loop.time(), host.next_start)
                host.next_start = start + self._spacing
                if start > loop.time():
                    await asyncio.sleep(start - loop.time())
                deadline.reschedule(loop.time() + left)
                yield
        finally:
            host.users -= 1
            loop.call_at(max(host.next_start, loop.time()), self._forget, name)

    def _forget(self, name: str) -> None:
        host = self._hosts.get(name)
        if host is not None and not host.users and host.next_start <= asyncio.get_running_loop().time():
            del self._hosts[name]
