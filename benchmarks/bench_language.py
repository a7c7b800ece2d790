"""How often the language of a real news text is recognised: titles alone, and titles with the beginning of the text.

    make bench-language

Texts: NTREX (the same news in 12 languages), and two days of English and of Russian news. The languages they are in are
known from who translated or published them. Without ../shared/data there is nothing to measure.
"""

from __future__ import annotations

import gzip
import json
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from _machine import cpu_model, usable_cores

from dedup_ingest import detect_language

DATA = Path(__file__).resolve().parents[1] / ".." / "shared" / "data"
RESULTS = Path(__file__).parent / "results"
SETS = ("ntrex_dev", "tgnews_en", "tgnews_ru")
SHAPES = ("title", "title and text")


def rows(name: str) -> Iterator[tuple[str, str, str]]:
    """(language, title, text) of every article of a set."""
    with gzip.open(DATA / f"{name}.jsonl.gz", "rt", encoding="utf-8") as file:
        for row in map(json.loads, file):
            text = row["text"] or ""
            # NTREX has no titles: a first sentence is what a headline is like.
            yield row["lang"], row["title"] or text.split("\n")[0][:120], text


def measure() -> dict[str, Any]:
    """Per set and shape: texts, share recognised, CPU time of a text, and what the others were taken for."""
    detect_language("the first text loads the classifier")
    found: dict[str, Any] = {}
    for name in SETS:
        articles = list(rows(name))
        for shape in SHAPES:
            texts = [(lang, title if shape == "title" else f"{title}\n{text}") for lang, title, text in articles]
            started = time.process_time()
            guesses = [(lang, detect_language(text)) for lang, text in texts]
            seconds = time.process_time() - started
            wrong: dict[str, Counter[str]] = defaultdict(Counter)
            for lang, guess in guesses:
                if guess != lang:
                    wrong[lang][guess] += 1
            found[f"{name}, {shape}"] = {
                "texts": len(texts),
                "accuracy": round(1 - sum(count.total() for count in wrong.values()) / len(texts), 4),
                "cpu_microseconds_per_text": round(1e6 * seconds / len(texts)),
                "wrong": {lang: dict(count.most_common(4)) for lang, count in sorted(wrong.items())},
            }
    return {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "cpu": cpu_model(),
        "cores": usable_cores(),
        "sets": found,
    }


def main() -> int:
    if not DATA.is_dir():
        sys.stderr.write(f"the labelled news are not at {DATA}\n")
        return 2
    results = measure()
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "language.json").write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    for name, row in results["sets"].items():
        sys.stdout.write(
            f"{name:28} {row['texts']:6} texts  {100 * row['accuracy']:6.2f} %  "
            f"{row['cpu_microseconds_per_text']:5} µs  {row['wrong']}\n"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
