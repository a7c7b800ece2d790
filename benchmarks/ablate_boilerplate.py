"""What leaving out an outlet's standing sentences changes: two days of real news, streamed with and without it.

    python benchmarks/ablate_boilerplate.py [--model e5-small] [--profile cpu-int8] [--limit N]

Nobody has labelled these news. Two things tell good joins from bad ones all the same: an outlet rarely tells one event
twice, and of one event the headlines are alike, which no sentence below them changes. So of the pairs that are joined
only with it, and only without it, this tells how many are of one outlet, and the mean cosine of their two headlines.
Writes `benchmarks/results/ablate_boilerplate.json` and `.md`.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from _labelled import DATA
from _machine import describe
from sqlalchemy import select

from dedup.config import Config, load_config
from dedup.model import LazyEncoder, prepare_model
from dedup.parity import read_documents
from dedup.replay import Remembering, temporary_service
from dedup.store import ArticleRow, MatchRow
from dedup.verdict import Verdict
from dedup_accelerate import Artifact
from dedup_ingest import Article

RESULTS = Path(__file__).parent / "results"
FILES = ("tgnews_en", "tgnews_ru")
OFF = {"recent_articles": 0}

Pairs = frozenset[tuple[str, str]]


def stream(
    articles: Sequence[Article], config: Config, artifact: Artifact, encoder: Remembering
) -> tuple[Pairs, dict[str, str]]:
    """The pairs that a service joins, as keys in order, and what it compared of each text."""
    with temporary_service(config, artifact, encoder, progress=lambda *_: None) as service:
        service.add(articles)
        with service.store.reading() as session:
            rows = session.scalars(select(ArticleRow)).all()
            keys = {row.id: row.key for row in rows}
            found = session.execute(select(MatchRow.article_id, MatchRow.other_id, MatchRow.verdict))
            joined = {tuple(sorted((keys[a], keys[b]))) for a, b, verdict in found if Verdict(verdict).joins}
            return frozenset((a, b) for a, b in joined), {row.key: row.news for row in rows}


def row_of(name: str, config: Config, artifact: Artifact, encoder: Remembering, limit: int | None) -> dict[str, Any]:
    """The figures of one file."""
    articles = read_documents([DATA / f"{name}.jsonl.gz"], config, limit=limit).articles
    verdict = config.verdict.model_copy(update={"stored_matches": len(articles)})
    whole = config.model_copy(update={"verdict": verdict, "boilerplate": config.boilerplate.model_copy(update=OFF)})
    without, _ = stream(articles, whole, artifact, encoder)
    with_it, news = stream(articles, config.model_copy(update={"verdict": verdict}), artifact, encoder)
    by_key = {article.key: article for article in articles}
    titles = [article.title for article in articles]
    place = {article.key: number for number, article in enumerate(articles)}
    vectors = encoder.encode(titles)

    def told(pairs: Pairs) -> dict[str, Any]:
        cosines = [float(vectors[place[a]] @ vectors[place[b]]) for a, b in pairs]
        own = sum(by_key[a].source == by_key[b].source for a, b in pairs)
        return {"pairs": len(pairs), "one_outlet": own, "title_cosine": round(float(np.mean(cosines or [0.0])), 3)}

    return {
        "file": name,
        "articles": len(articles),
        "with_standing_sentences": sum(news[one.key] != one.text for one in articles),
        "joined_either_way": told(with_it & without),
        "only_without_it": told(without - with_it),
        "only_with_it": told(with_it - without),
    }


def table(rows: Sequence[dict[str, Any]]) -> str:
    lines = [
        "| file | articles | hold standing sentences | joined | pairs | of one outlet | mean cosine of headlines |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        for name in ("joined_either_way", "only_without_it", "only_with_it"):
            cells = [row["file"], row["articles"], row["with_standing_sentences"], name.replace("_", " ")]
            lines.append("| " + " | ".join(map(str, [*cells, *row[name].values()])) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", default="e5-small")
    parser.add_argument("--profile", default="cpu-int8")
    parser.add_argument("--limit", type=int, help="only the first articles of each file; writes nothing")
    args = parser.parse_args()
    model = {"name": args.model, "profile": args.profile}
    config = load_config(overrides={"model": model, "verdict": {"use_calibration": False}})
    artifact = prepare_model(config)
    encoder = Remembering(LazyEncoder(artifact, config))
    rows = [row_of(name, config, artifact, encoder, args.limit) for name in FILES]
    print(table(rows))
    if args.limit:
        return
    body = {"machine": describe(), "model": f"{args.model}-{args.profile}", "date": time.strftime("%Y-%m-%d")}
    (RESULTS / "ablate_boilerplate.json").write_text(json.dumps({**body, "rows": rows}, indent=1) + "\n")
    said = f"`python benchmarks/ablate_boilerplate.py`, {body['model']}; see its head for how to read it."
    (RESULTS / "ablate_boilerplate.md").write_text(f"# Standing sentences left out\n\n{said}\n\n{table(rows)}\n")


if __name__ == "__main__":
    main()
