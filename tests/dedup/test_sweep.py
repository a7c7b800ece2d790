"""Average-link clusters of scored pairs at every threshold."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dedup.quality import Dendrogram
from dedup.quality._sweep import GRID, cut, cuts


def dendrogram(count: int, scores: dict[tuple[int, int], float]) -> Dendrogram:
    pairs = np.array(list(scores), dtype=np.int64).reshape(-1, 2)
    return Dendrogram(count, pairs, np.array(list(scores.values()), dtype=np.float64))


def groups(labels: np.ndarray) -> set[frozenset[int]]:
    return {frozenset(np.flatnonzero(labels == label).tolist()) for label in labels}


def test_groups_are_joined_by_the_mean_of_their_pairs_never_by_one_near_pair() -> None:
    # 0-1 are one, 2 is near 1 only: (0.8 + 0.1) / 2 = 0.45.
    found = dendrogram(4, {(0, 1): 0.9, (1, 2): 0.8, (0, 2): 0.1})
    assert groups(found.labels(0.5)) == {frozenset({0, 1}), frozenset({2}), frozenset({3})}
    assert groups(found.labels(0.44)) == {frozenset({0, 1, 2}), frozenset({3})}
    assert groups(found.labels(0.95)) == {frozenset({0}), frozenset({1}), frozenset({2}), frozenset({3})}


def test_a_pair_at_the_threshold_itself_is_joined() -> None:
    found = dendrogram(2, {(0, 1): 0.7})
    assert groups(found.labels(0.7)) == {frozenset({0, 1})}
    assert len(groups(found.labels(0.71))) == 2


def test_a_pair_that_was_not_scored_counts_as_none() -> None:
    found = dendrogram(3, {(0, 1): 0.9, (1, 2): 0.9})
    assert groups(found.labels(0.5)) in ({frozenset({0, 1}), frozenset({2})}, {frozenset({0}), frozenset({1, 2})})
    assert groups(found.labels(0.45)) == {frozenset({0, 1, 2})}


def test_nothing_scored_leaves_everyone_alone() -> None:
    assert len(groups(dendrogram(3, {}).labels(0.1))) == 3
    assert len(groups(dendrogram(3, {(0, 1): 0.0}).labels(0.02))) == 3


def test_items_without_a_label_are_grouped_and_not_counted() -> None:
    found = dendrogram(3, {(0, 1): 0.9, (1, 2): 0.9, (0, 2): 0.9})
    score = cut(found, ["a", "a"], np.array([0, 2]), 0.5)
    assert (score.pairs.true_positives, score.pairs.false_positives, score.bcubed.f1) == (1, 0, 1.0)


probabilities = st.dictionaries(
    st.tuples(st.integers(0, 7), st.integers(0, 7)).filter(lambda pair: pair[0] < pair[1]),
    st.integers(0, 100).map(lambda number: number / 100),
    max_size=28,
)


@settings(deadline=None, max_examples=40)
@given(probabilities)
def test_a_lower_threshold_only_ever_joins_more(scores: dict[tuple[int, int], float]) -> None:
    tree = dendrogram(8, scores)
    finer = groups(tree.labels(0.9))
    for threshold in (0.7, 0.5, 0.3, 0.05):
        coarser = groups(tree.labels(threshold))
        assert all(any(small <= large for large in coarser) for small in finer)
        finer = coarser


@settings(deadline=None, max_examples=5)
@given(probabilities)
def test_the_sweep_scores_every_threshold_once(scores: dict[tuple[int, int], float]) -> None:
    found = cuts(dendrogram(8, scores), list("aabbccdd"), np.arange(8))
    assert [one.threshold for one in found] == list(GRID)
    assert found[-1].threshold == pytest.approx(0.99)
