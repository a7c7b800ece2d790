"""One index, many threads: searches while others add, remove and replace."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np

from dedup_index import FlatIndex

DIMENSION = 32
BATCHES, BATCH = 120, 50


def vector_of(ids: np.ndarray) -> np.ndarray:
    """A unit vector that follows from the id, so that any answer can be checked by itself."""
    rows = np.stack([np.random.default_rng(int(id_)).standard_normal(DIMENSION) for id_ in ids])
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def run_together(*jobs: Callable[[], None]) -> list[BaseException]:
    trouble: list[BaseException] = []

    def guarded(job: Callable[[], None]) -> None:
        try:
            job()
        except BaseException as error:
            trouble.append(error)

    threads = [threading.Thread(target=guarded, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return trouble


def test_every_answer_is_right_while_the_index_grows_and_shrinks() -> None:
    index = FlatIndex(DIMENSION, "a")
    ids = np.arange(BATCHES * BATCH)
    vectors = vector_of(ids)
    queries = vectors[::97]
    truth = queries @ vectors.T
    done = threading.Event()
    searched = 0

    def grow() -> None:
        try:
            for start in range(0, len(ids), BATCH):
                index.add(ids[start : start + BATCH], vectors[start : start + BATCH])
                index.remove(ids[start : start + BATCH : 5])
                index.replace(ids[start : start + BATCH : 10], vectors[start : start + BATCH : 10])
        finally:
            done.set()

    def search() -> None:
        nonlocal searched
        while not done.is_set():
            found = index.search(queries, 10)
            for row in range(len(queries)):
                hits = found.row(row)
                assert len({hit.id for hit in hits}) == len(hits)
                for hit in hits:
                    assert abs(hit.score - truth[row, hit.id]) < 1e-5
            searched += 1

    assert run_together(grow, search, search) == []
    assert searched > 0
    kept = np.array([id_ for id_ in ids.tolist() if id_ % 5 or id_ % 10 == 0])
    assert index.ids().tolist() == kept.tolist()
    best = kept[np.argmax(truth[:, kept], axis=1)]
    assert index.search(queries, 1).ids[:, 0].tolist() == best.tolist()


def test_of_threads_that_add_the_same_id_exactly_one_succeeds() -> None:
    index = FlatIndex(DIMENSION, "a")
    vectors = vector_of(np.arange(200))
    barrier = threading.Barrier(4)
    added: list[int] = []

    def add_all() -> None:
        barrier.wait()
        for id_ in range(200):
            try:
                index.add(np.array([id_]), vectors[id_ : id_ + 1])
            except ValueError:
                continue
            added.append(id_)

    assert run_together(*[add_all] * 4) == []
    assert sorted(added) == list(range(200))
    assert index.search(vectors, 2).ids[:, 0].tolist() == list(range(200))
    assert len(index) == 200
