"""Whether fetching ten thousand feeds for twenty minutes takes more and more memory.

    python benchmarks/soak_ingest.py [--feeds 10000] [--minutes 20]

A process of its own visits feeds on loopback as `dedup poll` does: leases, fetches, parses in worker processes,
commits to the inbox, plans the next visit. Every second the resident memory of it and its workers is added up.
After the warm-up (a quarter of the time) it must stay within 5 % of its median: fifteen spans are looked at, each
by its own median, because a worker that is renewed, and a garbage collection, move single samples. Sorting into
stories is not part of it: what that keeps in memory is the index, which grows with the articles up to
`index.keep_hours`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from _feedsite import address
from _machine import cpu_model, usable_cores, versions

RESULTS = Path(__file__).parent / "results"
TOLERANCE = 0.05
WARM_UP_SHARE = 0.25
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
HERE = Path(__file__).parent


def opened(folder: Path, interval: float) -> tuple[Any, Any]:
    """The configuration, in which each feed is visited about once in `interval` seconds, and the open database."""
    from dedup.config import load_config
    from dedup.store import open_store

    config = load_config(
        overrides={
            "store": {"url": f"sqlite:///{folder / 'soak.sqlite3'}"},
            "fetch": {"allow_networks": ("127.0.0.0/8",)},
            "schedule": {
                "min_interval_seconds": interval / 2,
                "first_interval_seconds": interval,
                "max_interval_seconds": interval,
            },
        }
    )
    return config, open_store(config.store.url)


def add_feeds(folder: Path, feeds: int, port: int, interval: float) -> None:
    """As `dedup feeds import` does, in another process than the one that is measured."""
    from dedup.feeds import FeedBook

    config, store = opened(folder, interval)
    path = folder / "feeds.txt"
    path.write_text("\n".join(address(number, port) for number in range(feeds)), encoding="utf-8")
    FeedBook(store, config).import_list(path)
    store.close()


def visit_for(folder: Path, seconds: float, interval: float, visits: int) -> dict[str, int]:
    """Visit the feeds until the time is over or `visits` were made; totals."""
    from dedup.feeds import Collector, Leases

    config, store = opened(folder, interval)

    async def run() -> dict[str, int]:
        leases, tick = Leases(store, config.poll.lease_seconds), asyncio.Event()
        collector = Collector(store, config, leases)
        visiting = asyncio.create_task(collector.visit_due(tick))
        end = time.monotonic() + seconds
        while time.monotonic() < end and not visiting.done() and visited(collector.counts) < visits:
            await asyncio.sleep(1)
            tick.set()
            print(json.dumps(dict(collector.counts)), flush=True)
        collector.stop(tick)
        await visiting
        leases.release()
        return dict(collector.counts)

    return asyncio.run(run())


def visited(counts: Mapping[str, int]) -> int:
    return counts.get("fetched", 0) + counts.get("not_modified", 0) + counts.get("failed", 0)


def soak(feeds: int, seconds: float, *, interval: float, lifetime: float, visits: int = sys.maxsize) -> dict[str, Any]:
    """Run it in a process of its own, and add up the memory of its tree every second; ends early after `visits`."""
    site = subprocess.Popen(
        [sys.executable, str(HERE / "_feedsite.py"), "--lifetime", str(lifetime)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    samples: list[tuple[float, float, int]] = []
    counts: dict[str, int] = {}
    try:
        assert site.stdout is not None
        port = site.stdout.readline().strip()
        with tempfile.TemporaryDirectory(prefix="soak-") as folder:
            add_feeds(Path(folder), feeds, int(port), interval)
            numbers = [str(seconds), str(interval), str(visits)]
            command = [sys.executable, __file__, "--visit", folder, *numbers]
            visitor = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
            assert visitor.stdout is not None
            began = time.monotonic()
            for line in visitor.stdout:
                counts = json.loads(line)
                samples.append((time.monotonic() - began, tree_mib(visitor.pid), visited(counts)))
            if visitor.wait() != 0:
                raise RuntimeError(f"the visitor ended with status {visitor.returncode}")
    finally:
        site.communicate()
    return {"feeds": feeds, "seconds": seconds, "counts": counts, "samples": samples, **flatness(samples)}


def tree_mib(pid: int) -> float:
    """Resident memory of a process and all its descendants, in MiB (Linux: from /proc); 0 once it has ended."""
    total, waiting = 0, [str(pid)]
    while waiting:
        folder = Path("/proc") / waiting.pop()
        try:
            total += int((folder / "statm").read_text(encoding="ascii").split()[1]) * PAGE_BYTES
            for thread in (folder / "task").iterdir():
                waiting += (thread / "children").read_text(encoding="ascii").split()
        except OSError:  # it has just ended
            continue
    return total / 2**20


def flatness(samples: list[tuple[float, float, int]]) -> dict[str, Any]:
    """Medians of fifteen equal spans of time after the warm-up, and how far they lie from the median of all of them."""
    samples = [sample for sample in samples if sample[1] > 0][:-2]  # it ends: workers are gone
    begin = samples[-1][0] * WARM_UP_SHARE
    settled = [sample for sample in samples if sample[0] >= begin]
    width = (settled[-1][0] - begin) / 15
    spans = [
        [mib for at, mib, _ in settled if begin + number * width <= at < begin + (number + 1) * width]
        for number in range(15)
    ]
    medians = [statistics.median(span) for span in spans if span]
    middle = statistics.median(medians)
    furthest = max(abs(value - middle) / middle for value in medians)
    return {"median_mib": middle, "medians_mib": medians, "furthest_share": furthest, "flat": furthest <= TOLERANCE}


def draw(result: dict[str, Any], path: Path) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    minutes = [at / 60 for at, _, _ in result["samples"]]
    figure, axes = plt.subplots(figsize=(9, 4.5))
    middle = result["median_mib"]
    axes.axhspan(middle * (1 - TOLERANCE), middle * (1 + TOLERANCE), color="#e9ecef", label="± 5 % of the median")
    axes.axvline(minutes[-1] * WARM_UP_SHARE, color="#8d99ae", linestyle=":", linewidth=1)
    axes.plot(
        minutes, [mib for _, mib, _ in result["samples"]], color="#d1495b", linewidth=1.2, label="RSS of the tree"
    )
    axes.set_ylim(0)
    axes.set_xlabel("minutes (dotted: end of the warm-up)")
    axes.set_ylabel("MiB")
    visits = axes.twinx()
    visits.plot(minutes, [count / 1000 for _, _, count in result["samples"]], color="#8d99ae", linewidth=1)
    visits.set_ylabel("thousand visits (grey)")
    visits.set_ylim(0)
    axes.set_title(f"{result['feeds']:,} feeds, {result['seconds'] / 60:g} minutes: memory of fetching", loc="left")
    axes.legend(loc="lower right", frameon=False)
    figure.tight_layout()
    figure.savefig(path, dpi=150)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--feeds", type=int, default=10_000)
    parser.add_argument("--minutes", type=float, default=20.0)
    options = parser.parse_args()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 65536)), hard))
    result = soak(options.feeds, options.minutes * 60, interval=240.0, lifetime=600.0)
    machine = {
        "cpu": cpu_model(),
        "cores": usable_cores(),
        "versions": versions(("news-dedup", "aiohttp", "feedparser")),
    }
    RESULTS.mkdir(exist_ok=True)
    draw(result, RESULTS / "soak_ingest.png")
    # One sample in ten is enough to draw it again.
    document = {
        "machine": machine,
        "measured_at": time.strftime("%Y-%m-%d"),
        **result,
        "samples": result["samples"][::10],
    }
    (RESULTS / "soak_ingest.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    print(
        f"{result['feeds']} feeds, {result['samples'][-1][2]} visits, "
        f"{result['counts'].get('new', 0)} articles; {result['median_mib']:.0f} MiB, at most "
        f"{result['furthest_share']:.1%} from it after the warm-up: {'flat' if result['flat'] else 'NOT flat'}"
    )
    return 0 if result["flat"] else 1


if __name__ == "__main__":
    if sys.argv[1:2] == ["--visit"]:
        where, span, each, most = sys.argv[2:]
        visit_for(Path(where), float(span), float(each), int(most))
        sys.exit(0)
    sys.exit(main())
