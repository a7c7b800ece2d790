"""Average-link clusters of scored pairs, cut at every threshold. Pure: probabilities in, labels out.

Average link (UPGMA: Sokal & Michener, 1958) over the pairs' probabilities, a pair that was not scored counting 0. This
is how the pair decision alone would group the documents if all of them came at once: no window, no time, no repair.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dedup.metrics import BCubed, ClusteringScores, PairScores, clustering_scores

# Thresholds that are tried: every hundredth.
GRID = tuple(round(0.02 + step / 100, 2) for step in range(98))


@dataclass(frozen=True, slots=True)
class Cut:
    """The clusters at one threshold, scored."""

    threshold: float
    pairs: PairScores
    bcubed: BCubed
    adjusted_rand: float
    v_measure: float

    @classmethod
    def of(cls, threshold: float, scores: ClusteringScores) -> Cut:
        return cls(threshold, scores.pairs, scores.bcubed, scores.adjusted_rand, scores.v_measure.v)


class Dendrogram:
    """All average-link clusterings of `count` items from the probabilities of some of their pairs.

    Args:
        count: items, numbered from 0.
        pairs: (m, 2) places of the scored pairs, each pair once.
        scores: (m,) 0…1.
    """

    def __init__(self, count: int, pairs: NDArray[np.int64], scores: NDArray[np.float64]) -> None:
        from scipy.cluster.hierarchy import linkage
        from scipy.sparse import coo_array
        from scipy.sparse.csgraph import connected_components
        from scipy.spatial.distance import squareform

        # Items without a path of scored pairs between them can never meet: each part is a tree of its own.
        kept = scores > 0
        graph = coo_array((scores[kept], (pairs[kept, 0], pairs[kept, 1])), shape=(count, count))
        _, self._part = connected_components(graph, directed=False)
        self._trees: list[tuple[NDArray[np.int64], NDArray[np.float64]]] = []
        rows = graph.tocsr()
        for part in np.flatnonzero(np.bincount(self._part) > 1):
            members = np.flatnonzero(self._part == part)
            near = rows[members][:, members].toarray()
            distances = 1.0 - np.maximum(near, near.T)
            np.fill_diagonal(distances, 0.0)
            self._trees.append((members, linkage(squareform(distances, checks=False), method="average")))

    def labels(self, threshold: float) -> NDArray[np.int64]:
        """One label per item: groups are joined while the mean probability between two is at least `threshold`."""
        from scipy.cluster.hierarchy import fcluster

        labels = np.arange(len(self._part), dtype=np.int64)
        for members, tree in self._trees:
            # Distances are 1 − p in floating point: 1e-9 keeps a pair at the threshold itself in.
            flat = fcluster(tree, 1.0 - threshold + 1e-9, criterion="distance")
            labels[members] = members[[np.argmax(flat == label) for label in flat]]
        return labels


def cuts(dendrogram: Dendrogram, truth: Sequence[Hashable], scored: NDArray[np.int64]) -> tuple[Cut, ...]:
    """The clusters at every threshold of `GRID`, against `truth` of the places `scored`; the others do not count."""
    return tuple(cut(dendrogram, truth, scored, threshold) for threshold in GRID)


def cut(dendrogram: Dendrogram, truth: Sequence[Hashable], scored: NDArray[np.int64], threshold: float) -> Cut:
    """The clusters at one threshold."""
    found = dendrogram.labels(threshold)[scored].tolist()
    return Cut.of(threshold, clustering_scores(truth, found))
