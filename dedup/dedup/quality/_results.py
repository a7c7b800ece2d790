"""What an evaluation answers with: frozen, ready for JSON and for reports."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dedup.metrics import ClusteringScores, Curve, PairScores, Threshold
from dedup.quality._sweep import Cut
from dedup.verdict import Decision


@dataclass(frozen=True, slots=True)
class Figures:
    """What is said first; `pearson` and `auc` are of pairs only, `None` where they are not defined."""

    pair_precision: float
    pair_recall: float
    pair_f1: float
    b3_precision: float
    b3_recall: float
    b3_f1: float
    ari: float
    v_measure: float
    threshold: float

    @classmethod
    def of(cls, pairs: PairScores, clusters: ClusteringScores, threshold: float) -> Figures:
        b3 = clusters.bcubed
        return cls(
            pairs.precision,
            pairs.recall,
            pairs.f1,
            b3.precision,
            b3.recall,
            b3.f1,
            clusters.adjusted_rand,
            clusters.v_measure.v,
            threshold,
        )


@dataclass(frozen=True, slots=True)
class Mistake:
    """Two texts that were joined and should not have been, or the other way round. `a` and `b` name them."""

    a: str
    b: str
    title_a: str
    title_b: str
    label: str
    decision: Decision


@dataclass(frozen=True, slots=True)
class Subject:
    """What was evaluated.

    kind: "documents" or "pairs". items: of that kind. scored: documents with a cluster, or all pairs. true_pairs: how
    many pairs belong together. artifact, space: of which model and view, by their fingerprints.
    """

    name: str
    kind: str
    items: int
    scored: int
    true_pairs: int
    model: str
    artifact: str
    space: str


@dataclass(frozen=True, slots=True)
class Evaluation:
    """How the service did on one labelled file.

    figures: the headline (documents: the stories of the stream; pairs: the verdicts). pearson: of `Verifier.likeness`
    with the label's grade. auc: of the probability. configured: the probability from which two texts are joined. best:
    the threshold of the highest pair F1, over the pairs or over the sweep. sweep, with its cuts at_best and
    at_configured: documents only, average link over pair probabilities. curve, probabilities, cosines (scaled), same:
    of the judged pairs; of documents these are the near ones. joined_wrongly, missed: how many there are; the worst of
    each follow.
    """

    subject: Subject
    figures: Figures
    pearson: float | None
    auc: float | None
    configured: float
    best: Threshold | None
    at_best: Cut | None
    at_configured: Cut | None
    sweep: tuple[Cut, ...]
    curve: Curve | None
    probabilities: NDArray[np.float64]
    cosines: NDArray[np.float64]
    same: NDArray[np.bool_]
    joined_wrongly: int
    missed: int
    false_joins: tuple[Mistake, ...]
    misses: tuple[Mistake, ...]
    notes: tuple[str, ...]
    seconds: float = 0.0

    def document(self) -> dict[str, float | None]:
        """The headline by the names of `dedup eval --json`; `pearson` and `auc` for pairs only."""
        found: dict[str, float | None] = {name: getattr(self.figures, name) for name in self.figures.__slots__}
        return found | ({"pearson": self.pearson, "auc": self.auc} if self.subject.kind == "pairs" else {})
