"""Fit the verifier's weights on labelled news and write `dedup/dedup/data/verifier.json`.

    python benchmarks/fit_verifier.py [--model e5-small] [--precision int8] [--cache DIR] [--write]

One logistic regression for each kind of pair (`dedup.verdict.kind_of`), over few features that each can only speak for
or only against one event; a linear one over the grades of SemEval, for `Verifier.likeness`; and those that say whether
one text was copied from the other (`_copies.py`), for `Verifier.near_copy`. Every set has a fixed share of a kind's
weight, however many pairs it has. Figures are of 5 folds that never share a topic between fitting and testing. Needs
scikit-learn (in the `export` extra) and the sets of `../shared/data`.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from _copies import copies
from _labelled import DATA, Labelled, Space, labelled, with_titles
from _regression import (
    FOLDS,
    RECIPES,
    Recipe,
    fit,
    fit_likeness,
    held_out,
    held_out_likeness,
    likeness_table,
    likeness_target,
    rows_of,
)
from numpy.typing import NDArray

from dedup import metrics
from dedup.evidence import Evidence

Floats = NDArray[np.float64]

OUTPUT = Path(__file__).parents[1] / "dedup" / "dedup" / "data" / "verifier.json"
VERSION = 10
STORY_LIMITS = (0.3, 0.4, 0.5, 0.6, 0.7)


def fitted(
    sets: Sequence[Labelled], recipes: Mapping[str, Recipe] = RECIPES
) -> tuple[dict[str, dict[str, float]], dict[str, Any]]:
    """The weights of every kind, and the held-out figures by set and kind, and by set over all kinds."""
    chosen: dict[str, dict[str, float]] = {}
    report: dict[str, Any] = {}
    every = {one.name: np.full(len(one.target), np.nan) for one in sets}
    for kind, recipe in recipes.items():
        rows = rows_of(sets, kind, recipe)
        probabilities = held_out(rows)
        chosen[kind] = fit(rows).rounded()
        for one in sets:
            here = rows.set == one.name
            if not here.any():
                continue
            whole = np.full(len(one.target), np.nan)
            whole[rows.place[here]] = probabilities[here]
            report[f"{one.name}, {kind}"] = scores(one, whole)
            if kind != "lexical":
                every[one.name] = np.where(np.isnan(whole), every[one.name], whole)
    for one in sets:
        report[one.name] = scores(one, every[one.name])
        if one.name == "ecb+":
            report[one.name].update(stories(one, every[one.name]))
    return chosen, report


def likeness(one: Labelled, evidence: Sequence[Evidence]) -> tuple[dict[str, dict[str, float]], dict[str, float]]:
    """The weights of the likeness, and its held-out figures; SemEval's grades are 1 (the same) … 4."""
    grade = likeness_target(one.grade)
    table, across = likeness_table(evidence)
    fold = np.random.default_rng(0).permutation(len(grade)) % FOLDS
    return fit_likeness(table, across, grade), scores(one, held_out_likeness(evidence, grade, fold))


def scores(one: Labelled, probabilities: Floats) -> dict[str, float]:
    """Of the pairs that have a probability; no conflict of facts has a say."""
    held = ~np.isnan(probabilities)
    grade, probability = one.grade[held], probabilities[held]
    found: dict[str, float] = {"pairs": int(held.sum())}
    if one.name == "semeval":
        langs = np.array([[one.texts[i].lang, one.texts[j].lang] for i, j in one.places[held].tolist()])
        english = (langs == "en").all(axis=1)
        found["pearson"] = metrics.pearson(probability, grade)
        if english.any():
            found["pearson_en"] = metrics.pearson(probability[english], grade[english])
    else:
        same = one.target[held] > 0.5
        best, middle = metrics.best_f1_threshold(same, probability), metrics.binary_scores(same, probability >= 0.5)
        found |= {"best_f1": best.f1, "best_at": best.value}
        found |= {"f1_at_0.5": middle.f1, "precision_at_0.5": middle.precision}
        found["recall_at_precision_0.99"] = recall_at(same, probability, 0.99)
    return {name: round(value, 4) for name, value in found.items()}


def recall_at(same: NDArray[np.bool_], probability: Floats, precision: float) -> float:
    """The largest recall of any threshold with at least this precision; 0 where there is none."""
    order = np.argsort(-probability, kind="stable")
    hits = np.cumsum(same[order])
    good = hits / np.arange(1, len(order) + 1) >= precision
    return float(hits[good].max() / same.sum()) if good.any() else 0.0


def stories(one: Labelled, probabilities: Floats) -> dict[str, dict[str, float]]:
    """Average-link groups of all documents of a set; pairs without a probability count as 0."""
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    apart = np.ones((len(one.texts), len(one.texts)))
    apart[one.places[:, 0], one.places[:, 1]] = 1 - probabilities
    apart = np.minimum(apart, apart.T)
    np.fill_diagonal(apart, 0.0)
    tree = linkage(squareform(apart, checks=False), "average")
    found = {}
    for limit in STORY_LIMITS:
        score = metrics.clustering_scores(one.clusters, fcluster(tree, 1 - limit, "distance").tolist())
        found[f"stories_at_{limit}"] = {"pair_f1": round(score.pairs.f1, 4), "b3_f1": round(score.bcubed.f1, 4)}
    return found


def main(arguments: Iterable[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--model", default="e5-small")
    parser.add_argument("--precision", default="int8")
    parser.add_argument("--cache", type=Path, help="folder in which vectors are kept between runs")
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args(None if arguments is None else list(arguments))
    space = Space(args.model, args.precision, args.cache)
    sets = list(labelled(space, args.data))
    weights, report = fitted(sets)
    graded = next(one for one in sets if one.name == "semeval")
    likeness_weights, report["semeval, likeness"] = likeness(graded, with_titles(space, graded))
    copy_weights, of_copies = copies(args.data)
    report |= of_copies
    for kind, found in (*weights.items(), *((f"copies, {kind}", found) for kind, found in copy_weights.items())):
        print(f"{kind:10}", found)
    for name, figures in report.items():
        print(f"{name:22}", json.dumps(figures))
    if args.write:
        body = {"version": VERSION, "fitted_on": f"{args.model}-{args.precision}", "weights": weights}
        body |= {"likeness_weights": likeness_weights, "copy_weights": copy_weights}
        OUTPUT.write_text(json.dumps({**body, "held_out": report}, indent=1) + "\n", encoding="utf-8")
        print(f"wrote {OUTPUT}")


if __name__ == "__main__":
    main()
