"""The soak of `make soak`, scaled down: hundreds of visits by one process, whose memory must not grow."""

from __future__ import annotations

import sys
from pathlib import Path
from statistics import median
from typing import Any

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def soaking(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import soak_ingest

    yield soak_ingest
    for name in ("soak_ingest", "_feedsite", "_machine"):
        sys.modules.pop(name, None)


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads memory from /proc (Linux)")
def test_case_71_visiting_the_same_feeds_over_and_over_takes_no_more_memory(soaking: Any) -> None:
    result = soaking.soak(60, 240, interval=1.0, lifetime=2.0, visits=400)
    counts = result["counts"]
    assert (counts.get("failed", 0), counts["ignored"]) == (0, 0)
    assert soaking.visited(counts) >= 240, counts
    # The first visits start the workers and fill caches; of the others nothing is kept. Against a median,
    # because a worker that is renewed is away for a sample (244 MiB instead of 383).
    settled = [mib for _, mib, visits in result["samples"] if visits >= 120]
    assert max(settled) <= median(settled[: len(settled) // 2]) * 1.1, settled


def test_memory_that_grows_steadily_is_not_flat(soaking: Any) -> None:
    growing = [(float(second), 200 + second * 0.1, second) for second in range(1200)]
    wavering = [(float(second), 200 + second % 7, second) for second in range(1200)]
    assert soaking.flatness(growing)["flat"] is False
    assert soaking.flatness(wavering)["flat"] is True
