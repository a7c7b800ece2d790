"""The encoder on the card: the CPU's vectors, whatever the shapes, and a report of its latency.

GPU_CHECK_MODEL chooses the model (e5-small, which needs no hub). The reports are
benchmarks/results/gpu_<model>_<precision>.json.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from dedup_accelerate import Encoder, ProviderUnavailable, installed_gpu_wheels, measure_parity, parity_texts, prepare
from dedup_accelerate._cuda import bucket_for, open_cuda
from dedup_accelerate._encoder import pad

ROOT = Path(__file__).parents[2]
MODEL = os.environ.get("GPU_CHECK_MODEL", "e5-small")


@pytest.fixture(scope="module")
def original():
    """The encoder that the card is compared with: fp32 on the CPU."""
    return Encoder(prepare(MODEL, profile="cpu-fp32"))


@pytest.fixture(scope="module", params=["cuda-fp32", "cuda-fp16"])
def artifact(request):
    try:
        return prepare(MODEL, profile=request.param)
    except ProviderUnavailable as error:  # fp16 on a Pascal card, say
        if request.param == "cuda-fp32":
            raise
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def card(artifact):
    return Encoder(artifact, provider="cuda", batch_tokens=16384)


def test_the_encoder_runs_on_the_card_and_nowhere_else(card):
    assert card.provider == "CUDAExecutionProvider"


def test_the_card_gives_the_vectors_of_the_cpu(original, artifact, card):
    texts = [*parity_texts(), *("the bank kept its rate " * count for count in range(0, 60, 7))]
    parity = measure_parity(original.encode(texts), card.encode(texts))
    half = artifact.manifest.contract.precision == "fp16"
    assert parity.min_cosine > (0.999 if half else 0.9999)
    assert parity.max_pairwise_shift < (0.01 if half else 0.002)


def test_shapes_that_come_again_are_played_from_their_own_recordings(original, artifact):
    bound = open_cuda(artifact.graph, 0)
    rng = np.random.default_rng(1)
    shapes = [(1, 9), (3, 40), (1, 120), (1, 9), (16, 64), (3, 40), (1, 14)] * 3
    for texts, tokens in shapes:
        ids = rng.integers(5, 1000, size=(texts, tokens)).tolist()
        rows = bound.run(*pad(ids))
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        assert np.abs((rows * original.run(ids)).sum(axis=1) - 1).max() < 1e-3
    assert len(bound._slots) == len({bucket_for(*shape) for shape in shapes})


def timed(run, seconds):
    """Milliseconds of each call, after three that warm up."""
    for _ in range(3):
        run()
    taken = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        begin = time.perf_counter()
        run()
        taken.append(1000 * (time.perf_counter() - begin))
    return taken


def test_latency_and_throughput_are_reported(artifact, card):
    bound = open_cuda(artifact.graph, 0)
    rng = np.random.default_rng(2)
    batches = {}
    for texts, tokens in ((1, 16), (1, 128), (8, 128), (64, 128)):
        fed = pad(rng.integers(5, 1000, size=(texts, tokens)).tolist())
        taken = timed(lambda fed=fed: bound.run(*fed), 2.0)
        p50, p99 = np.percentile(taken, (50, 99))
        batches[f"{texts}x{tokens}"] = {"p50_ms": round(p50, 3), "p99_ms": round(p99, 3), "runs": len(taken)}
    texts = list(parity_texts()) * 100
    begin = time.perf_counter()
    card.encode(texts)
    query = ["nvidia-smi", "--query-gpu=name,compute_cap,driver_version", "--format=csv,noheader"]
    report = {
        "model": MODEL,
        "precision": artifact.manifest.contract.precision,
        "artifact": artifact.fingerprint,
        "card": subprocess.run(query, capture_output=True, text=True, check=True).stdout.strip().splitlines(),
        "wheels": dict(installed_gpu_wheels()),
        "python": sys.version.split()[0],
        "cuda_graphs": bound.recording,
        "batches": batches,
        "bulk_texts_per_second": round(len(texts) / (time.perf_counter() - begin), 1),
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    path = ROOT / "benchmarks" / "results" / f"gpu_{MODEL.replace('/', '-')}_{report['precision']}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    assert all(batch["runs"] for batch in batches.values())
