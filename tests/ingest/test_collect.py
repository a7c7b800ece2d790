"""Many feeds at once: isolation, order, local files, cancellation, and processes that are gone afterwards."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from dedup_ingest import ErrorKind, FeedRequest, FetchSettings, ParseSettings, collect


def children() -> set[int]:
    """The living child processes of this one."""
    text = Path(f"/proc/self/task/{os.getpid()}/children").read_text(encoding="ascii")
    return {int(pid) for pid in text.split()}


needs_proc = pytest.mark.skipif(
    not Path(f"/proc/self/task/{os.getpid()}/children").exists(), reason="needs /proc with children (Linux)"
)


def test_no_requests_give_no_outcomes(kit: Any) -> None:
    assert kit.run(kit.gather([])) == {}


def test_bad_feeds_are_failed_outcomes_among_good_ones(kit: Any, tmp_path: Path) -> None:
    (tmp_path / "good.xml").write_bytes(kit.rss(kit.item()))
    (tmp_path / "page.html").write_bytes(b"<html></html>")
    (tmp_path / "empty").write_bytes(b"")
    expected = {"good.xml": None, "page.html": "not_a_feed", "empty": "empty_body", "missing": "file", "": "file"}
    outcomes = kit.run(kit.gather([str(tmp_path / name) for name in expected]))
    found = {Path(url).name if url != str(tmp_path) else "": outcome.error_kind for url, outcome in outcomes.items()}
    assert found == expected
    assert all(outcome.error for outcome in outcomes.values() if outcome.status == "failed")


def test_a_fifo_does_not_hang_the_collector(kit: Any, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    outcome = kit.run(kit.gather([str(tmp_path / "pipe")]))[str(tmp_path / "pipe")]
    assert (outcome.error_kind, "regular" in (outcome.error or "")) == (ErrorKind.FILE, True)


def test_a_file_has_the_limits_of_a_body_and_can_be_forbidden(kit: Any, tmp_path: Path) -> None:
    path = str(tmp_path / "feed.xml")
    Path(path).write_bytes(kit.rss(kit.item()))
    small = kit.run(kit.gather([path], FetchSettings(max_body_bytes=100)))[path]
    assert small.error_kind is ErrorKind.TOO_LARGE
    forbidden = kit.run(kit.gather([path], FetchSettings(allow_local_files=False)))[path]
    assert forbidden.error_kind is ErrorKind.INVALID_URL


def test_a_file_is_not_modified_until_its_content_is(kit: Any, tmp_path: Path) -> None:
    path = tmp_path / "feed.xml"
    path.write_bytes(kit.rss(kit.item(1)))

    def run(etag: str | None) -> Any:
        return kit.run(kit.gather([FeedRequest(str(path), etag)]))[str(path)]

    first = run(None)
    path.touch()
    assert (first.status, run(first.etag).status) == ("fetched", "not_modified")
    path.write_bytes(kit.rss(kit.item(1), kit.item(2)))
    assert (run(first.etag).status, run(first.etag).entries) == ("fetched", 2)


def test_quick_feeds_are_given_out_before_slow_ones(kit: Any) -> None:
    async def answer(connection: Any) -> None:
        if connection.path == "/slow":
            await others_are_out.wait()
        await connection.reply(kit.rss(kit.item()))

    others_are_out = asyncio.Event()

    async def scenario() -> list[str]:
        order = []
        async with kit.raw_server(answer) as server:
            requests = [FeedRequest(f"{server.url}/{name}") for name in ("slow", "a", "b")]
            settings = FetchSettings(allow_networks=kit.LOOPBACK, host_spacing_seconds=0)
            async with aclosing(collect(requests, settings, kit.QUICK_PARSE)) as stream:
                async for outcome in stream:
                    order.append(outcome.url.rsplit("/", 1)[1])
                    if len(order) == 2:
                        others_are_out.set()
        return order

    order = kit.run(scenario())
    assert (set(order[:2]), order[2:]) == ({"a", "b"}, ["slow"])


@pytest.mark.parametrize("asked", ["at once", "in portions"])
def test_a_slow_host_with_many_feeds_does_not_hold_up_the_feeds_of_other_hosts(kit: Any, asked: str) -> None:
    async def answer(connection: Any) -> None:
        if connection.path.startswith("/slow"):
            await others_are_out.wait()
        await connection.reply(kit.rss(kit.item()))

    others_are_out = asyncio.Event()

    async def scenario() -> list[str]:
        order = []
        async with kit.raw_server(answer, "127.0.0.2") as slow, kit.raw_server(answer, "127.0.0.3") as quick:
            urls = [f"{slow.url}/slow{number}" for number in range(20)] + [f"{quick.url}/quick{n}" for n in range(20)]
            requests = [FeedRequest(url) for url in urls]
            settings = FetchSettings(
                allow_networks=kit.LOOPBACK, max_concurrency=6, max_concurrency_per_host=2, host_spacing_seconds=0,
                max_retries=0, read_timeout_seconds=10,
            )  # fmt: skip

            async def more() -> list[FeedRequest]:
                portion, requests[:] = requests[:8], requests[8:]
                return portion

            asking = {"more": more} if asked == "in portions" else {}
            stream = collect([] if asking else requests, settings, kit.QUICK_PARSE, **asking)
            async with aclosing(stream):
                async for outcome in stream:
                    assert outcome.status == "fetched", outcome.error
                    order.append(outcome.url.rsplit("/", 1)[1])
                    if len(order) == 20:
                        others_are_out.set()
        return order

    order = kit.run(scenario())
    assert set(order[:20]) == {f"quick{number}" for number in range(20)}
    assert set(order[20:]) == {f"slow{number}" for number in range(20)}


@pytest.mark.parametrize("moved_from", ["many hosts", "one host"])
def test_a_slow_host_that_others_redirect_to_does_not_hold_up_their_feeds_or_others(kit: Any, moved_from: str) -> None:
    async def answer(connection: Any) -> None:
        if connection.path.startswith("/slow"):
            await others_are_out.wait()
        await connection.reply(kit.rss(kit.item()))

    async def old(connection: Any) -> None:
        if connection.path.startswith("/slow"):
            await connection.reply(status="302 Found", headers=[("Location", slow_url + connection.path)])
        else:
            await answer(connection)

    others_are_out = asyncio.Event()
    slow_url = ""

    async def scenario() -> list[str]:
        nonlocal slow_url
        order = []
        async with kit.raw_server(answer, "127.0.0.2") as slow, kit.raw_server(old, "0.0.0.0") as server:
            slow_url = slow.url
            names = [f"slow{number}" for number in range(20)] + [f"quick{number}" for number in range(20)]
            hosts = [f"127.0.1.{number + 1 if moved_from == 'many hosts' else 1}" for number in range(40)]
            requests = [
                FeedRequest(f"http://{host}:{server.port}/{name}") for host, name in zip(hosts, names, strict=True)
            ]
            settings = FetchSettings(
                allow_networks=kit.LOOPBACK, max_concurrency=6, max_concurrency_per_host=2, host_spacing_seconds=0,
                max_retries=0, read_timeout_seconds=10,
            )  # fmt: skip
            async with aclosing(collect(requests, settings, kit.QUICK_PARSE)) as stream:
                async for outcome in stream:
                    assert outcome.status == "fetched", outcome.error
                    order.append(outcome.url.rsplit("/", 1)[1])
                    if len(order) == 20:
                        others_are_out.set()
        return order

    order = kit.run(scenario())
    assert set(order[:20]) == {f"quick{number}" for number in range(20)}
    assert set(order[20:]) == {f"slow{number}" for number in range(20)}


@needs_proc
@pytest.mark.parametrize("how", ["close", "cancel", "finish"])
def test_however_the_iteration_ends_no_process_and_no_task_is_left(kit: Any, how: str) -> None:
    async def answer(connection: Any) -> None:
        if connection.path == "/never":
            await asyncio.sleep(60)
        await connection.reply(kit.rss(kit.item()))

    async def scenario() -> None:
        async with kit.raw_server(answer) as server:
            paths = ["a", "b"] if how == "finish" else ["a", "b", "never", "never", "never"]
            requests = [FeedRequest(f"{server.url}/{path}") for path in paths]
            before = asyncio.all_tasks()
            got = asyncio.Event()

            async def consume() -> None:
                settings = FetchSettings(allow_networks=kit.LOOPBACK, host_spacing_seconds=0)
                async with aclosing(
                    collect(requests, settings, ParseSettings(workers=2, detect_language=False))
                ) as stream:
                    async for outcome in stream:
                        assert outcome.status == "fetched"
                        got.set()
                        if how == "close":
                            break

            task = asyncio.create_task(consume())
            await got.wait()
            if how == "cancel":
                task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            assert task.cancelled() is (how == "cancel")
            left = {item for item in asyncio.all_tasks() - before if "handle" not in repr(item.get_coro())}
            assert left - {asyncio.current_task()} == set()
            assert children() == before_children

    before_children = children()
    kit.run(scenario())


@needs_proc
def test_a_worker_that_is_killed_costs_one_document_and_is_replaced(kit: Any, tmp_path: Path) -> None:
    names = [f"{number}.xml" for number in range(6)]
    for number, name in enumerate(names):
        (tmp_path / name).write_bytes(kit.rss(kit.item(number)))

    async def scenario() -> list[Any]:
        outcomes = []
        requests = [FeedRequest(str(tmp_path / name)) for name in names]
        before = children()
        async with aclosing(collect(requests, FetchSettings(max_concurrency=1), kit.QUICK_PARSE)) as stream:
            async for outcome in stream:
                outcomes.append(outcome)
                if len(outcomes) == 1:
                    for pid in children() - before:
                        os.kill(pid, signal.SIGKILL)
        return outcomes

    outcomes = kit.run(scenario())
    assert len(outcomes) == 6
    assert sum(outcome.status == "failed" for outcome in outcomes) <= 2
    assert outcomes[-1].status == "fetched"


def test_workers_are_renewed_after_their_share_of_documents(kit: Any, tmp_path: Path) -> None:
    for number in range(5):
        (tmp_path / f"{number}.xml").write_bytes(kit.rss(kit.item(number)))
    parse = ParseSettings(workers=1, detect_language=False, max_documents_per_worker=2)
    outcomes = kit.run(kit.gather([str(tmp_path / f"{number}.xml") for number in range(5)], None, parse))
    assert [outcome.status for outcome in outcomes.values()] == ["fetched"] * 5


@needs_proc
def test_the_workers_end_when_their_parent_is_killed(tmp_path: Path, kit: Any) -> None:
    path = tmp_path / "feed.xml"
    path.write_bytes(kit.rss(kit.item()))
    code = f"""
import asyncio, os, sys
from pathlib import Path
from dedup_ingest import FeedRequest, FetchSettings, ParseSettings, collect
async def main():
    requests = [FeedRequest({str(path)!r})] * 2
    async for outcome in collect(requests, FetchSettings(), ParseSettings(workers=1, detect_language=False)):
        print(Path(f"/proc/self/task/{{os.getpid()}}/children").read_text(), flush=True)
        os.kill(os.getpid(), 9)
asyncio.run(main())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    worker = int(done.stdout.split()[0])
    for _ in range(200):
        if not Path(f"/proc/{worker}").exists() or "zombie" in Path(f"/proc/{worker}/status").read_text():
            break
        os.sched_yield()
        subprocess.run(["sleep", "0.05"], check=True)
    else:
        os.kill(worker, signal.SIGKILL)
        pytest.fail("the worker outlived its parent by ten seconds")


def test_a_stranger_s_module_in_the_working_folder_is_not_imported(kit: Any, tmp_path: Path, monkeypatch: Any) -> None:
    (tmp_path / "feedparser.py").write_text("raise SystemExit('taken over')", encoding="utf-8")
    (tmp_path / "feed.xml").write_bytes(kit.rss(kit.item()))
    monkeypatch.chdir(tmp_path)
    outcome = kit.run(kit.gather([str(tmp_path / "feed.xml")]))[str(tmp_path / "feed.xml")]
    assert outcome.status == "fetched"
