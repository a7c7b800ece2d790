"""Look-alikes mined from real news: headlines of one template, and texts that begin with one boilerplate lead."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from dedup.config import load_config
from dedup.corpora import Corpus, LabelledPair, Text
from dedup.model import LazyEncoder, prepare_model
from dedup.quality import evaluate

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared" / "data"
PAIRS = 100

pytestmark = pytest.mark.skipif(
    not (DATA / "reuters21578.jsonl.gz").is_file(),
    reason="the news that they are mined from (../shared/data) are not here",
)


@pytest.fixture(scope="module")
def mined(monkeypatch_module: Any) -> dict[str, list[Any]]:
    from _traps import boilerplate_leads, template_series

    return {
        "reuters": template_series(DATA / "reuters21578.jsonl.gz", PAIRS),
        "allsides": boilerplate_leads(DATA / "allsides_37k_lead.jsonl.gz", PAIRS),
    }


@pytest.fixture(scope="module")
def monkeypatch_module() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [str(ROOT / "benchmarks"), *sys.path])
        yield patch


@pytest.mark.parametrize(("name", "largest_share"), [("reuters", 0.02), ("allsides", 0.03)])
def test_few_mined_look_alikes_are_joined(name: str, largest_share: float, mined: dict[str, list[Any]]) -> None:
    # The goal is 0.01 for both. Tighten the shares as the signals improve; never loosen them.
    config = load_config(overrides={"model": {"name": "e5-small"}, "verdict": {"use_calibration": False}})
    sides = [
        [Text(row["title"], row["text"], row["lang"], None, row["source"]) for row in pair] for pair in mined[name]
    ]
    pairs = tuple(LabelledPair(n, str(n), a, b, "other", False, 0.0) for n, (a, b) in enumerate(sides))
    artifact = prepare_model(config)
    found = evaluate(Corpus(name, pairs=pairs), config, artifact, LazyEncoder(artifact, config))
    assert len(pairs) == PAIRS
    joined = [(one.title_a, one.title_b, one.decision.reason) for one in found.false_joins]
    assert found.joined_wrongly / len(pairs) <= largest_share, joined
