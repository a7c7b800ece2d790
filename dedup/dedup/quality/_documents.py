"""Documents with clusters: streamed through the service for the stories, judged pair by pair for the sweep."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Sequence
from datetime import datetime, timedelta
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from dedup import metrics
from dedup.corpora import Document, Text, heading
from dedup.metrics import Threshold
from dedup.quality._results import Evaluation, Figures, Mistake
from dedup.quality._sweep import Dendrogram, cut, cuts
from dedup.quality._trial import Trial, curve_of, scaled_cosines
from dedup.sides import Side
from dedup.verdict import Decision

# Pairs of documents that are judged for the sweep, at most: the nearest ones of every document. 40 s of judging.
MAX_PAIRS = 200_000
# Of the mistaken pairs that nobody has judged yet, so many are judged to say why.
MAX_EXPLAINED = 300
# Share of documents with a date from which the dates are used.
DATED_SHARE = 0.9
ROWS = 256

Pair = tuple[int, int]


def evaluate_documents(trial: Trial, documents: Sequence[Document], errors: int) -> Evaluation:
    """Score the stories that the service makes of the documents, and the sweep over the pair probabilities."""
    times, notes = arrival_times([document.text for document in documents])
    articles = [trial.article(one.text, one.line, at) for one, at in zip(documents, times, strict=True)]
    placed = trial.service.add(articles, progress=trial.told)
    trial.service.repair(everything=True, progress=trial.told)
    stories = _stories(trial)
    found = [stories[one.article_id] for one in placed]
    labels = [document.cluster for document in documents]
    scored = np.array([place for place, label in enumerate(labels) if label is not None], dtype=np.int64)
    truth = [labels[place] for place in scored]
    clusters = metrics.clustering_scores(truth, [found[place] for place in scored])

    vectors = trial.vectors(articles)
    sides = trial.sides(articles, vectors)
    pairs = near_pairs(trial, vectors, times)
    decisions = trial.decide(sides, vectors, pairs)
    probabilities = np.array([decision.probability for decision in decisions])
    dendrogram = Dendrogram(len(articles), pairs, probabilities)
    every = cuts(dendrogram, truth, scored)
    best = max(every, key=lambda one: (one.pairs.f1, one.threshold))
    both = np.array([labels[a] is not None and labels[b] is not None for a, b in pairs], dtype=bool)
    same = np.array([labels[a] == labels[b] for a, b in pairs], dtype=bool)[both]
    true_pairs = clusters.pairs.true_positives + clusters.pairs.false_negatives
    wrong, missing = _differing(scored, found, labels), _differing(scored, labels, found)
    known = {(int(a), int(b)): decision for (a, b), decision in zip(pairs, decisions, strict=True)}
    _judge_more(trial, sides, vectors, known, wrong)
    _judge_more(trial, sides, vectors, known, missing)

    def worst(mistaken: list[Pair], sign: int) -> tuple[Mistake, ...]:
        judged = sorted((pair for pair in mistaken if pair in known), key=lambda pair: sign * known[pair].probability)
        return tuple(_mistake(documents, pair, known[pair]) for pair in judged[:errors])

    return Evaluation(
        subject=trial.subject("documents", len(documents), len(scored), true_pairs),
        figures=Figures.of(clusters.pairs, clusters, trial.threshold),
        pearson=None,
        auc=None,
        configured=trial.threshold,
        best=Threshold(best.threshold, best.pairs.precision, best.pairs.recall, best.pairs.f1),
        at_best=best,
        at_configured=cut(dendrogram, truth, scored, trial.threshold),
        sweep=every,
        curve=curve_of(same, probabilities[both], true_pairs),
        probabilities=probabilities[both],
        cosines=scaled_cosines(decisions)[both],
        same=same,
        joined_wrongly=len(wrong),
        missed=len(missing),
        false_joins=worst(wrong, -1),
        misses=worst(missing, 1),
        notes=notes,
    )


def arrival_times(texts: Sequence[Text]) -> tuple[list[datetime | None], tuple[str, ...]]:
    """When each document comes, and notes on what was made of the dates.

    Dates are used where nearly all documents have one that can be read; the few others come together with the row
    before them. Else all come at once: a window must not cut pairs because some rows lack a date.
    """
    from dedup_ingest import parse_date

    times = [parse_date(text.published) if text.published else None for text in texts]
    missing = sum(at is None for at in times)
    if len(times) - missing < DATED_SHARE * len(times):
        partly = f"only {len(times) - missing} of {len(times)} documents have a date: dates are not used, "
        return [None] * len(times), (f"{partly if missing < len(times) else 'no dates: '}all come at once",)
    last = next((at for at in times if at is not None), None)
    for place, at in enumerate(times):
        times[place] = last = at or last
    return times, (f"{missing} documents without a date come with the row before them",) if missing else ()


def near_pairs(trial: Trial, vectors: NDArray[np.float32], times: Sequence[datetime | None]) -> NDArray[np.int64]:
    """(m, 2) places a < b: the nearest documents of every one, inside the window and above the floor."""
    count = len(vectors)
    k = min(count - 1, max(trial.config.verdict.candidates, MAX_PAIRS // count))
    if k < 1:
        return np.zeros((0, 2), dtype=np.int64)
    floor = trial.judge.scale.cosine(trial.config.verdict.floor_scaled_cosine)
    window = timedelta(hours=trial.config.verdict.window_hours).total_seconds()
    seconds = np.array([0.0 if at is None else at.timestamp() for at in times])
    found = []
    for start in range(0, count, ROWS):
        rows = vectors[start : start + ROWS] @ vectors.T
        rows[np.abs(seconds[start : start + ROWS, None] - seconds[None, :]) > window] = -2.0
        rows[np.arange(len(rows)), start + np.arange(len(rows))] = -2.0
        nearest = np.argpartition(-rows, k - 1, axis=1)[:, :k]
        first, place = np.nonzero(np.take_along_axis(rows, nearest, axis=1) >= floor)
        found.append(np.sort(np.stack([first + start, nearest[first, place]], axis=1), axis=1))
    return np.unique(np.concatenate(found), axis=0)


def _stories(trial: Trial) -> dict[int, int]:
    """article id → id of its story, as they are at the end: stories may have been merged meanwhile."""
    from sqlalchemy import select

    from dedup.store import MembershipRow

    with trial.service.store.reading() as session:
        rows = session.execute(select(MembershipRow.article_id, MembershipRow.story_id))
        return {article: story for article, story in rows}  # noqa: C416 - rows are no tuples to mypy


def _differing(places: NDArray[np.int64], together: Sequence[Hashable], apart: Sequence[Hashable]) -> list[Pair]:
    """Pairs of places a < b that share a label of `together` and not one of `apart`."""
    groups: dict[Hashable, list[int]] = defaultdict(list)
    for place in places.tolist():
        groups[together[place]].append(place)
    return [(a, b) for group in groups.values() for a, b in combinations(group, 2) if apart[a] != apart[b]]


def _judge_more(
    trial: Trial,
    sides: Sequence[Side],
    vectors: NDArray[np.float32],
    known: dict[Pair, Decision],
    mistaken: Sequence[Pair],
) -> None:
    more = [pair for pair in mistaken if pair not in known][:MAX_EXPLAINED]
    if more:
        known.update(zip(more, trial.decide(sides, vectors, np.array(more)), strict=True))


def _mistake(documents: Sequence[Document], pair: Pair, decision: Decision) -> Mistake:
    a, b = (documents[place] for place in pair)
    label = str(a.cluster) if a.cluster == b.cluster else f"{a.cluster} / {b.cluster}"
    return Mistake(a.id, b.id, heading(a.text.title, a.text.text), heading(b.text.title, b.text.text), label, decision)
