"""Plain RSS is read without feedparser exactly as feedparser reads it, and what is not plain is left to it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dedup_ingest import ArticleLimits, ParseSettings
from dedup_ingest import _document as document
from dedup_ingest._errors import ParseError
from dedup_ingest._plainrss import read_plain_rss

REAL = Path(__file__).parents[3] / "shared" / "data" / "feeds"
ITEM = "<item><title>Ferry</title><link>https://a.example/1</link><guid>g1</guid></item>"


def channel(items: str, head: str = "<title>Gazette</title><language>en-gb</language>", root: str = "") -> str:
    return f'<?xml version="1.0"?><rss version="2.0"{root}><channel>{head}{items}</channel></rss>'


CONTENT = ' xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:dc="http://purl.org/dc/elements/1.1/"'
PLAIN = {
    "all fields": channel(
        "<item><title> Ferry &amp; </title><link>https://a.example/?a=1&amp;b=2</link><guid isPermaLink='false'>x"
        "</guid><pubDate>Mon, 23 Nov 2026 10:00:00 GMT</pubDate><description>&lt;p&gt;It &amp;amp; sails&lt;/p&gt;"
        "</description><category>a</category><author>b</author></item>"
    ),
    "content wins": channel(
        "<item><title>a</title><description>short</description><content:encoded><![CDATA[<p>long</p>]]></content:encoded>"
        "<dc:creator>b</dc:creator></item>",
        root=CONTENT,
    ),
    "content is empty": channel(
        "<item><content:encoded/><title>a</title><description>short</description></item>", root=CONTENT
    ),
    "guid is the link": channel("<item><title>a</title><guid>https://a.example///1</guid></item>"),
    "guid with a link": channel("<item><guid>https://a.example/1</guid><title>a</title><link>b/c</link></item>"),
    "an empty link": channel("<item><guid>https://a.example/1</guid><title>a</title><link/></item>"),
    "loose references": channel("<item><title>a</title><link>https://a.example/?a&amp;amp;b&amp;c;d</link></item>"),
    "encoded twice": channel("<item><title>CafÃ© in Brenholt</title><description>Москва, é</description></item>"),
    "comments inside": channel("<item><title>one<!-- no --> two<?x y?> three</title></item>"),
    "no dates": channel("<item><title>a</title><pubDate> </pubDate></item>" * 2),
    "no title": channel(ITEM, head="<link>https://a.example/</link><image><title>no</title><url>u</url></image>"),
    "declared as UTF-8": channel(ITEM).replace('"1.0"', '"1.0" encoding="UTF-8"'),
}
NOT_PLAIN = {
    "broken": channel(ITEM)[:-20],
    "another version": channel(ITEM).replace('"2.0"', '"0.91"'),
    "Atom": '<feed xmlns="http://www.w3.org/2005/Atom"><entry><title>a</title></entry></feed>',
    "another encoding": channel(ITEM).replace('"1.0"', '"1.0" encoding="windows-1251"'),
    "entities": channel(ITEM).replace("<rss", '<!DOCTYPE rss [<!ENTITY a "b">]><rss', 1),
    "a title twice": channel("<item><title>a</title><title>b</title></item>"),
    "an element inside a title": channel("<item><title>a <b>c</b></title></item>"),
    "an unknown element": channel("<item><title>a</title><source url='u'>s</source></item>"),
    "a typed title": channel('<item><title type="html">a</title></item>'),
    "a base": channel(ITEM, root=' xml:base="https://b.example/"'),
    "a date of its own kind": channel("<item><title>a</title><pubDate>the day after the fair</pubDate></item>"),
    "an item in a folder": channel(f"{ITEM}<group>{ITEM}</group>"),
    "Windows-1252": channel("<item><title>a \x93quote\x94</title></item>"),
    "nothing": channel(""),
}


def outcome(body: bytes) -> Any:
    try:
        return document.parse_document(
            body,
            url="https://a.example/rss",
            base="https://a.example/rss",
            content_type=None,
            parse=ParseSettings(detect_language=False),
            limits=ArticleLimits(),
        )
    except ParseError as error:
        return error.kind, str(error)


def by_feedparser(body: bytes, monkeypatch: pytest.MonkeyPatch) -> Any:
    with monkeypatch.context() as patched:
        patched.setattr(document, "read_plain_rss", lambda text: None)
        return outcome(body)


@pytest.mark.parametrize("name", PLAIN)
def test_plain_rss_is_read_as_feedparser_reads_it(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_plain_rss(PLAIN[name]) is not None
    read = outcome(PLAIN[name].encode())
    assert read.articles
    assert read == by_feedparser(PLAIN[name].encode(), monkeypatch)


@pytest.mark.parametrize("name", NOT_PLAIN)
def test_what_is_not_plain_is_left_to_feedparser(name: str) -> None:
    assert read_plain_rss(NOT_PLAIN[name]) is None


@pytest.mark.skipif(not REAL.is_dir(), reason=f"the real feeds are not at {REAL}")
def test_every_real_feed_is_read_as_feedparser_reads_it(monkeypatch: pytest.MonkeyPatch) -> None:
    files = [path for path in sorted(REAL.iterdir()) if path.suffix != ".md" and "gold" not in path.name]
    plain = 0
    for path in files:
        body = path.read_bytes()
        plain += read_plain_rss(body.decode("utf-8", "replace")) is not None
        assert outcome(body) == by_feedparser(body, monkeypatch), path.name
    assert plain >= 10
