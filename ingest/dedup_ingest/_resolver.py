"""Names to addresses: the system's lookup off the event loop, and answers without what the guard would refuse."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from threading import Thread
from typing import Any

from aiohttp.abc import AbstractResolver, ResolveResult

from ._guard import NetworkGuard


class ThreadResolver(AbstractResolver):
    """getaddrinfo, at most `threads` at a time, each in a thread that a process may leave behind.

    Not the loop's few default threads: all of them would wait for a handful of dead names. Not a ThreadPoolExecutor:
    its threads are waited for when the process ends, for minutes where the name servers are silent.
    """

    def __init__(self, threads: int) -> None:
        self._free = asyncio.Semaphore(threads)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The addresses of a name. Raises OSError when there are none, or nobody answers."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[list[Any]] = loop.create_future()
        await self._free.acquire()

        def tell(infos: list[Any], error: Exception | None) -> None:
            self._free.release()
            if answer.done():  # nobody waits for it any more
                return
            if error is None:
                answer.set_result(infos)
            else:
                answer.set_exception(error)

        def look_up() -> None:
            infos: list[Any] = []
            error: Exception | None = None
            try:
                infos = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM)
            except Exception as caught:  # a name that IDNA refuses is no OSError
                error = caught
            with contextlib.suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(tell, infos, error)

        try:
            Thread(target=look_up, name="dedup-dns", daemon=True).start()
        except RuntimeError as error:  # the system has no thread to give
            self._free.release()
            raise OSError(f"the name {host!r} is not looked up: {error}") from error
        numeric = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
        return [
            ResolveResult(hostname=host, host=str(address[0]), port=port, family=found, proto=proto, flags=numeric)
            for found, _, proto, _, address in await answer
        ]

    async def close(self) -> None:
        """Nothing is held: lookups that still run end by themselves."""


class GuardedResolver(AbstractResolver):
    """Another resolver's answers, without the addresses that the guard refuses where it lets one through.

    The guard judges every connection anyway. Here it is asked so that a name with a private address, whose public
    server is down for a while, is a connection that failed and not a name that is refused.
    """

    def __init__(self, resolver: AbstractResolver, guard: NetworkGuard) -> None:
        self._resolver = resolver
        self._guard = guard

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Raises what the other resolver raises."""
        found = await self._resolver.resolve(host, port, family)
        return [address for address in found if self._guard.refusal(address["host"]) is None] or found

    async def close(self) -> None:
        """The other resolver is not ours to close."""
