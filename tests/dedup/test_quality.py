"""`dedup eval` on invented news, with the real model and the real service."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from dedup._errors import CorpusError, PlotMissing
from dedup.config import Config, default_config_path, load_config
from dedup.corpora import Corpus, Text, corpus, load_corpus
from dedup.model import LazyEncoder, prepare_model
from dedup.quality import Evaluation, evaluate, write_report
from dedup.quality._documents import arrival_times
from dedup.replay import Remembering

KEYS = [
    "pair_precision",
    "pair_recall",
    "pair_f1",
    "b3_precision",
    "b3_recall",
    "b3_f1",
    "ari",
    "v_measure",
    "threshold",
]


def documents(count: int = 24) -> list[dict[str, Any]]:
    """Invented news, every event told twice in a row."""
    lines = (Path(__file__).parents[1] / "e2e" / "data" / "same.jsonl").read_text(encoding="utf-8").splitlines()
    told = [(f"event {n}", json.loads(line)[side]) for n, line in enumerate(lines) for side in "ab"]
    return [{"id": f"n{n}", "cluster": event, **text} for n, (event, text) in enumerate(told[:count])]


def turned_round(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """News that belong together are called different, and the other way round."""
    return [row | {"cluster": f"group {n % 2}"} for n, row in enumerate(rows)]


def pairs(count: int = 24) -> list[dict[str, Any]]:
    rows = documents(count)
    return [
        {"pair_id": f"p{a}-{b}", "text1": rows[a]["text"], "text2": rows[b]["text"], "title1": rows[a]["title"],
         "title2": rows[b]["title"], "lang1": rows[a]["lang"], "lang2": rows[b]["lang"],
         "label": int(rows[a]["cluster"] == rows[b]["cluster"])}
        for a in range(count) for b in (a + 1, a + 5) if b < count
    ]  # fmt: skip


def read(rows: list[dict[str, Any]]) -> Corpus:
    return corpus(list(enumerate(rows, start=1)), "invented.jsonl")


@pytest.fixture(scope="module")
def settings() -> Config:
    return load_config(default_config_path(), {"model": {"name": "e5-small"}})


@pytest.fixture(scope="module")
def run(settings: Config) -> Any:
    """`evaluate` with one model, that reads every text once however many tests ask for it."""
    artifact = prepare_model(settings)
    encoder = Remembering(LazyEncoder(artifact, settings))
    return lambda rows, **options: evaluate(read(rows), settings, artifact, encoder, **options)


@pytest.fixture(scope="module")
def stream(run: Any) -> Evaluation:
    found: Evaluation = run(documents())
    return found


@pytest.fixture(scope="module")
def judged(run: Any) -> Evaluation:
    found: Evaluation = run(pairs())
    return found


def test_documents_are_scored_by_the_stories_that_the_service_makes_of_them(stream: Evaluation) -> None:
    assert list(stream.document()) == KEYS
    assert stream.subject.items == stream.subject.scored == 24
    counted = sum(row["cluster"] == other["cluster"] for n, row in enumerate(documents()) for other in documents()[:n])
    assert stream.subject.true_pairs == counted > 0
    assert 0.5 < stream.figures.pair_f1 <= 1.0
    assert stream.figures.b3_f1 > 0.5


def test_the_sweep_stands_beside_the_stories(stream: Evaluation) -> None:
    assert stream.at_configured is not None
    assert stream.at_configured.threshold == stream.configured == stream.figures.threshold
    assert stream.best is not None
    assert stream.best.f1 == max(one.pairs.f1 for one in stream.sweep)
    assert stream.curve is not None
    assert stream.curve.recall[-1] <= 1.0


def test_wrong_labels_show_as_mistakes_with_their_evidence(run: Any, stream: Evaluation) -> None:
    found = run(turned_round(documents()), errors=3)
    assert found.figures.pair_f1 < stream.figures.pair_f1
    assert found.joined_wrongly > 0
    assert found.missed > 100
    assert [len(found.false_joins), len(found.misses)] == [3, 3]
    likely = [one.decision.probability for one in found.false_joins]
    assert likely == sorted(likely, reverse=True)
    assert all(one.decision.evidence.cosine is not None for one in (*found.false_joins, *found.misses))
    assert all("/" in one.label for one in found.false_joins)


def test_documents_without_a_cluster_are_placed_and_not_scored(run: Any, stream: Evaluation) -> None:
    rows = documents()
    for row in rows[12:]:
        row["cluster"] = None
    found = run(rows)
    assert (found.subject.items, found.subject.scored) == (24, 12)
    assert len(found.same) < len(stream.same)


def test_the_same_id_twice_is_two_documents(run: Any) -> None:
    rows = [row | {"id": "same"} for row in documents(4)]
    assert run(rows).subject.items == 4


def test_the_window_cuts_what_is_dated_too_far_apart(run: Any) -> None:
    rows = documents(8)
    for number, row in enumerate(rows):
        row["published"] = f"2026-0{number + 1}-12T08:00:00Z"
    found = run(rows)
    assert found.figures.pair_recall == 0.0
    assert len(found.probabilities) == 0


def test_dates_are_used_only_where_nearly_all_documents_have_one() -> None:
    some, none = Text("t", "", published="2026-03-12T08:00:00Z"), Text("t", "", published="soon")
    moment = datetime(2026, 3, 12, 8, tzinfo=UTC)
    assert arrival_times([some] * 10) == ([moment] * 10, ())
    times, notes = arrival_times([none, *[some] * 9])
    assert times == [moment] * 10
    assert "1 documents without a date" in notes[0]
    times, notes = arrival_times([some, none, none])
    assert times == [None] * 3
    assert "only 1 of 3" in notes[0]
    later = replace(some, published="2026-03-13T08:00:00Z")
    assert arrival_times([*[some] * 9, later, none])[0][-2:] == [datetime(2026, 3, 13, 8, tzinfo=UTC)] * 2


def test_pairs_are_scored_by_their_verdicts(judged: Evaluation) -> None:
    assert list(judged.document()) == [*KEYS, "pearson", "auc"]
    assert judged.subject.true_pairs == sum(pair["label"] for pair in pairs())
    assert judged.auc is not None
    assert judged.auc > 0.9
    assert judged.pearson is not None
    assert judged.pearson > 0.5
    assert judged.best is not None
    assert judged.best.f1 >= judged.figures.pair_f1 - 1e-9 or judged.best.value != judged.configured


def test_pairs_of_one_kind_have_no_area_and_no_correlation(run: Any) -> None:
    found = run([pair | {"label": 1} for pair in pairs(6)])
    assert (found.document()["auc"], found.document()["pearson"]) == (None, None)
    found = run([pair | {"label": 0} for pair in pairs(6)])
    assert (found.best, found.curve) == (None, None)
    assert found.figures.pair_recall == 1.0


def test_a_row_with_nothing_to_compare_is_named(run: Any) -> None:
    with pytest.raises(CorpusError, match=r"invented\.jsonl:1: "):
        run([{"id": "1", "title": "\x00", "text": "", "cluster": "x"}])


def test_a_page_holds_everything_that_it_shows(run: Any, stream: Evaluation, tmp_path: Path) -> None:
    title = '<script>alert("x")</script> & more'
    mistake = replace(run(turned_round(documents()), errors=1).misses[0], title_a=title)
    write_report(replace(stream, misses=(mistake,)), tmp_path / "out.html")
    page = (tmp_path / "out.html").read_text(encoding="utf-8")
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert re.findall(r'(?:src|href)="(?!data:)', page) == []
    assert "data:image/png;base64,iVBOR" in page
    assert f"{stream.figures.b3_f1:.3f}" in page


@pytest.mark.parametrize("kind", ["stream", "judged"])
def test_a_picture_is_written_and_a_json_report_says_everything(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    found = request.getfixturevalue(kind)
    write_report(found, tmp_path / "out.png")
    assert (tmp_path / "out.png").read_bytes().startswith(b"\x89PNG")
    write_report(found, tmp_path / "out.json")
    document = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    assert document["figures"] == found.document()
    assert (document["average_link"] is None) == (kind == "judged")
    assert document["space"] == found.subject.space
    assert all(one["decision"]["evidence"] for one in document["misses"])


def test_without_matplotlib_the_way_out_is_named(
    stream: Evaluation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(PlotMissing, match=r"news-dedup\[plot\]"):
        write_report(stream, tmp_path / "out.png")


def test_the_command_prints_exactly_the_promised_keys_and_writes_its_report(command_line: Any) -> None:
    file = command_line.folder / "day.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in documents(12)), encoding="utf-8")
    found = command_line.json("eval", "day.jsonl", "--report", "out.html")
    assert list(found) == KEYS
    assert (command_line.folder / "out.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    # The user's own database is neither made nor touched.
    assert not command_line.database.exists()


def test_the_command_shows_figures_and_mistakes_to_people(command_line: Any) -> None:
    file = command_line.folder / "pairs.jsonl"
    rows = [pair | {"label": 1 - pair["label"]} for pair in pairs(8)]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    done = command_line.run("eval", "pairs.jsonl", "--errors", "1")
    assert done.returncode == 0, done.stderr
    for word in ("pair F1", "the verdicts", "AUC", "joined and should not have been", "the worst 1", "meaning"):
        assert word in done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["missing.jsonl"], 1, "cannot read missing.jsonl"),
        (["my.toml"], 1, "is not JSON"),
        (["my.toml", "--report", "out.pdf"], 2, ".html .png .json"),
    ],
)
def test_the_command_says_what_is_wrong_before_it_loads_the_model(
    command_line: Any, arguments: list[str], code: int, words: str
) -> None:
    done = command_line.run("eval", *arguments)
    assert done.returncode == code
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_a_stream_of_documents_is_read_from_a_file_like_any_other(tmp_path: Path) -> None:
    (tmp_path / "day.jsonl").write_text("".join(json.dumps(row) + "\n" for row in documents(4)), encoding="utf-8")
    assert [one.id for one in load_corpus(tmp_path / "day.jsonl").documents] == ["n0", "n1", "n2", "n3"]
