"""The comparison of encoders still runs from end to end, and its sums are right."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Folder of results and printed table of one quick run: torch, ours, and a peer that is not installed here."""
    from _profiles import ours

    folder = tmp_path_factory.mktemp("bench")
    (folder / "results").mkdir()
    older = {"slices": {"tiny/titles": {"model": "m", "measured_at": "t", "gemm_peak_gops": {"fp32": 1.0}, **NOTHING}}}
    (folder / "results" / "encode-quick.json").write_text(json.dumps(older))
    command = [sys.executable, str(ROOT / "benchmarks" / "bench_encode.py"), "--quick", "--texts", "8"]
    command += ["--workload", "leads", "--workload", "build"]
    command += ["--cache", str(folder / "cache"), "--results", str(folder / "results")]
    for name in ("st-torch", "infinity-torch", *(engine.name for engine in ours())):
        command += ["--only", name]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder / "results", done.stdout


NOTHING: dict[str, Any] = {
    "texts": 0,
    "source": "",
    "tokens": {"mean": 0, "min": 0, "max": 0},
    "ceiling_docs_per_s": {},
    "engines": {},
}


def test_a_quick_run_measures_torch_and_every_profile_of_ours(quick: tuple[Path, str]) -> None:
    from _profiles import ours

    found = json.loads((quick[0] / "encode-quick.json").read_text())["slices"]["tiny/leads"]
    rows = found["engines"]
    assert rows["st-torch"]["bulk"]["ratio"] == 1.0
    for name in ("st-torch", *(engine.name for engine in ours())):
        assert rows[name]["bulk"]["docs_per_s"] > 0
        assert rows[name]["single"]["p99_ms"] >= rows[name]["single"]["p50_ms"] > 0
        assert rows[name]["mean_cosine"] > 0.99
        assert 0 < rows[name]["bulk"]["share_of_peak"]["fp32"] < 1
    assert found["tokens"]["max"] <= 256


def test_a_peer_that_cannot_run_is_a_row_that_says_why(quick: tuple[Path, str]) -> None:
    rows = json.loads((quick[0] / "encode-quick.json").read_text())["slices"]["tiny/leads"]["engines"]
    assert "not installed" in rows["infinity-torch"]["note"]
    assert rows["infinity-torch"]["note"] in quick[1]


def test_slices_of_other_runs_are_kept(quick: tuple[Path, str]) -> None:
    slices = json.loads((quick[0] / "encode-quick.json").read_text())["slices"]
    assert slices["tiny/titles"]["measured_at"] == "t"
    assert {"tiny/leads", "tiny/build"} <= set(slices)


def test_each_step_of_a_build_is_weighed(quick: tuple[Path, str]) -> None:
    builds = json.loads((quick[0] / "encode-quick.json").read_text())["slices"]["tiny/build"]["engines"]
    assert builds
    for found in builds.values():
        assert found["peak_mb"] >= found["anonymous_mb"] > 10
        assert len(found["stages"]) > 2


@pytest.mark.skipif(importlib.util.find_spec("matplotlib") is None, reason="the chart needs matplotlib")
def test_the_chart_is_drawn(quick: tuple[Path, str]) -> None:
    picture = (quick[0] / "encode-quick.png").read_bytes()
    assert picture.startswith(b"\x89PNG")
    assert len(picture) > 10_000


def test_work_is_counted_as_by_hand() -> None:
    from _checkpoints import SHAPES

    weights, attention = SHAPES["e5-small"].flops(100)
    # A token and layer: Q, K, V, O of 384 × 384, two products of 384 × 1536; then scores and sums over 100 tokens.
    assert weights == 12 * 100 * 2 * (4 * 384 * 384 + 2 * 384 * 1536)
    assert attention == 12 * 100 * 2 * (2 * 100 * 384)
    assert SHAPES["labse"].flops(1)[0] == 2 * 12 * (4 * 768**2 + 2 * 768 * 3072) + 2 * 768 * 768


def test_changed_vectors_are_found_out() -> None:
    from _measures import compare_vectors

    reference = np.random.default_rng(1).standard_normal((6, 16))
    turned = reference.copy()
    turned[2] = -turned[2]
    found = compare_vectors({"st-torch": reference, "longer": 3 * reference, "turned": turned})
    assert found["longer"] == {"mean_cosine": 1.0, "min_cosine": 1.0, "max_pairwise_shift": 0.0}
    assert found["turned"]["min_cosine"] == -1.0
    assert found["turned"]["max_pairwise_shift"] > 0.05
    narrow = compare_vectors({"st-torch": reference, "narrow": reference[:, :8]})["narrow"]
    assert "8 values instead of 16" in narrow["note"]
