"""kill -9 at any point of an import, then the same again: nothing lost, nothing doubled, the index caught up."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from newsroom import (
    as_rows,
    assert_index_is_caught_up,
    assert_store_is_consistent,
    config_for,
    hashing_service,
    invented_news,
    stories_by_guid,
)
from sqlalchemy import select

from dedup import jobs
from dedup.store import StoryEventRow

SCRIPT = Path(__file__).with_name("crashing.py")
ARTICLES = 120
SEEDS = (1, 2, 3, 4)


def write_news(folder: Path) -> Path:
    file = folder / "news.jsonl"
    rows = as_rows(invented_news(ARTICLES))
    file.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), encoding="utf-8")
    return file


def crash(url: str, file: Path, kind: str, place: int) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), url, str(file), kind, str(place)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, int], dict[str, frozenset[str]]]:
    """How many events an import has, and the stories it makes when nothing happens."""
    folder = tmp_path_factory.mktemp("undisturbed")
    url = f"sqlite:///{folder}/news.sqlite3"
    done = crash(url, write_news(folder), "never", 0)
    assert done.returncode == 0, done.stderr
    with hashing_service(url) as service:
        assert_store_is_consistent(service.store, articles=ARTICLES)
        return json.loads(done.stdout), stories_by_guid(service.store)


@pytest.mark.parametrize("seed", SEEDS)
def test_case_58_an_import_killed_at_a_random_statement_ends_as_if_it_had_not_been(
    url: str, seed: int, tmp_path: Path, undisturbed: tuple[dict[str, int], dict[str, frozenset[str]]]
) -> None:
    events, stories = undisturbed
    file = write_news(tmp_path)
    place = random.Random(seed).randint(1, int(events["statement"] * 0.9))
    assert crash(url, file, "statement", place).returncode == -signal.SIGKILL
    with hashing_service(url) as service:
        # Whole batches only, and the caches know exactly what SQL knows.
        assert service.stats().articles % 16 == 0 or service.stats().articles == ARTICLES
        assert_store_is_consistent(service.store)
        assert_index_is_caught_up(service)
        report = jobs.import_file(service, config_for(url), file)
        assert report.stored + report.known == ARTICLES
        assert_store_is_consistent(service.store, articles=ARTICLES)
        assert_index_is_caught_up(service)
        assert stories_by_guid(service.store) == stories


@pytest.mark.parametrize("place", [1, 3])
def test_an_import_killed_at_a_commit_loses_at_most_that_batch(url: str, place: int, tmp_path: Path) -> None:
    file = write_news(tmp_path)
    assert crash(url, file, "commit", place).returncode == -signal.SIGKILL
    with hashing_service(url) as service:
        assert_store_is_consistent(service.store, articles=16 * (place - 1))
        assert_index_is_caught_up(service)


def test_case_57_an_import_killed_between_the_last_commit_and_the_index_has_lost_nothing(
    url: str, tmp_path: Path
) -> None:
    file = write_news(tmp_path)
    assert crash(url, file, "save", 1).returncode == -signal.SIGKILL
    with hashing_service(url) as service:
        assert not (service.index_folder / "manifest.json").exists() or service.stats().indexed
        assert_store_is_consistent(service.store, articles=ARTICLES)
        assert_index_is_caught_up(service)
        again = jobs.import_file(service, config_for(url), file)
        assert (again.stored, again.known, again.encoded) == (0, ARTICLES, 0)


def test_an_import_killed_again_and_again_still_ends_whole(
    tmp_path: Path, undisturbed: tuple[dict[str, int], dict[str, frozenset[str]]]
) -> None:
    url = f"sqlite:///{tmp_path}/news.sqlite3"
    file = write_news(tmp_path)
    rng = random.Random(11)
    for _ in range(4):
        crash(url, file, "statement", rng.randint(150, 400))
    with hashing_service(url) as service:
        jobs.import_file(service, config_for(url), file)
        assert_store_is_consistent(service.store, articles=ARTICLES)
        assert_index_is_caught_up(service)
        assert stories_by_guid(service.store) == undisturbed[1]


EDITED = [3, 10, 17, 24, 31, 38]


def prepare_edits(url: str, folder: Path) -> Path:
    """Sixty stored articles, and the file that says which of them are edited."""
    with hashing_service(url) as service:
        service.add(invented_news(60))
        service.repair()
    file = folder / "news.edits"
    file.write_text(json.dumps(EDITED), encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def edits(tmp_path_factory: pytest.TempPathFactory) -> int:
    """How many statements editing, repairing and an editor's words take."""
    folder = tmp_path_factory.mktemp("edits")
    url = f"sqlite:///{folder}/news.sqlite3"
    done = crash(url, prepare_edits(url, folder), "never", 0)
    assert done.returncode == 0, done.stderr
    with hashing_service(url) as service:
        assert [word.kind for word in service.feedback()] == ["split", "revoke", "not-a-duplicate", "merge"]
        with service.store.reading() as session:
            kinds = set(session.scalars(select(StoryEventRow.kind)))
        assert kinds == {"create", "join", "update", "merge", "split", "leave", "feedback"} | (kinds & {"move"})
    statements: int = json.loads(done.stdout)["statement"]
    return statements


@pytest.mark.parametrize("share", [0.3, 0.55, 0.85])
def test_repair_and_feedback_killed_at_a_statement_are_done_or_not_and_the_rest_follows(
    url: str, share: float, tmp_path: Path, edits: int
) -> None:
    file = prepare_edits(url, tmp_path)
    assert crash(url, file, "statement", int(edits * share)).returncode == -signal.SIGKILL
    with hashing_service(url) as service:
        assert_store_is_consistent(service.store, articles=60, editors=True)
        assert_index_is_caught_up(service)
        service.add([invented_news(60, seed=9)[number] for number in EDITED])
        assert service.repair(everything=True).waiting == 0
        assert_store_is_consistent(service.store, articles=60, editors=True)
        assert_index_is_caught_up(service)
