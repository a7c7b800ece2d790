"""Doubling k until the threshold is passed finds the same as comparing with everything."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dedup_index import BadVectors, FlatIndex, IndexInputError, neighbours_above, neighbours_above_each

DIMENSION = 8


def clustered(count: int, seed: int) -> np.ndarray:
    """Unit rows around a few centres, so that many neighbours lie above a high threshold."""
    random = np.random.default_rng(seed)
    rows = random.standard_normal((4, DIMENSION))[random.integers(0, 4, count)]
    rows = rows + 0.15 * random.standard_normal((count, DIMENSION))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


class CountingIndex(FlatIndex):
    """Remembers the k of every search."""

    def __init__(self) -> None:
        super().__init__(DIMENSION, "a")
        self.asked: list[tuple[int, int]] = []

    def search(self, queries, k):  # type: ignore[no-untyped-def]
        self.asked.append((len(queries), k))
        return super().search(queries, k)


def index_of(vectors: np.ndarray) -> CountingIndex:
    index = CountingIndex()
    index.add(np.arange(len(vectors)), vectors)
    return index


@settings(max_examples=50, deadline=None)
@given(
    count=st.integers(0, 200),
    seed=st.integers(0, 1000),
    threshold=st.sampled_from([-1.1, 0.0, 0.5, 0.9, 0.99, 1.1]),
    k_start=st.integers(1, 300),
)
def test_every_neighbour_above_the_threshold_is_found(count: int, seed: int, threshold: float, k_start: int) -> None:
    vectors, queries = clustered(count, seed), clustered(5, seed + 1)
    index = index_of(vectors)
    answers = neighbours_above_each(index, queries, threshold, k_start=k_start)
    assert len(answers) == 5
    scores = queries @ vectors.T
    for row, hits in enumerate(answers):
        sure = {i for i in range(count) if scores[row, i] >= threshold + 1e-6}
        allowed = {i for i in range(count) if scores[row, i] >= threshold - 1e-6}
        assert sure <= {hit.id for hit in hits} <= allowed
        assert len({hit.id for hit in hits}) == len(hits)
        assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
        alone = {hit.id for hit in neighbours_above(index, queries[row], threshold, k_start=k_start)}
        assert sure <= alone <= allowed


def test_k_is_doubled_only_for_queries_that_have_more_to_find() -> None:
    crowd = np.zeros((20, DIMENSION), np.float32)
    crowd[:, 0] = 1
    lone = np.zeros((1, DIMENSION), np.float32)
    lone[0, 1] = 1
    index = index_of(np.concatenate([crowd, lone]))
    crowd_hits, lone_hits = neighbours_above_each(index, np.concatenate([crowd[:1], lone]), 0.9, k_start=4)
    assert [hit.id for hit in crowd_hits] == list(range(20))
    assert [hit.id for hit in lone_hits] == [20]
    assert index.asked == [(2, 4), (1, 8), (1, 16), (1, 32)]


def test_a_score_equal_to_the_threshold_counts() -> None:
    one = np.zeros((1, DIMENSION), np.float32)
    one[0, 0] = 1
    assert [hit.id for hit in neighbours_above(index_of(one), one[0], 1.0)] == [0]


def test_nothing_is_found_in_an_empty_index_or_for_no_queries() -> None:
    empty = index_of(clustered(0, 1))
    assert neighbours_above(empty, clustered(1, 2)[0], 0.5) == ()
    assert neighbours_above_each(index_of(clustered(3, 1)), np.empty((0, DIMENSION), np.float32), 0.5) == ()


@pytest.mark.parametrize(("threshold", "k_start"), [(float("nan"), 4), (float("inf"), 4), (0.5, 0)])
def test_limits_that_make_no_sense_are_refused(threshold: float, k_start: int) -> None:
    with pytest.raises(IndexInputError):
        neighbours_above(index_of(clustered(3, 1)), clustered(1, 2)[0], threshold, k_start=k_start)


def test_a_table_is_no_single_query() -> None:
    with pytest.raises(BadVectors, match="neighbours_above_each"):
        neighbours_above(index_of(clustered(3, 1)), clustered(2, 2), 0.5)
