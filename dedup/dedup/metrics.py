"""Scores of clusterings and of scored pairs. Pure functions over labels and numbers; results are frozen.

A clustering is one label per item, in the order of the items; labels are compared, never read. Where nothing was
claimed precision is 1 (no claim was wrong) and where nothing was to be found recall is 1: equal clusterings score 1
also when every item stands alone. scikit-learn, which the tests compare with, says 0 there and warns.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class PairScores:
    """Yes-or-no claims about pairs against the truth; f1 is the harmonic mean of precision and recall."""

    true_positives: int
    false_positives: int
    false_negatives: int
    precision: float
    recall: float
    f1: float

    @classmethod
    def of(cls, true_positives: int, false_positives: int, false_negatives: int) -> PairScores:
        precision = _share(true_positives, true_positives + false_positives)
        recall = _share(true_positives, true_positives + false_negatives)
        f1 = _share(2 * true_positives, 2 * true_positives + false_positives + false_negatives)
        return cls(true_positives, false_positives, false_negatives, precision, recall, f1)


@dataclass(frozen=True, slots=True)
class BCubed:
    """B³: mean over items of how pure (precision) and how complete (recall) the item's cluster is."""

    precision: float
    recall: float
    f1: float


@dataclass(frozen=True, slots=True)
class VMeasure:
    """Entropy scores: every found cluster of one class (homogeneity), every class in one cluster (completeness)."""

    homogeneity: float
    completeness: float
    v: float


@dataclass(frozen=True, slots=True)
class ClusteringScores:
    """A found clustering against the true one, in every measure of this module."""

    items: int
    true_clusters: int
    found_clusters: int
    pairs: PairScores
    bcubed: BCubed
    adjusted_rand: float
    v_measure: VMeasure


@dataclass(frozen=True, slots=True)
class Threshold:
    """What claiming every pair with a score of at least `value` gives."""

    value: float
    precision: float
    recall: float
    f1: float


@dataclass(frozen=True, slots=True)
class Curve:
    """Precision, recall and F1 at every distinct score, from the highest score down; four arrays of one length."""

    thresholds: Floats
    precision: Floats
    recall: Floats
    f1: Floats

    @property
    def average_precision(self) -> float:
        """Area under the steps of the curve: sum of precision × gain in recall, without interpolation."""
        return float(np.sum(np.diff(self.recall, prepend=0.0) * self.precision))

    def at(self, position: int) -> Threshold:
        return Threshold(
            float(self.thresholds[position]),
            float(self.precision[position]),
            float(self.recall[position]),
            float(self.f1[position]),
        )


def pair_scores(truth: Sequence[Hashable], found: Sequence[Hashable]) -> PairScores:
    """Of all pairs of items: which a clustering puts together, against which belong together.

    Raises ValueError when the two have different lengths.
    """
    return _pairs(_Table.of(truth, found))


def bcubed(truth: Sequence[Hashable], found: Sequence[Hashable]) -> BCubed:
    """B³ after Bagga and Baldwin, "Algorithms for Scoring Coreference Chains" (1998), every item of equal weight.

    f1 is the harmonic mean of the two averages (Amigó et al., "A comparison of extrinsic clustering evaluation
    metrics", 2009). No items score 1. Raises ValueError when the two have different lengths.
    """
    return _bcubed(_Table.of(truth, found))


def adjusted_rand(truth: Sequence[Hashable], found: Sequence[Hashable]) -> float:
    """Rand index corrected for chance: 0 as random labels, 1 as equal clusterings; may be negative.

    Hubert and Arabie, "Comparing partitions" (1985). Raises ValueError when the two have different lengths.
    """
    return _adjusted_rand(_Table.of(truth, found))


def v_measure(truth: Sequence[Hashable], found: Sequence[Hashable]) -> VMeasure:
    """V-measure with equal weights, after Rosenberg and Hirschberg, "V-Measure" (2007).

    Raises ValueError when the two have different lengths.
    """
    return _v_measure(_Table.of(truth, found))


def clustering_scores(truth: Sequence[Hashable], found: Sequence[Hashable]) -> ClusteringScores:
    """All of the above in one pass. Raises ValueError when the two have different lengths."""
    table = _Table.of(truth, found)
    return ClusteringScores(
        items=table.items,
        true_clusters=len(table.rows),
        found_clusters=len(table.columns),
        pairs=_pairs(table),
        bcubed=_bcubed(table),
        adjusted_rand=_adjusted_rand(table),
        v_measure=_v_measure(table),
    )


def binary_scores(truth: ArrayLike, claimed: ArrayLike) -> PairScores:
    """Precision, recall and F1 of yes-or-no claims, one per pair. Raises ValueError for different lengths."""
    wanted, said = np.asarray(truth, dtype=bool), np.asarray(claimed, dtype=bool)
    if wanted.shape != said.shape or wanted.ndim != 1:
        raise ValueError(f"one truth and one claim per pair are needed, got {wanted.shape} and {said.shape}")
    return PairScores.of(int((wanted & said).sum()), int((~wanted & said).sum()), int((wanted & ~said).sum()))


def pearson(x: ArrayLike, y: ArrayLike) -> float:
    """Pearson's correlation coefficient, −1 to 1.

    Raises ValueError for different lengths, fewer than two points, numbers that are not finite, or a side that does not
    vary (the coefficient is not defined there).
    """
    a, b = _finite(x, "x"), _finite(y, "y")
    if a.shape != b.shape or len(a) < 2:
        raise ValueError(f"two rows of one length, at least 2, are needed, got {len(a)} and {len(b)}")
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        raise ValueError("the correlation with a constant is not defined")
    # Scaled first: the squares of very large or very small numbers leave the range of a float.
    a, b = ((side - side.mean()) / np.ptp(side) for side in (a, b))
    value = float((a @ b) / np.sqrt((a @ a) * (b @ b)))
    return max(-1.0, min(1.0, value))


def roc_auc(truth: ArrayLike, scores: ArrayLike) -> float:
    """Chance that a true pair scores higher than a false one, draws counted half (Hanley and McNeil, 1982).

    Raises ValueError unless there is at least one true and one false pair, one finite score each.
    """
    wanted, values = _scored(truth, scores)
    positives = int(wanted.sum())
    negatives = len(wanted) - positives
    if not positives or not negatives:
        raise ValueError(f"true and false pairs are needed, got {positives} and {negatives}")
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    mean_rank = last - (count - 1) / 2
    ranks = float(mean_rank[place][wanted].sum())
    return (ranks - positives * (positives + 1) / 2) / (positives * negatives)


def precision_recall_curve(truth: ArrayLike, scores: ArrayLike) -> Curve:
    """Precision and recall of claiming every pair from each distinct score on.

    Raises ValueError unless there is at least one true pair, and one finite score per pair.
    """
    wanted, values = _scored(truth, scores)
    positives = int(wanted.sum())
    if not positives:
        raise ValueError("no pair is true: there is nothing to find")
    order = np.argsort(-values, kind="stable")
    values, hits = values[order], np.cumsum(wanted[order])
    last = np.append(np.flatnonzero(np.diff(values)), len(values) - 1)  # equal scores are claimed together
    claimed = last + 1
    hits = hits[last]
    return Curve(values[last], hits / claimed, hits / positives, 2 * hits / (claimed + positives))


def best_f1_threshold(truth: ArrayLike, scores: ArrayLike) -> Threshold:
    """The score from which to claim pairs for the highest F1; of equals the highest, which claims the fewest.

    Raises ValueError as `precision_recall_curve`.
    """
    curve = precision_recall_curve(truth, scores)
    return curve.at(int(np.argmax(curve.f1)))


def best_precision_threshold(truth: ArrayLike, scores: ArrayLike, min_precision: float) -> Threshold | None:
    """The threshold of the highest recall at a precision of at least `min_precision`, or `None` if none reaches it.

    Of equals the highest. Raises ValueError as `precision_recall_curve`.
    """
    curve = precision_recall_curve(truth, scores)
    recall = np.where((curve.precision >= min_precision) & (curve.recall > 0), curve.recall, 0.0)
    position = int(np.argmax(recall))
    return curve.at(position) if recall[position] > 0 else None


@dataclass(frozen=True, slots=True)
class _Table:
    """The contingency table of two clusterings, only its cells that are not empty.

    cells: items per (true cluster, found cluster); rows, columns: items per true and per found cluster; row, column:
    which of those each cell lies in.
    """

    items: int
    cells: Counts
    row: Counts
    column: Counts
    rows: Counts
    columns: Counts

    @classmethod
    def of(cls, truth: Sequence[Hashable], found: Sequence[Hashable]) -> _Table:
        if len(truth) != len(found):
            raise ValueError(f"two labels per item are needed, got {len(truth)} true and {len(found)} found ones")
        first, second = _numbered(truth), _numbered(found)
        width = int(second.max(initial=0)) + 1
        keys, cells = np.unique(first * width + second, return_counts=True)
        return cls(len(first), cells, keys // width, keys % width, np.bincount(first), np.bincount(second))


def _pairs(table: _Table) -> PairScores:
    together, true, found = (_choose_two(counts) for counts in (table.cells, table.rows, table.columns))
    return PairScores.of(together, found - together, true - together)


def _bcubed(table: _Table) -> BCubed:
    if not table.items:
        return BCubed(1.0, 1.0, 1.0)
    squares = table.cells.astype(np.float64) ** 2
    precision = float((squares / table.columns[table.column]).sum()) / table.items
    recall = float((squares / table.rows[table.row]).sum()) / table.items
    return BCubed(precision, recall, 2 * precision * recall / (precision + recall))


def _adjusted_rand(table: _Table) -> float:
    together, true, found = (_choose_two(counts) for counts in (table.cells, table.rows, table.columns))
    if together == true == found:
        return 1.0
    total = table.items * (table.items - 1) // 2
    # Every factor times `total`: whole numbers, so that equal clusterings give exactly 1.
    expected = true * found
    return (together * total - expected) / ((true + found) * total / 2 - expected)


def _v_measure(table: _Table) -> VMeasure:
    def entropy(counts: Counts) -> float:
        share = counts / table.items
        return float(-(share * np.log(share)).sum())

    if not table.items:
        return VMeasure(1.0, 1.0, 1.0)
    joint = entropy(table.cells)
    true, found = entropy(table.rows), entropy(table.columns)
    shared = max(0.0, true + found - joint)
    homogeneity = min(1.0, shared / true) if len(table.rows) > 1 else 1.0
    completeness = min(1.0, shared / found) if len(table.columns) > 1 else 1.0
    both = homogeneity + completeness
    return VMeasure(homogeneity, completeness, 2 * homogeneity * completeness / both if both else 0.0)


def _numbered(labels: Sequence[Hashable]) -> Counts:
    numbers: dict[Hashable, int] = {}
    return np.fromiter((numbers.setdefault(label, len(numbers)) for label in labels), dtype=np.int64, count=len(labels))


def _choose_two(counts: Counts) -> int:
    return int((counts * (counts - 1) // 2).sum())


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 1.0


def _finite(values: ArrayLike, name: str) -> Floats:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or not np.isfinite(array).all():
        raise ValueError(f"{name} must be one row of finite numbers")
    return array


def _scored(truth: ArrayLike, scores: ArrayLike) -> tuple[NDArray[np.bool_], Floats]:
    wanted, values = np.asarray(truth, dtype=bool), _finite(scores, "scores")
    if wanted.shape != values.shape:
        raise ValueError(f"one score per pair is needed, got {len(values)} for {wanted.shape} pairs")
    return wanted, values
