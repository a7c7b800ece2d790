"""Parsing processes that are killed when a document takes too long, and replaced."""

from __future__ import annotations

import asyncio
import json
import os
import struct
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar, Literal

from ._entries import Parsed
from ._errors import ErrorKind, ParseError
from ._page import Page
from ._settings import ArticleLimits, ParseSettings
from ._worker import decode

Task = Literal["feed", "links", "page"]

_MAX_ANSWER_BYTES = 1 << 30
_PACKAGE_ROOT = str(Path(__file__).resolve().parent.parent)


class _Worker:
    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._process, self._stdin, self._stdout = process, process.stdin, process.stdout
        self.documents = 0

    @classmethod
    async def start(cls, task: Task, parse: ParseSettings, limits: ArticleLimits) -> _Worker:
        environment = dict(os.environ)
        # The worker must find this package even where only sys.path of the parent knew it; -P keeps the working folder
        # out of it, where a file of a stranger could be called feedparser.py.
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, (_PACKAGE_ROOT, environment.get("PYTHONPATH"))))
        environment["OPENBLAS_NUM_THREADS"] = "1"  # each of its threads takes address space from the memory limit
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",
            "-m",
            "dedup_ingest._worker",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=environment,
        )
        worker = cls(process)
        try:
            settings = json.dumps({"task": task, "parse": asdict(parse), "limits": asdict(limits)}).encode()
            async with asyncio.timeout(parse.start_deadline_seconds):
                await worker._send(struct.pack(">I", len(settings)), settings)
                await worker._receive()
        except TimeoutError as error:
            await worker.stop()
            raise ParseError(
                ErrorKind.INTERNAL,
                f"no parsing process after {parse.start_deadline_seconds:g} s (start_deadline_seconds)",
            ) from error
        except (EOFError, OSError) as error:
            await worker.stop()
            raise ParseError(
                ErrorKind.INTERNAL,
                f"the parsing process ends at its start; try: {sys.executable} -m dedup_ingest._worker </dev/null",
            ) from error
        except BaseException:
            await worker.stop()
            raise
        return worker

    async def parse(self, header: dict[str, Any], body: bytes) -> dict[str, Any]:
        data = json.dumps(header).encode()
        self.documents += 1
        await self._send(struct.pack(">II", len(data), len(body)), data, body)
        return await self._receive()

    async def _send(self, *parts: bytes) -> None:
        self._stdin.writelines(parts)
        await self._stdin.drain()

    async def _receive(self) -> dict[str, Any]:
        (size,) = struct.unpack(">I", await self._stdout.readexactly(4))
        if size > _MAX_ANSWER_BYTES:
            raise EOFError(f"an answer of {size} bytes")
        answer: dict[str, Any] = json.loads(await self._stdout.readexactly(size))
        return answer

    async def stop(self) -> None:
        """Kill the process (it holds nothing worth saving) and wait for it."""
        with suppress(ProcessLookupError):
            self._process.kill()
        self._stdin.close()
        await asyncio.shield(self._process.wait())
        with suppress(OSError, ValueError):
            await self._stdout.read()  # to its end, so that the transport closes before the loop does


class _Pool:
    """At most `parse.worker_count` parsing processes for one task, started when there is work for them."""

    _task: ClassVar[Task]

    def __init__(self, parse: ParseSettings, limits: ArticleLimits) -> None:
        self._parse, self._limits = parse, limits
        self._slots = asyncio.Semaphore(parse.worker_count)
        self._idle: list[_Worker] = []
        self._all: set[_Worker] = set()

    async def _ask(self, header: dict[str, Any], body: bytes) -> dict[str, Any]:
        """The worker's answer. Raises ParseError; a document above its limits costs the worker, not the pool."""
        async with self._worker() as worker:
            try:
                async with asyncio.timeout(self._parse.deadline_seconds):
                    answer = await worker.parse(header, body)
            except TimeoutError as error:
                raise ParseError(
                    ErrorKind.PARSE_DEADLINE, f"not parsed after {self._parse.deadline_seconds:g} s (deadline_seconds)"
                ) from error
            except (EOFError, OSError) as error:
                raise ParseError(
                    ErrorKind.PARSE_CRASH,
                    f"ends its parsing process; perhaps it needs more than "
                    f"{self._parse.max_memory_bytes} bytes (max_memory_bytes)",
                ) from error
            if answer.get("kind") == ErrorKind.PARSE_MEMORY:
                raise ParseError(ErrorKind.PARSE_MEMORY, answer["error"])
        if "error" in answer:
            raise ParseError(ErrorKind(answer["kind"]), answer["error"])
        return answer

    @asynccontextmanager
    async def _worker(self) -> AsyncIterator[_Worker]:
        """A worker for one document; it goes back to the pool unless something went wrong while it was out."""
        async with self._slots:
            if self._idle:
                worker = self._idle.pop()
            else:
                worker = await _Worker.start(self._task, self._parse, self._limits)
                self._all.add(worker)
            try:
                yield worker
            except BaseException:
                self._all.discard(worker)
                await worker.stop()
                raise
            if worker.documents >= self._parse.max_documents_per_worker:
                self._all.discard(worker)
                await worker.stop()
            else:
                self._idle.append(worker)

    async def close(self) -> None:
        """Kill every worker."""
        workers, self._all, self._idle = self._all, set(), []
        await asyncio.gather(*(worker.stop() for worker in workers))


class ParserPool(_Pool):
    """Processes that parse feeds."""

    _task = "feed"

    async def parse(self, body: bytes, *, url: str, base: str, content_type: str | None) -> Parsed:
        """The articles of a document. Raises ParseError."""
        return decode(await self._ask({"url": url, "base": base, "content_type": content_type}, body))


class LinkPool(_Pool):
    """Processes that find the feeds which a web page names."""

    _task = "links"

    async def links(self, body: bytes, *, base: str, content_type: str | None) -> tuple[str, ...]:
        """Their absolute http(s) URLs, in the order of the page. Raises ParseError."""
        return tuple((await self._ask({"base": base, "content_type": content_type}, body))["links"])


class PagePool(_Pool):
    """Processes that extract the article of a web page."""

    _task = "page"

    async def extract(self, body: bytes, *, url: str, content_type: str | None) -> Page:
        """The article of a page. Raises ParseError."""
        return Page(**await self._ask({"url": url, "content_type": content_type}, body))
