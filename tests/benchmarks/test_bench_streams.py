"""The comparison of streams and batches runs from end to end."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_a_small_run_measures_each_way_with_each_budget_against_what_the_encoder_does(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "benchmarks" / "bench_streams.py"), "--models", "tiny", "--texts", "12"]
    command += ["--engines", "onnxruntime"]
    command += ["--budgets", "256", "1024", "--rounds", "1", "--cache", str(tmp_path / "c"), "--results", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (model,) = json.loads((tmp_path / "streams.json").read_text())["models"]
    assert model["texts"] == 12
    assert len(model["rows"]) == len(done.stdout.splitlines()) == 4
    assert {(row["way"], row["batch_tokens"]) for row in model["rows"] if row["ratio"] == 1} >= {
        ("one run on all cores", 1024)
    }
    assert all(row["best"] >= row["texts_per_second"] > 0 for row in model["rows"])
    assert (tmp_path / "streams.png").stat().st_size > 1000
