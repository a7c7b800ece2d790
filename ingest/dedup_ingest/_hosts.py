"""Politeness to a host: how many requests at a time, and how soon one after the other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Protocol


class Waits(Protocol):
    """One of those that may run at once, which is told where it is and that it has to wait."""

    def go_to(self, host: str) -> None:
        """It asks this host next."""

    def wait(self) -> None:
        """Somebody else may run meanwhile."""

    def runs(self) -> bool:
        """Run again, if one more may."""

    async def go_on(self) -> None:
        """Run again, as soon as one more may."""


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
    async def slot(self, name: str, deadline: asyncio.Timeout, turn: Waits | None = None) -> AsyncIterator[None]:
        """Room for one request. The wait for it does not count against the deadline: it is not the feed's fault.

        Without that, 500 feeds of one host that answers in 5 s would time out by being many. `turn` is told of the
        wait, so that others may run meanwhile.
        """
        loop = asyncio.get_running_loop()
        host = self._hosts.setdefault(name, _Host(asyncio.Semaphore(self._limit)))
        host.users += 1
        left = (deadline.when() or loop.time()) - loop.time()
        deadline.reschedule(None)
        try:
            await _enter(host, name, turn)
            try:
                start = max(loop.time(), host.next_start)
                host.next_start = start + self._spacing
                if start > loop.time():
                    await asyncio.sleep(start - loop.time())
                deadline.reschedule(loop.time() + left)
                yield
            finally:
                host.slots.release()
        finally:
            host.users -= 1
            loop.call_at(max(host.next_start, loop.time()), self._forget, name)

    def _forget(self, name: str) -> None:
        host = self._hosts.get(name)
        if host is not None and not host.users and host.next_start <= asyncio.get_running_loop().time():
            del self._hosts[name]


async def _enter(host: _Host, name: str, turn: Waits | None) -> None:
    """Take one of the host's slots. Nobody holds one while it waits for its turn to run: those that run may be waiting
    for that slot themselves."""
    if turn is not None:
        turn.go_to(name)
    while turn is not None and host.slots.locked():
        turn.wait()
        await host.slots.acquire()
        if turn.runs():
            return
        host.slots.release()
        await turn.go_on()
    await host.slots.acquire()
