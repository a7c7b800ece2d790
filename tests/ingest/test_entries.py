"""Which entry of a document is which article: shared links, entries that break off, titles that are no HTML."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dedup_ingest import ArticleLimits, ParseSettings
from dedup_ingest._document import parse_document
from dedup_ingest._entries import Parsed

URL = "https://gazette.example/rss/feed.xml"


def parsed(body: bytes | str) -> Parsed:
    document = body.encode() if isinstance(body, str) else body
    parse = ParseSettings(detect_language=False)
    return parse_document(document, url=URL, base=URL, content_type=None, parse=parse, limits=ArticleLimits())


def keys(body: bytes | str) -> dict[str, str]:
    """Of a document's articles, by title."""
    return {article.title: article.key for article in parsed(body).articles}


def alert(title: str, link: str = "https://gazette.example/alerts", hour: int = 10) -> str:
    date = f"<pubDate>Mon, 23 Nov 2026 {hour}:00:00 GMT</pubDate>"
    return f"<item><title>{title}</title><link>{link}</link>{date}<description>Be careful.</description></item>"


# ---- links that several entries share ----


def test_entries_without_guid_that_share_a_link_are_articles_of_their_own(kit: Any) -> None:
    names = ["Storm", "Flood", "Frost", "Fog", "Ice"]
    found = parsed(kit.rss(*map(alert, names)))
    assert [article.title for article in found.articles] == names
    assert {article.url for article in found.articles} == {"https://gazette.example/alerts"}
    assert found.skipped == ()


def test_entries_that_share_a_link_stay_themselves_at_the_next_visit(kit: Any) -> None:
    first = keys(kit.rss(alert("Storm"), alert("Flood"), alert("Frost")))
    second = keys(kit.rss(alert("Fog"), alert("Storm"), alert("Flood")))
    assert (second["Storm"], second["Flood"]) == (first["Storm"], first["Flood"])
    assert second["Fog"] not in first.values()


@pytest.mark.parametrize(
    "link",
    [
        "https://gazette.example/weather",
        "http://gazette.example/weather/",
        "/weather#now",
        "https://other.example",
        "https://other.example/?utm_source=rss",
        URL,
    ],
    ids=["page of the feed", "with http and a slash", "relative", "front page", "front page with a mark", "feed"],
)
def test_an_entry_that_links_to_the_page_of_its_feed_or_a_front_page_is_the_same_alone_and_among_others(
    kit: Any, link: str
) -> None:
    def document(*titles: str) -> bytes:
        body: bytes = kit.rss(*(alert(title, link) for title in titles))
        return body.replace(b"<link>https://gazette.example/</link>", b"<link>https://gazette.example/weather</link>")

    alone, among = keys(document("Storm")), keys(document("Storm", "Flood"))
    assert alone["Storm"] == among["Storm"] != among["Flood"]
    assert keys(document("Flood"))["Flood"] == among["Flood"]


def test_the_page_of_an_atom_and_of_a_json_feed_is_known_too() -> None:
    def atom(*titles: str) -> str:
        entries = "".join(f"<entry><title>{title}</title><link href='/weather'/></entry>" for title in titles)
        head = "<title>Gazette</title><link href='https://gazette.example/weather'/>"
        return f"<feed xmlns='http://www.w3.org/2005/Atom'>{head}{entries}</feed>"

    def json_feed(*titles: str) -> str:
        items = [{"title": title, "url": "/weather"} for title in titles]
        return json.dumps({"version": "https://jsonfeed.org/version/1.1", "home_page_url": "/weather", "items": items})

    for document in (atom, json_feed):
        among = keys(document("Storm", "Flood"))
        assert keys(document("Storm"))["Storm"] == among["Storm"] != among["Flood"]


def test_an_own_link_is_the_identity_whatever_other_entries_link_to(kit: Any) -> None:
    own = "https://gazette.example/storm"
    before = keys(kit.rss(alert("Storm", own)))
    after = keys(kit.rss(alert("Storm of the year", own, hour=12), alert("Flood"), alert("Frost")))
    assert after["Storm of the year"] == before["Storm"]


def test_an_entry_that_stands_twice_under_one_title_is_one_article(kit: Any) -> None:
    found = parsed(kit.rss(alert("Storm"), alert("STORM", hour=12)))
    assert [article.title for article in found.articles] == ["STORM"]
    assert [count for _, count in found.skipped] == [1]


def test_entries_with_guids_may_share_a_link_and_be_edited(kit: Any) -> None:
    def guided(title: str, guid: str) -> str:
        return alert(title).replace("<item>", f"<item><guid isPermaLink='false'>{guid}</guid>")

    before = keys(kit.rss(guided("Storm", "1"), guided("Flood", "2")))
    after = keys(kit.rss(guided("Storm is over", "1"), guided("Flood", "2")))
    assert after == {"Storm is over": before["Storm"], "Flood": before["Flood"]}


# ---- entries that break off ----


@pytest.mark.parametrize("format_", ["rss", "atom"])
def test_case_47_wherever_a_document_is_cut_every_article_has_its_own_key_and_all_of_its_text(
    kit: Any, format_: str
) -> None:
    items = [kit.item(number).replace("<guid>", "<x/><guid>") for number in (1, 2)]
    last = items[1].replace("<guid>g-2</guid>", "").replace("</item>", "<guid>g-2</guid></item>")
    body = kit.rss(items[0], last).decode()
    if format_ == "atom":
        for old, new in (("item>", "entry>"), ("guid>", "id>"), ("description>", "summary>")):
            body = body.replace(old, new)
        body = body.replace('<rss version="2.0"><channel>', '<feed xmlns="http://www.w3.org/2005/Atom">')
        body = body.replace("</channel></rss>", "</feed>")
    whole = {article.key: article.text for article in parsed(body).articles}
    assert len(whole) == 2
    begins = body.index("reopens 1") + 200
    for cut in range(begins, len(body) - 2):
        found = parsed(body[:cut])
        assert found.truncated, body[:cut]
        assert {article.key: article.text for article in found.articles}.items() <= whole.items(), body[:cut]
        assert len(found.articles) + sum(count for _, count in found.skipped) == found.found


def test_case_47_an_entry_that_breaks_off_is_counted_and_a_whole_one_is_kept(kit: Any) -> None:
    body = kit.rss(kit.item(1), kit.item(2))
    found = parsed(body[: body.index(b"<guid>g-2")])
    assert [article.title for article in found.articles] == ["Ferry line reopens 1"]
    assert (found.found, found.skipped) == (2, (("entries that break off with the document", 1),))
    found = parsed(body[: body.index(b"</channel>") + 4])
    assert (len(found.articles), found.skipped, found.truncated) == (2, (), True)


# ---- titles that are no HTML ----

TITLES = [
    "Why <script> tags are dangerous",
    "Using <b> in HTML",
    "<iframe>",
    "1 < 2 & 3 > 2",
]


@pytest.mark.parametrize("title", TITLES)
def test_a_title_of_a_json_feed_is_plain_text(title: str) -> None:
    item = {"id": "1", "title": title, "content_text": f"{title}: a text"}
    feed = {"version": "https://jsonfeed.org/version/1.1", "title": title, "items": [item]}
    found = parsed(json.dumps(feed))
    assert (found.title, found.articles[0].title) == (title, title)
    assert found.articles[0].text == f"{title}: a text"


@pytest.mark.parametrize("title", TITLES)
@pytest.mark.parametrize("kind", ["", ' type="text"'])
def test_a_title_of_an_atom_feed_is_plain_text_unless_it_says_html(title: str, kind: str) -> None:
    escaped = title.replace("&", "&amp;").replace("<", "&lt;")
    entry = f"<entry><id>1</id><title{kind}>{escaped}</title></entry>"
    found = parsed(f'<feed xmlns="http://www.w3.org/2005/Atom"><title{kind}>{escaped}</title>{entry}</feed>')
    assert (found.title, found.articles[0].title) == (title, title)


def test_a_title_of_an_atom_feed_that_says_html_is_html() -> None:
    title = '<title type="html">A &lt;b&gt;bold&lt;/b&gt; &amp;amp; new ferry</title>'
    found = parsed(f'<feed xmlns="http://www.w3.org/2005/Atom">{title}<entry><id>1</id>{title}</entry></feed>')
    assert (found.title, found.articles[0].title) == ("A bold & new ferry", "A bold & new ferry")


def test_entities_in_a_plain_title_are_decoded_because_feeds_write_them_all_the_same() -> None:
    feed = {"version": "https://jsonfeed.org/version/1.1", "items": [{"id": "1", "title": "Ferry &amp; bridge"}]}
    assert parsed(json.dumps(feed)).articles[0].title == "Ferry & bridge"
