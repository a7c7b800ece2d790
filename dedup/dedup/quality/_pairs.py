"""Labelled pairs, judged one by one whatever the time between their texts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dedup import metrics
from dedup.clustering import components
from dedup.corpora import LabelledPair, LabelRule, Text, heading
from dedup.quality._results import Evaluation, Figures, Mistake
from dedup.quality._trial import Trial, curve_of, scaled_cosines
from dedup.verdict import Decision, Verdict
from dedup_ingest import Article


def evaluate_pairs(trial: Trial, rows: Sequence[LabelledPair], rule: LabelRule | None, errors: int) -> Evaluation:
    """Score the verdicts on the pairs; for the cluster measures the texts are grouped by the joined pairs."""
    graded = np.array([row.similarity for row in rows])
    decisions, places, texts = judge_pairs(trial, rows, titles=len(np.unique(graded)) > 2)
    probabilities = np.array([decision.probability for decision in decisions])
    same = np.array([row.same for row in rows], dtype=bool)
    joined = np.array([decision.verdict.joins for decision in decisions], dtype=bool)
    verifier = trial.service.judge.verifier
    alike = np.array([1.0 if d.verdict is Verdict.IDENTICAL else verifier.likeness(d.evidence) for d in decisions])
    clusters = metrics.clustering_scores(_grouped(texts, places[same]), _grouped(texts, places[joined]))
    wrong, missing = np.flatnonzero(joined & ~same), np.flatnonzero(same & ~joined)
    return Evaluation(
        subject=trial.subject("pairs", len(rows), len(rows), int(same.sum())),
        figures=Figures.of(metrics.binary_scores(same, joined), clusters, trial.threshold),
        pearson=metrics.pearson(alike, graded) if np.ptp(alike) and np.ptp(graded) else None,
        auc=metrics.roc_auc(same, probabilities) if same.any() and not same.all() else None,
        configured=trial.threshold,
        best=metrics.best_f1_threshold(same, probabilities) if same.any() else None,
        at_best=None,
        at_configured=None,
        sweep=(),
        curve=curve_of(same, probabilities, int(same.sum())),
        probabilities=probabilities,
        cosines=scaled_cosines(decisions),
        same=same,
        joined_wrongly=len(wrong),
        missed=len(missing),
        false_joins=_worst(rows, decisions, wrong[np.argsort(-probabilities[wrong], kind="stable")][:errors]),
        misses=_worst(rows, decisions, missing[np.argsort(probabilities[missing], kind="stable")][:errors]),
        notes=(f"the same news: {rule}",),
    )


def judge_pairs(
    trial: Trial, rows: Sequence[LabelledPair], *, titles: bool = False
) -> tuple[list[Decision], NDArray[np.int64], int]:
    """The decisions, the places (m, 2) of the two texts of each pair among all texts, and how many texts there are.

    With `titles` these are embedded, too, for the likeness of graded pairs.

    Raises CorpusError where a text holds nothing to compare.
    """
    articles: dict[Text, Article] = {}
    for row in rows:
        for text in (row.a, row.b):
            if text not in articles:
                articles[text] = trial.article(text, row.line, text.published)
    place = {text: number for number, text in enumerate(articles)}
    every = list(articles.values())
    pairs = np.array([(place[row.a], place[row.b]) for row in rows], dtype=np.int64)
    vectors = trial.vectors(every)
    decisions = trial.decide(trial.sides(every, vectors), vectors, pairs)
    if titles:
        decisions = trial.with_titles(decisions, [heading(one.title, one.text) for one in every], vectors, pairs)
    return decisions, pairs, len(every)


def _grouped(count: int, pairs: NDArray[np.int64]) -> list[int]:
    """One label per text: the connected parts under these pairs."""
    labels = [0] * count
    for label, group in enumerate(components(count, [(int(a), int(b)) for a, b in pairs])):
        for place in group:
            labels[place] = label
    return labels


def _worst(
    rows: Sequence[LabelledPair], decisions: Sequence[Decision], places: NDArray[np.int64]
) -> tuple[Mistake, ...]:
    return tuple(
        Mistake(
            f"line {row.line}",
            row.id,
            heading(row.a.title, row.a.text),
            heading(row.b.title, row.b.text),
            row.label,
            decisions[place],
        )
        for place in places.tolist()
        for row in (rows[place],)
    )
