"""Fit the verifier's weights on labelled news and write `dedup/dedup/data/verifier.json`.

    python benchmarks/fit_verifier.py [--data ../shared/data] [--model e5-small] [--precision int8] [--write]

Pairs come as the service meets them: labelled pairs as they are; of clustered documents each one's nearest neighbours.
Scores are printed for 5 folds that never share a group (topic, event, document) between fitting and testing. Needs
scikit-learn (in the `export` extra) and the data sets.
"""

from __future__ import annotations

import argparse
import gzip
import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from dedup.evidence import Evidence, Side, compare
from dedup.profile import profile
from dedup.space import Scale, View, calibration_rows, measure_scale
from dedup.verdict import features
from dedup_accelerate import Encoder, prepare

NEIGHBOURS = 12
LIMITS = (0.5, 0.7, 0.8)
SEMANTIC_ONLY = ("scaled_cosine", "scaled_cosine_above", "cosine_across")
OUTPUT = Path(__file__).parents[1] / "dedup" / "dedup" / "data" / "verifier.json"


@dataclass(frozen=True)
class Doc:
    lang: str
    title: str
    text: str
    source: str
    at: datetime | None


@dataclass(frozen=True)
class Pair:
    set: str
    group: str
    a: Doc
    b: Doc
    same: bool


def rows(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def doc(row: dict[str, Any]) -> Doc:
    at = row.get("published")
    when = datetime.fromisoformat(at.replace("Z", "+00:00")) if at else None
    return Doc(row.get("lang") or "und", row.get("title") or "", row.get("text") or "", row.get("source") or "", when)


def split_title(text: str) -> tuple[str, str]:
    """SemEval texts carry no title: the first words stand for it."""
    words = text.split()
    return " ".join(words[:14]), " ".join(words[14:])


def labelled_pairs(data: Path) -> Iterator[Pair]:
    for row in rows(data / "semeval2022_dev.jsonl.gz"):
        a, b = (Doc(row[f"lang{i}"], *split_title(row[f"text{i}"]), "", None) for i in (1, 2))
        yield Pair("semeval", row["pair_id"], a, b, float(row["overall"]) <= 2.0)
    for row in list(rows(data / "paraphraser_ru_train.jsonl.gz"))[:3000]:
        label = int(float(row["label"]))
        if label:  # 0 is "loosely": neither here nor there
            a, b = (Doc("ru", row[f"text{i}"], "", "", None) for i in (1, 2))
            yield Pair("paraphraser", str(row["pair_id"]), a, b, label > 0)


def clustered(data: Path) -> Iterator[tuple[str, list[tuple[Doc, str, str]]]]:
    """(set, [(document, cluster, group)])."""
    yield "ecb+", [(doc(r), r["cluster"], r["topic"]) for r in rows(data / "ecbplus_dev.jsonl.gz")]
    ntrex = [(doc(r), r["cluster"], r["cluster"]) for r in rows(data / "ntrex_dev.jsonl.gz")]
    yield "ntrex", [item for item in ntrex if item[0].lang in ("en", "ru", "de", "fr", "es", "uk")]
    packaged = [(doc(r), r["event"], r.get("twin") or r["event"]) for r in calibration_rows()]
    yield "packaged", packaged
    for lang in ("en", "ru"):
        found = list(rows(data / f"tgnews_{lang}.jsonl.gz"))[:1500]
        yield f"tgnews_{lang}", [(doc(r), r["cluster"] or r["id"], r["cluster"] or r["id"]) for r in found]


def neighbour_pairs(name: str, items: list[tuple[Doc, str, str]], vectors: np.ndarray) -> Iterator[Pair]:
    cosines = vectors @ vectors.T
    np.fill_diagonal(cosines, -2)
    for i, near in enumerate(np.argsort(-cosines, axis=1)[:, :NEIGHBOURS]):
        for j in near.tolist():
            if i < j or i not in np.argsort(-cosines[j])[:NEIGHBOURS]:
                a, b = items[i], items[j]
                yield Pair(name, min(a[2], b[2]), a[0], b[0], a[1] == b[1])


def evidence_of(pair: Pair, vectors: dict[Doc, np.ndarray], scale: Scale) -> Evidence:
    sides = [Side(d.title, profile(d.title, d.text), d.lang, d.source, d.at) for d in (pair.a, pair.b)]
    cosine = float(vectors[pair.a] @ vectors[pair.b])
    scaled = scale.scaled(cosine, translation=pair.a.lang != pair.b.lang)
    return compare(sides[0], sides[1], cosine=cosine, scaled_cosine=scaled)


def f1(truth: np.ndarray, guess: np.ndarray) -> tuple[float, float, float]:
    hit = float((truth & guess).sum())
    precision, recall = hit / max(1, guess.sum()), hit / max(1, truth.sum())
    return precision, recall, 2 * precision * recall / max(1e-9, precision + recall)


def main(arguments: Iterable[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[2] / "shared" / "data")
    parser.add_argument("--model", default="e5-small")
    parser.add_argument("--precision", default="int8")
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args(arguments)
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GroupKFold

    encoder = Encoder(prepare(args.model, precision=args.precision))
    view = View("lead", 60, clean=False)
    scale = measure_scale(encoder.encode, view)
    vectors: dict[Doc, np.ndarray] = {}

    def encode(docs: Iterable[Doc]) -> None:
        new = [d for d in dict.fromkeys(docs) if d not in vectors]
        vectors.update(zip(new, encoder.encode([view.text(d.title, d.text, d.lang) for d in new]), strict=True))

    pairs = list(labelled_pairs(args.data))
    encode(side for pair in pairs for side in (pair.a, pair.b))
    for name, items in clustered(args.data):
        encode(item[0] for item in items)
        pairs += neighbour_pairs(name, items, np.array([vectors[item[0]] for item in items]))
        print(f"{name}: {len(items)} documents", file=sys.stderr)
    found = [evidence_of(pair, vectors, scale) for pair in pairs]
    names = list(features(found[0]))
    table = np.array([list(features(e).values()) for e in found])
    truth = np.array([pair.same for pair in pairs])
    sets = np.array([pair.set for pair in pairs])
    groups = np.array([f"{pair.set}:{pair.group}" for pair in pairs])
    conflict = np.array([bool(e.conflicts) for e in found])
    # Every set counts the same, however many pairs it has.
    weight = np.array([1 / (sets == name).sum() for name in sets]) * len(pairs) / len(set(sets))

    report: dict[str, Any] = {}
    chosen: dict[str, dict[str, float]] = {}
    for kind, columns in (
        ("semantic", list(range(len(names)))),
        ("lexical", [i for i, name in enumerate(names) if name not in SEMANTIC_ONLY]),
    ):
        held_out = np.zeros(len(pairs))
        for train, test in GroupKFold(5).split(table, truth, groups):
            model = LogisticRegression(C=10, max_iter=2000).fit(table[train][:, columns], truth[train], weight[train])
            held_out[test] = model.predict_proba(table[test][:, columns])[:, 1]
        for name in dict.fromkeys(sets):
            here = sets == name
            kept = here & ~conflict
            vetoed = f"{(conflict & truth)[here].sum()} same, {(conflict & ~truth)[here].sum()} other"
            line = f"{kind:9} {name:12} {here.sum():6} pairs, vetoed {vetoed:22}"
            for limit in LIMITS:
                precision, recall, score = f1(truth[here], (held_out >= limit)[here] & kept[here])
                entry = {"precision": round(precision, 4), "recall": round(recall, 4), "f1": round(score, 4)}
                report.setdefault(f"{kind}/{name}", {"pairs": int(here.sum())})[f"at {limit}"] = entry
                line += f" | {limit}: P {precision:.3f} R {recall:.3f} F1 {score:.3f}"
            print(line)
        model = LogisticRegression(C=10, max_iter=2000).fit(table[:, columns], truth, weight)
        chosen[kind] = {names[c]: round(float(w), 4) for c, w in zip(columns, model.coef_[0], strict=True)}
        chosen[kind]["bias"] = round(float(model.intercept_[0]), 4)
        print(kind, chosen[kind])
    if args.write:
        body = {"version": 1, "fitted_on": f"{args.model}-{args.precision}", **chosen, "held_out": report}
        OUTPUT.write_text(json.dumps(body, indent=1) + "\n", encoding="utf-8")
        print(f"wrote {OUTPUT}")


if __name__ == "__main__":
    main()
