"""`jobs.import_file`: files, gzip and standard input; rows that cannot be used are named by line."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from newsroom import (
    SHARED,
    as_rows,
    assert_index_is_caught_up,
    assert_store_is_consistent,
    config_for,
    hashing_service,
    invented_news,
)
from sqlalchemy import select

from dedup import jobs
from dedup._errors import ImportFailed
from dedup.results import IngestReport
from dedup.store import ArticleRow

TGNEWS = SHARED / "tgnews_ru.jsonl.gz"


def lines(count: int) -> list[str]:
    return [json.dumps(row, ensure_ascii=False) for row in as_rows(invented_news(count))]


def import_into(url: str, path: Path) -> IngestReport:
    with hashing_service(url) as service:
        report = jobs.import_file(service, config_for(url), path)
        assert_store_is_consistent(service.store)
        assert_index_is_caught_up(service)
        return report


@pytest.fixture
def database(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/news.sqlite3"


def test_a_file_comes_in_once_and_again_adds_nothing(url: str, tmp_path: Path) -> None:
    path = tmp_path / "news.jsonl"
    path.write_text("\n".join(lines(150)), encoding="utf-8")
    first = import_into(url, path)
    assert (first.entries, first.stored, first.known) == (150, 150, 0)
    assert first.joined + first.stories == 150
    assert 0 < first.encoded < 150
    second = import_into(url, path)
    assert (second.entries, second.stored, second.known, second.encoded) == (150, 0, 150, 0)


def test_gzip_bom_blank_lines_and_windows_line_ends_are_read(database: str, tmp_path: Path) -> None:
    path = tmp_path / "news.jsonl.gz"
    path.write_bytes(gzip.compress(("\ufeff" + "\r\n\r\n".join(lines(12)) + "\r\n").encode()))
    assert import_into(database, path).stored == 12


def test_standard_input_is_read(database: str) -> None:
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); from pathlib import Path; from newsroom import *;"
        "from dedup import jobs; service = hashing_service(sys.argv[2]);"
        "print(jobs.import_file(service, config_for(sys.argv[2]), Path('-')).stored)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(Path(__file__).parent), database],
        input=("\ufeff" + "\n".join(lines(9))).encode(),
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout.decode().strip() == "9"


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("{not json", "is not JSON"),
        ('["a list"]', "has no id"),
        ('{"title": "Without an id"}', "has no id"),
        ('{"id": "", "title": "An empty id"}', "has no id"),
        ('{"id": "x", "title": " ", "text": "\\u0000"}', "neither a title nor a text"),
        ("5", "has no id"),
    ],
)
def test_a_row_that_cannot_be_used_is_named_by_its_line(database: str, tmp_path: Path, row: str, said: str) -> None:
    path = tmp_path / "news.jsonl"
    path.write_text("\n".join([*lines(5), row, *lines(8)]), encoding="utf-8")
    with hashing_service(database) as service:
        with pytest.raises(ImportFailed, match=said) as caught:
            jobs.import_file(service, config_for(database), path)
        assert "news.jsonl:6" in str(caught.value)
        # As it promises: the rows before the bad one are stored.
        assert_store_is_consistent(service.store, articles=5)


def test_files_that_cannot_be_read_are_a_clear_refusal(database: str, tmp_path: Path) -> None:
    whole = gzip.compress("\n".join(lines(50)).encode())
    (tmp_path / "short.jsonl.gz").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "fake.jsonl.gz").write_bytes(b"no gzip at all")
    (tmp_path / "latin.jsonl").write_bytes(b'{"id": "x", "title": "caf\xe9"}\n')
    with hashing_service(database) as service:
        for name in ("short.jsonl.gz", "fake.jsonl.gz", "latin.jsonl", "absent.jsonl", "."):
            with pytest.raises(ImportFailed, match=r"cannot read"):
                jobs.import_file(service, config_for(database), tmp_path / name)


def test_an_id_is_of_its_source_and_odd_values_are_taken_as_text(database: str, tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"id": 7, "title": "Storks return to Kelmouth", "source": "Wire"},
        {"id": 7, "title": "Penrose votes on its budget", "source": "Courier"},
        {"id": "7", "title": "Storks return to Kelmouth", "source": "Wire", "published": "nonsense", "lang": None},
        {"id": 8, "text": "Only a text, about the ferry to Lusen.", "unknown": [1, 2]},
    ]
    path = tmp_path / "news.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    assert import_into(database, path).stored == 3
    with hashing_service(database) as service, service.store.reading() as session:
        found = {(row.guid, row.source) for row in session.scalars(select(ArticleRow))}
    assert found == {("7", "Wire"), ("7", "Courier"), ("8", "")}


def test_an_empty_file_is_no_articles(database: str, tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").write_text("\n\n")
    report = import_into(database, tmp_path / "empty.jsonl")
    assert (report.entries, report.stored, report.stories) == (0, 0, 0)


@pytest.mark.skipif(not TGNEWS.is_file(), reason=f"the real news are not at {TGNEWS}")
def test_real_news_come_in_without_loss(database: str, tmp_path: Path) -> None:
    path = tmp_path / "slice.jsonl.gz"
    with gzip.open(TGNEWS, "rt", encoding="utf-8") as rows, gzip.open(path, "wt", encoding="utf-8") as part:
        for _, line in zip(range(300), rows, strict=False):
            part.write(line)
    report = import_into(database, path)
    assert (report.entries, report.stored) == (300, 300)
    assert report.encoded + report.joined >= 300
