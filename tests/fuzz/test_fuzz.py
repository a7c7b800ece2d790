"""The fuzz target runs, and finds what is broken: a few seconds of what `make fuzz` does for ten minutes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("fuzz_jsonfeed.py")

pytest.importorskip("atheris", reason="atheris is not installed (extra dev)")


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(SCRIPT), *arguments], cwd=folder, capture_output=True, text=True, check=False
    )


def test_a_few_seconds_of_fuzzing_break_no_promise_of_the_json_reader_and_the_normaliser(tmp_path: Path) -> None:
    done = run(tmp_path, "5")
    assert done.returncode == 0, done.stderr[-3000:]
    assert "runs in" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_an_input_that_breaks_a_promise_is_reported_and_kept(tmp_path: Path) -> None:
    # The normaliser of this process forgets to be idempotent: the fuzzer finds it within its seeds.
    (tmp_path / "sitecustomize.py").write_text(
        "import dedup_ingest as d\nright = d.normalise\nd.normalise = lambda text: right(text) + ' x'\n",
        encoding="utf-8",
    )
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "5"], cwd=tmp_path, capture_output=True, text=True, check=False, env=environment
    )
    assert done.returncode != 0
    assert "AssertionError" in done.stderr + done.stdout
    assert [path.name for path in tmp_path.glob("crash-*")]
