"""The real service for the tests of its surface: the e5-small model, SQLite in a temporary folder, no mocks."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from dedup.config import default_config_path

if TYPE_CHECKING:
    from fastapi import FastAPI
    from fastapi.testclient import TestClient

    from dedup.config import Config
    from dedup.service import Deduplicator

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
            name: value for name, value in os.environ.items() if not name.startswith("DEDUP_") or name == "DEDUP_CACHE"
        }
        return kept | {"DEDUP_CONFIG": str(self.folder / "my.toml"), "NO_COLOR": "1"}

    def start(self, *arguments: str, **options: Any) -> subprocess.Popen[str]:
        piped: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
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

    with Deduplicator.open(config) as opened:
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
