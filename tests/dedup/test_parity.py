"""An artifact against its fp32 original: the figures by definition, the floor, the command."""

from __future__ import annotations

import gzip
import json
import math
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from newsroom import HashingEncoder, as_rows, config_for, hashing_artifact, invented_news

from dedup import ParityImpossible, ParityMissed
from dedup.parity import (
    Documents,
    Figures,
    Floor,
    Outcome,
    Side,
    compare_outcomes,
    compare_vectors,
    measure,
    misses,
    read_documents,
    require,
)


def unit(rows):
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def test_cosines_and_shifts_are_those_of_the_definition():
    rng = np.random.default_rng(3)
    reference = unit(rng.normal(size=(1500, 8)))  # more rows than are compared at a time
    candidate = unit(reference + 0.05 * rng.normal(size=reference.shape))
    own = (reference * candidate).sum(axis=1)
    pairs = np.abs(reference @ reference.T - candidate @ candidate.T)[np.triu_indices(1500, 1)]
    cosines, shifts = compare_vectors(reference, candidate)
    assert (cosines.texts, shifts.pairs) == (1500, 1500 * 1499 // 2)
    assert cosines.mean == pytest.approx(own.mean(), abs=1e-6)
    assert cosines.lowest == pytest.approx(own.min(), abs=1e-6)
    assert cosines.percentile_5 == pytest.approx(np.percentile(own, 5), abs=1e-6)
    assert shifts.mean == pytest.approx(pairs.mean(), abs=1e-6)
    assert shifts.largest == pytest.approx(pairs.max(), abs=1e-5)
    assert shifts.percentile_99_9 == pytest.approx(np.percentile(pairs, 99.9), abs=2e-4)


def test_outcomes_are_compared_by_article_whatever_the_numbers_of_the_stories():
    reference = Outcome(
        {"a": "distinct", "b": "same_event", "c": "near_copy", "d": "distinct"},
        {"a": 1, "b": 1, "c": 1, "d": 2},
        frozenset({("b", "a"), ("c", "a")}),
    )
    renumbered = Outcome(reference.verdicts, {"a": 7, "b": 7, "c": 7, "d": 3}, reference.joined)
    same, verdicts, stories = compare_outcomes(reference, renumbered)
    assert (same, verdicts.f1, stories.bcubed.f1) == (1, 1, 1)
    apart = Outcome(
        {**reference.verdicts, "c": "distinct", "d": "same_event"},
        {"a": 1, "b": 1, "c": 2, "d": 2},
        frozenset({("b", "a"), ("d", "c")}),
    )
    same, verdicts, stories = compare_outcomes(reference, apart)
    assert same == 0.5
    assert (verdicts.true_positives, verdicts.false_positives, verdicts.false_negatives) == (1, 1, 1)
    # By hand: precision (1 + 1 + 1/2 + 1/2) / 4, recall (2/3 + 2/3 + 1/3 + 1) / 4.
    assert (stories.bcubed.precision, stories.bcubed.recall) == (0.75, pytest.approx(2 / 3))


FLOOR = Floor(min_mean_cosine=0.98, max_pairwise_shift=0.01, min_verdict_f1=0.95, min_story_b3=0.99)


def test_only_figures_that_miss_the_floor_are_named():
    assert misses(Figures(0.98, 0.01, 0.95, 0.99), FLOOR) == ()
    (shift, story) = misses(Figures(1.0, 0.0101, 1.0, 0.9899), FLOOR)
    assert shift == "largest pairwise shift 0.0101 (floor 0.01)"
    assert story.startswith("B³ of stories 0.9899")
    assert len(misses(Figures(math.nan, math.nan, math.nan, math.nan), FLOOR)) == 4


class Rounded(HashingEncoder):
    """The hashing encoder with noise on every text, always the same: what quantisation does."""

    def __init__(self, noise):
        super().__init__()
        self.noise = noise

    def encode(self, texts, *, progress=None):
        rows = super().encode(texts)
        for row, text in enumerate(texts):
            seed = int.from_bytes(text.encode()[:8].ljust(8), "little")
            rows[row] += self.noise / 16 * np.random.default_rng(seed).normal(size=self.dimension)
        return unit(rows)


@pytest.fixture(scope="module")
def documents():
    articles = tuple(invented_news(80, seed=1))  # some of its stories hang on a cosine alone
    return Documents(("invented.jsonl",), "0" * 64, articles)


def measured(documents, noise):
    candidate, reference = Rounded(noise), HashingEncoder()
    sides = [Side(hashing_artifact("q"), candidate), Side(hashing_artifact("f"), reference)]
    found = measure(sides[0], sides[1], documents, config_for("sqlite://"))
    for encoder in (candidate, reference):
        told = [text for call in encoder.calls for text in call]
        assert len(told) == len(set(told)), "no text is encoded twice"
    return found


def test_an_equal_encoder_decides_the_same_and_a_noisy_one_less_so(documents):
    equal, near, far = (measured(documents, noise) for noise in (0.0, 0.02, 1.5))
    assert equal.figures == Figures(pytest.approx(1), pytest.approx(0, abs=1e-6), 1, 1)
    assert (equal.same_outcome, equal.documents, equal.view) == (1, 80, "lead60")
    assert equal.artifact != equal.reference
    assert equal.verdicts.true_positives > 20, "there was something to decide"
    assert near.figures.mean_cosine > far.figures.mean_cosine
    assert near.figures.pairwise_shift < far.figures.pairwise_shift
    assert far.figures.story_b3 < 1
    assert far.verdicts.false_positives + far.verdicts.false_negatives > 0


def test_files_are_read_in_order_and_known_by_their_content(tmp_path):
    rows = [json.dumps(row) for row in as_rows(invented_news(6))]
    (tmp_path / "a.jsonl").write_text("\n".join(rows[:4]), encoding="utf-8")
    with gzip.open(tmp_path / "b.jsonl.gz", "wt", encoding="utf-8") as file:
        file.write("\n".join(rows[4:]))
    paths, config = [tmp_path / "a.jsonl", tmp_path / "b.jsonl.gz"], config_for("sqlite://")
    both = read_documents(paths, config)
    assert (both.names, len(both.articles)) == (("a.jsonl", "b.jsonl.gz"), 6)
    assert read_documents(paths, config).sha256 == both.sha256
    assert read_documents(paths[::-1], config).sha256 != both.sha256
    assert [article.guid for article in read_documents(paths, config, limit=1).articles] == ["n0", "n4"]
    (tmp_path / "one.jsonl").write_text(rows[0], encoding="utf-8")
    with pytest.raises(ParityImpossible, match="two articles"):
        read_documents([tmp_path / "one.jsonl"], config)


@pytest.fixture(scope="module")
def own_cache(tmp_path_factory, empty_database):
    """A cache of models of its own with the prepared e5-small, so that its manifest may be written."""
    from dedup.config import load_config
    from dedup.model import prepare_model

    artifact = prepare_model(load_config(None, {"model": {"name": "e5-small"}}))
    root = tmp_path_factory.mktemp("parity") / "models"
    shutil.copytree(artifact.path, root / artifact.path.name, copy_function=os.link)
    manifest = root / artifact.path.name / "manifest.json"
    content = json.loads(manifest.read_bytes()) | {"fidelity": []}  # of whoever measured it before
    manifest.unlink()  # no other name of the file may see what is written here
    manifest.write_text(json.dumps(content), encoding="utf-8")
    return root


def test_the_command_measures_records_and_a_missed_floor_closes_the_service(own_cache, command_line):
    news = command_line.folder / "news.jsonl"
    news.write_text("\n".join(json.dumps(row) for row in as_rows(invented_news(24))), encoding="utf-8")
    # Of titles alone: the texts of both calibrations are a sixth as long.
    cache = {"DEDUP_MODEL__CACHE": str(own_cache), "DEDUP_ENCODE__VIEW": "title"}
    lenient = cache | {"DEDUP_PARITY__MAX_PAIRWISE_SHIFT": "0.5", "DEDUP_PARITY__MIN_STORY_B3": "0.5"}
    lenient |= {"DEDUP_PARITY__MIN_VERDICT_F1": "0.5", "DEDUP_PARITY__MIN_MEAN_COSINE": "0.5"}
    answer = command_line.json("model", "parity", "e5-small", "--data", str(news), **lenient)
    fidelity = answer["fidelity"]
    assert answer["missed"] == []
    assert (fidelity["documents"], fidelity["data"]) == (24, ["news.jsonl"])
    assert 0.9 < fidelity["figures"]["mean_cosine"] < 1
    described = command_line.json("model", "info", **cache)
    assert described["fidelity"] == [fidelity]
    assert described["fingerprint"] == fidelity["artifact"]
    assert "news.jsonl" in command_line.run("model", "info", **cache).stdout

    strict = cache | {"DEDUP_PARITY__MIN_MEAN_COSINE": "1.0"}
    refused = command_line.run("similar", "News", **strict)
    assert refused.returncode == 1
    assert f"mean cosine {fidelity['figures']['mean_cosine']:.4f} (floor 1)" in refused.stderr
    assert "news.jsonl" in refused.stderr
    assert not command_line.database.exists()
    check = next(
        check
        for check in json.loads(command_line.run("doctor", "--json", **strict).stdout)["checks"]
        if check["name"] == "model"
    )
    assert (check["status"], "floor 1" in check["detail"]) == ("broken", True)


def test_a_measurement_in_another_view_does_not_count_and_one_takes_the_place_of_the_last(tmp_path):
    from dataclasses import replace

    from dedup_accelerate import Artifact

    artifact = hashing_artifact()
    bad = {"mean_cosine": 0.5, "pairwise_shift": 0.5, "verdict_f1": 0.5, "story_b3": 0.5}
    entry = {"view": "title", "data": ["f"], "figures": bad}
    other = Artifact(Path(), replace(artifact.manifest, fidelity=(entry,)))
    config = config_for("sqlite://")
    require(other, config)
    with pytest.raises(ParityMissed, match=r"mean cosine 0\.5000"):
        require(Artifact(Path(), replace(artifact.manifest, fidelity=({**entry, "view": "lead60"},))), config)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["e5-small"], 2),
        (["e5-small", "--data", "absent.jsonl"], 1),
        (["no-such-model", "--data", "news.jsonl"], 1),
        (["e5-small", "--data", "news.jsonl", "--limit", "1"], 2),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_what_cannot_be_compared_is_said_in_one_line(command_line, arguments, code):
    (command_line.folder / "news.jsonl").write_text("{}\n", encoding="utf-8")
    done = command_line.run("model", "parity", *arguments)
    assert done.returncode == code
    assert "Traceback" not in done.stderr
