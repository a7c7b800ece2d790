"""Two spellings of a page are one page; two pages are never one."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dedup_ingest import ArticleLimits, ParseSettings, canonical_url, feed_identity
from dedup_ingest._document import parse_document
from dedup_ingest._errors import ParseError
from dedup_ingest._urls import _AMBIGUOUS, _TRACKERS, same_site

SHARED = Path(__file__).resolve().parents[2] / ".." / "shared" / "data"


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("HTTPS://News.Example:443/a?utm_source=x&id=5#top", "https://news.example/a?id=5"),
        ("http://news.example", "http://news.example/"),
        ("http://news.example:8080/a", "http://news.example:8080/a"),
        ("https://новости.рф/путь", "https://xn--b1amnebsh.xn--p1ai/%D0%BF%D1%83%D1%82%D1%8C"),
        ("https://faß.example/", "https://xn--fa-hia.example/"),
        ("https://Straße.example/", "https://xn--strae-oqa.example/"),
        ("https://☃.example/", "https://xn--n3h.example/"),
        ("https://новости。рф。/", "https://xn--b1amnebsh.xn--p1ai/"),
        ("https://news.example/a?fbclid=1&gclid=2", "https://news.example/a"),
        ("https://news.example/a?b=1&a=2", "https://news.example/a?b=1&a=2"),
        ("http://[2001:db8::1]/a", "http://[2001:db8::1]/a"),
        ("https://news.example/a?xtor=RSS-3208&wt_mc=rss.ho&at_medium=RSS&p=2", "https://news.example/a?p=2"),
        ("https://news.example/a?UTM_Source=x&FBCLID=1", "https://news.example/a"),
        ("https://news.example/a?ref=rss&partner=rss&emc=rss&source=Twitter", "https://news.example/a"),
        (
            "https://news.example/a?ref=4711&source=17&from=5&feed=12",
            "https://news.example/a?ref=4711&source=17&from=5&feed=12",
        ),
        ("https://news.example/a?utmost=1&gclids=2&id", "https://news.example/a?utmost=1&gclids=2&id"),
        ("https://news.example/%d0%bf?q=%c3%a9", "https://news.example/%D0%BF?q=%C3%A9"),
        ("https://news.example/a/", "https://news.example/a/"),
        ("https://news.example/A?&&b=1&", "https://news.example/A?b=1"),
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


@given(st.text(st.characters(blacklist_categories=[])))
def test_no_text_makes_the_spelling_fail(text: str) -> None:
    for address in (text, f"https://{text}", f"https://ward.example/{text}"):
        once = canonical_url(address)
        assert canonical_url(once) == once


def test_hosts_that_are_two_to_the_name_system_have_two_feeds_and_those_that_are_one_have_one() -> None:
    assert feed_identity("https://faß.example/rss") != feed_identity("https://fass.example/rss")
    assert feed_identity("https://FAẞ.example/rss") == feed_identity("https://xn--fa-hia.example/rss")


def test_a_host_longer_than_any_name_is_left_as_it_is() -> None:
    assert canonical_url(f"https://{'ж' * 254}/") == f"https://{'ж' * 254}/"


def test_half_a_surrogate_pair_in_a_link_costs_no_feed() -> None:
    body = (
        b'{"version":"https://jsonfeed.org/version/1.1","items":[{"url":"https://a.example/\\ud800","title":"Ferry"}]}'
    )
    found = parse_document(
        body,
        url="https://a.example",
        base="https://a.example",
        content_type=None,
        parse=ParseSettings(),
        limits=ArticleLimits(),
    )
    assert [article.title for article in found.articles] == ["Ferry"]


@given(st.integers(), st.integers())
def test_pages_chosen_by_a_parameter_stay_apart(first: int, second: int) -> None:
    urls = {canonical_url(f"https://news.example/story?id={number}&utm_medium=rss") for number in (first, second)}
    assert len(urls) == len({first, second})


_NAMES = st.from_regex(r"[a-z]{1,6}", fullmatch=True).filter(lambda name: name not in _AMBIGUOUS | _TRACKERS)
_PAIRS = st.lists(st.tuples(_NAMES, st.integers(0, 99)), min_size=1, max_size=4)
_MARKS = st.lists(st.sampled_from([*sorted(_TRACKERS), "utm_anything"]), max_size=3)


@given(_PAIRS, _MARKS, st.randoms())
def test_marks_of_where_a_reader_came_from_change_nothing_wherever_they_stand(
    pairs: list[tuple[str, int]], marks: list[str], random: Random
) -> None:
    plain = [f"{name}={value}" for name, value in pairs]
    marked = list(plain)
    for mark in marks:
        marked.insert(random.randint(0, len(marked)), f"{mark}=x%20y")
    url = "https://news.example/story?"
    assert canonical_url(url + "&".join(marked)) == canonical_url(url + "&".join(plain)) == url + "&".join(plain)


@given(_PAIRS, _PAIRS)
def test_pages_that_differ_in_any_other_parameter_stay_apart(
    one: list[tuple[str, int]], other: list[tuple[str, int]]
) -> None:
    urls = [
        "https://news.example/story?" + "&".join(f"{name}={value}" for name, value in pairs) for pairs in (one, other)
    ]
    assert (canonical_url(urls[0]) == canonical_url(urls[1])) is (one == other)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("https://news.example/a", "http://www.news.example/b", True),
        ("https://m.news.example/a", "https://amp.news.example/a", True),
        ("https://sport.news.example/a", "https://news.example/a", True),
        ("https://badnews.example/a", "https://news.example/a", False),
        ("https://news.example.evil.example/a", "https://news.example/a", False),
        ("https://www.example/a", "https://other.example/a", False),
        ("https://localhost/a", "https://x.localhost/a", False),
        ("nonsense", "nonsense", False),
    ],
)
def test_two_addresses_are_of_one_site_by_their_hosts(one: str, other: str, same: bool) -> None:
    assert same_site(one, other) is same_site(other, one) is same


@pytest.mark.skipif(not SHARED.is_dir(), reason=f"the real articles are not at {SHARED}")
@pytest.mark.parametrize("name", ["tgnews_en", "tgnews_ru"])
def test_no_two_articles_of_two_real_days_have_one_address(name: str) -> None:
    with gzip.open(SHARED / f"{name}.jsonl.gz", "rt", encoding="utf-8") as file:
        urls = {row["id"]: row["url"] for row in map(json.loads, file) if row["url"]}
    assert len(urls) > 3000
    by_address = Counter(map(canonical_url, set(urls.values())))
    assert [address for address, count in by_address.items() if count > 1] == []
    assert {canonical_url(address) for address in by_address} == set(by_address)


@pytest.mark.skipif(not SHARED.is_dir(), reason=f"the real feeds are not at {SHARED}")
def test_no_two_links_of_a_real_feed_become_one() -> None:
    links = 0
    settings = ParseSettings(detect_language=False), ArticleLimits()
    for path in sorted((SHARED / "feeds").iterdir()):
        if path.suffix == ".json":
            continue
        try:
            found = parse_document(
                path.read_bytes(), url=path.name, base="https://feed.example/", content_type=None,
                parse=settings[0], limits=settings[1],
            )  # fmt: skip
        except ParseError:
            continue
        written = {article.url for article in found.articles if article.url}
        assert len({canonical_url(url) for url in written}) == len(written), path.name
        links += len(written)
    assert links > 1000


@pytest.mark.parametrize(
    ("written", "identity"),
    [
        ("HTTPS://News.Example:443/feed?utm_source=x&feed=rss#top", "https://news.example/feed?feed=rss"),
        ("https://Ann:Secret@News.Example/feed", "https://Ann:Secret@news.example/feed"),
        ("/srv/feeds/a.xml", "/srv/feeds/a.xml"),
    ],
)
def test_what_may_choose_a_feed_and_who_asks_are_part_of_its_identity(written: str, identity: str) -> None:
    assert feed_identity(written) == identity
    assert feed_identity(identity) == identity


@given(st.text(max_size=60))
def test_no_text_makes_a_feeds_identity_fail_or_change_twice(text: str) -> None:
    for address in (text, f"https://{text}", f"https://ward.example/{text}"):
        assert feed_identity(feed_identity(address)) == feed_identity(address)
