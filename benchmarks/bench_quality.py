"""Who decides best whether two texts tell the same news: ours beside what others use, on the same labelled texts.

    make bench-quality
    python benchmarks/bench_quality.py [--sets ecb+ nyan] [--cache DIR]

A threshold never sees what it is scored on: it is the best one of the other four of five folds (ECB+: by topic;
pairs: by chance), for every system alike; only "recall at P 0.99" is that of the best threshold on the set itself.
"as shipped" are our verdicts and stories as a user gets them, threshold and all. The shipped weights were fitted on
these very sets: "cross-validated" is the regression fitted anew without the topics (or pairs) that it is scored on,
judged and scored like everybody; only that row says how well ours does on other news. Of near copies all pairs with
Jaccard 0.7 or more are asked for. Lexical systems read whole texts, encoders title and 60 words. The texts are not
part of the repository: without ../shared/data there is nothing to measure.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from _machine import cpu_model, usable_cores, versions
from _ours import HeldOut, Ours
from _regression import held_out_likeness, likeness_target
from _rivals import RIVALS, semhash_labels
from _traps import boilerplate_leads, template_series
from numpy.typing import NDArray

from dedup import metrics
from dedup.corpora import Corpus, LabelledPair, Text, load_corpus
from dedup.quality import Dendrogram

DATA = Path(__file__).resolve().parents[1] / ".." / "shared" / "data"
RESULTS = Path(__file__).parent / "results"
# File, and how many of its rows: of the headlines those that the fit reads.
SETS: dict[str, tuple[str, int | None]] = {
    "ecb+": ("ecbplus_dev", None),
    "ntrex": ("ntrex_dev", None),
    "semeval": ("semeval2022_dev", None),
    "paraphraser": ("paraphraser_ru_train", 3000),
    "nyan": ("nyan_gold_pairs", None),
    "copies en": ("neardup_pairs_tgnews_en", None),
    "copies ru": ("neardup_pairs_tgnews_ru", None),
}
FOLDS = 5
SEED = 7
# Thresholds tried for groups: the quantiles of the scores above the middle one.
CUTS = 60
SURE = 0.99
SEMHASH_CUTS = tuple(np.round(np.arange(0.80, 0.981, 0.02), 2))
TRAPS = 300

Floats = NDArray[np.float64]


def folds_of(groups: Sequence[str]) -> NDArray[np.int64]:
    """A fold 0 … 4 for each item; items of one group share one."""
    names = sorted(set(groups))
    order = np.random.default_rng(SEED).permutation(len(names))
    fold = {names[place]: number % FOLDS for number, place in enumerate(order.tolist())}
    return np.array([fold[group] for group in groups])


def score_pairs(corpus: Corpus, scores: Floats) -> dict[str, float]:
    """F1 of held-out thresholds, area, correlation with the grades."""
    same = np.array([pair.same for pair in corpus.pairs])
    graded = np.array([pair.similarity for pair in corpus.pairs])
    found: dict[str, float] = {}
    if same.any() and not same.all():
        fold = folds_of([str(pair.line) for pair in corpus.pairs])
        claimed = np.zeros(len(same), dtype=bool)
        for number in range(FOLDS):
            limit = metrics.best_f1_threshold(same[fold != number], scores[fold != number]).value
            claimed[fold == number] = scores[fold == number] >= limit
        pairs = metrics.binary_scores(same, claimed)
        found |= {"f1": pairs.f1, "precision": pairs.precision, "recall": pairs.recall}
        found["auc"] = metrics.roc_auc(same, scores)
    if len(set(graded.tolist())) > 3 and np.ptp(scores):
        found["pearson"] = metrics.pearson(scores, graded)
        english = np.array([pair.a.lang == pair.b.lang == "en" for pair in corpus.pairs])
        found["pearson_en"] = metrics.pearson(scores[english], graded[english])
    return found


def score_groups(
    labels: Sequence[str], topics: Sequence[str], labels_at: Any, limits: Sequence[float]
) -> dict[str, float]:
    """Groups at the threshold that is best on the other folds; `labels_at(limit)` groups all documents."""
    fold, grouped = folds_of(topics), [labels_at(limit) for limit in limits]
    pooled: list[tuple[int, int]] = [(0, 0)] * len(labels)
    for number in range(FOLDS):
        train, test = np.flatnonzero(fold != number), np.flatnonzero(fold == number)
        truth = [labels[place] for place in train]
        f1 = [metrics.pair_scores(truth, [found[place] for place in train]).f1 for found in grouped]
        best = grouped[int(np.argmax(f1))]
        for place in test:
            pooled[place] = (number, int(best[place]))
    return group_figures(labels, pooled)


def group_figures(labels: Sequence[str], found: Sequence[Any]) -> dict[str, float]:
    score = metrics.clustering_scores(labels, found)
    pairs = {"f1": score.pairs.f1, "precision": score.pairs.precision, "recall": score.pairs.recall}
    return {**pairs, "b3": score.bcubed.f1, "ari": score.adjusted_rand}


def score_documents(corpus: Corpus, name: str, places: NDArray[np.int64], scores: Floats) -> dict[str, float]:
    labels = [str(document.cluster) for document in corpus.documents]
    same = np.array([labels[a] == labels[b] for a, b in places.tolist()])
    sure = metrics.best_precision_threshold(same, scores, SURE)
    found = {"auc": metrics.roc_auc(same, scores), f"recall at P {SURE}": sure.recall if sure else 0.0}
    # Both events of an ECB+ topic ("12ecb", "12ecbplus") are look-alikes and stay in one fold.
    topics = [label.split("ecb")[0] for label in labels] if name == "ecb+" else labels
    low, high = float(scores.min()), float(scores.max())
    scaled = (scores - low) / max(1e-12, high - low)
    tree = Dendrogram(len(labels), places, scaled)
    limits = np.unique(np.quantile(scaled, 1 - np.geomspace(1e-4, 0.5, CUTS)))
    return found | score_groups(labels, topics, tree.labels, limits.tolist())


def run_documents(name: str, corpus: Corpus, ours: Ours, held: HeldOut) -> dict[str, dict[str, float]]:
    texts = [document.text for document in corpus.documents]
    labels = [str(document.cluster) for document in corpus.documents]
    topics = [label.split("ecb")[0] for label in labels] if name == "ecb+" else labels
    places = np.stack(np.triu_indices(len(texts), k=1), axis=1).astype(np.int64)
    vectors = ours.raw(texts)
    rows = {}
    for rival in RIVALS:
        begin = time.perf_counter()
        rows[rival.name] = score_documents(corpus, name, places, rival.score(texts, vectors, places))
        rows[rival.name]["seconds"] = time.perf_counter() - begin
    rows["SemHash, its 0.9"] = group_figures(labels, semhash_labels(vectors, 0.9))
    rows["SemHash, best"] = score_groups(
        labels, topics, lambda limit: semhash_labels(vectors, float(limit)), SEMHASH_CUTS
    )
    begin = time.perf_counter()
    near, decisions = ours.judged(corpus)
    at = {pair: number for number, pair in enumerate(map(tuple, places.tolist()))}
    here = [at[pair] for pair in map(tuple, near.tolist())]
    scores = np.zeros((2, len(places)))
    scores[0, here] = [one.probability for one in decisions]
    rows["ours, shipped weights"] = score_documents(corpus, name, places, scores[0])
    rows["ours, shipped weights"]["seconds"] = time.perf_counter() - begin
    scores[1, here] = held.of_documents(name, near, decisions, folds_of(topics), ours)
    rows["ours, cross-validated"] = score_documents(corpus, name, places, scores[1])
    figures = ours.evaluated(corpus).figures
    pairs = {"f1": figures.pair_f1, "precision": figures.pair_precision, "recall": figures.pair_recall}
    rows["ours, as shipped"] = {**pairs, "b3": figures.b3_f1, "ari": figures.ari}
    return rows


def run_pairs(name: str, corpus: Corpus, ours: Ours, held: HeldOut) -> dict[str, dict[str, float]]:
    place: dict[Text, int] = {}
    for pair in corpus.pairs:
        for text in (pair.a, pair.b):
            place.setdefault(text, len(place))
    texts = list(place)
    places = np.array([(place[pair.a], place[pair.b]) for pair in corpus.pairs], dtype=np.int64)
    vectors = ours.raw(texts)
    rows = {}
    for rival in RIVALS:
        begin = time.perf_counter()
        rows[rival.name] = score_pairs(corpus, rival.score(texts, vectors, places))
        rows[rival.name]["seconds"] = time.perf_counter() - begin
    same = np.array([pair.same for pair in corpus.pairs])
    claims = metrics.binary_scores(same, RIVALS[3].score(texts, vectors, places) >= 0.9)
    rows["SemHash, its 0.9"] = {"f1": claims.f1, "precision": claims.precision, "recall": claims.recall}
    begin = time.perf_counter()
    decisions = ours.graded(corpus) if name == "semeval" else ours.judged(corpus)[1]
    rows["ours, shipped weights"] = score_pairs(corpus, np.array([one.probability for one in decisions]))
    rows["ours, shipped weights"]["seconds"] = time.perf_counter() - begin
    fold = folds_of([str(pair.line) for pair in corpus.pairs])
    rows["ours, cross-validated"] = score_pairs(corpus, held.of_pairs(name, decisions, fold, ours))
    if name == "semeval":  # graded from 1 (the same) to 4: the likeness, not a probability, is made for that
        graded = likeness_target(np.array([pair.similarity for pair in corpus.pairs]))
        alike = held_out_likeness([one.evidence for one in decisions], graded, fold)
        about = score_pairs(corpus, alike)
        rows["ours, cross-validated"] |= {key: about[key] for key in ("pearson", "pearson_en")}
    claims = metrics.binary_scores(same, [one.verdict.joins for one in decisions])
    rows["ours, as shipped"] = {"f1": claims.f1, "precision": claims.precision, "recall": claims.recall}
    return rows


def run_copies(corpus: Corpus, ours: Ours) -> dict[str, dict[str, float]]:
    """How many pairs that share 70 % of their shingles are found."""
    pairs = [pair for pair in corpus.pairs if pair.same]
    texts = [text for pair in pairs for text in (pair.a, pair.b)]
    places = np.arange(len(texts)).reshape(-1, 2)
    vectors = ours.raw(texts)
    copies = replace(corpus, pairs=tuple(pairs))
    found = {
        "MinHash-LSH": RIVALS[2].score(texts, vectors, places) >= 0.5,
        "SemHash, its 0.9": RIVALS[3].score(texts, vectors, places) >= 0.9,
        "ours, as shipped": np.array([one.verdict.joins for one in ours.judged(copies)[1]]),
    }
    return {system: {"recall": float(joined.mean())} for system, joined in found.items()}


def run_traps(ours: Ours) -> dict[str, dict[str, float]]:
    """Share of mined look-alikes that is joined, as published and with their dates hidden: none should be."""
    rows = {}
    for name, mined in (
        ("reuters series", template_series(DATA / "reuters21578.jsonl.gz", TRAPS)),
        ("allsides leads", boilerplate_leads(DATA / "allsides_37k_lead.jsonl.gz", TRAPS)),
    ):
        articles = [row for pair in mined for row in pair]
        texts = [Text(*(row[part] for part in ("title", "text", "lang", "published", "source"))) for row in articles]
        cosines = RIVALS[3].score(texts, ours.raw(texts), np.arange(len(texts)).reshape(-1, 2))
        undated = [replace(text, published=None) for text in texts]
        rows[name] = {
            "pairs": len(mined),
            "ours": _joined(ours, name, texts),
            "ours, no dates": _joined(ours, name, undated),
            "cosine 0.9": float(np.mean(cosines >= 0.9)),
        }
    return rows


def _joined(ours: Ours, name: str, texts: Sequence[Text]) -> float:
    couples = zip(texts[::2], texts[1::2], strict=True)
    pairs = tuple(LabelledPair(n, str(n), a, b, "", False, 0.0) for n, (a, b) in enumerate(couples))
    return float(np.mean([one.verdict.joins for one in ours.judged(Corpus(name, pairs=pairs))[1]]))


def measure(ours: Ours, sets: Sequence[str], cache: Path | None) -> dict[str, Any]:
    begin, found = time.monotonic(), {}
    held = HeldOut(DATA, cache)
    for name in [one for one in sets if one != "traps"]:
        file, limit = SETS[name]
        corpus = load_corpus(DATA / f"{file}.jsonl.gz", limit=limit)
        if name.startswith("copies"):
            found[name] = run_copies(corpus, ours)
        else:
            run = run_documents if corpus.documents else run_pairs
            found[name] = run(name, corpus, ours, held)
        sys.stderr.write(f"{name}: {time.monotonic() - begin:.0f} s\n")
    return {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "cpu": cpu_model(),
        "cores": usable_cores(),
        "versions": versions(),
        "model": ours.model,
        "sets": {name: {system: _rounded(row) for system, row in rows.items()} for name, rows in found.items()},
        "mined look-alikes joined": run_traps(ours) if "traps" in sets else None,
        "seconds": round(time.monotonic() - begin),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", nargs="+", choices=[*SETS, "traps"], default=[*SETS, "traps"])
    parser.add_argument("--cache", type=Path, help="folder in which vectors are kept between runs")
    parser.add_argument("--output", type=Path, default=RESULTS / "quality.json")
    arguments = parser.parse_args()
    if not DATA.is_dir():
        sys.exit(f"nothing to measure: {DATA} is not here")
    with Ours(arguments.cache) as ours:
        document = measure(ours, arguments.sets, arguments.cache)
    arguments.output.parent.mkdir(exist_ok=True)
    arguments.output.write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    draw(document, arguments.output.with_suffix(".png"))
    print_table(document)


def _rounded(row: dict[str, float]) -> dict[str, float]:
    return {name: round(float(value), 4) for name, value in row.items()}


def print_table(document: dict[str, Any]) -> None:
    for name, rows in document["sets"].items():
        columns = [column for column in dict.fromkeys(c for row in rows.values() for c in row) if column != "seconds"]
        sys.stdout.write(f"\n{name:26}" + "".join(f"{column:>15}" for column in columns) + "\n")
        for system, row in rows.items():
            cells = "".join(f"{row[c]:15.3f}" if c in row else " " * 15 for c in columns)
            sys.stdout.write(f"{system:26}{cells}\n")
    for name, row in (document["mined look-alikes joined"] or {}).items():
        shares = ", ".join(f"{system} {share:.1%}" for system, share in row.items() if system != "pairs")
        sys.stdout.write(f"\n{name}: of {row['pairs']} look-alikes joined: {shares}\n")


def draw(document: dict[str, Any], path: Path) -> None:
    """One group of bars for each set: F1, or what the set is about."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    about = {"semeval": "pearson", "ntrex": f"recall at P {SURE}", "copies en": "recall", "copies ru": "recall"}
    systems = list(dict.fromkeys(system for rows in document["sets"].values() for system in rows))
    figure = Figure(figsize=(13, 5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    width = 0.85 / len(systems)
    for number, system in enumerate(systems):
        values = [rows.get(system, {}).get(about.get(name, "f1"), 0.0) for name, rows in document["sets"].items()]
        ours = system.startswith("ours")
        axes.bar(
            np.arange(len(values)) + number * width, values, width, label=system, edgecolor="black" if ours else "none"
        )
    names = [f"{name}\n{about.get(name, 'pair F1')}" for name in document["sets"]]
    axes.set_xticks(np.arange(len(names)) + 0.42 - width / 2, names)
    axes.set(ylim=(0, 1.02), title=f"The same news or not: {document['model']}, thresholds held out")
    axes.legend(ncols=4, loc="lower center", fontsize=8)
    axes.grid(axis="y", alpha=0.3)
    figure.savefig(path, dpi=120, metadata={"Software": None})


if __name__ == "__main__":
    main()
