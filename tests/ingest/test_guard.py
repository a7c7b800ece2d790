"""The network guard, with real servers that must not see a connection."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from dedup_ingest import ErrorKind, FetchSettings
from dedup_ingest._guard import NetworkGuard

CLOSED = FetchSettings(connect_timeout_seconds=0.5)


class Names:
    """A resolver with answers of its own: per name a list of answers, the last one for ever."""

    def __init__(self, **answers: list[list[str]]) -> None:
        self.answers = {f"{name}.example": list(answer) for name, answer in answers.items()}

    async def resolve(self, host: str, port: int = 0, family: int = socket.AF_INET) -> list[dict[str, Any]]:
        answers = self.answers[host]
        addresses = answers.pop(0) if len(answers) > 1 else answers[0]
        return [
            {"hostname": host, "host": address, "port": port, "family": socket.AF_INET, "proto": 0, "flags": 0}
            for address in addresses
        ]

    async def close(self) -> None:
        return None


def refused(kit: Any, host: str, settings: FetchSettings = CLOSED) -> None:
    """Fetching from `host`, at the port of a server on loopback, is refused and the server sees nothing."""

    async def scenario() -> None:
        async with kit.raw_server(lambda connection: connection.reply(kit.rss(kit.item()))) as server:
            url = f"http://{host}:{server.port}/"
            outcome = (await kit.gather([url], settings))[url]
            assert outcome.status == "failed"
            assert outcome.error_kind is ErrorKind.REFUSED_ADDRESS
            assert "network guard" in (outcome.error or "")
            assert "allow_networks" in (outcome.error or "")
            assert server.connections == 0

    kit.run(scenario())


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "127.255.255.254", "0.0.0.0", "[::]"])
def test_case_01_loopback_is_refused_and_the_reason_shown(kit: Any, host: str) -> None:
    refused(kit, host)


@pytest.mark.parametrize("host", ["0x7f.1", "2130706433", "127.1", "0177.0.0.1", "0x7f000001"])
def test_case_02_odd_spellings_of_loopback_are_refused(kit: Any, host: str) -> None:
    # The HTTP library has no such host names, and getaddrinfo turns those that get past it into 127.0.0.1.
    async def scenario() -> None:
        async with kit.raw_server(lambda connection: connection.reply(kit.rss(kit.item()))) as server:
            url = f"http://{host}:{server.port}/"
            outcome = (await kit.gather([url], CLOSED))[url]
            assert outcome.error_kind in (ErrorKind.REFUSED_ADDRESS, ErrorKind.INVALID_URL)
            assert "network guard" in (outcome.error or "") or "canonical" in (outcome.error or "")
            assert server.connections == 0

    kit.run(scenario())


@pytest.mark.parametrize("host", ["[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::ffff:10.0.0.1]", "[::127.0.0.1]"])
def test_case_03_ipv4_inside_ipv6_is_refused(kit: Any, host: str) -> None:
    refused(kit, host)


def test_case_04_the_metadata_address_of_clouds_is_refused(kit: Any) -> None:
    refused(kit, "169.254.169.254")


def test_case_05_carrier_grade_nat_is_refused_unless_allow_listed(kit: Any) -> None:
    refused(kit, "100.64.0.1")

    async def scenario() -> None:
        url = "http://100.64.0.1:9/"
        settings = FetchSettings(connect_timeout_seconds=0.2, allow_networks=("100.64.0.0/10",))
        outcome = (await kit.gather([url], settings))[url]
        assert outcome.error_kind is not ErrorKind.REFUSED_ADDRESS  # let through; what is there differs by network

    kit.run(scenario())


@pytest.mark.parametrize(
    "host",
    [
        "[64:ff9b::7f00:1]", "[64:ff9b:1::1]", "[2002:7f00:1::]", "[2001:0:7f00:1::]", "[::ffff:0:7f00:1]",
        "[ff02::1]", "224.0.0.1", "[fec0::1]", "[fe80::1]", "[fc00::1]", "[2001:db8::1]", "[100::1]",
        "192.168.1.1", "172.31.0.1", "10.1.2.3", "198.18.0.1", "255.255.255.255", "192.0.2.1", "192.88.99.1",
    ],
)  # fmt: skip
def test_case_06_translation_tunnel_multicast_and_local_ranges_are_refused(kit: Any, host: str) -> None:
    refused(kit, host)


@pytest.mark.parametrize("address", ["8.8.8.8", "93.184.215.14", "2606:4700::1111", "2a00:1450:4001::1", "100.128.0.1"])
def test_public_addresses_pass(address: str) -> None:
    assert NetworkGuard().refusal(address) is None


@pytest.mark.parametrize(
    ("networks", "address", "passes"),
    [
        (("10.1.0.0/16",), "10.1.2.3", True),
        (("10.1.0.0/16",), "10.2.2.3", False),
        (("127.0.0.0/8",), "::ffff:127.0.0.1", True),
        (("::1/128",), "::1", True),
        (("0.0.0.0/0",), "::1", False),
        (("fe80::/10",), "fe80::1%eth0", True),
        ((), "not an address", False),
    ],
)
def test_the_allow_list_opens_its_networks_and_no_others(networks: tuple[str, ...], address: str, passes: bool) -> None:
    assert (NetworkGuard(networks).refusal(address) is None) is passes


def test_case_07_a_redirect_to_a_private_address_is_refused_at_the_hop(kit: Any) -> None:
    async def scenario() -> None:
        async with kit.raw_server(lambda connection: connection.reply(kit.rss(kit.item())), "127.0.0.1") as inner:

            async def redirect(connection: Any) -> None:
                await connection.reply(status="302 Found", headers=[("Location", f"{inner.url}/secret")])

            async with kit.raw_server(redirect, "127.0.0.2") as outer:
                settings = FetchSettings(allow_networks=("127.0.0.2/32",))  # stands for the public network
                outcome = (await kit.gather([outer.url], settings))[outer.url]
            assert outcome.error_kind is ErrorKind.REFUSED_ADDRESS
            assert "127.0.0.1" in (outcome.error or "")
            assert (outer.connections, inner.connections) == (1, 0)

    kit.run(scenario())


def test_case_08_a_name_that_resolves_to_a_private_address_the_second_time_is_refused(kit: Any) -> None:
    async def scenario() -> None:
        answer = lambda connection: connection.reply(kit.rss(kit.item()))  # noqa: E731
        async with (
            kit.raw_server(answer, "127.0.0.2") as public,
            kit.raw_server(answer, "127.0.0.1", public.port) as inner,
        ):
            settings = FetchSettings(allow_networks=("127.0.0.2/32",), max_concurrency=1)
            names = Names(rebind=[["127.0.0.2"], ["127.0.0.1"]])
            urls = [f"http://rebind.example:{public.port}/{page}" for page in (1, 2)]
            outcomes = await kit.gather(urls, settings, resolver=names)
            assert outcomes[urls[0]].status == "fetched"
            assert outcomes[urls[1]].error_kind is ErrorKind.REFUSED_ADDRESS
            assert (public.connections, inner.connections) == (1, 0)

    kit.run(scenario())


def test_case_09_of_public_and_private_records_only_the_public_one_is_used(kit: Any) -> None:
    async def scenario() -> None:
        answer = lambda connection: connection.reply(kit.rss(kit.item()))  # noqa: E731
        async with (
            kit.raw_server(answer, "127.0.0.2") as public,
            kit.raw_server(answer, "127.0.0.1", public.port) as inner,
        ):
            settings = FetchSettings(allow_networks=("127.0.0.2/32",))
            url = f"http://mixed.example:{public.port}/"
            outcomes = await kit.gather([url], settings, resolver=Names(mixed=[["127.0.0.1", "127.0.0.2", "10.0.0.1"]]))
            assert outcomes[url].status == "fetched"
            assert (public.connections, inner.connections) == (1, 0)

    kit.run(scenario())


@pytest.mark.parametrize("records", [["127.0.0.1", "127.0.0.2"], ["127.0.0.2", "127.0.0.1"], ["127.0.0.2", "10.0.0.1"]])
def test_case_09_a_public_server_that_is_down_is_no_refused_address_whatever_the_order_of_records(
    kit: Any, records: list[str]
) -> None:
    async def scenario() -> None:
        async with kit.raw_server(lambda connection: connection.reply(kit.rss(kit.item())), "127.0.0.1") as inner:
            settings = FetchSettings(allow_networks=("127.0.0.2/32",), max_retries=0)  # where nobody listens
            url = f"http://mixed.example:{inner.port}/"
            outcome = (await kit.gather([url], settings, resolver=Names(mixed=[records])))[url]
            assert outcome.error_kind is ErrorKind.CONNECT, outcome.error
            assert inner.connections == 0

    kit.run(scenario())


def test_case_09_a_name_with_nothing_but_private_records_is_refused(kit: Any) -> None:
    url = "http://inner.example/"
    outcome = kit.run(kit.gather([url], CLOSED, resolver=Names(inner=[["127.0.0.1", "10.0.0.1"]])))[url]
    assert outcome.error_kind is ErrorKind.REFUSED_ADDRESS, outcome.error
