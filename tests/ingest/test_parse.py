"""Documents that are broken, hostile, or in another encoding than they say."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dedup_ingest import ArticleLimits, ErrorKind, FeedOutcome, FeedRequest, ParseSettings
from dedup_ingest._charset import decode
from dedup_ingest._document import parse_document
from dedup_ingest._entries import Parsed
from dedup_ingest._errors import ParseError
from dedup_ingest._text import plain_text

URL = "https://gazette.example/rss/feed.xml"


def parsed(body: bytes, content_type: str | None = None, **options: Any) -> Parsed:
    """The document parsed in this process: for what is not hostile."""
    parse = ParseSettings(detect_language=False, **options)
    return parse_document(body, url=URL, base=URL, content_type=content_type, parse=parse, limits=ArticleLimits())


def refused(body: bytes, kind: ErrorKind, words: str) -> None:
    with pytest.raises(ParseError, match=words) as caught:
        parsed(body)
    assert caught.value.kind is kind


def from_files(kit: Any, folder: Path, parse: ParseSettings, **bodies: bytes) -> dict[str, FeedOutcome]:
    """The outcomes of files with these contents, through the parsing processes."""
    requests = []
    for name, body in bodies.items():
        (folder / name).write_bytes(body)
        requests.append(FeedRequest(str(folder / name)))
    from dedup_ingest import FetchSettings

    outcomes = kit.run(kit.gather(requests, FetchSettings(max_body_bytes=100_000_000, max_concurrency=1), parse))
    return {Path(url).name: outcome for url, outcome in outcomes.items()}


# ---- encodings ----

RUSSIAN = (
    "Паром между двумя островами снова ходит после недели штормов, сообщила в понедельник администрация порта. "
    "Билеты продают с утра, а первые пассажиры уже ждут у причала. Погода обещает быть хорошей до конца недели."
)
JAPANESE = (
    "一週間の嵐のあと、二つの島を結ぶフェリーが月曜日に運航を再開したと港湾事務所が発表した。"
    "切符は朝から販売され、最初の乗客はすでに桟橋で待っている。天気は週末まで良い見込みだ。"
)


def undeclared(text: str, encoding: str) -> bytes:
    title = f"<title>{text[:20]}</title><item><title>{text[:60]}</title>"
    return f"<rss><channel>{title}<description>{text}</description></item></channel></rss>".encode(encoding)


@pytest.mark.parametrize(
    ("text", "encoding"),
    [(RUSSIAN, "koi8-r"), (RUSSIAN, "windows-1251"), (JAPANESE, "shift_jis"), (JAPANESE, "euc-jp")],
)
def test_case_41_undeclared_encodings_are_recognised_and_flagged(text: str, encoding: str) -> None:
    found = parsed(undeclared(text, encoding))
    assert found.articles[0].text == text
    assert "no usable declaration" in (found.problem or "")


@pytest.mark.parametrize("content_type", ["text/xml; charset=KOI8-R", 'application/xml; charset="koi8-r"'])
def test_an_encoding_declared_in_the_header_is_used(content_type: str) -> None:
    found = parsed(undeclared(RUSSIAN, "koi8-r"), content_type)
    assert (found.articles[0].text, found.problem) == (RUSSIAN, None)


def test_case_42_latin_1_declared_as_utf_8_is_flagged_and_read() -> None:
    text = "Le café près de la rivière a rouvert après l'été, et le maire s'en félicite à l'hôtel de ville."
    body = b'<?xml version="1.0" encoding="UTF-8"?>' + undeclared(text, "latin-1")
    found = parsed(body)
    assert "declared as UTF-8, read as" in (found.problem or "")
    assert found.articles[0].text == text


def test_case_42_a_few_bad_bytes_in_utf_8_are_replaced_and_flagged(kit: Any) -> None:
    body = kit.rss(kit.item(text=RUSSIAN)).replace("штормов".encode(), b"\xff" + "штормов".encode())
    found = parsed(body)
    assert "not utf-8" in (found.problem or "")
    assert "\ufffdштормов" in found.articles[0].text


FRENCH = "Le café près de la rivière rouvre — l’été arrive, et l’on s’en réjouit"


def test_case_43_text_encoded_twice_is_repaired_and_flagged(kit: Any) -> None:
    found = parsed(kit.rss(kit.item(text=FRENCH.encode("utf-8").decode("cp1252"))))
    assert found.articles[0].text == FRENCH
    assert "encoded twice" in (found.problem or "")


def test_case_43_text_encoded_twice_by_way_of_latin_1_is_repaired(kit: Any) -> None:
    found = parsed(kit.rss(kit.item(text=RUSSIAN.encode("utf-8").decode("latin-1"))))
    assert found.articles[0].text == RUSSIAN


@pytest.mark.parametrize(
    ("encoding", "mark"),
    [
        ("utf-16-le", b"\xff\xfe"),
        ("utf-16-be", b"\xfe\xff"),
        ("utf-32-le", b"\xff\xfe\x00\x00"),
        ("utf-32-be", b"\x00\x00\xfe\xff"),
        ("utf-8", b"\xef\xbb\xbf"),
        ("utf-16-le", b""),
        ("utf-16-be", b""),
    ],
)
def test_case_44_wide_encodings_are_read_with_their_mark(encoding: str, mark: bytes) -> None:
    text = f'<?xml version="1.0" encoding="UTF-16"?>{undeclared(RUSSIAN, "utf-8").decode()}'
    found = parsed(mark + text.encode(encoding))
    assert (found.articles[0].text, found.problem) == (RUSSIAN, None)


@given(st.binary(max_size=300), st.one_of(st.none(), st.text(max_size=40)))
def test_any_bytes_are_decoded_to_something(body: bytes, content_type: str | None) -> None:
    assert isinstance(decode(body, content_type).text, str)


# ---- what comes instead of a feed ----


def test_case_45_a_web_page_is_a_clear_error_that_names_its_feeds() -> None:
    page = (
        "<!DOCTYPE html>\n<!-- hi --><html><head>"
        '<link rel="alternate" type="application/rss+xml" href="/rss/all?a=1&amp;b=2">'
        '<link rel="stylesheet" href="x.css"></head><body>News</body></html>'
    )
    refused(page.encode(), ErrorKind.NOT_A_FEED, r"web page.*https://gazette\.example/rss/all\?a=1&b=2")
    refused(b"<html><body>Nothing</body></html>", ErrorKind.NOT_A_FEED, "names no feed")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"Not found", "begins with 'Not found'"),
        (b'{"a": 1}', "no list `items`"),
        (b'{"items": [', "cannot be read"),
        (b'{"items": ' + b"[" * 100_000, "cannot be read"),
        (b"<?xml version='1.0'?><opml><body/></opml>", "<opml>"),
        (b"%PDF-1.7 <<", "is no feed"),
        (b"\x1f\x8b\x08\x00abc", "compressed once more"),
    ],
)
def test_what_is_no_feed_is_a_clear_error(body: bytes, words: str) -> None:
    refused(body, ErrorKind.NOT_A_FEED, words)


@pytest.mark.parametrize("body", [b"", b" \r\n\t", b"\xef\xbb\xbf", b"\x00\x00"])
def test_case_46_an_empty_body_is_an_error(body: bytes) -> None:
    refused(body, ErrorKind.EMPTY_BODY, "empty")


def test_case_46_an_empty_channel_is_a_feed_without_entries(kit: Any) -> None:
    found = parsed(kit.rss())
    assert (found.title, found.found, found.articles, found.problem) == ("Harbour Gazette", 0, (), None)


@pytest.mark.parametrize("cut", [40, 150, 290])
def test_case_47_truncated_xml_is_salvaged_flagged_and_asked_for_again(kit: Any, tmp_path: Path, cut: int) -> None:
    body = kit.rss(kit.item(1), kit.item(2), kit.item(3))
    outcome = from_files(kit, tmp_path, kit.QUICK_PARSE, cut=body[:-cut])["cut"]
    assert outcome.status == "fetched"
    assert "Ferry line reopens 1" in {article.title for article in outcome.articles}
    assert "cut short" in (outcome.problem or "")
    assert outcome.etag is None


# ---- entries ----


def test_case_49_of_a_guid_twice_in_one_feed_the_last_wins(kit: Any) -> None:
    edited = kit.item(1).replace("Ferry", "Edited ferry")
    found = parsed(kit.rss(kit.item(1), kit.item(2), edited))
    assert [article.title for article in found.articles] == ["Ferry line reopens 2", "Edited ferry line reopens 1"]
    assert found.found == 3
    assert [count for _, count in found.skipped] == [1]


def test_an_entry_stays_itself_when_another_host_serves_the_feed(kit: Any) -> None:
    body = kit.rss(kit.item(1).replace("https://gazette.example/1", "/1"))
    limits = ParseSettings(detect_language=False), ArticleLimits()
    here, there = (
        parse_document(body, url=URL, base=base, content_type=None, parse=limits[0], limits=limits[1]).articles[0]
        for base in (URL, "https://mirror.example/feed")
    )
    assert (here.guid, here.key) == ("g-1", there.key)
    assert (here.url, there.url) == ("https://gazette.example/1", "https://mirror.example/1")


@pytest.mark.parametrize(
    ("link", "resolved"),
    [
        ("/news/1", "https://gazette.example/news/1"),
        ("../news/1", "https://gazette.example/news/1"),
        ("//cdn.example/1", "https://cdn.example/1"),
        ("https://новости.рф/путь", "https://новости.рф/путь"),
        ("  https://gazette.example/\n1 ", "https://gazette.example/1"),
        ("https://gazette.example/" + "a" * 2100, None),
        ("javascript:alert(1)", None),
        ("mailto:desk@gazette.example", None),
    ],
)
def test_case_52_links_are_resolved_or_left_out_and_counted(link: str, resolved: str | None) -> None:
    body = f"<rss><channel><title>T</title><item><title>One</title><link>{link}</link></item></channel></rss>"
    found = parsed(body.encode())
    assert found.articles[0].url == resolved or (found.articles[0].url or "").startswith("https://xn--")
    assert found.skipped == () if resolved else [count for _, count in found.skipped] == [1]


def test_case_53_entries_with_a_title_only_and_with_nothing_are_told_apart(kit: Any) -> None:
    found = parsed(kit.rss("<item><title>🏆🏆</title></item>", "<item><pubDate>x</pubDate></item>"))
    assert [article.title for article in found.articles] == ["🏆🏆"]
    assert (found.found, found.skipped) == (2, (("entries without title and text", 1),))


def test_case_39_and_case_40_control_characters_and_surrogates_of_a_feed_never_reach_an_article(kit: Any) -> None:
    body = kit.rss(kit.item(text="a\x00b\x08c &#0; &#xD800; &#x7; d")).replace(b"Ferry", b"Fe\x0brry")
    found = parsed(body)
    text = found.articles[0].title + found.articles[0].text
    text.encode("utf-8")
    assert not set(text) & {chr(code) for code in (0, 7, 8, 11)}


def test_the_longest_content_is_the_text_and_the_summary_is_what_remains(kit: Any) -> None:
    namespace = 'xmlns:content="http://purl.org/rss/1.0/modules/content/"'
    full = kit.item().replace(
        "</item>",
        "<content:encoded><![CDATA[<p>The whole <b>story</b>.</p><p>In two parts.</p>]]></content:encoded></item>",
    )
    found = parsed(kit.rss(full, kit.item(2)).replace(b"<rss", f"<rss {namespace}".encode(), 1))
    assert found.articles[0].text == "The whole story.\n\nIn two parts."
    assert found.articles[1].text == "The ferry sails again from Monday."


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("<p>One &amp; two</p><p>Three<br/>four</p>", "One & two\n\nThree\nfour"),
        ("a<script>x()</script>b<style>p{}</style> <!-- no --> c", "ab c"),
        ("one<br><br>two<br>three", "one\n\ntwo\nthree"),
        ("<ul><li>one<li>two</ul>end", "one\ntwo\n\nend"),
        ("wo<b>r</b>d", "word"),
        ("5 < 6 &amp; 7 > 3", "5 < 6 & 7 > 3"),
        ("&lt;p&gt;escaped twice&lt;/p&gt;", "escaped twice"),
        ("AT&T &nbsp; x", "AT&T x"),
        ("plain\n\n\n\ntext\nhere", "plain\n\ntext\nhere"),
        ("<p>unclosed <a href='x", "unclosed"),
    ],
)
def test_markup_becomes_text_with_its_paragraphs(markup: str, text: str) -> None:
    assert plain_text(markup) == text


ATOM = """<feed xmlns="http://www.w3.org/2005/Atom" xml:base="https://atom.example/base/">
<title type="html">A &amp;amp; B</title>
<entry><title type="text">1 &lt; 2</title><id>tag:1</id><link href="one"/><updated>2026-11-23T10:00:00+03:00</updated>
<content type="xhtml">
<div xmlns="http://www.w3.org/1999/xhtml"><p>First</p><p>Second</p></div></content></entry></feed>"""
RDF = """<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/"
xmlns:dc="http://purl.org/dc/elements/1.1/"><channel rdf:about="x"><title>RDF news</title></channel>
<item rdf:about="https://rdf.example/1"><title>One</title><link>https://rdf.example/1</link>
<dc:date>2026-11-23</dc:date>
</item></rdf:RDF>"""


def test_atom_with_a_base_and_xhtml_is_read() -> None:
    found = parsed(ATOM.encode())
    article = found.articles[0]
    assert (found.title, article.title, article.text) == ("A & B", "1 < 2", "First\n\nSecond")
    assert (article.url, article.guid) == ("https://atom.example/base/one", "tag:1")
    assert article.published == datetime(2026, 11, 23, 7, tzinfo=UTC)


def test_rdf_is_read() -> None:
    article = parsed(RDF.encode()).articles[0]
    assert (article.title, article.url) == ("One", "https://rdf.example/1")
    assert article.published == datetime(2026, 11, 23, tzinfo=UTC)


JSON_FEED = {
    "version": "https://jsonfeed.org/version/1.1",
    "title": "JSON news",
    "language": "en-GB",
    "items": [
        {
            "id": 7,
            "url": "/a",
            "title": "A",
            "content_html": "<p>x</p><p>y</p>",
            "date_published": "2026-11-23T10:00:00Z",
        },
        {"id": "8", "external_url": "https://b.example/", "content_text": "a < b\n\nc & d", "language": "ru"},
        "not an item",
        {"id": "9", "title": None, "summary": "Only a summary"},
    ],
}


def test_a_json_feed_is_read() -> None:
    found = parsed(json.dumps(JSON_FEED).encode())
    one, two, three = found.articles
    assert (found.title, found.found) == ("JSON news", 3)
    assert (one.guid, one.url, one.title, one.text, one.lang) == ("7", "https://gazette.example/a", "A", "x\n\ny", "en")
    assert (two.url, two.text, two.lang) == ("https://b.example/", "a < b\n\nc & d", "ru")
    assert three.text == "Only a summary"
    assert "not objects" in (found.problem or "")


_JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text()),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=5), inner, max_size=4)),
    max_leaves=10,
)
_KEYS = ("id", "url", "external_url", "title", "content_html", "content_text", "summary", "date_published", "language")
_ITEMS = st.lists(
    st.one_of(
        _JSON,
        st.dictionaries(
            st.sampled_from(_KEYS),
            _JSON,
        ),
    ),
    max_size=4,
)


@settings(deadline=None)
@given(_ITEMS, _JSON, _JSON)
def test_no_json_makes_the_json_reader_fail_otherwise_than_it_says(items: list[Any], title: Any, version: Any) -> None:
    found = parsed(json.dumps({"items": items, "title": title, "version": version}).encode())
    assert found.found <= len(items)
    assert len(found.articles) + sum(count for _, count in found.skipped if count) >= found.found


@settings(deadline=None, max_examples=50)
@given(st.text(), st.text(), st.text())
def test_no_texts_in_a_feed_make_the_parser_fail(title: str, text: str, link: str) -> None:
    def escape(value: str) -> str:
        return value.replace("&", "&amp;").replace("<", "&lt;")

    fields = f"<title>{escape(title)}</title><link>{escape(link)}</link><description>{escape(text)}</description>"
    body = f"<rss><channel><item>{fields}</item></channel></rss>"
    found = parsed(body.encode("utf-8", "replace"))
    assert found.found <= 1


def test_an_entry_without_a_date_has_none_rather_than_the_time_of_fetching() -> None:
    article = parsed(b"<rss><channel><title>T</title><item><title>One</title></item></channel></rss>").articles[0]
    assert article.published is None


_PIECES = [
    "<rss>",
    "<channel>",
    "<item>",
    "</item>",
    "<title>",
    "</title>",
    "<link>",
    "<guid>x</guid>",
    "<entry>",
    "<feed xmlns=",
    "'http://www.w3.org/2005/Atom'>",
    "<content type='xhtml'>",
    "<div>",
    "</div>",
    "<![CDATA[",
    "]]>",
    "<!--",
    "-->",
    "&#xD800;",
    "&nbsp;",
    "&bogus;",
    "<?xml version='1.0' encoding='utf-16'?>",
    "<!DOCTYPE rss [",
    "]>",
    "xml:base='http://[",
    "<rdf:RDF>",
    "<pubDate>",
    "9999-12-31",
    "\x00",
    "\ufffe",
    "{",
    '{"items": [',
    "\x1f\x8b",
    "ж",
    "</rss>",
]


@settings(deadline=None, max_examples=150)
@given(st.lists(st.one_of(st.sampled_from(_PIECES), st.text(max_size=8)), max_size=25), st.binary(max_size=4))
def test_no_broken_feed_makes_the_parser_fail_otherwise_than_it_says(pieces: list[str], tail: bytes) -> None:
    body = "".join(pieces).encode("utf-8", "replace") + tail
    try:
        found = parsed(body)
    except ParseError:
        return
    assert len(found.articles) + sum(count for _, count in found.skipped) >= found.found
