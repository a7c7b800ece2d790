"""Lookups of names that hang: they neither keep a process from ending nor the other names from being looked up."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from typing import Any

import pytest

from dedup_ingest import ErrorKind, FetchSettings

_SILENT_NAME_SERVERS = """
import asyncio, socket, threading
from dedup_ingest import FeedRequest, FetchSettings, ParseSettings, collect

socket.getaddrinfo = lambda *_: threading.Event().wait()  # for ever

async def main():
    settings = FetchSettings(total_deadline_seconds=0.3, max_retries=0)
    async for outcome in collect([FeedRequest("https://silent.example/rss")], settings, ParseSettings(workers=1)):
        print(outcome.error_kind)

asyncio.run(main())
"""


def test_a_process_ends_while_lookups_of_names_hang() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _SILENT_NAME_SERVERS], capture_output=True, text=True, check=False, timeout=30
    )
    assert (done.returncode, done.stdout.strip()) == (0, "timeout"), done.stderr


def test_lookups_of_names_that_hang_keep_their_places_and_the_others_are_looked_up(
    kit: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def getaddrinfo(host: str, *_: Any) -> list[Any]:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        try:
            if host == "silent.example":
                answered.wait(60)
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        finally:
            with lock:
                now -= 1

    async def scenario() -> dict[str, Any]:
        urls = ["http://silent.example/1", *(f"http://dead{number}.example/" for number in range(6))]
        settings = FetchSettings(dns_threads=2, total_deadline_seconds=1, max_retries=0)
        return dict((await kit.gather(urls, settings)).items())

    now, most, lock, answered = 0, 0, threading.Lock(), threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    try:
        outcomes = kit.run(scenario())
    finally:
        answered.set()
    kinds = {url: outcome.error_kind for url, outcome in outcomes.items()}
    assert kinds.pop("http://silent.example/1") is ErrorKind.TIMEOUT
    assert set(kinds.values()) == {ErrorKind.DNS}
    assert most == 2
