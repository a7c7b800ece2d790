"""Several processes and threads on one database: no article twice, no text in two stories, nothing missed."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from newsroom import (
    HashingEncoder,
    article,
    as_rows,
    assert_index_is_caught_up,
    assert_store_is_consistent,
    hashing_service,
    invented_news,
)
from numpy.typing import NDArray

SCRIPT = Path(__file__).with_name("adding.py")
TRAM = (
    "Brenholt opens tram line to the river port",
    "Brenholt opened its new tram line to the river port on Thursday. Mayor Tarrask rode in the first car, which left "
    "the depot at noon with two hundred guests and a brass band aboard.",
)


def write(path: Path, rows: Sequence[dict[str, str]]) -> Path:
    path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), encoding="utf-8")
    return path


@pytest.mark.parametrize(("processes", "threads"), [(2, 1), (2, 2)])
def test_processes_that_add_overlapping_articles_at_once_make_one_store(
    url: str, tmp_path: Path, processes: int, threads: int
) -> None:
    rows = as_rows(invented_news(90))
    files = [write(tmp_path / "first.jsonl", rows[:60]), write(tmp_path / "second.jsonl", rows[30:])]
    running = [
        subprocess.Popen(
            [sys.executable, str(SCRIPT), url, str(files[n % 2]), str(n), str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for n in range(processes)
    ]
    for process in running:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n", process.communicate()[1]
    # A line to each, then wait for each: communicate() alone would start them one after the other.
    for process in running:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in running:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
    with hashing_service(url) as service:
        assert_store_is_consistent(service.store, articles=90)
        assert_index_is_caught_up(service)


def test_four_threads_on_one_service_make_one_store(url: str) -> None:
    news = invented_news(80)
    with hashing_service(url) as service:
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(service.add, [news[:50], news[30:], news[10:70], news[::-1]]))
        assert_store_is_consistent(service.store, articles=80)
        assert_index_is_caught_up(service)


def test_questions_are_answered_while_others_write(url: str) -> None:
    news = invented_news(120)
    with hashing_service(url) as service, hashing_service(url) as other:
        service.add(news[:10])

        def ask(number: int) -> int:
            return len(service.similar(title=news[number % 10].title, text=news[number % 10].text))

        with ThreadPoolExecutor(4) as pool:
            writing = [pool.submit(service.add, news[10:60]), pool.submit(other.add, news[50:])]
            counts = list(pool.map(ask, range(60)))
            for one in writing:
                one.result()
        assert all(counts)
        assert_store_is_consistent(service.store, articles=120)


class InterruptedEncoder(HashingEncoder):
    """Lets something happen in the middle of an add: after the search for copies, before the lock."""

    def __init__(self) -> None:
        super().__init__()
        self.then: Callable[[], object] | None = None

    def encode(self, texts: Sequence[str], *, progress: object = None) -> NDArray[np.float32]:
        if self.then is not None:
            then, self.then = self.then, None
            then()
        return super().encode(texts, progress=progress)


@pytest.mark.parametrize("also_asked", [False, True])
def test_a_copy_committed_elsewhere_between_search_and_lock_is_seen_inside_the_lock(
    url: str, *, also_asked: bool
) -> None:
    """Also when another thread's question has meanwhile brought the row into this process's caches."""
    encoder = InterruptedEncoder()
    with hashing_service(url, encoder=encoder) as here, hashing_service(url) as there:

        def elsewhere() -> None:
            there.add([article("theirs", *TRAM)])
            if also_asked:
                here.similar(title="Anything", text="at all")

        encoder.then = elsewhere
        (mine,) = here.add([article("mine", *TRAM, source="Harbour Courier", hours=1)])
        assert mine.outcome == "joined"
        assert mine.match is not None
        assert mine.match.article.title == TRAM[0]
        assert_store_is_consistent(here.store, articles=2)
        assert_index_is_caught_up(here)


def test_the_same_article_committed_elsewhere_between_search_and_lock_is_known(url: str) -> None:
    encoder = InterruptedEncoder()
    with hashing_service(url, encoder=encoder) as here, hashing_service(url) as there:
        encoder.then = lambda: there.add([article("one", *TRAM)])
        (placed,) = here.add([article("one", *TRAM)])
        assert placed.outcome == "known"
        assert_store_is_consistent(here.store, articles=1)


def test_an_edit_committed_elsewhere_between_search_and_lock_counts(url: str) -> None:
    """The copy was found under a text that is gone by the time of the lock: it must not join over it."""
    encoder = InterruptedEncoder()
    with hashing_service(url, encoder=encoder) as here, hashing_service(url) as there:
        here.add([article("one", *TRAM)])
        encoder.then = lambda: there.add([article("one", "Storks return to Kelmouth", "They nest on the brewery.")])
        news = [article("new", "Penrose votes on its budget"), article("copy", *TRAM, source="Courier", hours=1)]
        outcomes = [placed.outcome for placed in here.add(news)]
        assert outcomes == ["new_story", "new_story"]
        assert_store_is_consistent(here.store, articles=3)
        assert_index_is_caught_up(here)


def test_what_another_process_stored_is_found_by_the_next_question(url: str) -> None:
    with hashing_service(url) as here, hashing_service(url) as there:
        (stored,) = there.add([article("one", *TRAM)])
        assert here.similar(title=TRAM[0], text=TRAM[1])[0].article.id == stored.article_id
        there.add([article("one", "Storks return to Kelmouth", "They nest on the brewery.")])
        assert here.similar(title="Storks return to Kelmouth")[0].article.title == "Storks return to Kelmouth"
        assert_index_is_caught_up(here)


def test_processes_that_open_a_new_file_at_once_all_get_it(tmp_path: Path) -> None:
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]);"
        "from newsroom import *;"
        "hashing_service(sys.argv[2]).add([article('a', 'One headline')])"
    )
    url = f"sqlite:///{tmp_path}/news.sqlite3"
    here = str(Path(__file__).parent)
    running = [
        subprocess.Popen([sys.executable, "-c", code, here, url], stderr=subprocess.PIPE, text=True) for _ in range(4)
    ]
    for process in running:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
    with hashing_service(url) as service:
        assert_store_is_consistent(service.store, articles=1)
