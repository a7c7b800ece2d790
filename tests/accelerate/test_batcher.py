"""Concurrent callers share batches: same vectors, bounded queue, no caller waits for ever."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from dedup_accelerate import DynamicBatcher, Encoder, EncoderBusy, EncoderClosed, LongTexts


class Gate(Encoder):
    """An encoder whose model stands still until it is let go; notes the texts of each run, and how many they were."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.open, self.entered = threading.Event(), threading.Event()
        self.runs, self.told = [], []

    def run(self, ids):
        self.runs.append(len(ids))
        self.told.append([tuple(row) for row in ids])
        self.entered.set()
        assert self.open.wait(60)
        return super().run(ids)


def waiting(batcher, count):
    """Until `count` texts wait."""
    with batcher._changed:
        assert batcher._changed.wait_for(lambda: batcher._texts >= count, 60)


@pytest.fixture
def gate(plain):
    encoder = Gate(plain, threads=1)
    yield encoder
    encoder.open.set()


@pytest.fixture
def held(gate):
    """A batcher with one text in the model, which stands still, and a pool of callers."""
    with DynamicBatcher(gate, wait_milliseconds=0, max_waiting_texts=8) as batcher, ThreadPoolExecutor(16) as pool:
        first = pool.submit(batcher.encode, ["rain"])
        assert gate.entered.wait(60)
        yield batcher, pool
        gate.open.set()
        assert first.result(60).shape == (1, gate.dimension)


def test_threads_and_tasks_get_the_vectors_that_the_encoder_gives(plain, texts):
    encoder = Encoder(plain, threads=1, long_texts=LongTexts("windows"))
    expected = encoder.encode(texts)

    async def ask(batcher):
        return await asyncio.gather(*(batcher.aencode(texts[i % 3 :]) for i in range(12)))

    with DynamicBatcher(encoder, wait_milliseconds=1) as batcher, ThreadPoolExecutor(8) as pool:
        threads = [pool.submit(batcher.encode, texts) for _ in range(8)]
        tasks = asyncio.run(ask(batcher))
        for number, rows in enumerate(tasks):
            assert np.abs(rows - expected[number % 3 :]).max() < 1e-5
        for future in threads:
            assert np.abs(future.result(60) - expected).max() < 1e-5


def test_what_arrives_while_the_model_is_busy_runs_together(gate, held):
    batcher, pool = held
    futures = [pool.submit(batcher.encode, [f"train {i}"]) for i in range(8)]
    waiting(batcher, 8)
    gate.open.set()
    assert {future.result(60).shape for future in futures} == {(1, gate.dimension)}
    assert gate.runs == [1, 8]


def test_a_batch_keeps_the_token_budget(plain):
    encoder = Gate(plain, threads=1, batch_tokens=12)
    with DynamicBatcher(encoder, wait_milliseconds=0) as batcher, ThreadPoolExecutor(16) as pool:
        first = pool.submit(batcher.encode, ["rain"])
        assert encoder.entered.wait(60)
        futures = [pool.submit(batcher.encode, ["bank rate"]) for _ in range(9)]  # 4 tokens each
        waiting(batcher, 9)
        encoder.open.set()
        assert all(future.result(60).shape for future in [first, *futures])
    assert encoder.runs == [1, 3, 3, 3]


def test_a_small_call_does_not_wait_for_all_of_a_large_one(plain):
    encoder = Gate(plain, threads=1, batch_tokens=16)
    with DynamicBatcher(encoder, wait_milliseconds=0) as batcher, ThreadPoolExecutor(4) as pool:
        first = pool.submit(batcher.encode, ["rain"])
        assert encoder.entered.wait(60)
        large = pool.submit(batcher.encode, [f"bank rate {'fire ' * i}" for i in range(30)])
        waiting(batcher, 30)
        small = pool.submit(batcher.encode, ["price"])
        waiting(batcher, 31)
        encoder.open.set()
        assert (first.result(60).shape[0], large.result(60).shape[0], small.result(60).shape[0]) == (1, 30, 1)
    # Which caller wakes first is the system's affair: what counts is which text the model had first.
    (price,) = map(tuple, encoder.prepare(["price"]).ids)
    assert [price in run for run in encoder.told].index(True) < len(encoder.told) - 1


def test_a_batch_that_is_not_full_waits_for_more(plain):
    encoder = Gate(plain, threads=1)
    encoder.open.set()
    # The batcher closes before the pool waits for its callers: what is left then need not wait a minute.
    with ThreadPoolExecutor(4) as pool, DynamicBatcher(encoder, wait_milliseconds=60_000) as batcher:
        futures = [pool.submit(batcher.encode, [f"rain {i}"]) for i in range(3)]
        waiting(batcher, 3)
        assert not encoder.entered.is_set()
        futures.append(pool.submit(batcher.encode, [f"price {i}" for i in range(400)]))
        assert encoder.entered.wait(30)
    assert [future.result(60).shape[0] for future in futures] == [1, 1, 1, 400]
    assert encoder.runs[0] > 3, "those that waited ran with those that filled the batch"


def test_a_full_queue_refuses_and_works_again_when_it_has_room(gate, held):
    batcher, pool = held
    futures = [pool.submit(batcher.encode, [f"train {i}"]) for i in range(8)]
    waiting(batcher, 8)
    with pytest.raises(EncoderBusy, match="8 texts wait"):
        batcher.encode(["one more"])
    with pytest.raises(EncoderBusy):
        asyncio.run(batcher.aencode(["one more"]))
    gate.open.set()
    assert all(future.result(60).shape for future in futures)
    assert batcher.encode(["one more"]).shape == (1, gate.dimension)


def test_a_call_larger_than_the_queue_is_taken_when_nothing_waits(plain):
    with DynamicBatcher(Encoder(plain, threads=1), max_waiting_texts=2) as batcher:
        assert batcher.encode(["bank", "rate", "price", "rain", "fire"]).shape == (5, plain.dimension)


def test_a_cancelled_task_leaves_the_queue(gate, held):
    batcher, _ = held

    async def give_up():
        task = asyncio.create_task(batcher.aencode(["train", "team"]))
        await asyncio.to_thread(waiting, batcher, 2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(give_up())
    gate.open.set()
    assert batcher.encode(["bank"]).shape == (1, gate.dimension)
    assert gate.runs == [1, 1], "what was given up never reached the model"


def test_an_error_of_the_model_reaches_every_caller_and_the_next_call_works(plain):
    class Broken(Gate):
        def run(self, ids):
            super().run(ids)
            if len(self.runs) == 2:
                raise RuntimeError("out of memory")
            return Encoder.run(self, ids)

    encoder = Broken(plain, threads=1)
    with DynamicBatcher(encoder, wait_milliseconds=0) as batcher, ThreadPoolExecutor(4) as pool:
        first = pool.submit(batcher.encode, ["rain"])
        assert encoder.entered.wait(60)
        futures = [pool.submit(batcher.encode, [word]) for word in ("bank", "rate", "price")]
        waiting(batcher, 3)
        encoder.open.set()
        assert first.result(60).shape
        for future in futures:
            with pytest.raises(RuntimeError, match="out of memory"):
                future.result(60)
        assert batcher.encode(["bank"]).shape == (1, plain.dimension)


def test_closing_finishes_what_waits_and_refuses_what_comes(gate):
    with ThreadPoolExecutor(4) as pool, DynamicBatcher(gate, wait_milliseconds=60_000) as batcher:
        futures = [pool.submit(batcher.encode, [f"rain {i}"]) for i in range(3)]
        waiting(batcher, 3)
        gate.open.set()
    assert all(future.result(60).shape for future in futures)
    with pytest.raises(EncoderClosed):
        batcher.encode(["rain"])


def test_known_texts_and_no_texts_wait_for_nothing(plain):
    encoder = Gate(plain, threads=1, cache_texts=4)
    encoder.open.set()
    expected = encoder.encode(["bank", "rate"])
    assert encoder.runs == []  # the encoder's own path does not go through `run`
    with DynamicBatcher(encoder, wait_milliseconds=60_000) as batcher:
        assert np.array_equal(batcher.encode(["rate", "bank"]), expected[::-1])
        assert asyncio.run(batcher.aencode([])).shape == (0, plain.dimension)
    assert encoder.runs == []


@pytest.mark.parametrize("texts", ["one text", ["text", None]])
def test_anything_but_a_sequence_of_texts_is_refused(plain, texts):
    with DynamicBatcher(Encoder(plain, threads=1)) as batcher:
        with pytest.raises(TypeError):
            batcher.encode(texts)
        with pytest.raises(TypeError):
            asyncio.run(batcher.aencode(texts))


def test_impossible_limits_are_refused(plain):
    encoder = Encoder(plain, threads=1)
    for limits in ({"wait_milliseconds": -1}, {"max_waiting_texts": 0}):
        with pytest.raises(ValueError, match="must"):
            DynamicBatcher(encoder, **limits)
