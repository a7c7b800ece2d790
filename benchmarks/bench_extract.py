"""Texts of saved news pages against the text that was expected: ours, trafilatura alone, readability and newspaper4k.

    make bench-extract
    python benchmarks/bench_extract.py --rounds 5

Every page goes through every extractor in turn, round after round; a page's time is the best of its rounds. F1 is the
mean over pages of the F1 of words (and of runs of four words). Pages for which only snippets are known count for what
must be in the text and what must not. The pages are not part of the repository: without ../shared/data there is nothing
to measure.
"""

from __future__ import annotations

import argparse
import json
import logging
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from _machine import cpu_model, usable_cores
from _scores import f1, precision_recall

PAGES = Path(__file__).resolve().parents[1] / ".." / "shared" / "data" / "pages"
RESULTS = Path(__file__).parent / "results"

Extract = Callable[[bytes, str], str]


def ours() -> Extract:
    from dedup_ingest._page import parse_page

    return lambda body, url: parse_page(body, url=url, content_type=None, max_text_characters=1_000_000).text


def trafilatura_alone() -> Extract:
    import trafilatura

    logging.getLogger("trafilatura").setLevel(logging.CRITICAL)
    return lambda body, url: trafilatura.extract(body, url=url, favor_precision=True, include_comments=False) or ""


def readability() -> Extract:
    from lxml.html import fromstring
    from readability import Document

    logging.getLogger("readability").setLevel(logging.CRITICAL)

    def extract(body: bytes, _: str) -> str:
        # Given bytes it guesses the encoding from the first tags, and is wrong about half of the pages outside English.
        summary = Document(body.decode("utf-8", "replace")).summary(html_partial=True)
        return "\n".join(fromstring(summary).itertext())

    return extract


def newspaper() -> Extract:
    from newspaper import Article

    def extract(body: bytes, url: str) -> str:
        article = Article(url, fetch_images=False)
        article.download(input_html=body.decode("utf-8", "replace"))
        article.parse()
        return str(article.text)

    return extract


EXTRACTORS: Mapping[str, tuple[str, Callable[[], Extract]]] = {
    "news-dedup": ("news-dedup", ours),
    "trafilatura": ("trafilatura", trafilatura_alone),
    "readability-lxml": ("readability-lxml", readability),
    "newspaper4k": ("newspaper4k", newspaper),
}


def measure(rounds: int) -> dict[str, Any]:
    """Every extractor over every page; see the module's docstring."""
    rows = json.loads((PAGES / "manifest.json").read_text(encoding="utf-8"))
    bodies = {row["file"]: (PAGES / row["file"]).read_bytes() for row in rows}
    extractors = {name: make() for name, (_, make) in EXTRACTORS.items()}
    texts: dict[tuple[str, str], str] = {}
    best: dict[tuple[str, str], float] = {}
    for number in range(rounds + 1):  # the first round loads what is loaded late, and counts for no time
        for row in rows:
            for name, extract in extractors.items():
                place = name, row["file"]
                started = time.perf_counter()
                try:
                    texts[place] = extract(bodies[row["file"]], row.get("url") or "https://page.example/")
                except Exception as error:
                    texts[place] = ""
                    sys.stderr.write(f"{name}: {row['file']}: {error}\n")
                seconds = time.perf_counter() - started
                if number:
                    best[place] = min(best.get(place, seconds), seconds)
        sys.stderr.write(f"round {number} of {rounds}\n")
    exact = [row for row in rows if row.get("expected")]
    expected = {row["file"]: (PAGES / row["expected"]).read_text(encoding="utf-8") for row in exact}
    return {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "cpu": cpu_model(),
        "cores": usable_cores(),
        "pages_with_exact_text": len(exact),
        "pages_with_snippets": len(rows) - len(exact),
        "rounds": rounds,
        "extractors": {
            name: {
                "version": version(wheel),
                **_scored({page: texts[name, page] for page in expected}, expected),
                **_snippets({row["file"]: texts[name, row["file"]] for row in rows}, rows),
                "median_ms_per_page": round(1000 * statistics.median(best[name, row["file"]] for row in rows), 1),
                "mean_ms_per_page": round(1000 * statistics.fmean(best[name, row["file"]] for row in rows), 1),
            }
            for name, (wheel, _) in EXTRACTORS.items()
        },
    }


def _scored(texts: Mapping[str, str], expected: Mapping[str, str]) -> dict[str, Any]:
    words = {page: precision_recall(text, expected[page]) for page, text in texts.items()}
    runs = [precision_recall(text, expected[page], 4) for page, text in texts.items()]
    return {
        "f1": round(statistics.fmean(f1(*pair) for pair in words.values()), 4),
        "precision": round(statistics.fmean(precision for precision, _ in words.values()), 4),
        "recall": round(statistics.fmean(recall for _, recall in words.values()), 4),
        "f1_of_4_word_runs": round(statistics.fmean(f1(*pair) for pair in runs), 4),
        "f1_by_page": {page: round(f1(*pair), 4) for page, pair in words.items()},
    }


def _snippets(texts: Mapping[str, str], rows: list[dict[str, Any]]) -> dict[str, str]:
    known = [row for row in rows if not row.get("expected")]
    flat = {page: " ".join(text.split()) for page, text in texts.items()}
    wanted = [" ".join(words.split()) in flat[row["file"]] for row in known for words in row["with_"]]
    other = [" ".join(words.split()) in flat[row["file"]] for row in known for words in row["without"]]
    return {"snippets_kept": f"{sum(wanted)} of {len(wanted)}", "boilerplate_kept": f"{sum(other)} of {len(other)}"}


def draw(results: Mapping[str, Any], path: Path) -> None:
    """F1 by extractor, each page a dot, and the time of a page."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    names = list(results["extractors"])
    colours = ["#d1495b" if name == "news-dedup" else "#8d99ae" for name in names]
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.6), layout="constrained")
    for place, name in enumerate(names):
        found = results["extractors"][name]
        left.barh(place, found["f1"], color=colours[place], height=0.6)
        by_page = list(found["f1_by_page"].values())
        left.plot(by_page, [place] * len(by_page), "|", color="#2b2d42", markersize=9, alpha=0.5)
        left.text(0.02, place, f"{found['f1']:.3f}", va="center", color="white", fontweight="bold")
        right.barh(place, found["median_ms_per_page"], color=colours[place], height=0.6)
        right.text(found["median_ms_per_page"], place, f" {found['median_ms_per_page']:.0f}", va="center")
    left.set(xlim=(0, 1), title=f"F1 of words, {results['pages_with_exact_text']} news pages (each page a mark)")
    right.set(title="Milliseconds per page, median, one thread")
    right.margins(x=0.15)
    for axes in (left, right):
        axes.set_yticks(range(len(names)), names)
        axes.invert_yaxis()
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=150)
    plt.close(figure)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    if not PAGES.is_dir():
        sys.stderr.write(f"the pages are not at {PAGES}\n")
        return 2
    results = measure(options.rounds)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "extract.json").write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    draw(results, RESULTS / "extract.png")
    for name, found in results["extractors"].items():
        sys.stdout.write(
            f"{name:18} F1 {found['f1']:.4f}  of 4-word runs {found['f1_of_4_word_runs']:.4f}  "
            f"median {found['median_ms_per_page']:6.1f} ms  snippets {found['snippets_kept']}, "
            f"boilerplate {found['boilerplate_kept']}\n"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
