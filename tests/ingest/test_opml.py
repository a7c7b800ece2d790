"""OPML out and in again."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dedup_ingest import parse_feed_list, write_opml

FEEDS = [
    ("https://one.example/rss?a=1&b=<2>", "One & “Zwei”", "World"),
    ("https://two.example/лента", None, "World"),
    ("https://three.example/", "Three", None),
    ("https://four.example/", 'Four "4"', "Sport'"),
]


def read(text: str) -> list[tuple[str, str | None, str | None]]:
    found = parse_feed_list(text, Path("/nonexistent"))
    assert found.problems == ()
    return [(feed.url, feed.title, feed.group) for feed in found.feeds]


def test_what_is_written_is_read_back_with_titles_and_folders() -> None:
    text = write_opml(FEEDS, title="Feeds & more")
    back = {url: (title, group) for url, title, group in read(text)}
    assert back == {url: (title or url, group) for url, title, group in FEEDS}
    assert text.startswith('<?xml version="1.0" encoding="UTF-8"?>\n<opml version="2.0">')
    assert "<title>Feeds &amp; more</title>" in text
    assert text.count('<outline text="World"') == 1


def test_nothing_is_a_list_too() -> None:
    assert read(write_opml([], title="Nothing")) == []


@pytest.mark.parametrize("label", ["a\x00b", "a\ud800b", "a\nb", "]]>", "<!--", "&#0;", "\ufffe"])
def test_a_label_that_xml_cannot_hold_does_not_break_the_document(label: str) -> None:
    back = read(write_opml([("https://one.example/", label, label)], title=label))
    assert [url for url, _, _ in back] == ["https://one.example/"]


_WRITABLE = st.characters(exclude_categories=["Cs", "Cc", "Zs", "Zl", "Zp", "Cn", "Co"])
_LABELS = st.none() | st.text(_WRITABLE, min_size=1, max_size=20)


@given(st.dictionaries(st.from_regex(r"[a-z]{1,8}\.example", fullmatch=True), st.tuples(_LABELS, _LABELS), max_size=12))
def test_any_titles_and_groups_come_back(feeds: dict[str, tuple[str | None, str | None]]) -> None:
    triples = [(f"https://{host}/?a=1&b=2", title, group) for host, (title, group) in feeds.items()]
    back = read(write_opml(triples, title="x"))
    assert sorted(back) == sorted((url, title or url, group) for url, title, group in triples)
