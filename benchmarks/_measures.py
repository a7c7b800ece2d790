"""What is measured of encoders side by side: throughput, latency, likeness of the vectors, start-up, memory."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from _checkpoints import Shape
from _newstexts import Workload
from _workers import Launch, Worker, WorkerError, free_mb

REFERENCE = "st-torch"
Row = dict[str, Any]
Rows = dict[str, Row]
Tell = Callable[[str], None]


@dataclass(frozen=True)
class TextFiles:
    """The same texts twice: as ours get them, and with the prefix that a peer is expected to be given."""

    plain: Path
    prefixed: Path
    count: int

    @classmethod
    def write(cls, folder: Path, workload: Workload, prefix: str) -> TextFiles:
        found = cls(folder / f"{workload.name}.json", folder / f"{workload.name}-prefixed.json", len(workload.texts))
        found.plain.write_text(json.dumps(workload.texts), encoding="utf-8")
        found.prefixed.write_text(json.dumps([prefix + text for text in workload.texts]), encoding="utf-8")
        return found

    def of(self, worker: Worker) -> str:
        return str(self.plain if worker.engine.family == "ours" else self.prefixed)


def measure_bulk(
    workers: Sequence[Worker], texts: TextFiles, rounds: int, seconds: float, scratch: Path, tell: Tell
) -> tuple[Rows, dict[str, np.ndarray]]:
    """Throughput: every round all encoders in turn, each time another one first; 2 rounds, then while `seconds` last.

    docs_per_s is the median of the rounds, ratio the median of the ratios to REFERENCE within one round. The same per
    second of CPU, all threads together: docs_per_cpu_s and cpu_ratio, which other programs on the machine hardly touch.
    """
    rates: dict[str, list[float]] = {worker.engine.name: [] for worker in workers}
    cpu: dict[str, list[float]] = {worker.engine.name: [] for worker in workers}
    vectors = {}
    for worker in workers:  # kernels are chosen and buffers made by the shapes of the first texts
        worker.ask(do="bulk", texts=texts.of(worker), begin=0, end=max(4, texts.count // 8))
    end = time.monotonic() + seconds
    for number in range(rounds):
        begin = time.monotonic()
        shift = number % len(workers)
        for worker in [*workers[shift:], *workers[:shift]]:
            name = worker.engine.name
            file = scratch / f"{name}.npy"
            answer = worker.ask(
                do="bulk", texts=texts.of(worker), begin=0, end=texts.count, vectors=None if number else str(file)
            )
            rates[name].append(texts.count / sum(answer["seconds"]))
            cpu[name].append(texts.count / answer["cpu_seconds"])
            if not number:
                vectors[name] = np.load(file)
        tell(f"bulk, round {number + 1}: " + ", ".join(f"{name} {rate[-1]:.1f}" for name, rate in rates.items()))
        if number and time.monotonic() + (time.monotonic() - begin) > end:
            break
    rows: Rows = {}
    for name, found in rates.items():
        rows[name] = {
            "docs_per_s": rounded(statistics.median(found)),
            "docs_per_cpu_s": rounded(statistics.median(cpu[name])),
            "rounds": [rounded(rate) for rate in found],
        }
        if REFERENCE in rates:
            for key, values in (("ratio", rates), ("cpu_ratio", cpu)):
                pairs = zip(values[name], values[REFERENCE], strict=True)
                rows[name][key] = rounded(statistics.median(mine / reference for mine, reference in pairs))
    return rows, vectors


def measure_single(workers: Sequence[Worker], texts: TextFiles, rounds: int, each: int, tell: Tell) -> Rows:
    """Latency of one text at a time: `each` texts per encoder and round, all of them another part of the texts."""
    times: dict[str, list[float]] = {worker.engine.name: [] for worker in workers}
    for number in range(rounds):
        begin = (number * each) % max(1, texts.count - each + 1)
        for worker in workers:
            answer = worker.ask(do="single", texts=texts.of(worker), begin=begin, end=begin + each)
            times[worker.engine.name] += answer["seconds"]
        tell(f"one at a time, round {number + 1} of {rounds}")
    return {
        name: {
            "p50_ms": rounded(1000 * float(np.percentile(found, 50))),
            "p99_ms": rounded(1000 * float(np.percentile(found, 99))),
            "samples": len(found),
        }
        for name, found in times.items()
    }


def compare_vectors(vectors: Mapping[str, np.ndarray]) -> Rows:
    """Against REFERENCE on the same texts: cosine per text, and the largest change of the cosine of any two texts."""
    if REFERENCE not in vectors:
        return {}
    reference = unit(vectors[REFERENCE])
    upper = np.triu_indices(len(reference), 1)
    rows = {}
    for name, found in vectors.items():
        if found.shape != reference.shape:
            rows[name] = {"note": f"its vectors have {found.shape[1]} values instead of {reference.shape[1]}"}
            continue
        candidate = unit(found)
        cosines = np.einsum("ij,ij->i", reference, candidate)
        shifts = np.abs(reference @ reference.T - candidate @ candidate.T)[upper]
        rows[name] = {
            "mean_cosine": round(float(cosines.mean()), 6),
            "min_cosine": round(float(cosines.min()), 6),
            "max_pairwise_shift": round(float(shifts.max()), 6),
        }
    return rows


def gflop_per_text(workload: Workload, shape: Shape) -> dict[str, float]:
    """10⁹ operations of a text on average, padding not counted; see `Shape.flops`."""
    found = [shape.flops(tokens) for tokens in workload.tokens]
    weights, attention = (statistics.mean(part) for part in zip(*found, strict=True))
    return {"weights": rounded(weights / 1e9), "attention": rounded(attention / 1e9)}


def roofline(slices: Mapping[str, dict[str, Any]]) -> dict[str, float]:
    """The machine's peaks, the highest that any slice measured, and into each bulk row what it reaches of them.

    A peak is what the machine can do at best: a slice that was measured beside other programs must not lower it. Each
    slice also gets its ceiling: docs/s if products with weights ran at a precision's peak, and attention, which nobody
    computes in int8, at the best other peak.
    """
    peaks: dict[str, float] = {}
    for found in slices.values():
        for name, value in found["gemm_peak_gops"].items():
            peaks[name] = max(value, peaks.get(name, 0.0))
    best_float = max((value for name, value in peaks.items() if name != "int8"), default=0.0)
    for found in slices.values():
        if "gflop_per_text" not in found:
            continue
        work = found["gflop_per_text"]
        found["ceiling_docs_per_s"] = {
            name: rounded(1 / (work["weights"] / peak + work["attention"] / (best_float if name == "int8" else peak)))
            for name, peak in peaks.items()
        }
        for row in found["engines"].values():
            if "bulk" in row:
                gops = row["bulk"]["docs_per_s"] * (work["weights"] + work["attention"])
                row["bulk"]["gops"] = rounded(gops)
                row["bulk"]["share_of_peak"] = {name: round(gops / peak, 3) for name, peak in peaks.items()}
    return peaks


def measure_start(launches: Sequence[Launch], texts: TextFiles, runs: int, singles: int, tell: Tell) -> Rows:
    """Each encoder alone in a new process, files in the page cache.

    Seconds from the start of the process to the first embedding, on the clock and of CPU (medians of `runs`), and MiB
    resident after loading, after the first embedding, and while one stream of `singles` texts is served.
    """
    rows: Rows = {}
    for launch in launches:
        if free_mb() < 3072:
            rows[launch.engine.name] = {"note": "left out: less than 3 GB of memory were free"}
            continue
        seconds, cpu, row = [], [], {}
        try:
            for number in range(runs):
                worker = Worker(launch)
                seconds.append(worker.start_seconds)
                cpu.append(worker.first["first_cpu"])
                if number == runs - 1:
                    worker.ask(do="single", texts=texts.of(worker), begin=0, end=singles)
                    serving = worker.ask(do="memory")
                    row = {
                        "loaded_mb": worker.first["loaded"]["rss"],
                        "first_mb": worker.first["rss"],
                        "serving_mb": serving["rss"],
                        "serving_anonymous_mb": serving["anonymous"],
                        "peak_mb": serving["peak"],
                    }
                worker.close()
            starts = {"start_s": rounded(statistics.median(seconds)), "start_cpu_s": rounded(statistics.median(cpu))}
            rows[launch.engine.name] = starts | row
        except WorkerError as error:
            rows[launch.engine.name] = {"note": str(error)}
        tell(f"start-up of {launch.engine.name}: {rows[launch.engine.name]}")
    return rows


def unit(vectors: np.ndarray) -> np.ndarray:
    """Rows of length 1 in double precision."""
    vectors = vectors.astype(np.float64)
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)


def rounded(value: float) -> float:
    """Four significant digits."""
    return float(f"{value:.4g}")
