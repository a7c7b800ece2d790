"""One run on all cores, or one run for each core; and how many tokens a batch should hold.

    python benchmarks/bench_streams.py [--models e5-small labse] [--budgets 256 512 1024 2048] [--texts 300]

Encodes the same tokenised leads with the default int8 profile of onnxruntime, every way in turn in each round, so that
what else the machine does meets all of them. Prints each as a ratio to what `Encoder` does; writes
`benchmarks/results/streams.json` and `.png`.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from typing import Any

from _checkpoints import checkpoint
from _machine import describe, usable_cores
from _newstexts import make_workload

from dedup_accelerate import default_cache, prepare
from dedup_accelerate._encoder import Ids, Runner, plan_batches

RESULTS = Path(__file__).parent / "results"
#: What `Encoder` does: one run at a time on all cores, batches of 1,024 tokens.
DEFAULT = ("one run on all cores", 1024)


def ways(graph: Callable[[int], Runner], ids: Ids) -> dict[str, Callable[[int], None]]:
    """Name → encode `ids` in batches of so many tokens."""
    cores = usable_cores()
    whole, streams = graph(cores), [graph(1) for _ in range(cores)]

    def batches(budget: int) -> list[Ids]:
        return [[ids[place] for place in batch] for batch in plan_batches([len(one) for one in ids], budget)]

    def in_turn(budget: int) -> None:
        for batch in batches(budget):
            whole.run(batch)

    def side_by_side(budget: int) -> None:
        # Dealt longest first by turns, which gives every stream about as much.
        dealt = [batches(budget)[core::cores] for core in range(cores)]
        with ThreadPoolExecutor(cores) as pool:
            list(pool.map(lambda own: [own[0].run(batch) for batch in own[1]], zip(streams, dealt, strict=True)))

    return {DEFAULT[0]: in_turn, "one run for each core": side_by_side}


def measured(model: str, budgets: Sequence[int], texts: int, rounds: int, cache: Path) -> dict[str, Any]:
    """Texts per second of every way and budget: the median of all rounds, and the best."""
    source = checkpoint(model, cache)
    artifact = prepare(source.model, profile="cpu-int8", cache=cache / model / "artifacts")
    contract = artifact.manifest.contract

    def graph(threads: int) -> Runner:
        return Runner(artifact.graph, artifact.tokenizer, contract, threads=threads, batch_tokens=1 << 30)

    ids = graph(1).tokens(make_workload("leads", texts, artifact.tokenizer, contract.prefix).texts)
    found: dict[tuple[str, int], list[float]] = {}
    tried = ways(graph, ids)
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
        print(f"{model:10} {name:22} {budget:5} tokens {rows[-1]['texts_per_second']:7} texts/s  {rows[-1]['ratio']}")
    return {"model": source.title, "texts": len(ids), "tokens": sum(map(len, ids)), "rounds": rounds, "rows": rows}


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
            title=model["model"], xlabel="tokens of a batch", ylabel="speed / speed of the default", ylim=(0, None)
        )
        axis.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=120)


def main(arguments: Iterable[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", default=["e5-small", "labse"])
    parser.add_argument("--budgets", nargs="+", type=int, default=[256, 512, 1024, 2048])
    parser.add_argument("--texts", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--cache", type=Path, default=default_cache().parent / "bench", help="as of bench_encode.py")
    parser.add_argument("--results", type=Path, default=RESULTS)
    args = parser.parse_args(None if arguments is None else list(arguments))
    if DEFAULT[1] not in args.budgets:
        parser.error(f"--budgets must hold {DEFAULT[1]}, to which the others are compared")
    models = [measured(name, args.budgets, args.texts, args.rounds, args.cache) for name in args.models]
    body = {"machine": describe(), "date": time.strftime("%Y-%m-%d"), "models": models}
    args.results.mkdir(parents=True, exist_ok=True)
    (args.results / "streams.json").write_text(json.dumps(body, indent=1) + "\n", encoding="utf-8")
    draw(models, args.results / "streams.png")


if __name__ == "__main__":
    main()
