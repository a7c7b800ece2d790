"""`dedup calibrate`: thresholds chosen on labelled news, kept for one model and view."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dedup._errors import CalibrationError
from dedup.calibration import (
    Calibration,
    forget_calibration,
    keep_calibration,
    kept_calibration,
    limits_of,
    rounded_down,
    weights_digest,
)
from dedup.config import Config, default_config_path, load_config
from dedup.evidence import compare
from dedup.model import prepare_model, space_of
from dedup.profile import profile
from dedup.quality._threshold import Judged, choose_threshold
from dedup.sides import Side
from dedup.verdict import Decision, Verdict, default_verifier
from dedup_accelerate import Artifact

TOLD_TWICE = Path(__file__).parents[1] / "e2e" / "data" / "same.jsonl"
SIDE = Side("Bridge opens", profile("Bridge opens", ""), "en", "", None)
EVIDENCE = compare(SIDE, SIDE, cosine=0.5, scaled_cosine=0.5)


@pytest.fixture(scope="module")
def settings() -> Config:
    return load_config(default_config_path(), {"model": {"name": "e5-small"}})


@pytest.fixture
def artifact(settings: Config, tmp_path: Path) -> Artifact:
    """The real model under another folder, so that what is kept beside it is this test's own."""
    prepared = prepare_model(settings)
    return replace(prepared, path=tmp_path / prepared.path.name)


def made_for(space: str, threshold: float = 0.8) -> Calibration:
    weights = weights_digest(default_verifier())
    return Calibration(space, weights, threshold, 0.98, 0.99, 0.7, 0.8, 100, 40, 0, ("news.jsonl",), "2026-03-12")


def decided(probability: float, verdict: Verdict = Verdict.SAME_EVENT, conflicts: tuple[str, ...] = ()) -> Decision:
    return Decision(verdict, probability, replace(EVIDENCE, conflicts=conflicts), "")


def chosen(rows: list[tuple[Decision, bool]], precision: float, true_pairs: int | None = None) -> Calibration:
    same = np.array([label for _, label in rows])
    places, decisions = np.zeros((len(rows), 2), dtype=np.int64), tuple(decision for decision, _ in rows)
    judged = Judged(places, decisions, same, true_pairs or int(same.sum()), "news.jsonl")
    return choose_threshold("space", default_verifier(), [judged], precision)


def graded(count: int = 100) -> list[tuple[Decision, bool]]:
    """Probabilities from 0 to 0.99; from 0.5 on one event, but for every tenth below 0.8."""
    return [(decided(n / count), n >= 50 and (n >= 80 or n % 10 != 0)) for n in range(count)]


def test_the_threshold_is_the_lowest_that_keeps_the_precision() -> None:
    # From 0.71 on all are right; from 0.70 on 29 of 30 are.
    assert chosen(graded(), 1.0).min_probability == pytest.approx(0.71, abs=1e-6)
    found = chosen(graded(), 29 / 30)
    assert found.min_probability == pytest.approx(0.61, abs=0.1)
    assert found.precision >= 29 / 30
    assert found.recall > chosen(graded(), 1.0).recall


def test_a_pair_on_the_threshold_still_joins() -> None:
    assert rounded_down(0.7100009) <= 0.7100009
    assert rounded_down(2 / 3) == 0.666666


def test_pairs_that_no_threshold_moves_count_as_they_are() -> None:
    # Copies join at any threshold; here 30 of them are wrong, so no threshold is precise.
    rows = graded() + [(decided(1.0, Verdict.NEAR_COPY), False)] * 30
    with pytest.raises(CalibrationError, match=r"precision of 0\.98 cannot be reached"):
        chosen(rows, 0.98)
    # Facts that clash separate at any threshold, however likely the pair is.
    rows = graded() + [(decided(0.95, Verdict.DISTINCT, ("number 6% / 7%",)), False)] * 30
    assert chosen(rows, 1.0).min_probability == pytest.approx(0.71, abs=1e-6)


def test_a_precision_that_cannot_be_reached_is_refused_with_figures() -> None:
    rows = [(decided(n / 100), n % 2 == 0) for n in range(100)]
    with pytest.raises(
        CalibrationError, match=r"news\.jsonl: a precision of 0\.9 .* the highest is 0\.\d{3}, .*recall"
    ):
        chosen(rows, 0.9)


def test_too_few_pairs_are_refused_with_figures() -> None:
    with pytest.raises(CalibrationError, match="10 pairs of one event and 90 of two"):
        chosen([(decided(n / 100), n >= 90) for n in range(100)], 0.9)
    with pytest.raises(CalibrationError, match="no pairs: 0 pairs"):
        choose_threshold("space", default_verifier(), [], 0.9)


def test_true_pairs_that_were_never_near_lower_the_recall() -> None:
    whole, half = chosen(graded(), 1.0), chosen(graded(), 1.0, true_pairs=94)
    assert half.recall == pytest.approx(whole.recall / 2)


def test_a_calibration_counts_for_its_space_and_for_no_other(artifact: Artifact, settings: Config) -> None:
    space = space_of(artifact, settings)
    path = keep_calibration(artifact, made_for(space))
    assert path.is_relative_to(artifact.path.parent)
    assert limits_of(settings, artifact, space).min_probability == 0.8
    other = load_config(default_config_path(), {"model": {"name": "e5-small"}, "encode": {"view": "title"}})
    assert space_of(artifact, other) != space
    assert limits_of(other, artifact, space_of(artifact, other)).min_probability == settings.verdict.min_probability
    # The same file under the name of another space is not believed.
    shutil.copy(path, path.with_name(f"{space_of(artifact, other)}.json"))
    assert kept_calibration(artifact, space_of(artifact, other), default_verifier()) is None


def test_a_calibration_of_other_weights_or_another_version_is_not_used(artifact: Artifact) -> None:
    keep_calibration(artifact, made_for("a"))
    verifier = default_verifier()
    assert kept_calibration(artifact, "a", verifier) is not None
    other = replace(verifier, version=verifier.version + 1)
    assert kept_calibration(artifact, "a", other) is None
    assert kept_calibration(artifact, "a", replace(verifier, weights={"texts": {"bias": 1.0}})) is None
    graded = replace(verifier, copy_weights={}, likeness_weights={})
    assert kept_calibration(artifact, "a", graded) is not None
    path = keep_calibration(artifact, made_for("b"))
    path.write_text(json.dumps({"calibration": {"threshold": 0.9, "data": []}}), encoding="utf-8")
    assert kept_calibration(artifact, "b", verifier) is None
    path.write_text("{", encoding="utf-8")
    assert kept_calibration(artifact, "b", verifier) is None


def test_a_calibration_can_be_switched_off_and_forgotten(artifact: Artifact, settings: Config) -> None:
    space = space_of(artifact, settings)
    keep_calibration(artifact, made_for(space))
    off = settings.model_copy(update={"verdict": settings.verdict.model_copy(update={"use_calibration": False})})
    assert limits_of(off, artifact, space).min_probability == settings.verdict.min_probability
    assert forget_calibration(artifact, space)
    assert not forget_calibration(artifact, space)
    assert limits_of(settings, artifact, space).min_probability == settings.verdict.min_probability


def test_a_folder_that_cannot_be_written_is_one_error(artifact: Artifact, tmp_path: Path) -> None:
    (tmp_path / "spaces").write_text("a file in the way", encoding="utf-8")
    with pytest.raises(CalibrationError, match="cannot write the calibration"):
        keep_calibration(artifact, made_for("a"))


@pytest.fixture(scope="module")
def own_models(tmp_path_factory: pytest.TempPathFactory, settings: Config) -> Path:
    """A folder of models of our own: the command writes beside the model."""
    prepared = prepare_model(settings)
    folder = tmp_path_factory.mktemp("models")
    shutil.copytree(prepared.path, folder / prepared.path.name, copy_function=lambda a, b: Path(b).hardlink_to(a))
    return folder


def labelled(file: Path, turned_round: bool = False) -> None:
    """Pairs of the invented news: each event's own two tellings, and tellings of neighbouring events."""
    rows = [json.loads(line) for line in TOLD_TWICE.read_text(encoding="utf-8").splitlines()][:24]
    told = [(n, row[side]) for n, row in enumerate(rows) for side in "ab"]
    pairs = [(a, b) for a, b in combinations(told, 2) if b[0] - a[0] in (0, 1)]
    lines = [
        {"title1": a["title"], "text1": a["text"], "lang1": a["lang"], "title2": b["title"], "text2": b["text"],
         "lang2": b["lang"], "label": int((m == n) != turned_round)}
        for (m, a), (n, b) in pairs
    ]  # fmt: skip
    file.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")


def test_the_command_keeps_what_the_service_then_uses(command_line: Any, own_models: Path) -> None:
    labelled(command_line.folder / "pairs.jsonl")
    models = {"DEDUP_MODEL__CACHE": str(own_models)}
    found = command_line.json("calibrate", "pairs.jsonl", "--precision", "0.95", **models)
    assert found["precision"] >= 0.95
    assert found["pairs"] == 24 + 23 * 4
    assert Path(found["path"]).is_file()
    shown = command_line.json("model", "info", **models)
    assert shown["calibration"]["min_probability"] == found["min_probability"]
    checks = command_line.json("doctor", **models)["checks"]
    (model,) = [check for check in checks if check["name"] == "model"]
    assert f"from {found['min_probability']:.3f} on" in model["detail"]
    assert command_line.json("calibrate", "--reset", **models) == {"forgotten": True}
    assert command_line.json("model", "info", **models)["calibration"] is None


def test_the_command_refuses_with_figures_and_keeps_nothing(command_line: Any, own_models: Path) -> None:
    labelled(command_line.folder / "wrong.jsonl", turned_round=True)
    done = command_line.run("calibrate", "wrong.jsonl", DEDUP_MODEL__CACHE=str(own_models))
    assert done.returncode == 1
    assert "cannot be reached" in done.stderr
    assert "recall" in done.stderr
    kept = [json.loads(path.read_text(encoding="utf-8")) for path in (own_models / "spaces").glob("*.json")]
    assert [one for one in kept if one.get("calibration")] == []


@pytest.mark.parametrize("arguments", [[], ["pairs.jsonl", "--reset"], ["pairs.jsonl", "--precision", "0.2"]])
def test_the_command_wants_labels_or_a_reset(command_line: Any, arguments: list[str]) -> None:
    assert command_line.run("calibrate", *arguments).returncode == 2


def test_what_editors_said_is_labelled_news_too(news_day: Any, command_line: Any, own_models: Path) -> None:
    shutil.copy(news_day.database, command_line.database)
    models = {"DEDUP_MODEL__CACHE": str(own_models)}
    done = command_line.run("calibrate", "--feedback", **models)
    assert (done.returncode, "no pairs: 0 pairs" in done.stderr) == (1, True), done.stderr
    labelled(command_line.folder / "pairs.jsonl")
    with closing(sqlite3.connect(command_line.database)) as database, database:
        database.execute("INSERT INTO feedback VALUES (1, 'not-a-duplicate', NULL, '2026-03-12 09:00:00')")
        database.execute("INSERT INTO feedback_article VALUES (1, 1, 0), (1, 2, 1)")
    found = command_line.json("calibrate", "pairs.jsonl", "--feedback", "--precision", "0.9", **models)
    assert found["feedback_pairs"] == 1
    assert found["data"] == ["pairs.jsonl", "feedback"]
