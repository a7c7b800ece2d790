"""Sentence encoders side by side: same checkpoint, same texts, one run, rounds that alternate between all of them.

    make bench-encode                                             # everything: an hour on two cores
    python benchmarks/bench_encode.py --model e5-small --workload leads
    python benchmarks/bench_encode.py --quick                     # a smoke run over a tiny checkpoint, seconds
    python benchmarks/bench_encode.py --report                    # table and chart of what was measured

Each slice (a model and a workload) measures every encoder in turn, round after round, and is written into
results/encode.json at once; slices of other runs stay there, each with its own time and peaks of the machine. Every
encoder has a process of its own, so that its memory and start-up are its own, and only one of them works at a time.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from _checkpoints import Checkpoint, checkpoint
from _encodereport import draw, table
from _engines import EXPORTS, Engine, rivals
from _machine import cpu_model, describe, gemm_peaks
from _measures import (
    REFERENCE,
    Rows,
    TextFiles,
    compare_vectors,
    gflop_per_text,
    measure_bulk,
    measure_single,
    measure_start,
    roofline,
)
from _newstexts import WORKLOADS, make_workload
from _profiles import ours
from _workers import Launch, WorkerError, build, started

RESULTS = Path(__file__).parent / "results"
INFINITY = Path(sys.prefix) / "infinity" / "bin" / "python"
#: Texts of one round: enough that sorting by length can do its work, few enough that a slice ends within minutes.
COUNTS = {
    "e5-small": {"titles": 256, "leads": 192, "bodies": 64},
    "labse": {"titles": 128, "leads": 64, "bodies": 24},
    "tiny": {"titles": 16, "leads": 16, "bodies": 8},
}
SINGLES = {"e5-small": 24, "labse": 10, "tiny": 4}


def tell(text: str) -> None:
    """Progress, away from the table on standard output."""
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {text}\n")


def figures_of(built: Mapping[str, Any]) -> dict[str, Any]:
    """A build without the place where it lies, which is of no interest to anybody else."""
    return {key: value for key, value in built.items() if key != "path"}


class Bench:
    """One model with everything that runs it."""

    def __init__(self, model: Checkpoint, cache: Path, only: Iterable[str], rebuild: bool) -> None:
        self.model = model
        self.home = cache / model.name
        self.exports = self.home / "exports"
        self.notes: dict[str, str] = {}
        self.builds: dict[str, Any] = {}
        self.options: dict[str, Mapping[str, Any]] = {}
        wanted = tuple(only)
        self.engines = [e for e in (*rivals(), *ours()) if not wanted or e.name in wanted]
        if any(map(self._exported, self.engines)):
            self._export(rebuild)
        for engine in self.engines:
            if engine.family == "ours":
                self._prepare(engine, rebuild)

    def launches(self, first: str) -> list[Launch]:
        """How each encoder is started: the reference first, then ours. One whose build failed is left to the notes."""
        found = []
        for engine in sorted(self.engines, key=lambda e: (e.name != REFERENCE, e.family != "ours")):
            if engine.name in self.notes:
                continue
            python = INFINITY if engine.environment == "infinity" else Path(sys.executable)
            options = {
                "pooling": "mean" if self.model.name == "e5-small" else "cls",
                "hidden": self.model.shape.hidden,
                **self.options.get(engine.name, {}),
            }
            text = first if engine.family == "ours" else self.model.prefix + first
            found.append(Launch(engine, python, self._folder(engine), options, text))
        return found

    def _exported(self, engine: Engine) -> bool:
        return self._folder(engine) != self.model.folder

    def _folder(self, engine: Engine) -> Path:
        if engine.loader in ("st-onnx", "fastembed"):
            return self.exports
        if engine.name == "infinity-optimum":
            return self.home / "one-graph"
        return self.model.folder

    def _export(self, rebuild: bool) -> None:
        """The exports of sentence-transformers, one by one; fastembed and Infinity read the fp32 one too."""
        if rebuild:
            shutil.rmtree(self.exports, ignore_errors=True)
        names = [engine.name for engine in self.engines]
        for name, (variant, file) in EXPORTS.items():
            if name not in names and variant != "fp32":
                continue
            readers = [e.name for e in self.engines if e.name == name or (variant == "fp32" and self._exported(e))]
            if (self.exports / "onnx" / file).is_file():
                continue
            try:
                self._export_one(variant)
            except WorkerError as error:
                self.notes |= dict.fromkeys(readers, f"no export: {error}")
                (self.exports / "onnx" / file).unlink(missing_ok=True)
                if variant == "fp32":
                    shutil.rmtree(self.exports, ignore_errors=True)
                    return
        # Infinity takes quantised files first, and only at the top of a folder; this one holds the fp32 graph there.
        alone = self.home / "one-graph"
        if alone.is_dir() and not rebuild:
            return
        shutil.rmtree(alone, ignore_errors=True)
        alone.mkdir()
        for path in (*self.exports.iterdir(), self.exports / "onnx" / "model.onnx"):
            if path.name != "onnx":
                (alone / path.name).symlink_to(path)

    def _export_one(self, variant: str) -> None:
        if self.model.name == "labse" and variant.startswith("O"):
            raise WorkerError("it takes 13 GB with this model")
        tell(f"exporting {self.model.name} through torch: {variant}")
        job = {"what": "export", "folder": str(self.model.folder), "target": str(self.exports), "variant": variant}
        self.builds[f"sentence-transformers, {variant}"] = figures_of(build(job))

    def _prepare(self, engine: Engine, rebuild: bool) -> None:
        job = {
            "what": "ours",
            "model": self.model.model,
            "cache": str(self.home / "artifacts"),
            **engine.options,
            "random_weights": self.model.random_weights,
            "rebuild": rebuild,
        }
        tell(f"preparing {self.model.name} for {engine.name}")
        try:
            found = build(job)
        except WorkerError as error:
            self.notes[engine.name] = str(error)
            return
        if len(found["stages"]) > 1:  # one that was not in the cache
            self.builds[engine.name] = figures_of(found)
        self.options[engine.name] = {"artifact": found["path"]}


def run_texts(bench: Bench, name: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """One workload: bulk and one at a time."""
    model = bench.model
    count = arguments.texts or COUNTS[model.name][name]
    workload = make_workload(name, count, model.folder / "tokenizer.json", model.prefix)
    each = min(arguments.singles or SINGLES[model.name], count)
    bulk: Rows = {}
    single: Rows = {}
    likeness: Rows = {}
    failed: dict[str, str] = {}
    waiting = bench.launches(workload.texts[0])
    least_free_mb = 1024 + 2 * (model.folder / "model.safetensors").stat().st_size / 2**20
    with tempfile.TemporaryDirectory() as scratch:
        texts = TextFiles.write(Path(scratch), workload, model.prefix)
        while len(waiting) > (1 if bulk else 0):  # nothing but the reference is left
            with started(waiting, least_free_mb) as (workers, failed_now, no_room):
                failed |= failed_now
                tell(f"{model.name}, {name}: {', '.join(worker.engine.name for worker in workers)}")
                if not workers:
                    break
                rows, vectors = measure_bulk(workers, texts, arguments.rounds, arguments.seconds, Path(scratch), tell)
                bulk = rows | bulk
                single = measure_single(workers, texts, arguments.rounds, each, tell) | single
                likeness = compare_vectors(vectors) | likeness
            # What found no room in memory runs after the others, beside the reference again.
            reference = [launch for launch in waiting if launch.engine.name == REFERENCE]
            stuck = len(workers) <= len(reference)
            failed |= {launch.engine.name: "left out: too little memory" for launch in no_room if stuck}
            waiting = [] if stuck else reference + no_room
    table_rows: Rows = {}
    for engine in bench.engines:
        note = bench.notes.get(engine.name) or failed.get(engine.name)
        row = {"title": engine.title, "family": engine.family}
        if engine.name in bulk:
            row |= {"bulk": bulk[engine.name], "single": single[engine.name]} | likeness.get(engine.name, {})
            if row.get("mean_cosine", 1.0) < 0.95 and not note:
                note = f"WRONG VECTORS, mean cosine {row['mean_cosine']:.3f}"
                note += ": LaBSE's Dense layer is dropped" if model.shape.dense and engine.family != "ours" else ""
        table_rows[engine.name] = row | ({"note": note} if note else {})
    tokens = sorted(workload.tokens)
    return {
        "texts": count,
        "source": workload.source,
        "tokens": {"mean": round(sum(tokens) / count, 1), "min": tokens[0], "max": tokens[-1]},
        "reference": REFERENCE,
        "gflop_per_text": gflop_per_text(workload, model.shape),
        "engines": table_rows,
    }


def run_startup(bench: Bench, arguments: argparse.Namespace) -> dict[str, Any]:
    """Start to first embedding, and memory; every encoder alone."""
    model = bench.model
    workload = make_workload("leads", 32, model.folder / "tokenizer.json", model.prefix)
    with tempfile.TemporaryDirectory() as scratch:
        texts = TextFiles.write(Path(scratch), workload, model.prefix)
        rows = measure_start(bench.launches(workload.texts[0]), texts, min(3, arguments.rounds), 32, tell)
    for engine in bench.engines:
        rows[engine.name] = {"title": engine.title, "family": engine.family} | rows.get(
            engine.name, {"note": bench.notes.get(engine.name, "")}
        )
    return {"engines": rows}


def read(file: Path) -> dict[str, Any]:
    """The results so far."""
    return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {"slices": {}}


def main(argv: list[str] | None = None) -> int:
    """Measure the slices that were asked for, write the results, print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", action="append", choices=sorted(COUNTS), help="may be repeated")
    parser.add_argument("--workload", action="append", choices=(*WORKLOADS, "startup", "build"), help="may be repeated")
    parser.add_argument(
        "--only", action="append", default=[], help="one encoder by its key in the JSON; may be repeated"
    )
    parser.add_argument("--texts", type=int, default=0, help="texts of a round, instead of the workload's own number")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--singles", type=int, default=0, help="texts one at a time per round, instead of the model's number"
    )
    parser.add_argument("--seconds", type=float, default=150.0, help="of the bulk rounds of a slice, two at least")
    parser.add_argument("--cache", type=Path, help="folder of checkpoints, exports and artifacts (12 GB with LaBSE)")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--quick", action="store_true", help="a tiny checkpoint, torch and ours, two rounds")
    parser.add_argument("--report", action="store_true", help="measure nothing")
    arguments = parser.parse_args(argv)
    if arguments.quick:
        arguments.model, arguments.rounds, arguments.seconds = ["tiny"], 2, 5.0
        arguments.only = arguments.only or [REFERENCE, *(engine.name for engine in ours())]
        arguments.workload = arguments.workload or ["leads", "startup", "build"]
    from dedup_accelerate import default_cache

    cache = (arguments.cache or default_cache().parent / "bench").resolve()
    file = arguments.results / ("encode-quick.json" if arguments.quick else "encode.json")
    results = read(file)
    if results.get("machine", {}).get("cpu", cpu_model()) != cpu_model() and not arguments.report:
        parser.error(f"{file} was measured on another machine ({results['machine']['cpu']}): name another --results")
    for name in () if arguments.report else arguments.model or ("e5-small", "labse"):
        workloads = arguments.workload or (*WORKLOADS, "startup", "build")
        bench = Bench(checkpoint(name, cache), cache, arguments.only, rebuild="build" in workloads)
        for workload in workloads:
            tell(f"{name}, {workload}: measuring the peaks of the machine")
            load = os.getloadavg()[0]
            peaks = gemm_peaks(seconds=0.5 if arguments.quick else 2.0)
            if workload == "build":
                found: dict[str, Any] = {"engines": {}}
            elif workload == "startup":
                found = run_startup(bench, arguments)
            else:
                found = run_texts(bench, workload, arguments)
            at = datetime.now(UTC).isoformat(timespec="minutes")
            head = {"model": bench.model.title, "measured_at": at, "load_before": round(load, 2)}
            head |= {"gemm_peak_gops": dict(peaks)}
            found = head | found
            results = read(file)  # another run may have written a slice of its own meanwhile
            if workload != "build":
                results["slices"][f"{name}/{workload}"] = found
            if bench.builds:  # also those that another workload needed first
                builds = results["slices"].setdefault(f"{name}/build", head | {"engines": {}})
                builds["engines"] |= bench.builds
            results["machine"] = describe(roofline(results["slices"]))
            for path in INFINITY.parents[1].glob("lib/python*/site-packages/infinity_emb-*.dist-info"):
                results["machine"]["versions"]["infinity-emb"] = path.name.split("-")[1].removesuffix(".dist")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    sys.stdout.write(table(results))
    draw(results, file.with_suffix(".png"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
