"""The parsing process: `python -m dedup_ingest._worker`. Frames over stdin and stdout, one document at a time.

The first frame names the task (feed, links or page) and the limits.

Request: two lengths (big-endian 32 bit), a JSON header, the body. Answer: one length and JSON. The limits are kept by
the kernel, so that they hold inside C code and when the parent is gone: RLIMIT_AS for memory, an alarm for the time.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import struct
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

from ._article import Article
from ._entries import Pace, Parsed
from ._errors import ErrorKind, ParseError
from ._settings import ArticleLimits, ParseSettings


def encode(parsed: Parsed) -> dict[str, Any]:
    """A Parsed as JSON types. JSON and not pickle: what a worker read was written by strangers."""
    return {
        "title": parsed.title,
        "found": parsed.found,
        "skipped": parsed.skipped,
        "problem": parsed.problem,
        "truncated": parsed.truncated,
        "pace": (parsed.pace.ttl_minutes, parsed.pace.skip_hours, parsed.pace.skip_days),
        "articles": [
            (
                a.key, a.source, a.lang, a.title, a.text, a.url, a.guid,
                a.published.isoformat() if a.published else None, a.fingerprint, a.revision,
            )
            for a in parsed.articles
        ],
    }  # fmt: skip


def decode(answer: dict[str, Any]) -> Parsed:
    """The Parsed of an answer of `encode`."""
    ttl, hours, days = answer["pace"]
    return Parsed(
        title=answer["title"],
        articles=tuple(map(_article, answer["articles"])),
        found=answer["found"],
        skipped=tuple((reason, count) for reason, count in answer["skipped"]),
        problem=answer["problem"],
        truncated=answer["truncated"],
        pace=Pace(ttl, tuple(hours), tuple(days)),
    )


def _article(row: list[Any]) -> Article:
    key, source, lang, title, text, url, guid, published, fingerprint, revision = row
    moment = datetime.fromisoformat(published) if published else None
    return Article(key, source, lang, title, text, url, guid, moment, fingerprint, revision)


def _limit_memory(extra_bytes: int) -> None:
    """Let this process grow by `extra_bytes` from here. Without /proc (not Linux) there is the deadline only."""
    with suppress(OSError, ValueError, IndexError):
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        limit = pages * os.sysconf("SC_PAGE_SIZE") + extra_bytes
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


Task = Callable[[dict[str, Any], bytes, ParseSettings, ArticleLimits], dict[str, Any]]


def _feed(header: dict[str, Any], body: bytes, parse: ParseSettings, limits: ArticleLimits) -> dict[str, Any]:
    from ._document import parse_document

    return encode(
        parse_document(
            body,
            url=header["url"],
            base=header["base"],
            content_type=header["content_type"],
            parse=parse,
            limits=limits,
        )
    )


def _links(header: dict[str, Any], body: bytes, parse: ParseSettings, limits: ArticleLimits) -> dict[str, Any]:
    from ._links import page_links

    return {"links": page_links(body, base=header["base"], content_type=header["content_type"])}


def _page(header: dict[str, Any], body: bytes, parse: ParseSettings, limits: ArticleLimits) -> dict[str, Any]:
    from ._page import parse_page

    return asdict(
        parse_page(
            body,
            url=header["url"],
            content_type=header["content_type"],
            max_text_characters=limits.max_text_characters,
        )
    )


def _preload(task: str, languages: bool) -> Task:
    """Import what the task needs before the memory is limited: what a document may add is then really its own."""
    import chardet
    import idna
    import selectolax.lexbor

    if task == "links":
        return _links
    if task == "page":
        import trafilatura

        from . import _page as page

        del chardet, idna, selectolax, trafilatura, page
        return _page
    import feedparser
    import ftfy

    del chardet, feedparser, ftfy, idna, selectolax
    if languages:
        from ._language import preload

        preload()
    return _feed


def _answer(
    task: Task, header: dict[str, Any], body: bytes, parse: ParseSettings, limits: ArticleLimits
) -> dict[str, Any]:
    try:
        return task(header, body, parse, limits)
    except ParseError as error:
        return {"error": str(error), "kind": error.kind}
    except MemoryError:
        return {
            "error": f"needs more than {parse.max_memory_bytes} bytes (max_memory_bytes)",
            "kind": ErrorKind.PARSE_MEMORY,
        }
    except RecursionError:
        return {"error": "is nested too deeply", "kind": ErrorKind.NOT_A_FEED}
    except Exception as error:  # whatever a parser makes of hostile bytes is this feed's error and no other's
        text = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        return {"error": f"the parser fails on it ({text})", "kind": ErrorKind.PARSE_CRASH}


def serve(source: BinaryIO, sink: BinaryIO) -> None:
    """Answer requests until the input ends."""
    (size,) = struct.unpack(">I", source.read(4))
    settings = json.loads(source.read(size))
    parse, limits = ParseSettings(**settings["parse"]), ArticleLimits(**settings["limits"])
    task = _preload(settings["task"], parse.detect_language)
    _limit_memory(parse.max_memory_bytes)
    # The parent kills at the deadline; this is for a parent that was killed itself, hence a little later.
    seconds = parse.deadline_seconds + 5
    answer: dict[str, Any] = {"ready": True}
    while True:
        data = json.dumps(answer).encode("ascii")
        sink.write(struct.pack(">I", len(data)) + data)
        sink.flush()
        lengths = source.read(8)
        if len(lengths) < 8:
            return
        header_size, body_size = struct.unpack(">II", lengths)
        header = json.loads(source.read(header_size))
        body = source.read(body_size)
        signal.setitimer(signal.ITIMER_REAL, seconds)
        answer = _answer(task, header, body, parse, limits)
        signal.setitimer(signal.ITIMER_REAL, 0)


def main() -> None:
    # Whatever prints to stdout while parsing must not land between the frames.
    sink = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the whole group; the parent decides when we end
    serve(sys.stdin.buffer, sink)


if __name__ == "__main__":
    main()
