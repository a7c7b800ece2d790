"""What failures mean: classes, Retry-After, retries, permanent moves, stale validators and a proxy, on real sockets."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import ssl
import struct
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any, NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dedup_ingest import ErrorKind, FeedRequest, FetchSettings, failure_class
from dedup_ingest._errors import FetchError
from dedup_ingest._failure import retry_after_seconds, retry_delay_seconds

NOW = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
DAY = 86400.0


def settings(kit: Any, **changes: Any) -> FetchSettings:
    return FetchSettings(
        **{"allow_networks": kit.LOOPBACK, "retry_delay_seconds": 0.01, "host_spacing_seconds": 0, **changes}
    )


def in_turn(kit: Any, *statuses: str, headers: tuple[tuple[str, str], ...] = ()) -> Any:
    """An answerer: these statuses one after the other, then the feed."""
    left = list(statuses)

    async def answer(connection: Any) -> None:
        if left:
            await connection.reply(status=left.pop(0), headers=headers)
        else:
            await connection.reply(kit.rss(kit.item()))

    return answer


def visit(kit: Any, answer: Any, **changes: Any) -> tuple[Any, Any]:
    async def scenario() -> tuple[Any, Any]:
        async with kit.raw_server(answer) as server:
            url = f"{server.url}/feed"
            outcomes = await kit.gather([url], settings(kit, **changes), random=Random(1))
            return outcomes[url], server

    result: tuple[Any, Any] = kit.run(scenario())
    return result


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (403, "permanent"), (404, "permanent"), (410, "gone"), (408, "temporary"), (429, "temporary"),
        (500, "temporary"), (503, "temporary"), (501, "permanent"),
    ],
)  # fmt: skip
def test_case_28_a_status_is_temporary_permanent_or_gone(kit: Any, status: int, expected: str) -> None:
    outcome, _ = visit(kit, in_turn(kit, *[f"{status} Told"] * 3))
    assert outcome.status == "failed"
    assert failure_class(outcome.error_kind, outcome.http_status) == expected


def test_case_28_of_all_failures_only_410_is_gone() -> None:
    gone = {
        (kind, status)
        for kind in ErrorKind
        for status in (None, *range(100, 600))
        if failure_class(kind, status) == "gone"
    }
    assert gone == {(ErrorKind.HTTP_STATUS, 410)}


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("120", 120.0), (" 7 ", 7.0), ("-5", 0.0), ("1.5", 1.5), ("315360000", DAY), ("9" * 90, DAY),
        ("Mon, 23 Nov 2026 10:02:00 GMT", 120.0), ("Monday, 23-Nov-26 10:02:00 GMT", 120.0),
        ("Mon Nov 23 10:02:00 2026", 120.0), ("Mon, 23 Nov 2026 09:00:00 GMT", 0.0),
        ("Fri, 21 Nov 2036 10:00:00 GMT", DAY), ("soon", None), ("", None), (None, None), ("1e400", None),
        ("9" * 101, None),
    ],
)  # fmt: skip
def test_case_27_retry_after_is_read_as_seconds_or_date_and_clamped(header: str | None, expected: float | None) -> None:
    assert retry_after_seconds(header, NOW, DAY) == expected


@given(
    st.one_of(st.text(max_size=40), st.from_regex(r"[A-Z][a-z]{2}, \d{1,2} [A-Z][a-z]{2} \d{1,5} \d\d:\d\d:\d\d \S+"))
)
def test_case_27_no_retry_after_is_out_of_bounds_or_an_exception(header: str) -> None:
    seconds = retry_after_seconds(header, NOW, DAY)
    assert seconds is None or 0 <= seconds <= DAY


@pytest.mark.parametrize(("header", "expected"), [("600", 600.0), ("315360000", DAY), ("-1", 0.0)])
def test_case_27_what_the_server_asks_for_is_part_of_the_outcome(kit: Any, header: str, expected: float) -> None:
    outcome, _ = visit(kit, in_turn(kit, *["429 Slow"] * 3, headers=(("Retry-After", header),)))
    assert (outcome.http_status, outcome.retry_after_seconds) == (429, expected)


@pytest.mark.parametrize(
    ("status", "headers", "connections"),
    [
        ("502 Bad", (), 2), ("503 Busy", (), 2), ("504 Late", (), 2), ("429 Slow", (("Retry-After", "0"),), 2),
        ("429 Slow", (), 1), ("429 Slow", (("Retry-After", "60"),), 1), ("503 Busy", (("Retry-After", "60"),), 1),
        ("500 Oops", (), 1), ("404 None", (), 1), ("410 Gone", (), 1),
    ],
)  # fmt: skip
def test_only_faults_that_pass_quickly_are_tried_again(
    kit: Any, status: str, headers: tuple[tuple[str, str], ...], connections: int
) -> None:
    outcome, server = visit(kit, in_turn(kit, status, headers=headers))
    assert server.connections == connections
    assert outcome.status == ("fetched" if connections == 2 else "failed")


def test_retries_end_at_their_number(kit: Any) -> None:
    outcome, server = visit(kit, in_turn(kit, *["503 Busy"] * 9), max_retries=3)
    assert (outcome.status, server.connections) == ("failed", 4)
    outcome, server = visit(kit, in_turn(kit, "503 Busy"), max_retries=0)
    assert (outcome.status, server.connections) == ("failed", 1)


def test_a_broken_connection_and_silence_are_tried_again(kit: Any) -> None:
    async def answer(connection: Any) -> None:
        seen.append(connection.path)
        if len(seen) == 1:
            return  # closes
        if len(seen) == 2:
            await asyncio.sleep(30)
        await connection.reply(kit.rss(kit.item()))

    seen: list[str] = []
    outcome, _ = visit(kit, answer, max_retries=2, read_timeout_seconds=0.3)
    assert (outcome.status, len(seen)) == ("fetched", 3)


def _cut_by_closing(connection: Any) -> None:
    connection.writer.close()


def _cut_by_a_reset(connection: Any) -> None:
    lingering = struct.pack("ii", 1, 0)  # none: what was not sent is thrown away, and the other side gets an RST
    connection.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, lingering)
    connection.writer.transport.abort()


@pytest.mark.parametrize("framing", ["Content-Length: 5000", "Transfer-Encoding: chunked"])
@pytest.mark.parametrize("cut", [_cut_by_closing, _cut_by_a_reset])
def test_a_connection_that_breaks_within_the_body_is_temporary_and_tried_again(
    kit: Any, framing: str, cut: Any
) -> None:
    async def answer(connection: Any) -> None:
        seen.append(connection.path)
        if len(seen) in breaks:
            await connection.send(f"HTTP/1.1 200 OK\r\n{framing}\r\n\r\n50\r\n<rss".encode())
            cut(connection)
        else:
            await connection.reply(kit.rss(kit.item()))

    seen: list[str] = []
    breaks = {1}
    outcome, _ = visit(kit, answer)
    assert (outcome.status, len(seen)) == ("fetched", 2), outcome.error
    seen.clear()
    breaks = {1, 2}
    outcome, _ = visit(kit, answer)
    assert (outcome.status, outcome.error_kind, len(seen)) == ("failed", ErrorKind.CONNECT, 2)
    assert failure_class(outcome.error_kind, outcome.http_status) == "temporary"


def test_no_retry_is_begun_that_would_wait_beyond_the_total_deadline(kit: Any) -> None:
    outcome, server = visit(
        kit, in_turn(kit, "503 Busy"), total_deadline_seconds=3, retry_delay_seconds=60, max_retry_delay_seconds=60
    )
    assert (outcome.http_status, outcome.error_kind, server.connections) == (503, ErrorKind.HTTP_STATUS, 1)


@given(st.integers(0, 6), st.floats(0, 1, exclude_max=True), st.one_of(st.none(), st.floats(0, 10)))
def test_case_27_delays_are_jittered_bounded_and_never_before_retry_after(
    done: int, chance: float, asked: float | None
) -> None:
    class Chance(Random):
        def random(self) -> float:
            return chance

    limits = FetchSettings(max_retries=6)
    error = FetchError(ErrorKind.HTTP_STATUS, "busy", http_status=503, retry_after_seconds=asked)
    delay = retry_delay_seconds(error, done, limits, Chance())
    if done == 6 or (asked or 0) > limits.max_retry_delay_seconds:
        assert delay is None
    elif asked is None:
        assert delay == min(2**done * (0.5 + chance), limits.max_retry_delay_seconds)
    else:
        assert delay == asked + 2**done * (0.5 + chance)


class DeadNames:
    """Name servers that cannot be reached."""

    def __init__(self) -> None:
        self.asked = 0

    async def resolve(self, host: str, port: int = 0, family: int = socket.AF_INET) -> NoReturn:
        self.asked += 1
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    async def close(self) -> None:
        return None


def test_case_30_without_dns_every_feed_fails_for_a_while_and_none_is_gone(kit: Any) -> None:
    names = DeadNames()
    urls = [f"https://feed{number}.example/rss" for number in range(40)]
    outcomes = kit.run(kit.gather(urls, settings(kit), resolver=names))
    assert {failure_class(outcome.error_kind, outcome.http_status) for outcome in outcomes.values()} == {"temporary"}
    assert {outcome.error_kind for outcome in outcomes.values()} == {ErrorKind.DNS}
    assert names.asked == 80  # each was tried again once


@pytest.mark.parametrize(
    ("hops", "body", "moved"),
    [
        (("301 Moved",), b"", True), (("301 Moved", "308 Moved"), b"", True), (("302 Found",), b"", False),
        (("301 Moved", "302 Found"), b"", False), (("307 Later", "301 Moved"), b"", False),
        (("301 Moved",), b"<html><body>Parked</body></html>", False), ((), b"", False),
    ],
    ids=["301", "301 308", "302", "301 302", "307 301", "301 to a page", "none"],
)  # fmt: skip
def test_case_12_and_case_13_only_permanent_redirects_to_a_feed_move_it(
    kit: Any, hops: tuple[str, ...], body: bytes, moved: bool
) -> None:
    async def answer(connection: Any) -> None:
        number = int(connection.path.removeprefix("/feed") or 0)
        if number < len(hops):
            await connection.reply(status=hops[number], headers=[("Location", f"/feed{number + 1}#top")])
        else:
            await connection.reply(body or kit.rss(kit.item()))

    outcome, server = visit(kit, answer)
    assert outcome.moved_to == (f"{server.url}/feed{len(hops)}" if moved else None)
    assert outcome.status == ("failed" if body else "fetched")


_CLIENT = """
import asyncio, json, sys
from dedup_ingest import FeedRequest, FetchSettings, ParseSettings, collect

async def main(url):
    settings = FetchSettings(allow_networks=("127.0.0.0/8",))
    async for outcome in collect([FeedRequest(url)], settings, ParseSettings(workers=1, detect_language=False)):
        print(json.dumps([outcome.status, outcome.problem, outcome.moved_to, outcome.error]))

asyncio.run(main(sys.argv[1]))
"""


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the openssl command for a certificate of loopback")
def test_case_14_a_way_from_https_to_http_is_flagged_and_is_no_move(kit: Any, tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=loopback", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key),
         "-out", str(certificate)],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    async def scenario() -> str:
        async with kit.raw_server(in_turn(kit)) as plain:

            async def redirect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                await reader.readuntil(b"\r\n\r\n")
                head = f"HTTP/1.1 301 Moved\r\nLocation: {plain.url}/\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                writer.write(head.encode())
                writer.close()

            server = await asyncio.start_server(redirect, "127.0.0.1", 0, ssl=context)
            url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
            # A process of its own: the certificates that are trusted are read once, when the HTTP library is imported.
            client = await asyncio.create_subprocess_exec(
                sys.executable, "-c", _CLIENT, url,
                stdout=subprocess.PIPE, env={**os.environ, "SSL_CERT_FILE": str(certificate)},
            )  # fmt: skip
            printed = (await client.communicate())[0].decode()
            server.close()
            return printed

    status, problem, moved_to, error = json.loads(kit.run(scenario()))
    assert (status, moved_to, error) == ("fetched", None, None)
    assert "from https to unprotected http" in problem


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_case_25_a_share_of_requests_is_unconditional_and_sees_what_an_etag_hides(kit: Any, share: float) -> None:
    async def answer(connection: Any) -> None:
        if connection.headers.get("if-none-match") == '"never changes"':
            await connection.reply(status="304 Not Modified")
        else:
            await connection.reply(kit.rss(kit.item()), headers=[("ETag", '"never changes"')])

    async def scenario() -> list[str]:
        async with kit.raw_server(answer) as server:
            requests = [FeedRequest(f"{server.url}/{number}", '"never changes"') for number in range(40)]
            limits = settings(kit, unconditional_share=share, max_retries=0)
            outcomes = await kit.gather(requests, limits, random=Random(7))
            return [outcome.status for outcome in outcomes.values()]

    chances = Random(7)
    expected = sum(chances.random() < share for _ in range(40))
    statuses = kit.run(scenario())
    assert (statuses.count("fetched"), statuses.count("not_modified")) == (expected, 40 - expected)
    assert FetchSettings().unconditional_share == 0.01


def test_case_25_a_304_to_an_unconditional_request_keeps_the_stored_copy(kit: Any) -> None:
    async def scenario() -> Any:
        async with kit.raw_server(lambda connection: connection.reply(status="304 Not Modified")) as server:
            request = FeedRequest(server.url, '"v1"')
            return (await kit.gather([request], settings(kit, unconditional_share=1.0)))[server.url]

    outcome = kit.run(scenario())
    assert (outcome.status, outcome.etag) == ("not_modified", '"v1"')


def proxied(kit: Any, url: str, allow: tuple[str, ...], names: Any = None, answer: Any = None) -> tuple[Any, Any]:
    async def scenario() -> tuple[Any, Any]:
        async with kit.raw_server(answer or in_turn(kit), "127.0.0.2") as proxy:
            limits = settings(kit, allow_networks=allow, proxy=proxy.url, max_retries=0)
            return (await kit.gather([url], limits, resolver=names))[url], proxy

    result: tuple[Any, Any] = kit.run(scenario())
    return result


class OneAddress:
    def __init__(self, **addresses: str) -> None:
        self.addresses = {f"{name}.example": address for name, address in addresses.items()}

    async def resolve(self, host: str, port: int = 0, family: int = socket.AF_INET) -> list[dict[str, Any]]:
        address = self.addresses.get(host, host)
        return [{"hostname": host, "host": address, "port": port, "family": socket.AF_INET, "proto": 0, "flags": 0}]

    async def close(self) -> None:
        return None


def test_case_15_a_feed_is_fetched_through_the_configured_proxy(kit: Any) -> None:
    outcome, proxy = proxied(kit, "http://93.184.215.14/feed", ("127.0.0.2/32",))
    assert (outcome.status, outcome.error) == ("fetched", None)
    assert proxy.requests[0].path == "http://93.184.215.14/feed"


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1/feed", "https://10.0.0.1/feed", "http://inner.example/", "http://[::1]/"]
)
def test_case_15_the_proxy_is_not_asked_for_what_the_guard_refuses(kit: Any, url: str) -> None:
    outcome, proxy = proxied(kit, url, ("127.0.0.2/32",), OneAddress(inner="192.168.1.1"))
    assert outcome.error_kind is ErrorKind.REFUSED_ADDRESS
    assert proxy.connections == 0


def test_case_15_a_redirect_through_the_proxy_is_judged_at_the_hop(kit: Any) -> None:
    async def answer(connection: Any) -> None:
        await connection.reply(status="302 Found", headers=[("Location", "http://169.254.169.254/latest")])

    outcome, proxy = proxied(kit, "http://93.184.215.14/feed", ("127.0.0.2/32",), answer=answer)
    assert (outcome.error_kind, proxy.connections) == (ErrorKind.REFUSED_ADDRESS, 1)


def test_case_15_the_address_of_the_proxy_itself_is_judged(kit: Any) -> None:
    outcome, proxy = proxied(kit, "http://93.184.215.14/feed", ())
    assert (outcome.error_kind, proxy.connections) == (ErrorKind.REFUSED_ADDRESS, 0)


def test_case_15_a_proxy_that_refuses_the_tunnel_is_a_connection_error_with_its_status(kit: Any) -> None:
    answer = in_turn(kit, "403 Forbidden")
    outcome, proxy = proxied(kit, "https://93.184.215.14/feed", ("127.0.0.2/32",), answer=answer)
    assert (outcome.error_kind, proxy.requests[0].method) == (ErrorKind.CONNECT, "CONNECT")
    assert "the proxy answers 403" in outcome.error
