"""The threshold of a wanted precision, from labelled news and from what editors said."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from dedup import metrics
from dedup._errors import CalibrationError
from dedup.calibration import Calibration, rounded_down, weights_digest
from dedup.corpora import Corpus
from dedup.quality._documents import arrival_times, near_pairs
from dedup.quality._pairs import judge_pairs
from dedup.quality._trial import Trial
from dedup.verdict import Decision, Verdict, Verifier

# A threshold from fewer pairs of either kind would be chance: of 20 pairs one is 5 % of precision.
MIN_PAIRS = 20


@dataclass(frozen=True, slots=True)
class Judged:
    """Decisions on m labelled pairs.

    places: (m, 2) of the two texts in their file. true_pairs: how many there are, with those too far apart to judge.
    """

    places: NDArray[np.int64]
    decisions: tuple[Decision, ...]
    same: NDArray[np.bool_]
    true_pairs: int
    name: str
    feedback: bool = False


def judge_corpus(trial: Trial, corpus: Corpus) -> Judged:
    """The pairs of a labelled file; of documents, the near ones inside the window."""
    if corpus.pairs:
        decisions, places, _ = judge_pairs(trial, corpus.pairs)
        same = np.array([row.same for row in corpus.pairs], dtype=bool)
        return Judged(places, tuple(decisions), same, int(same.sum()), corpus.name)
    documents = [document for document in corpus.documents if document.cluster is not None]
    times, _ = arrival_times([document.text for document in documents])
    articles = [trial.article(one.text, one.line, at) for one, at in zip(documents, times, strict=True)]
    vectors = trial.vectors(articles)
    pairs = near_pairs(trial, vectors, times)
    labels = np.unique([str(document.cluster) for document in documents], return_inverse=True)[1]
    same = labels[pairs[:, 0]] == labels[pairs[:, 1]]
    sizes = np.bincount(labels)
    decisions = trial.decide(trial.sides(articles, vectors), vectors, pairs)
    return Judged(pairs, tuple(decisions), same, int((sizes * (sizes - 1) // 2).sum()), corpus.name)


def choose_threshold(space: str, verifier: Verifier, judged: Sequence[Judged], precision: float) -> Calibration:
    """The threshold of the highest recall at a precision of at least `precision`.

    Texts that are the same, and near copies, are joined at any threshold, and facts that clash separate at any: only
    what lies between moves. Raises CalibrationError, with figures, when there are too few pairs or none reaches it.
    """
    same = np.concatenate([np.zeros(0, dtype=bool), *(one.same for one in judged)])
    scores = np.array([movable(decision) for one in judged for decision in one.decisions])
    names = ", ".join(one.name for one in judged) or "no pairs"
    found = int(same.sum())
    if min(found, len(same) - found) < MIN_PAIRS:
        raise CalibrationError(
            f"{names}: {found} pairs of one event and {len(same) - found} of two were judged; at least {MIN_PAIRS} of "
            "each are needed to choose a threshold"
        )
    curve = metrics.precision_recall_curve(same, scores)
    inside = (curve.thresholds > 0) & (curve.thresholds < 1)
    fitting = inside & (curve.precision >= precision)
    if not fitting.any():
        best = int(np.argmax(np.where(inside, curve.precision, -1.0)))
        reached = (
            f"the highest is {curve.precision[best]:.3f}, from probability {curve.thresholds[best]:.3f} on, "
            f"at a recall of {curve.recall[best]:.3f}"
            if inside[best]
            else "nothing lies between copies and clashing facts"
        )
        raise CalibrationError(f"{names}: a precision of {precision:g} cannot be reached; {reached}")
    place = int(np.argmax(np.where(fitting, curve.recall, -1.0)))
    chosen = curve.at(place)
    recall = chosen.recall * found / sum(one.true_pairs for one in judged)
    f1 = 2 * chosen.precision * recall / (chosen.precision + recall)
    return Calibration(
        space=space,
        weights=weights_digest(verifier),
        min_probability=rounded_down(chosen.value),
        wanted_precision=precision,
        precision=chosen.precision,
        recall=recall,
        f1=f1,
        pairs=len(same),
        same_pairs=found,
        feedback_pairs=sum(len(one.same) for one in judged if one.feedback),
        data=tuple(one.name for one in judged),
        made_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def movable(decision: Decision) -> float:
    """The probability where a threshold decides; 1 for what is joined at any, 0 for what is separated at any."""
    if decision.verdict in (Verdict.IDENTICAL, Verdict.NEAR_COPY):
        return 1.0
    return 0.0 if decision.evidence.conflicts else min(decision.probability, 1.0 - 1e-9)


def judged_feedback(decisions: Iterable[tuple[Decision, bool]]) -> Judged:
    """What editors said of stored pairs, as one more labelled set."""
    rows = list(decisions)
    same = np.array([label for _, label in rows], dtype=bool)
    nowhere = np.zeros((len(rows), 2), dtype=np.int64)
    return Judged(nowhere, tuple(decision for decision, _ in rows), same, int(same.sum()), "feedback", feedback=True)
