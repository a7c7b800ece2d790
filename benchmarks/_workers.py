"""Worker and builder processes seen from outside: started, asked, weighed, ended."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from _engines import Engine

HERE = Path(__file__).parent
#: Models lie on the disk; nothing may ask a hub while it is timed.
OFFLINE = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "DO_NOT_TRACK": "1", "PYTHONWARNINGS": "ignore"}
#: A build is stopped when less than this is left to everybody.
LEAST_FREE_MB = 1200


class WorkerError(Exception):
    """A peer could not do what it was asked; the message is the last line it printed."""


@dataclass(frozen=True)
class Launch:
    """What one worker is started with. first: the text of its first embedding."""

    engine: Engine
    python: Path
    folder: Path
    options: Mapping[str, Any]
    first: str


class Worker:
    """One encoder's process. `first` is what it told after its first embedding; start_seconds from its very start.

    Raises WorkerError.
    """

    def __init__(self, launch: Launch) -> None:
        self.engine = launch.engine
        if not launch.python.is_file():
            raise WorkerError(f"its environment {launch.python.parents[1].name} is not installed: make bench-encode")
        job = {
            "loader": launch.engine.loader,
            "folder": str(launch.folder),
            "options": {"engine": launch.engine.name, **launch.options, **launch.engine.options},
            "first": launch.first,
        }
        self._log = tempfile.TemporaryFile("w+")  # noqa: SIM115 - lives as long as the process
        begin = time.monotonic()
        self._process = subprocess.Popen(
            [str(launch.python), str(HERE / "_worker.py"), json.dumps(job)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            env={**os.environ, **OFFLINE},
        )
        self.first = self._reply()
        self.start_seconds = self.first["first"] - begin

    def ask(self, **command: Any) -> dict[str, Any]:
        """The answer to one command. Raises WorkerError when the process has ended."""
        assert self._process.stdin
        try:
            self._process.stdin.write(json.dumps(command) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # the reply says why
        return self._reply()

    def close(self) -> None:
        """End the process and wait for it."""
        assert self._process.stdin
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _reply(self) -> dict[str, Any]:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if line:
            return json.loads(line)
        code = self._process.wait()
        raise WorkerError(f"ended by signal {-code}" if code < 0 else _last_line(self._log))


@contextmanager
def started(
    launches: Iterable[Launch], least_free_mb: float
) -> Iterator[tuple[list[Worker], dict[str, str], list[Launch]]]:
    """Workers, started one after the other; for each that failed the reason; and what there was no memory for."""
    workers: list[Worker] = []
    failed: dict[str, str] = {}
    no_room: list[Launch] = []
    with ExitStack() as stack:
        for launch in launches:
            if free_mb() < least_free_mb:
                no_room.append(launch)
                continue
            try:
                worker = Worker(launch)
            except WorkerError as error:
                failed[launch.engine.name] = str(error)
                continue
            stack.callback(worker.close)
            workers.append(worker)
        yield workers, failed, no_room


def free_mb() -> float:
    """MiB that can be had without swapping."""
    fields = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
    return int(fields["MemAvailable"].split()[0]) / 1024


def build(job: Mapping[str, Any], python: Path = Path(sys.executable)) -> dict[str, Any]:
    """Run `_builder.py` and weigh it: per stage its seconds and the highest memory of the process and its children.

    peak_mb counts all resident pages, mapped files included; anonymous_mb only what the process itself has allocated.
    Raises WorkerError.
    """
    begin = time.monotonic()
    log = tempfile.TemporaryFile("w+")  # noqa: SIM115
    process = subprocess.Popen(
        [str(python), str(HERE / "_builder.py"), json.dumps(dict(job))],
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
        env={**os.environ, **OFFLINE},
    )
    assert process.stdout
    samples: list[tuple[float, float, float]] = []
    ended = threading.Event()

    def sample() -> None:
        while not ended.wait(0.02):
            samples.append((time.monotonic(), *_tree_memory(process.pid)))
            if free_mb() < LEAST_FREE_MB:  # without swap, the kernel would end some process, and not ours first
                process.kill()

    thread = threading.Thread(target=sample)
    thread.start()
    lines = []
    for line in process.stdout:
        if line.startswith("{"):
            lines.append(json.loads(line))
    process.wait()
    ended.set()
    thread.join()
    if process.returncode or not lines or "done" not in lines[-1]:
        peak = max((s[1] for s in samples), default=0.0)
        short = process.returncode == -signal.SIGKILL
        raise WorkerError(f"stopped at {peak:.0f} MB: memory ran short" if short else _last_line(log))
    stages = []
    for now, following in pairwise(lines):
        inside = [s for s in samples if now["at"] <= s[0] < following["at"]] or [(0.0, 0.0, 0.0)]
        stages.append(
            {
                "name": now["stage"],
                "seconds": round(following["at"] - now["at"], 2),
                "peak_mb": round(max(s[1] for s in inside)),
                "anonymous_mb": round(max(s[2] for s in inside)),
            }
        )
    return {
        **lines[-1]["done"],
        "seconds": round(lines[-1]["at"] - begin, 2),
        "peak_mb": round(max((s[1] for s in samples), default=0.0)),
        "anonymous_mb": round(max((s[2] for s in samples), default=0.0)),
        "stages": stages,
    }


def _tree_memory(pid: int) -> tuple[float, float]:
    """MiB resident, and resident without files, of a process and all below it."""
    rss = anonymous = 0.0
    waiting = [pid]
    while waiting:
        number = waiting.pop()
        try:
            text = Path(f"/proc/{number}/status").read_text()
            for task in Path(f"/proc/{number}/task").iterdir():
                waiting += map(int, (task / "children").read_text().split())
        except OSError:
            continue  # it ended meanwhile
        fields = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
        rss += int(fields.get("VmRSS", "0 kB").split()[0]) / 1024
        anonymous += int(fields.get("RssAnon", "0 kB").split()[0]) / 1024
    return rss, anonymous


def _last_line(log: Any) -> str:
    log.seek(0)
    lines = [line.strip() for line in log.read().splitlines() if line.strip()]
    return (lines[-1] if lines else "it ended without a word")[:300]
