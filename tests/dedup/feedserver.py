"""A server of feeds on loopback for the tests: it counts what it is asked, and can be told to fail or to wait."""

from __future__ import annotations

import hashlib
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

# On loopback, and with no request sent unconditionally by chance, so that every second one is a 304.
LOOPBACK = {"allow_networks": ["127.0.0.0/8"], "unconditional_share": 0.0, "max_retries": 0, "host_spacing_seconds": 0}


class FeedServer:
    """Serves a folder with ETags.

    `statuses` are those that it answered, `asked` counts the requests for each name, `answering` those that have no
    answer yet, and `most` is the most of these at a time. A name in `broken` is answered with that status; one in
    `moved` with a permanent redirect; the answer to one in `held` waits for its event.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.statuses: list[int] = []
        self.asked: Counter[str] = Counter()
        self.answering = self.most = 0
        self._counting = threading.Lock()
        self.broken: dict[str, int] = {}
        self.moved: dict[str, str] = {}
        self.held: dict[str, threading.Event] = {}
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.count(1)
                try:
                    self.answer_get()
                finally:
                    outer.count(-1)

            def answer_get(self) -> None:
                name = self.path.strip("/")
                outer.asked[name] += 1
                if name in outer.held:
                    outer.held[name].wait(60)
                if name in outer.moved:
                    return self.answer(301, b"", ("Location", outer.moved[name]))
                file = outer.folder / name
                if name in outer.broken or not file.is_file():
                    return self.answer(outer.broken.get(name, 404), b"")
                body = file.read_bytes()
                etag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
                if self.headers.get("If-None-Match") == etag:
                    return self.answer(304, b"", ("ETag", etag))
                kind = "text/html" if name.endswith(".html") else "application/xml"
                return self.answer(200, body, ("ETag", etag), ("Content-Type", kind))

            def answer(self, status: int, body: bytes, *headers: tuple[str, str]) -> None:
                outer.statuses.append(status)
                try:
                    self.send_response(status)
                    for header in headers:
                        self.send_header(*header)
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)
                except OSError:
                    pass  # who asked has gone

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def count(self, by: int) -> None:
        with self._counting:
            self.answering += by
            self.most = max(self.most, self.answering)

    def hold(self, name: str) -> threading.Event:
        """Nobody gets an answer to this name until the event is set."""
        return self.held.setdefault(name, threading.Event())

    def close(self) -> None:
        for event in self.held.values():
            event.set()
        self._server.shutdown()
        self._server.server_close()


def rss(title: str, items: list[tuple[str, str, str]]) -> str:
    entries = "".join(
        f"<item><guid>{g}</guid><title>{t}</title><description>{d}</description></item>" for g, t, d in items
    )
    return f'<?xml version="1.0"?><rss version="2.0"><channel><title>{title}</title>{entries}</channel></rss>'


def write_feeds(folder: Path, count: int, entries: int = 3) -> list[str]:
    """`count` invented feeds in the folder; their names."""
    folder.mkdir(exist_ok=True)
    names = [f"f{number}.xml" for number in range(count)]
    for number, name in enumerate(names):
        items = [
            (
                f"{number}-{n}",
                f"Lusen counts {number * 100 + n} swans",
                f"Ward {number} counted {n} more than in spring.",
            )
            for n in range(entries)
        ]
        (folder / name).write_text(rss(f"Ward {number}", items), encoding="utf-8")
    return names
