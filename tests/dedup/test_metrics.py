"""Scores of clusterings and pairs: examples worked by hand, properties, and scikit-learn as the second opinion."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from dedup.metrics import (
    PairScores,
    adjusted_rand,
    bcubed,
    best_f1_threshold,
    best_precision_threshold,
    binary_scores,
    clustering_scores,
    pair_scores,
    pearson,
    precision_recall_curve,
    roc_auc,
    v_measure,
)

# Worked by hand: true clusters abc|de|f, found ab|cd|e|f.
TRUTH = ["x", "x", "x", "y", "y", "z"]
FOUND = [1, 1, 2, 2, 3, 4]

labels = st.integers(0, 5)
clusterings = st.integers(1, 30).flatmap(
    lambda n: st.tuples(st.lists(labels, min_size=n, max_size=n), st.lists(labels, min_size=n, max_size=n))
)
numbers = st.integers(-50, 50).map(lambda number: number / 10)  # coarse, so that draws happen
scored = st.integers(1, 40).flatmap(
    lambda n: st.tuples(st.lists(st.booleans(), min_size=n, max_size=n), st.lists(numbers, min_size=n, max_size=n))
)


@pytest.fixture(scope="module")
def sklearn() -> Any:
    return pytest.importorskip("sklearn.metrics", reason="scikit-learn comes with the export extra")


def test_pairs_by_hand() -> None:
    # True pairs ab ac bc de; found pairs ab cd; shared ab.
    assert pair_scores(TRUTH, FOUND) == PairScores(1, 1, 3, 0.5, 0.25, pytest.approx(1 / 3))


def test_bcubed_by_hand() -> None:
    # Precision per item: a 1, b 1, c 1/2, d 1/2, e 1, f 1. Recall: a 2/3, b 2/3, c 1/3, d 1/2, e 1/2, f 1.
    score = bcubed(TRUTH, FOUND)
    assert score.precision == pytest.approx(5 / 6)
    assert score.recall == pytest.approx((2 / 3 + 2 / 3 + 1 / 3 + 1 / 2 + 1 / 2 + 1) / 6)
    assert score.f1 == pytest.approx(2 * score.precision * score.recall / (score.precision + score.recall))


def test_adjusted_rand_by_hand() -> None:
    # Together 1, true 4, found 2, all 15: (1 - 8/15) / (3 - 8/15).
    assert adjusted_rand(TRUTH, FOUND) == pytest.approx((1 - 8 / 15) / (3 - 8 / 15))


def test_v_measure_by_hand() -> None:
    # Two classes of two, found as one cluster: nothing is known of the classes, every class is whole.
    score = v_measure(["x", "x", "y", "y"], [1, 1, 1, 1])
    assert (score.homogeneity, score.completeness, score.v) == (0.0, 1.0, 0.0)
    # Found as four: every cluster pure, half of the found entropy is about the classes.
    score = v_measure(["x", "x", "y", "y"], [1, 2, 3, 4])
    assert score.homogeneity == pytest.approx(1)
    assert score.completeness == pytest.approx(0.5)
    assert score.v == pytest.approx(2 / 3)


def test_everyone_alone_on_both_sides_is_agreement() -> None:
    score = clustering_scores("abc", "xyz")
    assert (score.pairs.f1, score.bcubed.f1, score.adjusted_rand, score.v_measure.v) == (1, 1, 1, 1)


def test_no_items_are_agreement() -> None:
    score = clustering_scores([], [])
    assert (score.items, score.true_clusters, score.found_clusters) == (0, 0, 0)
    assert (score.pairs.f1, score.bcubed.f1, score.adjusted_rand, score.v_measure.v) == (1, 1, 1, 1)


def test_claiming_nothing_is_precise_and_finds_nothing() -> None:
    score = pair_scores("xx", "ab")
    assert (score.precision, score.recall, score.f1) == (1, 0, 0)


def test_labels_of_any_kind_are_compared_never_read() -> None:
    assert pair_scores([None, None, ("a", 1)], ["1", "1", 1]).f1 == 1


def test_a_label_is_missing() -> None:
    with pytest.raises(ValueError, match="3 true and 2 found"):
        pair_scores("xxy", "ab")


@given(clusterings)
def test_clusterings_score_as_scikit_learn_says(sklearn: Any, two: tuple[list[int], list[int]]) -> None:
    truth, found = two
    score = clustering_scores(truth, found)
    assert score.adjusted_rand == pytest.approx(sklearn.adjusted_rand_score(truth, found), abs=1e-9)
    expected = sklearn.homogeneity_completeness_v_measure(truth, found)
    assert (score.v_measure.homogeneity, score.v_measure.completeness, score.v_measure.v) == pytest.approx(
        expected, abs=1e-9
    )
    (_, fp), (fn, tp) = sklearn.pair_confusion_matrix(truth, found) // 2
    assert score.pairs == PairScores.of(int(tp), int(fp), int(fn))


@given(clusterings)
def test_bcubed_is_the_mean_over_items_of_its_definition(two: tuple[list[int], list[int]]) -> None:
    truth, found = two
    purity, completeness = [], []
    for t, f in zip(truth, found, strict=True):
        shared = sum(1 for a, b in zip(truth, found, strict=True) if a == t and b == f)
        purity.append(shared / found.count(f))
        completeness.append(shared / truth.count(t))
    score = bcubed(truth, found)
    assert (score.precision, score.recall) == pytest.approx((np.mean(purity), np.mean(completeness)))


@given(clusterings)
def test_exchanging_the_sides_exchanges_precision_and_recall(two: tuple[list[int], list[int]]) -> None:
    one, other = clustering_scores(*two), clustering_scores(*reversed(two))
    assert (one.pairs.precision, one.pairs.recall) == (other.pairs.recall, other.pairs.precision)
    assert (one.bcubed.precision, one.bcubed.recall) == pytest.approx((other.bcubed.recall, other.bcubed.precision))
    assert one.adjusted_rand == pytest.approx(other.adjusted_rand)
    assert one.v_measure.v == pytest.approx(other.v_measure.v)


@given(clusterings)
def test_names_of_clusters_do_not_matter_and_only_agreement_scores_one(two: tuple[list[int], list[int]]) -> None:
    truth, found = two
    assert clustering_scores(truth, found) == clustering_scores([f"t{x}" for x in truth], [-x for x in found])
    assert clustering_scores(truth, truth).bcubed.f1 == pytest.approx(1)
    same = len(set(zip(truth, found, strict=True))) == len(set(truth)) == len(set(found))
    assert (bcubed(truth, found).f1 == pytest.approx(1)) == same


@given(clusterings)
def test_every_score_stays_in_its_range(two: tuple[list[int], list[int]]) -> None:
    score = clustering_scores(*two)
    measures = (score.pairs.f1, score.bcubed.f1, score.v_measure.homogeneity, score.v_measure.v)
    assert all(0 <= value <= 1 + 1e-12 for value in measures)
    assert -1 <= score.adjusted_rand <= 1


def test_pearson_by_hand() -> None:
    assert pearson([1, 2, 3], [2, 4, 6]) == pytest.approx(1)
    assert pearson([1, 2, 3], [3, 2, 1]) == pytest.approx(-1)
    assert pearson([1, 2, 3, 4], [1, -1, -1, 1]) == pytest.approx(0)
    assert pearson([0, 0, 1], [0, 1, 1]) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("x", "y"), [([1], [1]), ([1, 2], [1, 2, 3]), ([1, 1], [1, 2]), ([1, math.nan], [1, 2]), ([[1, 2]], [[1, 2]])]
)
def test_pearson_says_where_it_is_not_defined(x: list[float], y: list[float]) -> None:
    with pytest.raises(ValueError, match=r"needed|defined|finite"):
        pearson(x, y)


@given(st.lists(st.tuples(numbers, numbers), min_size=2, max_size=30), st.sampled_from([1e-200, 1.0, 1e200]))
def test_pearson_is_numpy_s_at_any_scale(points: list[tuple[float, float]], scale: float) -> None:
    x, y = np.array(points).T
    assume(np.ptp(x) and np.ptp(y))
    assert pearson(x * scale, y) == pytest.approx(np.corrcoef(x, y)[0, 1], abs=1e-9)


def test_roc_auc_by_hand() -> None:
    # True 0.9, 0.5; false 0.5, 0.1: of four comparisons three won, one drawn.
    assert roc_auc([True, True, False, False], [0.9, 0.5, 0.5, 0.1]) == pytest.approx(3.5 / 4)


@given(scored)
def test_roc_auc_and_the_curve_are_as_scikit_learn_says(sklearn: Any, pairs: tuple[list[bool], list[float]]) -> None:
    truth, scores = pairs
    assume(any(truth))
    curve = precision_recall_curve(truth, scores)
    assert curve.average_precision == pytest.approx(sklearn.average_precision_score(truth, scores))
    precision, recall, thresholds = sklearn.precision_recall_curve(truth, scores)
    assert curve.thresholds.tolist() == thresholds[::-1].tolist()
    assert curve.precision.tolist() == pytest.approx(precision[-2::-1].tolist())
    assert curve.recall.tolist() == pytest.approx(recall[-2::-1].tolist())
    if not all(truth):
        assert roc_auc(truth, scores) == pytest.approx(sklearn.roc_auc_score(truth, scores))


def test_areas_and_curves_need_both_kinds_of_pairs() -> None:
    with pytest.raises(ValueError, match="2 and 0"):
        roc_auc([True, True], [0.1, 0.2])
    with pytest.raises(ValueError, match="nothing to find"):
        precision_recall_curve([False], [0.1])
    with pytest.raises(ValueError, match="one score per pair"):
        precision_recall_curve([False, True], [0.1])


def test_best_thresholds_by_hand() -> None:
    truth, scores = [True, True, False, True, False], [0.9, 0.8, 0.7, 0.6, 0.5]
    best = best_f1_threshold(truth, scores)
    assert (best.value, best.precision, best.recall) == (0.6, 0.75, 1)
    sure = best_precision_threshold(truth, scores, 0.9)
    assert sure is not None
    assert (sure.value, sure.precision, sure.recall) == (0.8, 1, pytest.approx(2 / 3))
    assert best_precision_threshold([False, True], [0.9, 0.8], 0.9) is None


@given(scored, st.floats(0.01, 1))
def test_a_best_threshold_keeps_its_word_and_none_is_better(
    pairs: tuple[list[bool], list[float]], min_precision: float
) -> None:
    truth, scores = np.array(pairs[0]), np.array(pairs[1])
    assume(truth.any())
    every = {value: binary_scores(truth, scores >= value) for value in scores.tolist()}
    best = best_f1_threshold(truth, scores)
    assert best.f1 == pytest.approx(every[best.value].f1) == pytest.approx(max(s.f1 for s in every.values()))
    sure = best_precision_threshold(truth, scores, min_precision)
    reached = [s.recall for s in every.values() if s.precision >= min_precision and s.true_positives]
    assert (sure.recall if sure else None) == (pytest.approx(max(reached)) if reached else None)
    if sure is not None:
        assert every[sure.value].precision >= min_precision


def test_claims_need_a_truth_each() -> None:
    with pytest.raises(ValueError, match="one truth and one claim"):
        binary_scores([True], [True, False])
