"""Thousands of invented feeds on loopback, served by a process of its own that costs the reader's machine little.

    python benchmarks/_feedsite.py --lifetime 60

Prints its port and serves `/N.xml` at every address of 127.0.0.0/8 until its standard input ends. A feed is 16 KB of
RSS 2.0 with 18 entries and has an ETag. With a lifetime of S seconds each feed gets a new entry every S seconds, at a
moment of its own, and loses its oldest one.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import time
from email.utils import formatdate

ENTRIES = 18
ENTRY_BYTES = 840
VARIANTS = 64
START = 1_774_000_000  # the moment of entry 0 of every feed: the texts are the same in every run

WORDS = """
harbour council ferry bridge mayor budget school river storm market railway hospital harvest court election
museum engine village airport teacher factory winter police library strike reform garden tunnel energy water
visitors workers residents ministers scientists drivers farmers players announced opened closed delayed
approved rejected measured counted repaired promised against before during after under without between
northern southern eastern western quiet crowded empty narrow modern ancient public private early late daily
yearly first second third last several
""".split()  # noqa: SIM905 - a table, one word a cell


def paragraph(seed: int, size: int) -> str:
    """`size` characters of sentences that mean nothing and look like English."""
    rng = random.Random(seed)
    text = ""
    while len(text) < size:
        sentence = " ".join(rng.choice(WORDS) for _ in range(rng.randint(7, 14)))
        text += f"{sentence.capitalize()}. "
    return text[:size].rsplit(" ", 1)[0] + "."


PARAGRAPHS = [paragraph(number, ENTRY_BYTES - 260) for number in range(VARIANTS)]


def address(number: int, port: int) -> str:
    """The URL of a feed: a host for each, as on the web, so that politeness to a host holds nobody up."""
    return f"http://127.{1 + number // 62500}.{number // 250 % 250}.{1 + number % 250}:{port}/{number}.xml"


def document(feed: int, newest: int) -> bytes:
    """The feed whose newest entry is number `newest`."""
    entries = []
    for number in range(newest, newest - ENTRIES, -1):
        text = PARAGRAPHS[(feed * 31 + number * 7) % VARIANTS]
        title = f"Ward {feed} report {number}: {text[20:60].strip().lower()}"
        entries.append(
            f"<item><title>{title}</title><link>https://ward{feed}.example/{number}</link>"
            f'<guid isPermaLink="false">ward-{feed}-{number}</guid>'
            f"<pubDate>{formatdate(START + number * 1800, usegmt=True)}</pubDate>"
            f"<description>&lt;p&gt;{text}&lt;/p&gt;</description></item>"
        )
    head = f"<title>Ward {feed}</title><link>https://ward{feed}.example/</link><description>News</description>"
    channel = f"<channel>{head}{''.join(entries)}</channel>"
    return f'<?xml version="1.0" encoding="UTF-8"?><rss version="2.0">{channel}</rss>'.encode()


class Site(asyncio.Protocol):
    """One connection. Only what two readers ask of it: GET, keep-alive, If-None-Match."""

    lifetime = 0.0
    began = time.monotonic()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.buffer = b""

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while b"\r\n\r\n" in self.buffer:
            head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
            self.answer(head)

    def answer(self, head: bytes) -> None:
        feed = int(head.split(b" ", 2)[1].strip(b"/").split(b".")[0])
        newest = ENTRIES
        if self.lifetime:
            # Moments spread evenly over the feeds: not all of them have news at once.
            newest += int((time.monotonic() - self.began) / self.lifetime + feed * 0.618 % 1)
        etag = f'"{feed}-{newest}"'.encode()
        if etag in head:
            self.transport.write(b"HTTP/1.1 304 Not Modified\r\nETag: " + etag + b"\r\nContent-Length: 0\r\n\r\n")
            return
        body = document(feed, newest)
        self.transport.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/rss+xml\r\nETag: "
            + etag
            + b"\r\nContent-Length: "
            + str(len(body)).encode()
            + b"\r\n\r\n"
            + body
        )


async def serve(lifetime: float) -> None:
    Site.lifetime = lifetime
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Site, "0.0.0.0", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--lifetime", type=float, default=0.0, help="seconds between two new entries of a feed; 0: never"
    )
    asyncio.run(serve(parser.parse_args().lifetime))
