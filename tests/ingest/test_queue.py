"""Who runs while others wait for a host."""

from __future__ import annotations

import asyncio
from typing import Any

from dedup_ingest import FeedRequest
from dedup_ingest._hosts import Hosts
from dedup_ingest._queue import RequestQueue

SECONDS_OF_PATIENCE = 20.0


def requests(*hosts: str) -> list[FeedRequest]:
    return [FeedRequest(f"https://{host}/{number}") for number, host in enumerate(hosts)]


def test_one_that_waits_at_another_host_gives_back_both_its_places(kit: Any) -> None:
    async def scenario() -> list[str]:
        queue = RequestQueue(requests("old.example", "old.example", "ward.example"), at_once=1, per_host=1)
        first = await queue.next()
        assert first is not None
        first.go_to("new.example")
        first.wait()
        second = await queue.next()
        assert second is not None
        assert not first.runs()
        going_on = asyncio.create_task(first.go_on())
        await asyncio.sleep(0)
        second.end()
        await going_on  # before the third, which has not begun
        first.end()
        third = await queue.next()
        assert third is not None
        third.end()
        assert await queue.next() is None
        return [turn.request.url for turn in (first, second, third)]

    # It waited at another host, so that the next of its own may begin.
    assert kit.run(scenario()) == ["https://old.example/0", "https://ward.example/2", "https://old.example/1"]


def test_one_that_waits_at_its_own_host_keeps_its_place_there(kit: Any) -> None:
    async def scenario() -> list[str]:
        queue = RequestQueue(requests("old.example", "old.example", "ward.example"), at_once=1, per_host=1)
        first = await queue.next()
        assert first is not None
        first.go_to("old.example")
        first.wait()
        second = await queue.next()
        assert second is not None
        second.end()
        assert first.runs()
        waiting = asyncio.create_task(queue.next())
        await asyncio.sleep(0)
        assert not waiting.done()
        first.end()
        third = await waiting
        assert third is not None
        return [turn.request.url for turn in (first, second, third)]

    assert kit.run(scenario()) == ["https://old.example/0", "https://ward.example/2", "https://old.example/1"]


def test_a_host_s_slot_is_not_held_while_waiting_to_run_by_those_that_wait_for_that_slot(kit: Any) -> None:
    async def scenario() -> list[str]:
        order: list[str] = []
        hosts, free = Hosts(limit=1, spacing_seconds=0), asyncio.Event()
        queue = RequestQueue(requests("old.example", "ward.example"), at_once=1, per_host=1)

        async def at_slow_host(name: str, turn: Any = None) -> None:
            async with asyncio.timeout(SECONDS_OF_PATIENCE) as deadline, hosts.slot("slow.example", deadline, turn):
                order.append(name)
                await free.wait()

        async with asyncio.timeout(SECONDS_OF_PATIENCE), asyncio.TaskGroup() as tasks:
            tasks.create_task(at_slow_host("somebody"))
            moved = await queue.next()
            assert moved is not None
            tasks.create_task(at_slow_host("redirected", moved))
            await asyncio.sleep(0)
            reading = await queue.next()  # runs in its stead, and waits for a page of that host
            assert reading is not None
            page = tasks.create_task(at_slow_host("page"))
            await asyncio.sleep(0)
            free.set()
            await page
            reading.end()
        return order

    assert kit.run(scenario()) == ["somebody", "page", "redirected"]


def test_no_more_is_asked_for_while_as_many_run_as_may(kit: Any) -> None:
    async def scenario() -> tuple[list[int], int]:
        asked: list[int] = []
        stored = requests(*(f"ward{number}.example" for number in range(6)))

        async def more() -> list[FeedRequest]:
            asked.append(len(stored))
            portion, stored[:] = stored[:1], stored[1:]
            return portion

        queue = RequestQueue((), more, at_once=2, per_host=1)
        first, second = await queue.next(), await queue.next()
        assert first is not None
        assert second is not None
        third = asyncio.create_task(queue.next())
        for _ in range(10):
            await asyncio.sleep(0)
        while_two_run = list(asked)
        first.end()
        turn = await third
        count = 2
        while turn is not None:
            count += 1
            turn.end()
            turn = await queue.next()
        return while_two_run, count

    while_two_run, count = kit.run(scenario())
    assert len(while_two_run) <= 3
    assert count == 6
