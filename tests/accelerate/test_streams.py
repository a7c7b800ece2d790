"""Many texts are encoded in several runs side by side, few in one; nobody sees a difference but in time."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import numpy as np
import pytest

from dedup_accelerate import Encoder
from dedup_accelerate._engine import Engine
from dedup_accelerate._streams import LEAST_BATCHES, Streams, physical_cores


class Counting:
    """An engine that never runs; how often it was loaded."""

    provider = "none"

    def __init__(self) -> None:
        self.loaded = 0

    def __call__(self) -> Engine:
        self.loaded += 1
        return self

    def run(self, ids, mask):
        raise NotImplementedError


def test_many_texts_have_the_vectors_that_each_has_alone_in_their_order(tiny, texts):
    many = [f"{text} {number}" for number in range(12) for text in texts]
    encoder = Encoder(tiny, threads=2, batch_tokens=64)
    told = []
    vectors = encoder.encode(many, progress=lambda name, done, total: told.append((done, total)))
    assert encoder._runner._streams._engine is not None
    alone = Encoder(tiny, threads=1, batch_tokens=1).encode(many)
    assert np.abs(vectors - alone).max() < 1e-5
    assert told == sorted(told)
    assert told[-1] == (len(many), len(many))


def test_few_texts_need_no_second_session(tiny, texts):
    encoder = Encoder(tiny, threads=2)
    encoder.encode(texts[:3])
    assert encoder._runner._streams._engine is None


def test_as_many_runs_as_cores_are_under_way_on_one_engine():
    load, together = Counting(), threading.Barrier(3, timeout=20)
    streams = Streams(load, 3)
    batches = [[number] for number in range(12)]

    def work(engine, batch):
        together.wait()  # ends only when three are in here at once
        return np.full((1, 1), batch[0], np.float32)

    for _ in range(2):
        found = list(streams.run(batches, work))
        assert [batch for batch, _ in found] == batches
        assert [int(rows[0, 0]) for _, rows in found] == list(range(12))
    assert load.loaded == 1


def test_streams_suit_only_several_batches_for_each():
    batches = [[0]] * LEAST_BATCHES * 2
    assert Streams(Counting(), 2).suit(batches)
    assert not Streams(Counting(), 2).suit(batches[1:])
    assert not Streams(Counting(), 1).suit(batches)


def test_what_a_run_raises_reaches_the_caller_and_the_rest_is_left():
    begun = []

    def work(engine, batch):
        begun.append(batch[0])
        if batch[0] == 1:
            raise MemoryError
        time.sleep(0.01)  # at once, all might be done before the caller has given out the last
        return np.zeros((1, 1), np.float32)

    with pytest.raises(MemoryError):
        for _ in Streams(Counting(), 2).run([[number] for number in range(1000)], work):
            pass
    assert len(begun) < 500


def test_who_stops_early_waits_only_for_what_runs():
    begun = []

    def work(engine, batch):
        begun.append(batch[0])
        time.sleep(0.01)
        return np.zeros((1, 1), np.float32)

    running = Streams(Counting(), 2).run([[number] for number in range(1000)], work)
    next(running)
    running.close()
    assert len(begun) < 500


def test_two_threads_of_a_core_count_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1, 2, 3, 5}, raising=False)
    for cpu in range(6):
        folder = tmp_path / f"cpu{cpu}" / "topology"
        folder.mkdir(parents=True)
        (folder / "thread_siblings_list").write_text(f"{cpu % 3},{cpu % 3 + 3}\n")
    assert physical_cores(tmp_path) == 3
    assert physical_cores(tmp_path / "nowhere") == 5
