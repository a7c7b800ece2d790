"""Fetching from servers that are slow, wrong or hostile: raw sockets that really do it."""

from __future__ import annotations

import asyncio
import gzip
import json
import subprocess
import sys
import zlib
from collections.abc import Callable
from typing import Any

import pytest

from dedup_ingest import ErrorKind, FeedOutcome, FeedRequest, FetchSettings, Redirect


def fetch_from(
    kit: Any, answer: Callable[[Any], Any], request: FeedRequest | None = None, **settings: Any
) -> tuple[FeedOutcome, Any]:
    """The outcome of one feed at a server that answers like this, and what the server saw."""

    async def scenario() -> tuple[FeedOutcome, Any]:
        async with kit.raw_server(answer) as server:
            url = f"{server.url}/feed"
            asked = FeedRequest(url, request.etag, request.last_modified) if request else FeedRequest(url)
            outcomes = await kit.gather(
                [asked], FetchSettings(**{"allow_networks": kit.LOOPBACK, "max_retries": 0, **settings})
            )
            return outcomes[url], server

    result: tuple[FeedOutcome, Any] = kit.run(scenario())
    return result


def replying(kit: Any, **options: Any) -> Callable[[Any], Any]:
    body = options.pop("body", kit.rss(kit.item()))
    return lambda connection: connection.reply(body, **options)


def failed(outcome: FeedOutcome, kind: ErrorKind, words: str) -> None:
    assert outcome.status == "failed"
    assert outcome.error_kind is kind, outcome.error
    assert words in (outcome.error or "")
    assert outcome.articles == ()
    assert (outcome.etag, outcome.last_modified) == (None, None)


def test_a_feed_is_fetched_with_its_validators_and_counts(kit: Any) -> None:
    headers = [("ETag", '"v1"'), ("Last-Modified", "Mon, 23 Nov 2026 10:00:00 GMT"), ("Content-Type", "text/xml")]
    body = kit.rss(kit.item(1), kit.item(2))
    outcome, server = fetch_from(kit, replying(kit, body=body, headers=headers))
    assert (outcome.status, outcome.entries, outcome.title) == ("fetched", 2, "Harbour Gazette")
    assert [article.title for article in outcome.articles] == ["Ferry line reopens 1", "Ferry line reopens 2"]
    assert {article.source for article in outcome.articles} == {"Harbour Gazette"}
    assert (outcome.etag, outcome.last_modified) == ('"v1"', "Mon, 23 Nov 2026 10:00:00 GMT")
    assert (outcome.http_status, outcome.body_bytes, outcome.problem) == (200, len(body), None)
    assert outcome.elapsed_seconds > 0
    asked = server.requests[0].headers
    assert asked["user-agent"].startswith("news-dedup/")
    assert "if-none-match" not in asked
    assert "cookie" not in asked


@pytest.mark.parametrize(
    "location",
    ["file:///etc/passwd", "ftp://files.example/rss", "javascript:alert(1)", "data:text/xml,<rss/>", "gopher://x/"],
)
def test_case_10_a_redirect_to_another_scheme_is_rejected(kit: Any, location: str) -> None:
    outcome, _ = fetch_from(kit, replying(kit, status="302 Found", headers=[("Location", location)]))
    failed(outcome, ErrorKind.REDIRECT, "only http and https")


def test_case_11_a_redirect_loop_stops_at_five(kit: Any) -> None:
    outcome, server = fetch_from(kit, replying(kit, status="301 Moved", headers=[("Location", "/feed")]))
    failed(outcome, ErrorKind.REDIRECT, "more than 5 times")
    assert server.connections == 6


def test_redirects_are_followed_and_kept(kit: Any) -> None:
    async def answer(connection: Any) -> None:
        hops = {"/feed": ("301 Moved", "/second"), "/second": ("302 Found", "third?x=1#y")}
        if connection.path in hops:
            status, target = hops[connection.path]
            await connection.reply(status=status, headers=[("Location", target)])
        else:
            await connection.reply(kit.rss(kit.item()))

    outcome, server = fetch_from(kit, answer)
    assert outcome.status == "fetched"
    assert outcome.redirects == (Redirect(301, f"{server.url}/second"), Redirect(302, f"{server.url}/third?x=1#y"))
    assert outcome.final_url == f"{server.url}/third?x=1#y"
    assert outcome.url == f"{server.url}/feed"


@pytest.mark.parametrize("location", ["", "http://[broken", "//"])
def test_a_redirect_that_leads_nowhere_is_an_error(kit: Any, location: str) -> None:
    outcome, _ = fetch_from(kit, replying(kit, status="302 Found", headers=[("Location", location)]))
    assert outcome.status == "failed"
    assert outcome.error_kind in (ErrorKind.REDIRECT, ErrorKind.INVALID_URL)


BOMB_BYTES = 256 * 1024 * 1024


def _gzip_bomb() -> bytes:
    packer = zlib.compressobj(1, wbits=31)
    block = bytes(1024 * 1024)
    return b"".join([*(packer.compress(block) for _ in range(BOMB_BYTES // len(block))), packer.flush()])


def _brotli_bomb() -> bytes:
    brotli = pytest.importorskip("brotli", reason="brotli is not installed; aiohttp[speedups] brings it")
    return bytes(brotli.compress(bytes(BOMB_BYTES), quality=1))


def _zstd_bomb() -> bytes:
    zstd = pytest.importorskip("backports.zstd", reason="backports.zstd is not installed; aiohttp[speedups] brings it")
    return bytes(zstd.compress(bytes(BOMB_BYTES)))


_CLIENT = """
import asyncio, json, resource, sys
from dedup_ingest import FeedRequest, FetchSettings, ParseSettings, collect

async def main(urls):
    settings = FetchSettings(allow_networks=("127.0.0.0/8",))
    results = []
    peaks = []
    for url in urls:
        async for outcome in collect([FeedRequest(url)], settings, ParseSettings(workers=1, detect_language=False)):
            results.append((outcome.error_kind, outcome.error))
        peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
    print(json.dumps([results, peaks]))

asyncio.run(main(sys.argv[1:]))
"""


@pytest.mark.parametrize(
    ("coding", "bomb"), [("gzip", _gzip_bomb), ("br", _brotli_bomb), ("zstd", _zstd_bomb)], ids=["gzip", "br", "zstd"]
)
def test_case_16_a_compression_bomb_is_cut_and_costs_less_than_64_mib(
    kit: Any, coding: str, bomb: Callable[[], bytes]
) -> None:
    packed = bomb()

    async def answer(connection: Any) -> None:
        if connection.path == "/bomb":
            await connection.reply(packed, headers=[("Content-Encoding", coding)])
        else:
            await connection.reply(kit.rss(kit.item()))

    async def scenario() -> str:
        async with kit.raw_server(answer) as server:
            # A process of its own: the peak of this one belongs to the bomb's maker.
            client = await asyncio.create_subprocess_exec(
                sys.executable, "-c", _CLIENT, f"{server.url}/plain", f"{server.url}/bomb", stdout=subprocess.PIPE
            )
            return (await client.communicate())[0].decode()

    results, peaks = json.loads(kit.run(scenario()))
    assert results[0] == [None, None]
    assert results[1][0] == ErrorKind.TOO_LARGE, results[1]
    assert peaks[1] - peaks[0] < 64 * 1024 * 1024


def test_case_17_gzip_in_gzip_is_bounded_and_an_error(kit: Any) -> None:
    twice = gzip.compress(_gzip_bomb())
    outcome, _ = fetch_from(kit, replying(kit, body=twice, headers=[("Content-Encoding", "gzip")]))
    failed(outcome, ErrorKind.NOT_A_FEED, "compressed once more")
    assert outcome.body_bytes < 2 * 1024 * 1024
    outcome, _ = fetch_from(kit, replying(kit, body=twice, headers=[("Content-Encoding", "gzip, gzip")]))
    failed(outcome, ErrorKind.PROTOCOL, "gzip, gzip")


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd", "compress", "x-gzip", "rot13"])
def test_case_18_a_wrong_content_encoding_is_one_feed_error(kit: Any, coding: str) -> None:
    outcome, _ = fetch_from(kit, replying(kit, headers=[("Content-Encoding", coding)]))
    assert outcome.status == "failed"
    assert outcome.error_kind is ErrorKind.PROTOCOL, outcome.error


@pytest.mark.parametrize(
    ("coding", "module"),
    [("gzip", "gzip"), ("deflate", "zlib"), ("br", "brotli"), ("zstd", "backports.zstd")],
)
def test_a_compressed_feed_is_read(kit: Any, coding: str, module: str) -> None:
    packer = pytest.importorskip(module, reason=f"{module} is not installed; aiohttp[speedups] brings it")
    body = packer.compress(kit.rss(kit.item()))
    outcome, server = fetch_from(kit, replying(kit, body=body, headers=[("Content-Encoding", coding)]))
    assert (outcome.status, len(outcome.articles)) == ("fetched", 1), outcome.error
    assert coding in server.requests[0].headers["accept-encoding"].split(", ")


def test_case_19_an_endless_chunked_body_is_cut(kit: Any) -> None:
    async def answer(connection: Any) -> None:
        await connection.reply(headers=[("Transfer-Encoding", "chunked")], length=False)
        while True:
            await connection.send(b"10000\r\n", b"x" * 0x10000, b"\r\n")

    outcome, _ = fetch_from(kit, answer, max_body_bytes=1_000_000)
    failed(outcome, ErrorKind.TOO_LARGE, "max_body_bytes")


def test_case_20_a_body_shorter_than_its_content_length_is_an_error_and_stores_nothing(kit: Any) -> None:
    async def answer(connection: Any) -> None:
        body = kit.rss(kit.item())
        head = f'HTTP/1.1 200 OK\r\nETag: "v1"\r\nContent-Length: {len(body) + 100}\r\n\r\n'
        await connection.send(head.encode(), body)

    outcome, _ = fetch_from(kit, answer)
    failed(outcome, ErrorKind.CONNECT, "the body broke off")
    assert "content length" in (outcome.error or "")


def test_case_20_a_body_longer_than_its_content_length_is_flagged_and_keeps_no_validator(kit: Any) -> None:
    async def answer(connection: Any) -> None:
        body = kit.rss(kit.item(1), kit.item(2))
        head = f'HTTP/1.1 200 OK\r\nETag: "v1"\r\nContent-Length: {len(body) - 150}\r\n\r\n'
        await connection.send(head.encode(), body)

    outcome, _ = fetch_from(kit, answer)
    assert outcome.etag is None  # so that the next request gets all of it
    assert outcome.status == "failed" or "cut short" in (outcome.problem or "")


def test_case_21_a_drip_of_two_bytes_is_cut_at_the_total_deadline(kit: Any) -> None:
    async def answer(connection: Any) -> None:
        body = kit.rss(kit.item())
        await connection.send(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode())
        for start in range(0, len(body), 2):
            await connection.send(body[start : start + 2])
            await asyncio.sleep(0.1)

    outcome, _ = fetch_from(kit, answer, total_deadline_seconds=0.8, read_timeout_seconds=0.5)
    failed(outcome, ErrorKind.TIMEOUT, "total_deadline_seconds")


@pytest.mark.parametrize(
    "start", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n<rss"], ids=["at once", "in body"]
)
def test_case_22_silence_ends_at_the_read_timeout(kit: Any, start: bytes) -> None:
    async def answer(connection: Any) -> None:
        if start:
            await connection.send(start)
        await asyncio.sleep(30)

    outcome, _ = fetch_from(kit, answer, read_timeout_seconds=0.3)
    failed(outcome, ErrorKind.TIMEOUT, "silent")


def test_case_23_twenty_thousand_headers_are_an_error(kit: Any) -> None:
    headers = [(f"X-{number}", "1") for number in range(20_000)]
    outcome, _ = fetch_from(kit, replying(kit, headers=headers))
    failed(outcome, ErrorKind.PROTOCOL, "Too many headers")


def test_case_23_a_header_above_its_limit_is_an_error(kit: Any) -> None:
    outcome, _ = fetch_from(kit, replying(kit, headers=[("X-Long", "y" * 100_000)]))
    failed(outcome, ErrorKind.PROTOCOL, f"more than {FetchSettings().max_header_bytes} bytes")


def test_case_24_a_304_to_a_first_request_leads_to_a_full_fetch(kit: Any) -> None:
    async def answer(connection: Any) -> None:
        if connection.headers.get("cache-control") == "no-cache":
            await connection.reply(kit.rss(kit.item()))
        else:
            await connection.reply(status="304 Not Modified")

    outcome, server = fetch_from(kit, answer)
    assert (outcome.status, len(outcome.articles), server.connections) == ("fetched", 1, 2)


def test_case_24_a_server_that_only_says_304_is_an_error_and_no_loop(kit: Any) -> None:
    outcome, server = fetch_from(kit, replying(kit, body=b"", status="304 Not Modified"))
    failed(outcome, ErrorKind.PROTOCOL, "304")
    assert server.connections == 2


@pytest.mark.parametrize(
    "etag", ['"abc"', 'W/"abc"', "unquoted", '"with space, comma"', '""', 'W/"a"-gzip', '"\\"quoted\\""', '"naïve-ж"']
)
def test_case_26_an_etag_goes_back_byte_for_byte(kit: Any, etag: str) -> None:
    wire = etag.encode().decode("latin-1")  # the bytes of UTF-8, as the raw server writes and reads them
    modified = "Mon, 23 Nov 2026 10:00:00 GMT"

    async def answer(connection: Any) -> None:
        if connection.headers.get("if-none-match") == wire and connection.headers["if-modified-since"] == modified:
            await connection.reply(status="304 Not Modified")
        else:
            await connection.reply(kit.rss(kit.item()), headers=[("ETag", wire), ("Last-Modified", modified)])

    async def scenario() -> None:
        async with kit.raw_server(answer) as server:
            first = (await kit.gather([server.url]))[server.url]
            assert (first.status, first.etag, first.last_modified) == ("fetched", etag, modified)
            again = FeedRequest(server.url, first.etag, first.last_modified)
            second = (await kit.gather([again]))[server.url]
            assert (second.status, second.articles, second.http_status) == ("not_modified", (), 304)
            assert (second.etag, second.last_modified) == (etag, modified)

    kit.run(scenario())


@pytest.mark.parametrize("etag", ['"\xff\xfe"', '"' + "x" * 5000 + '"'], ids=["not UTF-8", "too long"])
def test_an_etag_that_cannot_be_stored_is_not_kept(kit: Any, etag: str) -> None:
    outcome, _ = fetch_from(kit, replying(kit, headers=[("ETag", etag)]))
    assert (outcome.status, outcome.etag) == ("fetched", None)


@pytest.mark.parametrize(
    "status", ["403 Forbidden", "404 Not Found", "410 Gone", "500 Oops", "503 Busy", "204 Nothing"]
)
def test_case_28_another_status_is_an_error_with_its_number(kit: Any, status: str) -> None:
    outcome, _ = fetch_from(kit, replying(kit, status=status, body=b""))
    failed(outcome, ErrorKind.HTTP_STATUS, status)
    assert outcome.http_status == int(status[:3])


def test_case_29_fifty_feeds_on_one_host_never_exceed_the_limit_per_host(kit: Any) -> None:
    now = most = 0

    async def answer(connection: Any) -> None:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.01)
        if connection.path.startswith("/moved"):
            await connection.reply(status="302 Found", headers=[("Location", f"/feed{connection.path}")])
        else:
            await connection.reply(kit.rss(kit.item()))
        now -= 1

    async def scenario() -> None:
        async with kit.raw_server(answer) as server, kit.raw_server(answer) as other_port:
            urls = [
                f"{base}/{page}{number}"
                for base in (server.url, other_port.url)
                for page in ("x", "moved")
                for number in range(13)
            ]
            settings = FetchSettings(
                allow_networks=kit.LOOPBACK, max_concurrency_per_host=3, host_spacing_seconds=0, max_concurrency=20
            )
            outcomes = await kit.gather(urls, settings)
            assert {outcome.status for outcome in outcomes.values()} == {"fetched"}
            assert len(outcomes) == 52

    kit.run(scenario())
    assert most == 3


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("ftp://127.0.0.1/feed", ErrorKind.INVALID_URL),
        ("http://", ErrorKind.INVALID_URL),
        ("http://[::1", ErrorKind.INVALID_URL),
        ("http://127.0.0.1:99999/", ErrorKind.INVALID_URL),
        ("nonsense", ErrorKind.INVALID_URL),
        ("", ErrorKind.INVALID_URL),
        ("http://127.0.0.1/" + "a" * 3000, ErrorKind.INVALID_URL),
        ("http://no-such-host.invalid/", ErrorKind.DNS),
        ("http://127.0.0.1:1/", ErrorKind.CONNECT),
    ],
)
def test_a_url_that_leads_nowhere_is_one_failed_outcome(kit: Any, url: str, kind: ErrorKind) -> None:
    outcome = kit.run(kit.gather([url]))[url]
    assert outcome.error_kind is kind, outcome.error
    assert outcome.error


@pytest.mark.parametrize("garbage", [b"", b"SSH-2.0-OpenSSH\r\n", b"\x00" * 500, b"HTTP/1.1 abc\r\n\r\n"])
def test_a_server_that_speaks_no_http_is_one_failed_outcome(kit: Any, garbage: bytes) -> None:
    outcome, _ = fetch_from(kit, lambda connection: connection.send(garbage))
    assert outcome.error_kind in (ErrorKind.PROTOCOL, ErrorKind.CONNECT)


def test_https_against_a_plain_server_is_a_tls_error(kit: Any) -> None:
    async def scenario() -> FeedOutcome:
        async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
            writer.close()

        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        outcome: FeedOutcome = (await kit.gather([url]))[url]
        server.close()
        return outcome

    outcome = kit.run(scenario())
    assert outcome.error_kind is ErrorKind.TLS, outcome.error
