"""Real servers on loopback, and feeds that are written here."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Any

import pytest

from dedup_ingest import ArticleLimits, FeedOutcome, FeedRequest, FetchSettings, ParseSettings, collect

LOOPBACK = ("127.0.0.0/8",)
QUICK_PARSE = ParseSettings(workers=1, detect_language=False)

Answer = Callable[["Connection"], Awaitable[None]]


class Connection:
    """One request that came in over a raw socket, and the way to answer it byte by byte."""

    def __init__(self, head: bytes, writer: asyncio.StreamWriter) -> None:
        self.writer = writer
        first, *lines = head.decode("latin-1").split("\r\n")
        self.method, self.path, _ = first.split(" ", 2)
        self.headers = {
            name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)
        }

    async def send(self, *parts: bytes) -> None:
        self.writer.write(b"".join(parts))
        await self.writer.drain()

    async def reply(
        self, body: bytes = b"", status: str = "200 OK", headers: Sequence[tuple[str, str]] = (), *, length: bool = True
    ) -> None:
        lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in headers), "Connection: close"]
        if length:
            lines.append(f"Content-Length: {len(body)}")
        await self.send("\r\n".join(lines).encode("latin-1"), b"\r\n\r\n", body)


class RawServer:
    """What a raw server saw: `connections` counts sockets, `requests` are the heads that arrived."""

    def __init__(self, host: str) -> None:
        self.host = host
        self.port = 0
        self.connections = 0
        self.requests: list[Connection] = []

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"


@asynccontextmanager
async def raw_server(answer: Answer, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[RawServer]:
    seen = RawServer(host)

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.connections += 1
        try:
            connection = Connection(await reader.readuntil(b"\r\n\r\n"), writer)
            seen.requests.append(connection)
            await answer(connection)
        except (OSError, asyncio.IncompleteReadError):
            pass  # the client had enough, which is what these servers are for
        finally:
            writer.close()

    server = await asyncio.start_server(handle, host, port)
    seen.port = server.sockets[0].getsockname()[1]
    try:
        yield seen
    finally:
        server.close()


async def gather(
    requests: Sequence[FeedRequest | str],
    fetch: FetchSettings | None = None,
    parse: ParseSettings = QUICK_PARSE,
    limits: ArticleLimits | None = None,
    **options: Any,
) -> dict[str, FeedOutcome]:
    asked = [request if isinstance(request, FeedRequest) else FeedRequest(request) for request in requests]
    # No chance in what is asked: 1 % of the requests would carry no validators.
    plain = FetchSettings(allow_networks=LOOPBACK, host_spacing_seconds=0, max_retries=0, unconditional_share=0.0)
    settings = fetch or plain
    outcomes = {}
    async with aclosing(collect(asked, settings, parse, limits or ArticleLimits(), **options)) as stream:
        async for outcome in stream:
            outcomes[outcome.url] = outcome
    return outcomes


def rss(*items: str, title: str = "Harbour Gazette", extra: str = "") -> bytes:
    return (
        '<?xml version="1.0" encoding="UTF-8"?><rss version="2.0"><channel>'
        f"<title>{title}</title><link>https://gazette.example/</link>{extra}{''.join(items)}</channel></rss>"
    ).encode()


def item(number: int = 1, title: str = "Ferry line reopens", text: str = "The ferry sails again from Monday.") -> str:
    return (
        f"<item><title>{title} {number}</title><guid>g-{number}</guid><link>https://gazette.example/{number}</link>"
        f"<pubDate>Mon, 23 Nov 2026 10:00:00 GMT</pubDate><description>{text}</description></item>"
    )


class Kit:
    """Everything above, for tests that get no imports from each other."""

    Connection = Connection
    LOOPBACK = LOOPBACK
    QUICK_PARSE = QUICK_PARSE
    raw_server = staticmethod(raw_server)
    gather = staticmethod(gather)
    rss = staticmethod(rss)
    item = staticmethod(item)

    @staticmethod
    def run(scenario: Awaitable[Any]) -> Any:
        async def main() -> Any:
            return await scenario

        return asyncio.run(main())


@pytest.fixture(scope="session")
def kit() -> type[Kit]:
    return Kit
