"""How crowded an article's neighbourhood is: of many at once, of one, and kept up to date."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from dedup.crowding import (
    LEAST,
    LEAST_NEAREST,
    SAMPLED,
    Surroundings,
    crowding,
    sampled,
    surroundings_of,
    surroundings_of_each,
)
from dedup.memory import Fresh, Memory, Vectors

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def unit(count: int, seed: int = 0) -> Vectors:
    """Vectors that are all a little alike."""
    vectors = np.random.default_rng(seed).normal(size=(count, 24)).astype(np.float32) + 0.5
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), dtype=np.float32)


def fresh(first: int, vectors: Vectors) -> list[Fresh]:
    return [Fresh(first + n, first + n, NOW, b"", vector) for n, vector in enumerate(vectors)]


def tellings(count: int, of: Vectors, apart: float) -> Vectors:
    """Vectors near one, the nearer the less they are apart."""
    told = of + apart * unit(count, seed=1)
    return np.asarray(told / np.linalg.norm(told, axis=1, keepdims=True), dtype=np.float32)


def memory_of(vectors: Vectors) -> Memory:
    memory = Memory.empty(24, "owner", timedelta(days=30))
    memory.apply(fresh(1, vectors))
    return memory


def numbers(around: Surroundings | None) -> tuple[float, ...]:
    assert around is not None
    return (*around.nearest, around.usual)


def close(a: Surroundings | None, b: Surroundings | None) -> bool:
    return numbers(a) == pytest.approx(numbers(b), abs=1e-5)


def test_it_is_the_mean_of_the_nearest_twentieth_without_the_pair_itself() -> None:
    around = surroundings_of([0.1] * 95 + [0.5, 0.6, 0.7, 0.8, 0.9])
    assert around is not None
    assert around.nearest == pytest.approx((0.9, 0.8, 0.7, 0.6, 0.5, 0.1))
    assert crowding(around) == crowding(around, 0.3) == pytest.approx(0.7)
    assert crowding(around, 0.9) == pytest.approx((0.8 + 0.7 + 0.6 + 0.5 + 0.1) / 5)


def test_what_is_usual_is_the_median() -> None:
    around = surroundings_of([0.9] * 10 + [number / 1000 for number in range(81)])
    assert around is not None
    assert around.usual == pytest.approx(0.045)


def test_of_too_few_others_nothing_is_known() -> None:
    assert surroundings_of([0.5] * (LEAST - 1)) is None
    assert surroundings_of([1.0, 0.9999] + [0.5] * (LEAST - 1)) is None
    few = surroundings_of([0.5] * (LEAST_NEAREST - 1))
    assert few == Surroundings((), 0.5)
    assert crowding(few) is None


def test_copies_say_nothing() -> None:
    others = [0.4] * LEAST_NEAREST
    assert close(surroundings_of([1.0, 0.9999, *others]), surroundings_of(others))


def test_a_small_database_is_as_crowded_as_a_large_one() -> None:
    vectors = unit(4000)
    large, small = (surroundings_of_each(part) for part in (vectors, vectors[:200]))
    for measure in (crowding, lambda one: one.usual):
        assert abs(np.mean([measure(one) for one in large]) - np.mean([measure(one) for one in small])) < 0.02


def test_the_fame_of_a_story_is_no_crowd() -> None:
    """Twenty outlets tell it: the nearest twenty of a telling are the other tellings."""
    vectors = unit(4000)
    told = tellings(20, vectors[0], apart=0.3)
    without, famous = surroundings_of_each(vectors)[0], surroundings_of_each(np.concatenate([vectors, told]))[0]
    assert without is not None
    assert famous is not None
    assert sum(famous.nearest[:10]) / 10 > crowding(without) + 0.2
    assert crowding(famous) == pytest.approx(crowding(without), abs=0.06)


def test_what_is_usual_does_not_change_while_a_fifth_of_all_tells_one_story() -> None:
    vectors = unit(300)
    told = tellings(75, vectors[0], apart=0.3)
    without, storm = surroundings_of_each(vectors)[0], surroundings_of_each(np.concatenate([vectors, told]))[0]
    assert without is not None
    assert storm is not None
    assert crowding(storm) > crowding(without) + 0.2
    assert storm.usual == pytest.approx(without.usual, abs=0.12)


def test_a_large_database_is_sampled_evenly_and_in_any_order() -> None:
    ids = np.arange(7, 7 + 4 * SAMPLED)
    chosen = sampled(ids)
    assert len(set(chosen.tolist())) == SAMPLED
    assert sampled(np.random.default_rng(0).permutation(ids)).tolist() == chosen.tolist()
    quarters = np.histogram(chosen, bins=4, range=(ids[0], ids[-1] + 1))[0]
    assert quarters == pytest.approx(SAMPLED / 4, rel=0.02)
    assert sampled(ids[:5][::-1]).tolist() == ids[:5].tolist()


def test_of_many_at_once_it_is_what_it_is_of_each() -> None:
    vectors = unit(170)
    vectors[3] = vectors[7]
    for found, vector in zip(surroundings_of_each(vectors), vectors, strict=True):
        assert close(found, surroundings_of((vectors @ vector).tolist()))
    assert surroundings_of_each(vectors[:1]) == [None]


def test_memory_says_the_same_of_articles_that_it_holds() -> None:
    vectors = unit(170)
    found, every = memory_of(vectors).around([1, 170, 999]), surroundings_of_each(vectors)
    assert found.keys() == {1, 170}
    assert close(found[1], every[0])
    assert close(found[170], every[169])


def test_memory_keeps_it_up_to_date_while_articles_come_and_go() -> None:
    vectors = unit(170)
    near = tellings(8, vectors[0], apart=0.2)
    memory = memory_of(vectors)
    memory.around(range(1, 171))
    memory.apply(fresh(171, near))
    every = surroundings_of_each(np.concatenate([vectors, near]))
    assert close(memory.around([1])[1], every[0])
    assert not close(every[0], surroundings_of_each(vectors)[0])
    memory.apply([Fresh(1, 199, NOW, b"", None)])
    found = memory.around([1, 2])
    assert found.keys() == {2}
    assert close(found[2], surroundings_of_each(np.concatenate([vectors[1:], near]))[0])


def test_an_edited_article_is_looked_at_anew() -> None:
    vectors = unit(170)
    memory = memory_of(vectors)
    memory.around([1])
    memory.apply([Fresh(1, 171, NOW, b"", vectors[1])])
    vectors[0] = vectors[1]
    assert close(memory.around([1])[1], surroundings_of_each(vectors)[0])


def test_of_an_emptied_memory_nothing_is_known() -> None:
    vectors = unit(170)
    memory = memory_of(vectors)
    memory.around([1])
    memory.apply([Fresh(id_, 170 + id_, NOW, b"", None) for id_ in range(1, 171)])
    assert memory.around_vectors(vectors[:1]) == [None]


def test_newcomers_are_seen_among_the_stored_and_among_one_another() -> None:
    vectors = unit(170)
    memory = memory_of(vectors[:120])
    for found, every in zip(memory.around_vectors(vectors[120:]), surroundings_of_each(vectors)[120:], strict=True):
        assert close(found, every)


def test_what_is_being_written_is_known_until_it_is_applied_or_rolled_back() -> None:
    vectors = unit(170)
    memory = memory_of(vectors[:169])
    expected = Surroundings((0.25, 0.2), 0.1)
    memory.expect(170, expected)
    assert memory.around([170]) == {170: expected}
    memory.apply(fresh(170, vectors[169:]))
    assert close(memory.around([170])[170], surroundings_of_each(vectors)[169])
    memory.expect(171, expected)
    memory.expect_nothing()
    assert memory.around([171]) == {}
