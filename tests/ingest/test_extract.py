"""Texts of pages: what trafilatura gets wrong and is corrected, on invented pages; and F1 on saved ones."""

from __future__ import annotations

import importlib.util
import json
import statistics
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("trafilatura", reason="the extra [fulltext] is not installed")

from dedup_ingest._errors import ParseError
from dedup_ingest._page import Page, parse_page

ROOT = Path(__file__).resolve().parents[2]
PAGES = ROOT / ".." / "shared" / "data" / "pages"

LEAD = "The ferry between the two islands sails again from Monday, the harbour office said after a week of storms."
BODY = [
    "Engineers replaced both ramps during the night and tested them with an empty ship before the first passengers.",
    "Tickets for the morning crossing were sold out within an hour, and a second ship will help until the weekend.",
    "The mayor of the smaller island thanked the crews, who had carried medicine across in fishing boats until now.",
    "Insurers are still counting the damage along the eastern quay, where three warehouses lost their roofs on Friday.",
]
WINDOW = [
    "Choose how we may use your data and the data of your household on this device and on all of your other devices.",
    "Our partners measure audiences, develop products and combine what they know about you with other sources of data.",
    "You may withdraw your choice at any moment in the settings at the bottom of every page of this wonderful service.",
]


def read(html: str, content_type: str | None = "text/html; charset=utf-8") -> Page:
    return parse_page(
        html.encode(), url="https://gazette.example/1", content_type=content_type, max_text_characters=9999
    )


def article(*paragraphs: str, head: str = "") -> str:
    body = "".join(f"<p>{paragraph}</p>" for paragraph in paragraphs)
    return (
        f"<html><head><title>Ferry sails | Gazette</title>{head}</head>"
        f"<body><article><h1>Ferry sails</h1>{body}</article></body></html>"
    )


def test_a_body_that_the_publisher_split_in_two_is_joined() -> None:
    halves = "".join(
        f"<div class='part-{number}'>{''.join(f'<p class=text>{paragraph}</p>' for paragraph in half)}</div>"
        for number, half in enumerate(([LEAD, *BODY[:2]], ["<b>x</b>"], BODY[2:]))
    )
    page = read(
        f"<html><body><main>{halves}</main><div class=related><p class=text>{WINDOW[0]}</p></div></body></html>"
    )
    assert all(paragraph in page.text for paragraph in [LEAD, *BODY])
    assert WINDOW[0] not in page.text


def test_a_window_laid_over_the_text_is_left_out_when_the_publisher_s_own_body_does_not_have_it() -> None:
    diary = [
        f"On day {day} of the storm the keeper wrote {day * 37} lines and saw {day + 9} birds." for day in range(20)
    ]
    data = json.dumps({"@type": "NewsArticle", "articleBody": " ".join([*BODY, *diary])})
    html = article(
        LEAD, BODY[0], *WINDOW, *BODY[1:], *diary, head=f'<script type="application/ld+json">{data}</script>'
    )
    text = read(html).text
    assert not any(paragraph in text for paragraph in WINDOW)
    assert all(paragraph in text for paragraph in [LEAD, *BODY, *diary])  # a lead alone is left out by many publishers


@pytest.mark.parametrize(
    "frame",
    ["Ferry sails", "Photo: A. Carter", "Read more: storms of the year", "Читайте также: шторм", "Lire aussi : tempête",
     "All rights reserved. Gazette 2026", "Subscribe to continue reading"],
)  # fmt: skip
def test_lines_that_frame_a_text_are_no_part_of_it(frame: str) -> None:
    text = read(article(frame, LEAD, *BODY, frame)).text
    assert text.splitlines()[0] == LEAD
    assert (text.splitlines()[-1] == BODY[-1]) is (frame != "Ferry sails")


def test_a_sentence_that_begins_like_a_frame_but_is_news_stays() -> None:
    line = f"Read the verdict aloud, the judge asked. {LEAD} {BODY[0]}"
    assert line in read(article(line, *BODY)).text


def test_the_largest_of_several_bodies_in_json_ld_counts_and_broken_json_does_not() -> None:
    data = json.dumps({"@graph": [{"articleBody": "short"}, {"mainEntity": {"articleBody": " ".join(BODY)}}]})
    scripts = "".join(f'<script type="application/ld+json">{text}</script>' for text in ("{broken", "[" * 5000, data))
    page = read(f"<html><head>{scripts}</head><body></body></html>")
    assert (page.method, BODY[0] in page.text) == ("publisher", True)


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"%PDF-1.7", None),
        (b"{}", "application/json"),
        (b"<html></html>", "image/png"),
        (b"", None),
        (b"\x00" * 99, None),
    ],
)
def test_what_is_no_page_is_an_error(body: bytes, content_type: str | None) -> None:
    with pytest.raises(ParseError, match="no web page"):
        parse_page(body, url="https://gazette.example/1", content_type=content_type, max_text_characters=99)


_PIECES = [
    "<html>",
    "<head>",
    "<article>",
    "<p class=a>",
    f"<p>{LEAD}</p>",
    f"<p>{BODY[0]}",
    "</article>",
    "<div id=comments>",
    "<!--",
    '<script type="application/ld+json">',
    '{"articleBody": 5}',
    '{"@graph": [[]]}',
    "</script>",
    "<link rel=canonical href='//['>",
    "<meta charset=utf-7>",
    "<link rel=amphtml href='/amp'>",
    "<meta property=og:url content='\x00'>",
    "<template>",
    "&#xD800;",
    "<svg><title>",
    "<base href='x:'>",
    "<h1>",
    "\x00",
    "<table><tr>",
    "ж",
    "<h1></h1>",
    "<body>",
]


@settings(deadline=None, max_examples=60)
@given(st.lists(st.one_of(st.sampled_from(_PIECES), st.text(max_size=8)), max_size=20))
def test_no_page_makes_the_reader_fail_otherwise_than_it_says(pieces: list[str]) -> None:
    try:
        page = read("".join(pieces).encode("utf-8", "replace").decode())
    except ParseError:
        return
    (page.title + page.text + (page.canonical or "") + (page.amp or "")).encode("utf-8")
    assert "\x00" not in page.title + page.text
    assert all(link is None or link.startswith(("http://", "https://")) for link in (page.canonical, page.amp))


@pytest.fixture(scope="module")
def scores() -> ModuleType:
    spec = importlib.util.spec_from_file_location("_scores", ROOT / "benchmarks" / "_scores.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_measure_counts_words_as_often_as_they_stand_there(scores: ModuleType) -> None:
    assert scores.precision_recall("the ferry, the FERRY", "the ferry sails") == (0.5, 2 / 3)
    assert scores.precision_recall("a b c d e", "x a b c d", 4) == (0.5, 0.5)
    assert scores.precision_recall("", "a") == (0.0, 0.0)
    assert scores.tokens("北京 ok") == ["北", "京", "ok"]
    assert scores.f1(0.5, 1.0) == pytest.approx(2 / 3)


@pytest.mark.skipif(not PAGES.is_dir(), reason=f"the saved pages are not at {PAGES}")
def test_the_texts_of_real_pages_reach_an_f1_of_0_955(scores: ModuleType) -> None:
    found: dict[str, float] = {}
    for row in json.loads((PAGES / "manifest.json").read_text(encoding="utf-8")):
        if row.get("expected"):
            body = (PAGES / row["file"]).read_bytes()
            text = parse_page(body, url=row["url"], content_type=None, max_text_characters=1_000_000).text
            expected = (PAGES / row["expected"]).read_text(encoding="utf-8")
            found[row["file"]] = scores.f1(*scores.precision_recall(text, expected))
    assert len(found) == 23
    assert statistics.fmean(found.values()) >= 0.955, found
    assert min(found.values()) >= 0.8, found
