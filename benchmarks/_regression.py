"""The verifier's regressions: what each reads, of which sets, and the fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from _labelled import Labelled
from numpy.typing import NDArray

from dedup.evidence import Evidence
from dedup.verdict import Verifier, features, kind_of

Floats = NDArray[np.float64]

FOLDS = 5
# Inverse strength of the L2 penalty, on features of unit variance.
STRENGTH = 1.0


@dataclass(frozen=True, slots=True)
class Recipe:
    """The features of one regression with the sign that each weight must have, and the share of each set in its fit."""

    signs: Mapping[str, int]
    shares: Mapping[str, float]


RECIPES = {
    "texts": Recipe(
        {
            "margin": 1,
            "crowding": -1,
            "name_cosine": 1,
            "word_cosine": 1,
            "number_support": 1,
            "title_overlap": 1,
            "conflicts": -1,
            "same_source": -1,
        },
        {"ecb+": 1.0, "nyan": 0.1, "semeval": 0.2, "stream": 0.2},
    ),
    "across": Recipe(
        {"margin": 1, "name_cosine": 1, "no_names": 1},
        {"ntrex": 1.0, "calibration": 0.3, "semeval": 0.3, "stream": 0.3},
    ),
    "headlines": Recipe(
        {"margin": 1, "crowding": -1, "name_cosine": 1, "word_cosine": 1, "number_support": 1}, {"paraphraser": 1.0}
    ),
    "lexical": Recipe(
        {
            "name_cosine": 1,
            "word_cosine": 1,
            "number_support": 1,
            "containment": 1,
            "title_overlap": 1,
            "conflicts": -1,
            "no_names": 1,
            "translation": 1,
        },
        {"ecb+": 1.0, "calibration": 0.3, "nyan": 0.1, "semeval": 0.2, "paraphraser": 0.2, "ntrex": 0.2},
    ),
}

# What the likeness reads, what else where titles were embedded, and the penalty of its ridge regression on features of
# unit variance.
LIKENESS = (
    "margin",
    "name_cosine",
    "word_cosine",
    "containment",
    "heading_support",
    "conflicts",
    "no_names",
)
TITLES = ("title_cosine", "crossed_cosine")
TITLED = (*LIKENESS, "low_cosine", *TITLES)
RIDGE = 10.0


@dataclass(frozen=True, slots=True)
class Rows:
    """The n pairs of one kind, of all its sets; `place` is the pair's own in its set."""

    signs: Mapping[str, int]
    table: Floats
    target: Floats
    weight: Floats
    group: NDArray[np.str_]
    set: NDArray[np.str_]
    place: NDArray[np.int64]

    def part(self, places: NDArray[np.int64]) -> Rows:
        names = ("table", "target", "weight", "group", "set", "place")
        return replace(self, **{name: getattr(self, name)[places] for name in names})


@dataclass(frozen=True, slots=True)
class Fit:
    """Weights of the features as they are, and the bias."""

    weights: Mapping[str, float]
    bias: float

    def rounded(self) -> dict[str, float]:
        return {name: round(value, 4) for name, value in {**self.weights, "bias": self.bias}.items()}


Extra = Mapping[str, Mapping[str, Floats]]
"""Features that the verifier does not have, by set and name: one value for each pair of the set."""


def rows_of(sets: Sequence[Labelled], kind: str, recipe: Recipe, extra: Extra | None = None) -> Rows:
    """The pairs of this kind; the lexical regression is fitted on all of them."""
    parts = []
    for one in sets:
        here = np.array([place for place, e in enumerate(one.evidence) if kind in (kind_of(e), "lexical")])
        if one.name not in recipe.shares or not len(here):
            continue
        more = (extra or {}).get(one.name, {})
        found = [
            {**features(one.evidence[place]), **{name: float(values[place]) for name, values in more.items()}}
            for place in here
        ]
        parts.append(
            Rows(
                recipe.signs,
                np.array([[values[name] for name in recipe.signs] for values in found]),
                one.target[here],
                np.full(len(here), recipe.shares[one.name] / len(here)),
                np.array([f"{one.name}:{one.group[place]}" for place in here]),
                np.full(len(here), one.name),
                here,
            )
        )
    names = ("table", "target", "weight", "group", "set", "place")
    joined = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
    joined["weight"] *= len(joined["weight"]) / joined["weight"].sum()
    return Rows(recipe.signs, **joined)


def fit(rows: Rows) -> Fit:
    """A target between 0 and 1 counts as that share of each label; a weight of the wrong sign is set to 0.

    A feature that counts the wrong way round has learnt something of the sets and not of news.
    """
    from sklearn.linear_model import LogisticRegression

    names, kept = list(rows.signs), list(range(len(rows.signs)))
    deviation = np.maximum(rows.table.std(axis=0), 1e-6)
    mean = rows.table.mean(axis=0)
    scaled = (rows.table - mean) / deviation
    both = np.concatenate([rows.weight * rows.target, rows.weight * (1 - rows.target)])
    used, truth = both > 0, np.repeat([1, 0], len(rows.target))
    while True:
        model = LogisticRegression(C=STRENGTH, max_iter=3000)
        model.fit(np.concatenate([scaled, scaled])[used][:, kept], truth[used], both[used])
        found = dict(zip(kept, model.coef_[0], strict=True))
        wrong = [column for column, weight in found.items() if weight * rows.signs[names[column]] < 0]
        if not wrong:
            break
        kept = [column for column in kept if column not in wrong]
    weights = {name: float(found.get(column, 0.0) / deviation[column]) for column, name in enumerate(names)}
    return Fit(weights, float(model.intercept_[0] - sum(weights[name] * mean[c] for c, name in enumerate(names))))


def probabilities(found: Fit, table: Floats) -> Floats:
    totals = table @ np.array(list(found.weights.values())) + found.bias
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(totals, -40, 40))), dtype=np.float64)


def held_out(rows: Rows) -> Floats:
    """The probability of every pair, from a fit that saw nothing of its topic."""
    from sklearn.model_selection import GroupKFold

    found = np.zeros(len(rows.target))
    for train, test in GroupKFold(FOLDS).split(rows.table, rows.target, rows.group):
        found[test] = probabilities(fit(rows.part(train)), rows.table[test])
    return found


def likeness_target(grade: Floats) -> Floats:
    """SemEval's grades as they are stored, −4 (nothing in common) … −1 (the same), as 0 … 1."""
    return (grade + 4) / 3


def likeness_table(evidence: Sequence[Evidence]) -> tuple[Floats, NDArray[np.bool_]]:
    """The features of each pair, those for titles last, and whether it is one of two languages: these have weights
    of their own."""
    found = [features(one) for one in evidence]
    table = np.array([[row[name] for name in TITLED] for row in found])
    return table, np.array([e.translation for e in evidence])


def fit_likeness(table: Floats, across: NDArray[np.bool_], grade: Floats) -> dict[str, dict[str, float]]:
    """Weights by kind and name; grades from 0 (nothing in common) to 1 (the same)."""
    from sklearn.linear_model import Ridge

    weights = {}
    for kind, here in (("texts", ~across), ("across", across)):
        for names in (LIKENESS, TITLED):
            read = table[here, : len(names)]
            mean, deviation = read.mean(axis=0), np.maximum(read.std(axis=0), 1e-6)
            model = Ridge(alpha=RIDGE).fit((read - mean) / deviation, grade[here])
            slopes = model.coef_ / deviation
            named = dict(zip(names, slopes.tolist(), strict=True), bias=float(model.intercept_ - slopes @ mean))
            name = kind if names is LIKENESS else f"{kind} with titles"
            weights[name] = {name: round(value, 4) for name, value in named.items() if value}
    return weights


def held_out_likeness(evidence: Sequence[Evidence], grade: Floats, fold: NDArray[np.int64]) -> Floats:
    """The likeness of every pair, from a fit without its fold."""
    table, across = likeness_table(evidence)
    found = np.zeros(len(grade))
    for number in np.unique(fold):
        train, test = fold != number, np.flatnonzero(fold == number)
        verifier = Verifier(0, {}, fit_likeness(table[train], across[train], grade[train]))
        # A pair without a cosine has no likeness: a handful of pairs, which count as average.
        found[test] = [
            verifier.likeness(evidence[place]) if evidence[place].scaled_cosine is not None else grade[train].mean()
            for place in test.tolist()
        ]
    return found
