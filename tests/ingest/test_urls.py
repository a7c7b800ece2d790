"""Two spellings of a page are one page; two pages are never one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dedup_ingest import canonical_url


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("HTTPS://News.Example:443/a?utm_source=x&id=5#top", "https://news.example/a?id=5"),
        ("http://news.example", "http://news.example/"),
        ("http://news.example:8080/a", "http://news.example:8080/a"),
        ("https://новости.рф/путь", "https://xn--b1amnebsh.xn--p1ai/%D0%BF%D1%83%D1%82%D1%8C"),
        ("https://news.example/a?fbclid=1&gclid=2", "https://news.example/a"),
        ("https://news.example/a?b=1&a=2", "https://news.example/a?b=1&a=2"),
        ("http://[2001:db8::1]/a", "http://[2001:db8::1]/a"),
        ("urn:uuid:5", "urn:uuid:5"),
        ("http://[broken", "http://[broken"),
    ],
)
def test_a_url_gets_its_one_spelling(written: str, canonical: str) -> None:
    assert canonical_url(written) == canonical


_PARTS = st.text(st.characters(blacklist_categories=["Cs"]), max_size=20)


@given(_PARTS, _PARTS, _PARTS)
def test_the_one_spelling_has_itself_as_its_spelling(host: str, path: str, query: str) -> None:
    once = canonical_url(f"https://{host}.example/{path}?{query}")
    assert canonical_url(once) == once


@given(st.text())
def test_no_text_makes_the_spelling_fail(text: str) -> None:
    once = canonical_url(text)
    assert canonical_url(once) == once


@given(st.integers(), st.integers())
def test_pages_chosen_by_a_parameter_stay_apart(first: int, second: int) -> None:
    urls = {canonical_url(f"https://news.example/story?id={number}&utm_medium=rss") for number in (first, second)}
    assert len(urls) == len({first, second})
