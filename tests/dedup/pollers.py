"""Processes that poll, for the tests of several of them; and what is in the database that they share."""

from __future__ import annotations

import json
import os
import re
import signal
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from feedserver import FeedServer
from sqlalchemy import func, select

from dedup.store import ArticleRow, FeedRow, Store

SCRIPT = Path(__file__).with_name("polling.py")
PATIENCE_SECONDS = 100.0

# Starting processes is dear: what no database has a say in is tried on one.
on_sqlite = pytest.mark.parametrize("empty_url", ["sqlite"], indirect=True)

Start = Callable[..., "Polling"]


class Clock:
    """The clock of all processes that are started with it, which is set for all of them at once."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.write_bytes(struct.pack("d", 0))

    def set(self, ahead: timedelta) -> None:
        with self.path.open("r+b") as file:  # in place: the processes have mapped it
            file.write(struct.pack("d", ahead.total_seconds()))


class Polling:
    """A polling process; `log` grows with its stderr."""

    def __init__(
        self, url: str, feeds: Path | None, sections: dict[str, dict[str, Any]], *, clock: Clock | None = None
    ) -> None:
        command = [sys.executable, str(SCRIPT), url, str(feeds or ""), json.dumps(sections)]
        if clock is not None:
            command.append(str(clock.path))
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        self.process = subprocess.Popen(command, text=True, **pipes)
        self.log: list[str] = []
        self._reader = threading.Thread(target=lambda: self.log.extend(self.process.stderr), daemon=True)
        self._reader.start()
        assert self.process.stdout
        if self.process.stdout.readline() != "ready\n":
            self._reader.join()
            pytest.fail("".join(self.log))

    def until(self, condition: Callable[[], object]) -> None:
        end = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            if self.process.poll() is not None or time.monotonic() > end:
                pytest.fail(f"it did not happen (status {self.process.poll()}): {''.join(self.log)}")
            time.sleep(0.02)

    def says(self, pattern: str) -> None:
        self.until(lambda: any(re.search(pattern, line) for line in list(self.log)))

    def stand_still(self, store: Store) -> None:
        """Until SIGCONT, and without the database's lock in its hands."""
        with store.locked():
            self.process.send_signal(signal.SIGSTOP)
            os.waitid(os.P_PID, self.process.pid, os.WSTOPPED | os.WNOWAIT)

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.ended()

    def ended(self) -> int:
        self.process.wait(PATIENCE_SECONDS)
        self._reader.join(PATIENCE_SECONDS)
        return self.process.returncode


def list_of(server: FeedServer, names: list[str], tmp_path: Path) -> Path:
    path = tmp_path / "feeds.txt"
    path.write_text("".join(f"{server.url}/{name}\n" for name in names), encoding="utf-8")
    return path


def count(store: Store, column: Any, *conditions: Any) -> int:
    with store.reading() as session:
        return session.scalar(select(func.count(column)).where(*conditions)) or 0


def articles(store: Store) -> int:
    return count(store, ArticleRow.id)


def rows(store: Store) -> dict[str, FeedRow]:
    with store.reading() as session:
        return {row.url.rsplit("/", 1)[1]: row for row in session.scalars(select(FeedRow))}
