"""Politeness to a host: slots, spacing between beginnings, and a deadline that does not run while one waits."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import pytest

from dedup_ingest import FetchSettings
from dedup_ingest._hosts import Hosts


def test_requests_at_one_host_begin_apart_and_at_two_hosts_at_once(kit: Any) -> None:
    async def scenario() -> tuple[float, dict[str, list[float]]]:
        hosts = Hosts(limit=8, spacing_seconds=0.05)
        begun: dict[str, list[float]] = {"a": [], "b": []}

        async def visit(name: str) -> None:
            async with asyncio.timeout(60) as deadline, hosts.slot(name, deadline):
                begun[name].append(asyncio.get_running_loop().time())

        start = asyncio.get_running_loop().time()
        await asyncio.gather(*(visit(name) for name in "aaaaabbbbb"))
        return start, begun

    start, begun = kit.run(scenario())
    for times in begun.values():
        # Never sooner; how much later is the machine's business.
        assert all(time - start >= 0.05 * number for number, time in enumerate(times))
    assert begun["b"][0] < begun["a"][-1]


def test_the_wait_for_a_slot_costs_nothing_of_the_deadline_and_the_work_in_it_does(kit: Any) -> None:
    async def scenario() -> None:
        hosts = Hosts(limit=1, spacing_seconds=0)

        async def hold() -> None:
            async with asyncio.timeout(60) as deadline, hosts.slot("a", deadline):
                await asyncio.sleep(0.3)

        holding = asyncio.create_task(hold())
        await asyncio.sleep(0)
        async with asyncio.timeout(0.1) as deadline, hosts.slot("a", deadline):
            pass  # after 0.3 s, of which none counted
        await holding
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05) as deadline, hosts.slot("a", deadline):
                await asyncio.sleep(30)

    kit.run(scenario())


def test_a_host_that_nobody_waits_for_is_forgotten(kit: Any) -> None:
    async def scenario() -> tuple[int, int]:
        hosts = Hosts(limit=2, spacing_seconds=0.02)

        async def visit(name: str) -> None:
            async with asyncio.timeout(60) as deadline, hosts.slot(name, deadline):
                await asyncio.sleep(0)

        await asyncio.gather(*(visit(f"{number % 50}.example") for number in range(100)))
        held = len(hosts)
        for _ in range(500):
            if not len(hosts):
                break
            await asyncio.sleep(0.01)
        return held, len(hosts)

    held, left = kit.run(scenario())
    assert (held > 0, left) == (True, 0)


def test_no_more_requests_run_at_once_than_the_limit_over_all_hosts(kit: Any) -> None:
    now = most = 0

    async def answer(connection: Any) -> None:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.02)
        await connection.reply(kit.rss(kit.item()))
        now -= 1

    async def scenario() -> set[str]:
        async with AsyncExitStack() as stack:
            hosts = [await stack.enter_async_context(kit.raw_server(answer, f"127.0.0.{n}")) for n in range(2, 10)]
            settings = FetchSettings(allow_networks=kit.LOOPBACK, max_concurrency=3, host_spacing_seconds=0)
            outcomes = await kit.gather([f"{host.url}/{page}" for host in hosts for page in range(3)], settings)
            return {outcome.status for outcome in outcomes.values()}

    assert (kit.run(scenario()), most) == ({"fetched"}, 3)


def test_case_29_a_slow_host_with_more_feeds_than_slots_fails_none_of_them_for_being_many(kit: Any) -> None:
    async def answer(connection: Any) -> None:
        await asyncio.sleep(0.15)
        await connection.reply(kit.rss(kit.item()))

    async def scenario() -> set[str]:
        async with kit.raw_server(answer) as server:
            # One at a time: the last would have waited for 2.2 s, with 1 s for itself.
            settings = FetchSettings(
                allow_networks=kit.LOOPBACK, max_concurrency_per_host=1, host_spacing_seconds=0,
                total_deadline_seconds=1.0, max_retries=0,
            )  # fmt: skip
            outcomes = await kit.gather([f"{server.url}/{number}" for number in range(15)], settings)
            return {outcome.status for outcome in outcomes.values()}

    assert kit.run(scenario()) == {"fetched"}
