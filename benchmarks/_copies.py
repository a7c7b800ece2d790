"""The verifier's regressions on copies: pairs of real news whose common wording is known, seen whole and seen in part.

`neardup_pairs_tgnews_*` lists every pair of articles that share wording, with the exact Jaccard of their shingles of
five words. A copy shares `COPIED` of them. As many pairs of one silver story that share none are the other side.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import chain, combinations
from pathlib import Path
from typing import Any

import numpy as np
from _regression import Rows, fit, held_out

from dedup import metrics
from dedup.corpora import read_rows
from dedup.evidence import Evidence, compare
from dedup.profile import profile
from dedup.sides import Side
from dedup.verdict import copy_kind_of, features

LANGUAGES = ("en", "ru")
COPIED = 0.7
# Articles of one silver story that are paired: a few stories are so large that they would be all that is learnt.
STORY_ARTICLES = 30
# First words of the texts that each pair is seen with, as feeds show them; None: all of it, 0: the headline alone.
SEEN_WORDS = (None, 80, 40, 20, 0)
SIGNS = {
    "whole": {"jaccard": 1, "title_overlap": 1},
    "part": {"jaccard": 1, "title_overlap": 1},
    "headlines": {"jaccard": 1, "title_overlap": 1, "containment": 1},
}

Article = dict[str, Any]


def copies(data: Path) -> tuple[dict[str, dict[str, float]], dict[str, dict[str, float]]]:
    """The weights by kind, and the figures of 5 folds that never share a story."""
    weights, report = {}, {}
    seen = [
        (_evidence(first, second, words), copied, group)
        for lang in LANGUAGES
        for first, second, copied, group in _pairs(data, lang)
        for words in SEEN_WORDS
    ]
    for kind, signs in SIGNS.items():
        here = [row for row in seen if copy_kind_of(row[0]) == kind]
        target = np.array([float(copied) for _, copied, _ in here])
        rows = Rows(
            signs,
            np.array([[features(evidence)[name] for name in signs] for evidence, _, _ in here]),
            target,
            np.ones(len(here)),
            np.array([group for _, _, group in here]),
            np.full(len(here), kind),
            np.arange(len(here)),
        )
        found = held_out(rows)
        weights[kind] = {name: value for name, value in fit(rows).rounded().items() if value}
        at_half = metrics.binary_scores(target > 0.5, found >= 0.5)
        figures = {
            "auc": metrics.roc_auc(target > 0.5, found),
            "precision_at_0.5": at_half.precision,
            "recall_at_0.5": at_half.recall,
            "brier": float(np.mean((found - target) ** 2)),
        }
        report[f"copies, {kind}"] = {"pairs": len(here), **{name: round(value, 4) for name, value in figures.items()}}
    return weights, report


def _pairs(data: Path, lang: str) -> Iterator[tuple[Article, Article, bool, str]]:
    """Two articles, whether one is a copy, and a name that pairs of one story, or of one copied text, share."""
    articles = {row["id"]: row for _, row in read_rows(data / f"tgnews_{lang}.jsonl.gz")}
    stories: dict[str, list[str]] = defaultdict(list)
    for row in articles.values():
        if row["cluster"]:
            stories[row["cluster"]].append(row["id"])
    shared = {
        (min(ids), max(ids)): float(row["jaccard5"])
        for _, row in read_rows(data / f"neardup_pairs_tgnews_{lang}.jsonl.gz")
        for ids in [(row["id1"], row["id2"])]
    }
    inside = [(min(pair), max(pair)) for ids in stories.values() for pair in combinations(ids[:STORY_ARTICLES], 2)]
    unlike = sorted(set(inside) - shared.keys())
    chosen = np.random.default_rng(0).permutation(len(unlike))[: len(shared)]
    group = _groups([*shared, *((ids[0], id_) for ids in stories.values() for id_ in ids)])
    for (a, b), jaccard in (*shared.items(), *((unlike[place], 0.0) for place in np.sort(chosen).tolist())):
        yield articles[a], articles[b], jaccard >= COPIED, f"{lang}:{group[a]}"


def _groups(links: list[tuple[str, str]]) -> dict[str, int]:
    """One number for all that are linked."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    place = {item: number for number, item in enumerate(dict.fromkeys(chain.from_iterable(links)))}
    ends = np.array([(place[a], place[b]) for a, b in links]).T
    _, part = connected_components(coo_array((np.ones(len(links)), ends), shape=(len(place),) * 2), directed=False)
    return dict(zip(place, part.tolist(), strict=True))


def _evidence(first: Article, second: Article, words: int | None) -> Evidence:
    sides = [
        Side(
            row["title"],
            profile(row["title"], " ".join(row["text"].split()[:words]), row["lang"]),
            row["lang"],
            "",
            None,
        )
        for row in (first, second)
    ]
    return compare(*sides, cosine=None, scaled_cosine=None)
