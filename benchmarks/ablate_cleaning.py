"""What the encoder should see of an article: raw, without gensim's stop words, or without ours; title, lead or body.

    python benchmarks/ablate_cleaning.py [--model e5-small] [--precision int8] [--views title lead body] [--cache DIR]

The cosine alone decides, so that nothing else hides a difference: the best pair F1 over all thresholds, and the best B³
of average-link groups, on ECB+ (English, look-alike events) and on Russian posts. Writes
`benchmarks/results/ablate_cleaning.json` and `.md`.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from _labelled import DATA, FILES
from _machine import describe
from numpy.typing import NDArray

from dedup import metrics
from dedup.corpora import Corpus, Text, load_corpus
from dedup.space import View
from dedup_accelerate import Encoder, prepare

RESULTS = Path(__file__).parent / "results"
VIEWS = {kind: View(kind, 60, clean=False) for kind in ("title", "lead", "body")}
CLEANINGS = ("raw", "gensim", "ours")
# What a body is cut to: the encoder reads 512 tokens, about 350 words.
BODY_WORDS = 350


def seen(text: Text, view: View, cleaning: str) -> str:
    """The string that the encoder gets; as it was where cleaning leaves nothing."""
    from gensim.parsing.preprocessing import remove_stopwords

    from dedup_ingest import clean

    words = " ".join(text.text.split()[:BODY_WORDS])
    raw = view.text(text.title, words, text.lang or "und")
    if cleaning == "raw":
        return raw
    cleaned: str = remove_stopwords(raw) if cleaning == "gensim" else clean(raw, text.lang or "und")
    return cleaned.strip() or raw


def vectors_of(encoder: Encoder, texts: Sequence[str], cache: Path | None) -> NDArray[np.float32]:
    if cache is not None and cache.exists():
        return np.asarray(np.load(cache), dtype=np.float32)
    unique = sorted(set(texts), key=len)
    place = {text: number for number, text in enumerate(unique)}
    vectors = encoder.encode(unique)[[place[text] for text in texts]]
    if cache is not None:
        cache.parent.mkdir(parents=True, exist_ok=True)
        np.save(cache, vectors)
    return np.asarray(vectors, dtype=np.float32)


def texts_of(corpus: Corpus) -> list[Text]:
    return [document.text for document in corpus.documents] or [t for pair in corpus.pairs for t in (pair.a, pair.b)]


def scores(corpus: Corpus, vectors: NDArray[np.float32]) -> dict[str, float]:
    if corpus.pairs:
        same = np.array([pair.same for pair in corpus.pairs], dtype=bool)
        cosines = np.einsum("ij,ij->i", vectors[0::2], vectors[1::2]).astype(np.float64)
        return {"pair_f1": metrics.best_f1_threshold(same, cosines).f1}
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    clusters = [str(document.cluster) for document in corpus.documents]
    named = np.array(clusters)
    a, b = np.triu_indices(len(vectors), k=1)
    every = (vectors @ vectors.T).astype(np.float64)
    apart = np.clip(1 - every, 0, 2)
    np.fill_diagonal(apart, 0.0)
    tree = linkage(squareform(apart, checks=False), "average")
    limits = np.quantile(tree[:, 2], np.linspace(0.5, 1.0, 60))
    found = [metrics.clustering_scores(clusters, fcluster(tree, limit, "distance").tolist()) for limit in limits]
    return {
        "pair_f1": metrics.best_f1_threshold(named[a] == named[b], every[a, b]).f1,
        "story_pair_f1": max(score.pairs.f1 for score in found),
        "b3_f1": max(score.bcubed.f1 for score in found),
    }


def table(rows: Sequence[dict[str, Any]]) -> str:
    head = ["sees", "cleaned", *(name for name in rows[0] if name not in ("view", "cleaning"))]
    lines = [head, ["---"] * len(head)]
    lines += [[str(value) for value in row.values()] for row in rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def main(arguments: Iterable[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--model", default="e5-small")
    parser.add_argument("--precision", default="int8")
    parser.add_argument("--cache", type=Path, help="folder in which vectors are kept between runs")
    parser.add_argument("--views", nargs="+", choices=list(VIEWS), default=list(VIEWS))
    args = parser.parse_args(None if arguments is None else list(arguments))
    encoder = Encoder(prepare(args.model, precision=args.precision))
    corpora = {name: load_corpus(args.data / f"{FILES[name]}.jsonl.gz") for name in ("ecb+", "nyan")}
    rows = []
    for kind in args.views:
        for cleaning in CLEANINGS:
            row: dict[str, Any] = {"view": kind, "cleaning": cleaning}
            for name, corpus in corpora.items():
                file = f"clean.{encoder.artifact.fingerprint[:12]}.{name}.{kind}.{cleaning}.npy"
                strings = [seen(text, VIEWS[kind], cleaning) for text in texts_of(corpus)]
                vectors = vectors_of(encoder, strings, args.cache / file if args.cache else None)
                found = scores(corpus, vectors)
                row |= {f"{name} {score}": round(value, 3) for score, value in found.items()}
            rows.append(row)
            print(row, flush=True)
    body = {"model": f"{args.model}-{args.precision}", "date": time.strftime("%Y-%m-%d"), "rows": rows}
    (RESULTS / "ablate_cleaning.json").write_text(json.dumps({"machine": describe(), **body}, indent=1) + "\n")
    said = f"`python benchmarks/ablate_cleaning.py`, {body['model']}, best threshold of each row."
    (RESULTS / "ablate_cleaning.md").write_text(f"# What the encoder sees\n\n{said}\n\n{table(rows)}\n")


if __name__ == "__main__":
    main()
