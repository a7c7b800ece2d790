"""Labelled news in every shape that people have it in."""

from __future__ import annotations

import gzip
import io
import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dedup._errors import CorpusError
from dedup.corpora import corpus, load_corpus, only_language, parse_positive, split_headline

DATA = Path(__file__).parents[3] / "shared" / "data"
PAIR = {"text1": "Mayor opens bridge", "text2": "Bridge opened by mayor"}


def read(*rows: dict[str, Any], **options: Any) -> Any:
    return corpus(list(enumerate(rows, start=1)), "news.jsonl", **options)


def test_documents_keep_what_their_rows_say_and_may_lack_a_cluster() -> None:
    row = {"id": 7, "title": "Fire", "text": "A fire.", "lang": "en", "published": "2026-03-12", "source": "Echo"}
    found = read(row | {"cluster": "fire"}, row | {"id": "8", "cluster": None})
    assert [document.cluster for document in found.documents] == ["fire", None]
    first = found.documents[0]
    assert (first.line, first.id, first.text.title, first.text.source) == (1, "7", "Fire", "Echo")
    assert found.pairs == ()


def test_the_column_of_the_cluster_can_have_another_name() -> None:
    found = read({"id": "1", "title": "Fire", "event": "x"}, label_field="event")
    assert found.documents[0].cluster == "x"


@pytest.mark.parametrize(
    ("rows", "rule", "same"),
    [
        ([{"label": 0}, {"label": 1}], "label >= 1", [False, True]),
        ([{"label": "0"}, {"label": "1"}], "label >= 1", [False, True]),
        ([{"label": -1}, {"label": 0}, {"label": 1}], "label >= 0", [False, True, True]),
        ([{"overall": 1.0}, {"overall": 2.0}, {"overall": 2.34}], "overall <= 2", [True, True, False]),
        ([{"same": True}, {"same": False}], "same = true", [True, False]),
        ([{"jaccard5": 0.69}, {"jaccard5": 0.7}], "jaccard5 >= 0.7", [False, True]),
    ],
    ids=["0/1", "words", "three grades", "four grades", "yes and no", "share"],
)
def test_labels_are_read_as_their_sets_mean_them(rows: list[dict[str, Any]], rule: str, same: list[bool]) -> None:
    found = read(*(PAIR | row for row in rows))
    assert str(found.rule) == rule
    assert [pair.same for pair in found.pairs] == same
    graded = [pair.similarity for pair in found.pairs]
    assert all(a.same <= b.same for a in found.pairs for b in found.pairs if a.similarity < b.similarity), graded


def test_which_labels_mean_the_same_news_can_be_said() -> None:
    rows = [PAIR | {"verdict": "duplicate"}, PAIR | {"verdict": "other"}]
    found = read(*rows, label_field="verdict", positive="duplicate")
    assert [pair.same for pair in found.pairs] == [True, False]
    with pytest.raises(CorpusError, match="--positive"):
        read(*rows, label_field="verdict")


def test_a_limit_takes_the_first_rows_but_reads_the_labels_of_all() -> None:
    found = read(PAIR | {"label": 0}, PAIR | {"label": -1}, limit=1)
    assert len(found.pairs) == 1
    assert str(found.rule) == "label >= 0"


def test_pairs_by_id_find_their_texts_in_a_file_of_documents(tmp_path: Path) -> None:
    documents = tmp_path / "day.jsonl.gz"
    with gzip.open(documents, "wt", encoding="utf-8") as file:
        for number in (1, 2):
            file.write(json.dumps({"id": number, "title": f"Title {number}", "text": "Text", "lang": "en"}) + "\n")
    pairs = tmp_path / "neardup_pairs_day.jsonl"
    pairs.write_text(json.dumps({"id1": 1, "id2": 2, "jaccard5": 0.9, "title1": "?"}) + "\n", encoding="utf-8")
    named = load_corpus(pairs, documents=documents)
    assert (named.pairs[0].a.title, named.pairs[0].b.title) == ("Title 1", "Title 2")
    # Beside it lies the file that its name tells of.
    assert load_corpus(pairs).pairs == named.pairs
    documents.rename(tmp_path / "elsewhere.jsonl.gz")
    with pytest.raises(CorpusError, match="--documents"):
        load_corpus(pairs)


def test_a_text_without_a_title_has_its_short_first_line_for_one_or_none() -> None:
    assert split_headline("Short headline\nAnd the text.") == ("Short headline", "And the text.")
    assert split_headline("Nothing but a headline") == ("Nothing but a headline", "")
    assert split_headline("word " * 100 + "\nMore.") == ("", "word " * 100 + "\nMore.")


@pytest.mark.parametrize(
    ("words", "label", "same"),
    [
        ("<=2", 2, True),
        ("<2", 2, False),
        (">= 0.5", "0.5", True),
        ("> 1", 1, False),
        ("=yes", "Yes", True),
        ("1", 1.0, True),
    ],
)
def test_a_rule_is_read_as_it_is_written(words: str, label: object, same: bool) -> None:
    assert parse_positive("label", words).same(label) is same


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "no rows"),
        ([{"id": "1", "title": "No label"}], "cluster"),
        ([{"title": "Fire", "cluster": "x"}], "news.jsonl:1 has no id"),
        ([{"id": "1", "cluster": "x", "title": " "}], "neither a title nor a text"),
        ([PAIR], "--label-field"),
        ([PAIR | {"label": 1}, PAIR | {"label": None}], "news.jsonl:2: label is None"),
        ([PAIR | {"label": 1, "text2": " "}], "text2 is empty"),
        ([{"id1": 1, "id2": 2, "label": 1}], "--documents"),
    ],
)
def test_a_row_that_cannot_be_used_is_named(rows: list[dict[str, Any]], message: str) -> None:
    with pytest.raises(CorpusError, match=message):
        read(*rows)


@pytest.mark.parametrize("words", ["", ">=many", "<"])
def test_a_rule_that_is_none_is_refused(words: str) -> None:
    with pytest.raises(CorpusError, match="rule"):
        parse_positive("label", words)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.jsonl", b'{"id": 1}\n{"id"', "a.jsonl:2 is not JSON"),
        ("a.jsonl", b"[1]\n", "a.jsonl:1 is no JSON object"),
        ("a.jsonl", b"\xff\xfe\x00", "cannot read"),
        ("a.jsonl.gz", b"no gzip", "cannot read"),
        ("missing.jsonl", None, "cannot read"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_error(
    tmp_path: Path, name: str, content: bytes | None, message: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(CorpusError, match=message):
        load_corpus(tmp_path / name)


def test_a_byte_order_mark_blank_lines_and_standard_input_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = b"\xef\xbb\xbf" + json.dumps(PAIR | {"label": 1}).encode() + b"\r\n\r\n"
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(raw)))
    found = load_corpus(Path("-"))
    assert (found.name, len(found.pairs), found.pairs[0].line) == ("standard input", 1, 1)


def test_one_language_can_be_chosen() -> None:
    rows = [PAIR | {"label": 1, "lang1": "en", "lang2": two} for two in ("en", "ru")]
    assert len(only_language(read(*rows), "en").pairs) == 1
    with pytest.raises(CorpusError, match="nothing in 'de'"):
        only_language(read(*rows), "de")


@pytest.mark.parametrize(
    ("name", "documents", "pairs", "same"),
    [
        ("ecbplus_dev", 389, 0, None),
        ("ntrex_dev", 756, 0, None),
        ("semeval2022_dev", 0, 1258, 453),
        ("paraphraser_ru_train", 0, 7227, 4645),
        ("nyan_gold_pairs", 0, 75, 33),
        ("neardup_pairs_tgnews_ru", 0, 482, None),
    ],
)
def test_the_large_sets_are_read_whole(name: str, documents: int, pairs: int, same: int | None) -> None:
    path = DATA / f"{name}.jsonl.gz"
    if not path.is_file():
        pytest.skip("the labelled sets (../shared/data) are not here")
    found = load_corpus(path)
    assert (len(found.documents), len(found.pairs)) == (documents, pairs)
    if same is not None:
        assert sum(pair.same for pair in found.pairs) == same
