"""How crowded an article's neighbourhood is: of many at once, of one, and kept up to date."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from dedup.crowding import NEIGHBOURS, crowding, nearest_of, nearest_of_each
from dedup.memory import Fresh, Memory, Vectors

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def unit(count: int, seed: int = 0) -> Vectors:
    """Vectors that are all a little alike."""
    vectors = np.random.default_rng(seed).normal(size=(count, 24)).astype(np.float32) + 0.5
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), dtype=np.float32)


def fresh(first: int, vectors: Vectors) -> list[Fresh]:
    return [Fresh(first + n, first + n, NOW, b"", vector) for n, vector in enumerate(vectors)]


def memory_of(vectors: Vectors) -> Memory:
    memory = Memory.empty(24, "owner", timedelta(days=30))
    memory.apply(fresh(1, vectors))
    return memory


def test_it_is_the_mean_over_the_nearest_and_missing_ones_count_as_nothing() -> None:
    assert crowding(nearest_of([0.8, 0.4])) == pytest.approx(1.2 / NEIGHBOURS)
    assert crowding(nearest_of([0.1] * 50 + [0.5] * NEIGHBOURS)) == pytest.approx(0.5)
    assert crowding(()) == 0.0


def test_a_limit_holds_for_each_of_the_nearest() -> None:
    assert crowding((0.9, 0.8, 0.3), most=0.5) == pytest.approx(1.3 / NEIGHBOURS)


def test_copies_and_opposites_say_nothing() -> None:
    assert nearest_of([1.0, 0.9999, -0.3, float("-inf"), 0.4]) == (0.4,)


def test_of_many_at_once_it_is_what_it_is_of_each() -> None:
    vectors = unit(70)
    vectors[3] = vectors[7]
    for found, vector in zip(nearest_of_each(vectors), vectors, strict=True):
        assert found == pytest.approx(nearest_of((vectors @ vector).tolist()), abs=1e-5)
    assert nearest_of_each(vectors[:1]) == [()]


def test_memory_says_the_same_of_articles_that_it_holds() -> None:
    vectors = unit(70)
    found, every = memory_of(vectors).nearest([1, 70, 999]), nearest_of_each(vectors)
    assert found.keys() == {1, 70}
    assert found[1] == pytest.approx(every[0], abs=1e-5)
    assert found[70] == pytest.approx(every[69], abs=1e-5)


def test_memory_keeps_it_up_to_date_while_articles_come_and_go() -> None:
    vectors, near = unit(70), unit(8, seed=1) * 0.2
    memory = memory_of(vectors)
    memory.nearest(range(1, 71))
    near = np.asarray(near + vectors[0], dtype=np.float32)
    near /= np.linalg.norm(near, axis=1, keepdims=True)
    memory.apply(fresh(71, near))
    every = nearest_of_each(np.concatenate([vectors, near]))
    assert memory.nearest([1])[1] == pytest.approx(every[0], abs=1e-5)
    assert crowding(memory.nearest([1])[1]) > crowding(nearest_of_each(vectors)[0]) + 0.05


def test_an_edited_article_is_looked_at_anew() -> None:
    vectors = unit(70)
    memory = memory_of(vectors)
    memory.nearest([1])
    memory.apply([Fresh(1, 71, NOW, b"", vectors[1])])
    vectors[0] = vectors[1]
    assert memory.nearest([1])[1] == pytest.approx(nearest_of_each(vectors)[0], abs=1e-5)


def test_newcomers_are_seen_among_the_stored_and_among_one_another() -> None:
    vectors = unit(70)
    memory = memory_of(vectors[:50])
    for found, every in zip(memory.nearest_around(vectors[50:]), nearest_of_each(vectors)[50:], strict=True):
        assert found == pytest.approx(every, abs=1e-5)


def test_what_is_being_written_is_known_until_it_is_applied_or_rolled_back() -> None:
    vectors = unit(70)
    memory = memory_of(vectors[:69])
    memory.expect(70, (0.25,))
    assert memory.nearest([70]) == {70: (0.25,)}
    memory.apply(fresh(70, vectors[69:]))
    assert memory.nearest([70])[70] == pytest.approx(nearest_of_each(vectors)[69], abs=1e-5)
    memory.expect(71, (0.5,))
    memory.expect_nothing()
    assert memory.nearest([71]) == {}
