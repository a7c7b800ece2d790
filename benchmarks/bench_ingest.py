"""Feeds a minute: fetched, parsed and stored, beside lemon24/reader in the same run.

    python benchmarks/bench_ingest.py [--feeds 2000] [--rounds 2]

Invented feeds of 16 KB and 18 entries on loopback, a host for each. The two take turns, each with a new SQLite file and
a process of its own (`_feedruns.py`). Stored means the same for both: committed, with the validators of the feed, and
every entry with its title and text can be read back. Ours stores into the inbox that `dedup poll` sorts stories from;
how fast it is sorted, the model left out, is reported beside it.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from _feedsite import ENTRIES, address, document
from _machine import cpu_model, usable_cores, versions

HERE = Path(__file__).parent
RESULTS = HERE / "results"
NAMES = {"ours": "news-dedup", "reader": "lemon24/reader"}
WHEELS = ("news-dedup", "reader", "aiohttp", "feedparser", "sqlalchemy")


def run(what: str, list_: Path, folder: Path) -> dict[str, Any]:
    command = [sys.executable, str(HERE / "_feedruns.py"), what, str(list_), str(folder)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def measure(feeds: int, rounds: int) -> dict[str, Any]:
    site = subprocess.Popen(
        [sys.executable, str(HERE / "_feedsite.py")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in NAMES}
    sorting: dict[str, Any] = {}
    try:
        assert site.stdout is not None
        port = int(site.stdout.readline())
        for number in range(rounds):
            for name in NAMES:
                with tempfile.TemporaryDirectory(prefix=f"bench-{name}-") as text:
                    folder = Path(text)
                    list_ = folder / "list.txt"
                    list_.write_text("\n".join(address(n, port) for n in range(feeds)), encoding="utf-8")
                    result = run(name, list_, folder)
                    if (result["entries"], result["validators"]) != (feeds * ENTRIES, feeds):
                        raise RuntimeError(f"{name} did not store everything: {result}")
                    found[name].append(result)
                    first, again = result["seconds"]
                    print(
                        f"round {number + 1}: {NAMES[name]:15} {feeds / first * 60:7.0f} feeds/min stored, "
                        f"{feeds / again * 60:7.0f} asked again",
                        flush=True,
                    )
                    if name == "ours" and number == rounds - 1:
                        sorting = run("sort", list_, folder)
    finally:
        site.communicate()
    return {
        "feeds": feeds,
        "rounds": rounds,
        "bytes_per_feed": len(document(0, ENTRIES)),
        "entries_per_feed": ENTRIES,
        "readers": {name: summary(feeds, results) for name, results in found.items()},
        "sorting": sorting,
    }


def summary(feeds: int, results: list[dict[str, Any]]) -> dict[str, Any]:
    """Medians over the rounds."""
    passes = list(zip(*(result["seconds"] for result in results), strict=True))
    processor = list(zip(*(result["processor_seconds"] for result in results), strict=True))
    return {
        "stored_per_minute": feeds / statistics.median(passes[0]) * 60,
        "unchanged_per_minute": feeds / statistics.median(passes[1]) * 60,
        "processor_ms_per_feed": statistics.median(processor[0]) / feeds * 1000,
        "rounds": results,
    }


def draw(result: dict[str, Any], path: Path) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(9, 3.2))
    for axis, key, title in (
        (axes[0], "stored_per_minute", "new feeds a minute: fetched, parsed, stored"),
        (axes[1], "unchanged_per_minute", "asked again: unchanged (304)"),
    ):
        values = [result["readers"][name][key] for name in NAMES]
        bars = axis.barh(list(NAMES.values()), values, color=["#d1495b", "#8d99ae"])
        axis.bar_label(bars, labels=[f"{value:,.0f}" for value in values], padding=4)
        axis.set_xlim(0, max(values) * 1.2)
        axis.invert_yaxis()
        axis.set_title(title, loc="left", fontsize=10)
        axis.spines[["top", "right"]].set_visible(False)
    figure.suptitle(f"{result['feeds']:,} feeds of 16 KB, {result['machine']['cores']} cores", x=0.01, ha="left")
    figure.tight_layout()
    figure.savefig(path, dpi=150)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--feeds", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=2)
    options = parser.parse_args()
    result = measure(options.feeds, options.rounds)
    machine = {"cpu": cpu_model(), "cores": usable_cores(), "versions": versions(WHEELS)}
    result = {"machine": machine, "measured_at": time.strftime("%Y-%m-%d"), **result}
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "ingest.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    draw(result, RESULTS / "ingest.png")
    one, other = (result["readers"][name]["stored_per_minute"] for name in NAMES)
    sorting = result["sorting"]
    print(f"{one / other:.1f} times as many stored; {sorting['articles'] / sorting['seconds']:.0f} articles/s sorted")


if __name__ == "__main__":
    main()
