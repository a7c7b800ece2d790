"""One run on all cores, or one run for each core; and how many tokens a batch should hold.

    python benchmarks/bench_streams.py [--models e5-small labse] [--engines onnxruntime openvino] [--texts 300]

Encodes the same tokenised leads with the int8 profile of either engine, every way in turn in each round, so that what
else the machine does meets all of them. Prints each as a ratio to one run on all cores with batches of 1,024 tokens;
writes `benchmarks/results/streams.json` and `.png`.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from _checkpoints import checkpoint
from _machine import describe
from _newstexts import make_workload
from _profiles import prepare_profile

from dedup_accelerate import ProviderUnavailable, choose_profile, default_cache, detect_hardware
from dedup_accelerate._encoder import Ids, Runner, plan_batches
from dedup_accelerate._engine import Engine, Vectors
from dedup_accelerate._streams import Batch

RESULTS = Path(__file__).parent / "results"
#: What the others are compared with, and what `Encoder` does with few texts.
DEFAULT = ("one run on all cores", 1024)


def ways(runner: Runner, ids: Ids) -> dict[str, Callable[[int], None]]:
    """Name → encode `ids` in batches of so many tokens."""

    def batches(budget: int) -> list[Batch]:
        return list(plan_batches([runner._width(len(one)) for one in ids], budget))

    def work(engine: Engine, batch: Batch) -> Vectors:
        return runner._run(engine, [ids[place] for place in batch])

    def in_turn(budget: int) -> None:
        for batch in batches(budget):
            work(runner._engine, batch)

    def side_by_side(budget: int) -> None:
        for _ in runner._streams.run(batches(budget), work):
            pass

    return {DEFAULT[0]: in_turn, "one run for each core": side_by_side}


def measured(model: str, engine: str, budgets: Sequence[int], texts: int, rounds: int, cache: Path) -> dict[str, Any]:
    """Texts per second of every way and budget: the median of all rounds, and the best."""
    source = checkpoint(model, cache)
    job = {"model": source.model, "cache": cache / model / "artifacts", "profile": "cpu-int8", "runtime": engine}
    artifact = prepare_profile({**job, "random_weights": source.random_weights}, lambda *_: None)
    contract = artifact.manifest.contract
    runner = Runner(artifact.graph, artifact.tokenizer, contract)
    ids = runner.tokens(make_workload("leads", texts, artifact.tokenizer, contract.prefix).texts)
    found: dict[tuple[str, int], list[float]] = {}
    tried = ways(runner, ids)
    for number in range(rounds + 1):
        for budget in budgets:
            for name, encode in tried.items():
                started = time.perf_counter()
                encode(budget)
                if number:  # the first round warms up
                    found.setdefault((name, budget), []).append(len(ids) / (time.perf_counter() - started))
    usual = median(found[DEFAULT])
    rows = []
    for (name, budget), speeds in found.items():
        row = {"way": name, "batch_tokens": budget, "texts_per_second": round(median(speeds), 1)}
        rows.append(row | {"best": round(max(speeds), 1), "ratio": round(median(speeds) / usual, 3)})
        speed, ratio = rows[-1]["texts_per_second"], rows[-1]["ratio"]
        print(f"{model:10} {engine:12} {name:22} {budget:5} tokens {speed:7} texts/s  {ratio}")
    head = {"model": source.title, "engine": engine, "texts": len(ids), "tokens": sum(map(len, ids))}
    return {**head, "rounds": rounds, "rows": rows}


def here(engine: str) -> bool:
    """Whether this machine runs int8 in that engine."""
    try:
        choose_profile(detect_hardware(), "cpu-int8", engine)
    except ProviderUnavailable as error:
        print(f"without {engine}: {error}")
        return False
    return True


def draw(models: Sequence[dict[str, Any]], path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, len(models), figsize=(5 * len(models), 3.6), squeeze=False)
    for axis, model in zip(axes[0], models, strict=True):
        for way in dict.fromkeys(row["way"] for row in model["rows"]):
            rows = [row for row in model["rows"] if row["way"] == way]
            axis.plot([str(row["batch_tokens"]) for row in rows], [row["ratio"] for row in rows], "o-", label=way)
        axis.set(
            title=f"{model['model']}, {model['engine']}",
            xlabel="tokens of a batch",
            ylabel="speed / speed of the default",
            ylim=(0, None),
        )
        axis.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=120)


def main(arguments: Iterable[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", default=["e5-small", "labse"])
    parser.add_argument("--engines", nargs="+", default=["onnxruntime", "openvino"])
    parser.add_argument("--budgets", nargs="+", type=int, default=[256, 512, 1024, 2048])
    parser.add_argument("--texts", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--cache", type=Path, default=default_cache().parent / "bench", help="as of bench_encode.py")
    parser.add_argument("--results", type=Path, default=RESULTS)
    args = parser.parse_args(None if arguments is None else list(arguments))
    if DEFAULT[1] not in args.budgets:
        parser.error(f"--budgets must hold {DEFAULT[1]}, to which the others are compared")
    engines = [engine for engine in args.engines if here(engine)]
    limits = (args.budgets, args.texts, args.rounds, args.cache)
    models = [measured(name, engine, *limits) for name in args.models for engine in engines]
    body = {"machine": describe(), "date": time.strftime("%Y-%m-%d"), "models": models}
    args.results.mkdir(parents=True, exist_ok=True)
    (args.results / "streams.json").write_text(json.dumps(body, indent=1) + "\n", encoding="utf-8")
    draw(models, args.results / "streams.png")


if __name__ == "__main__":
    main()
