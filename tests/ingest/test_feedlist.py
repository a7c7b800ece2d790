"""Lists of feeds as people write them."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dedup_ingest import FeedLine, FeedListError, IngestError, address_problem, parse_feed_list, read_feed_list


def test_case_56_a_list_with_mark_crlf_comments_and_repeats_is_accepted(tmp_path: Path) -> None:
    (tmp_path / "local").mkdir()
    (tmp_path / "local" / "feed.xml").write_text("<rss/>", encoding="utf-8")
    path = tmp_path / "feeds.txt"
    path.write_bytes(
        b"\xef\xbb\xbfhttps://one.example/rss\r\n"
        b"# a comment\r\n"
        b"\r\n"
        b"  https://two.example/feed?id=5   # the second\r\n"
        b"HTTPS://ONE.example:443/rss\r\n"
        b"local/feed.xml\r\n"
        b"https://three.example/#top\r\n"
    )
    found = read_feed_list(path)
    assert found.feeds == (
        FeedLine("https://one.example/rss", 1),
        FeedLine("https://two.example/feed?id=5", 4),
        FeedLine(str(tmp_path / "local" / "feed.xml"), 6),
        FeedLine("https://three.example/#top", 7),
    )
    assert [(problem.line, "line 1 already" in problem.message) for problem in found.problems] == [(5, True)]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("ftp://files.example/rss", "only http and https"),
        ("file:///etc/passwd", "only http and https"),
        ("javascript://alert", "only http and https"),
        ("https://", "names no host"),
        ("https://[::1/rss", "not a URL"),
        ("https://one.example:port/", "not a URL"),
        ("https://one.example/a b", "white space"),
        ("no/such/file.xml", "there is no file"),
        ("www.one.example/rss", "there is no file"),
        ("nul\x00.xml", "characters"),
        ("x" * 5000, "4096"),
    ],
)
def test_case_56_an_unusable_line_is_reported_with_its_number(tmp_path: Path, line: str, why: str) -> None:
    found = parse_feed_list(f"# first\n\n{line}\nhttps://ok.example/rss", tmp_path)
    assert [problem.line for problem in found.problems] == [3]
    assert why in found.problems[0].message
    assert [feed.line for feed in found.feeds] == [4]


def test_a_utf_16_list_as_windows_saves_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "feeds.txt"
    path.write_bytes("\ufeffhttps://one.example/лента\r\n".encode("utf-16-le"))
    assert [feed.url for feed in read_feed_list(path).feeds] == ["https://one.example/лента"]


def test_a_list_that_is_not_there_is_one_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(FeedListError, match=r"missing\.txt") as caught:
        read_feed_list(tmp_path / "missing.txt")
    assert isinstance(caught.value, IngestError)


@given(st.text())
def test_no_text_makes_the_reader_fail_and_every_line_is_accounted_for(text: str) -> None:
    found = parse_feed_list(text, Path("/nonexistent"))
    lines = [feed.line for feed in found.feeds] + [problem.line for problem in found.problems]
    assert len(lines) == len(set(lines))
    assert all(1 <= line <= len(text) + 1 for line in lines)


_HOSTS = st.from_regex(r"[a-z]{1,8}\.example", fullmatch=True)


@given(st.lists(_HOSTS, max_size=20), st.sampled_from(["\n", "\r\n", "\r"]), st.booleans())
def test_every_url_is_found_once_whatever_the_line_ends(hosts: list[str], end: str, mark: bool) -> None:
    text = ("\ufeff" if mark else "") + end.join(f"https://{host}/rss" for host in hosts)
    found = parse_feed_list(text, Path("/nonexistent"))
    assert [feed.url for feed in found.feeds] == [f"https://{host}/rss" for host in dict.fromkeys(hosts)]
    assert len(found.feeds) + len(found.problems) == len(hosts)


OPML = """<?xml version="1.0" encoding="{encoding}"?>
<!-- exported -->
<opml version="2.0">
  <head><title>Subscriptions of Zoë</title></head>
  <body>
    <outline text="World &nbsp; &amp; caf&eacute;">
      <outline text="One" type="rss" xmlUrl="https://one.example/rss?a=1&b=2" htmlUrl="https://one.example/"/>
      <outline text="Deeper"><outline text="Лента" type="atom" xmlUrl="https://two.example/лента"/></outline>
    </outline>
    <outline text="One again" XMLURL="HTTPS://ONE.example:443/rss?a=1&amp;b=2"/>
    <outline text="Old style" type="rss" url="http://three.example/feed.xml"/>
    <outline text="A page" type="link" url="https://page.example/"/>
    <outline text="Other list" type="include" url="https://list.example/opml"/>
    <outline text="Nothing" type="rss"/>
    <outline text="Scraped" type="HTML+XPath" xmlUrl="https://scraped.example/"/>
    <outline text="Local" type="rss" xmlUrl="/etc/passwd"/>
    <outline text="Off" isComment="true"><outline type="rss" xmlUrl="https://off.example/rss"/></outline>
  </body>
</opml>
"""


@pytest.mark.parametrize(
    ("encoding", "before", "end"),
    [
        ("utf-8", "", "\n"), ("utf-8", "\ufeff", "\r\n"), ("utf-8", "", "\r"), ("utf-16-le", "\ufeff", "\n"),
        ("utf-16-be", "\ufeff", "\r\n"), ("utf-16-le", "", "\n"), ("utf-32-le", "\ufeff", "\n"),
    ],
)  # fmt: skip
def test_case_56_an_opml_file_is_known_by_its_content_in_every_encoding(
    tmp_path: Path, encoding: str, before: str, end: str
) -> None:
    path = tmp_path / "feeds.txt"
    text = OPML.format(encoding=encoding.removesuffix("-le").removesuffix("-be"))
    path.write_bytes((before + text.replace("\n", end)).encode(encoding))
    found = read_feed_list(path)
    assert found.feeds == (
        FeedLine("https://one.example/rss?a=1&b=2", 7, "One", "World \xa0 & café"),
        FeedLine("https://two.example/лента", 8, "Лента", "Deeper"),
        FeedLine("http://three.example/feed.xml", 11, "Old style"),
    )
    expected = [(10, "line 7 already"), (13, "another list"), (14, "no xmlUrl"), (15, "scraped"), (16, "http")]
    assert [problem.line for problem in found.problems] == [line for line, _ in expected]
    for problem, (_, words) in zip(found.problems, expected, strict=True):
        assert words in problem.message


def test_an_opml_file_in_a_declared_code_page_is_read(tmp_path: Path) -> None:
    path = tmp_path / "feeds.opml"
    path.write_bytes(OPML.format(encoding="windows-1251").replace("ë", "e").encode("cp1251"))
    assert read_feed_list(path).feeds[1].url == "https://two.example/лента"


def test_case_56_blank_lines_before_the_declaration_count_as_lines(tmp_path: Path) -> None:
    found = parse_feed_list("\r\n \n" + OPML.format(encoding="utf-8"), tmp_path)
    assert [feed.line for feed in found.feeds] == [9, 10, 13]


def test_case_56_of_broken_opml_what_stands_before_the_break_is_used_and_the_line_named(tmp_path: Path) -> None:
    text = '<opml><body>\n<outline xmlUrl="https://one.example/rss"/>\n<outline text="a<b" xmlUrl="https://lost.example/"/>'
    found = parse_feed_list(text, tmp_path)
    assert found.feeds == (FeedLine("https://one.example/rss", 2),)
    assert [(problem.line, "not well-formed" in problem.message) for problem in found.problems] == [(3, True)]


def test_case_31_billion_laughs_in_opml_are_refused(tmp_path: Path) -> None:
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">\n' for n in range(1, 10))
    text = (
        f'<?xml version="1.0"?>\n<!DOCTYPE opml [\n<!ENTITY l0 "ha">\n{laughs}]>\n<opml><outline xmlUrl="&l9;"/></opml>'
    )
    found = parse_feed_list(text, tmp_path)
    assert found.feeds == ()
    assert [(problem.line, "declares entities" in problem.message) for problem in found.problems] == [(3, True)]


@pytest.mark.parametrize("kind", ["entity", "parameter entity", "external subset"])
def test_case_32_no_file_and_no_host_is_read_for_an_opml_document(tmp_path: Path, kind: str) -> None:
    secret = tmp_path / "secret.dtd"
    secret.write_text('<!ENTITY s "https://leaked.example/">', encoding="utf-8")
    path = tmp_path / "feeds.opml"
    subset = {
        "entity": f'[<!ENTITY s SYSTEM "{secret.as_uri()}">]',
        "parameter entity": f'[<!ENTITY % p SYSTEM "{secret.as_uri()}"> %p;]',
        "external subset": f'SYSTEM "{secret.as_uri()}"',
    }[kind]
    path.write_text(f'<!DOCTYPE opml {subset}><opml><outline type="rss" xmlUrl="&s;"/></opml>', encoding="utf-8")
    found = read_feed_list(path)
    assert found.feeds == ()
    assert "leaked" not in repr(found)
    assert len(found.problems) == 1


def test_a_document_of_nothing_but_comments_or_very_deep_folders_is_read_in_no_time(tmp_path: Path) -> None:
    assert parse_feed_list("<!-- x -->" * 20_000, tmp_path).feeds == ()  # ends here, or never
    deep = "<outline text='x'>" * 50_000
    found = parse_feed_list(f"<opml>{deep}<outline xmlUrl='https://one.example/'/>", tmp_path)
    assert [feed.url for feed in found.feeds] == ["https://one.example/"]


_NOTES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20)
_TREES = st.recursive(
    st.tuples(_NOTES, _HOSTS), lambda inner: st.tuples(_NOTES, st.lists(inner, max_size=4)), max_leaves=20
)


@given(st.lists(_TREES, max_size=5), st.sampled_from(["utf-8", "utf-16"]))
def test_every_feed_of_an_opml_tree_is_found_once_in_its_order(
    tmp_path_factory: pytest.TempPathFactory, trees: list[tuple[str, str | list[object]]], encoding: str
) -> None:
    hosts: list[str] = []

    def add(parent: ElementTree.Element, tree: tuple[str, str | list[object]]) -> None:
        note, content = tree
        outline = ElementTree.SubElement(parent, "outline", text=note)
        if isinstance(content, str):
            hosts.append(content)
            outline.set("xmlUrl", f"https://{content}/?q=1&r=<2>")
        else:
            for child in content:
                add(outline, child)  # type: ignore[arg-type]

    root = ElementTree.Element("opml")
    for tree in trees:
        add(ElementTree.SubElement(root, "body"), tree)
    path = tmp_path_factory.mktemp("opml") / "feeds"
    path.write_bytes(ElementTree.tostring(root, encoding=encoding, xml_declaration=True))
    found = read_feed_list(path)
    assert [feed.url for feed in found.feeds] == [f"https://{host}/?q=1&r=<2>" for host in dict.fromkeys(hosts)]
    assert len(found.feeds) + len(found.problems) == len(hosts)


@given(
    st.lists(
        st.one_of(st.text(), st.sampled_from(["<outline ", "xmlUrl='", "'/>", "&#0;", "&", "<!DOCTYPE", "]>", "<!--"]))
    )
)
def test_no_opml_makes_the_reader_fail(parts: list[str]) -> None:
    text = "<opml>" + "".join(parts)
    found = parse_feed_list(text, Path("/nonexistent"))
    lines = [feed.line for feed in found.feeds] + [problem.line for problem in found.problems]
    assert lines  # the document is never closed
    assert all(1 <= line <= len(text) + 1 for line in lines)


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("ftp://files.example/rss", "only http and https are fetched, not ftp"),
        ("javascript:alert(1)", "only http and https are fetched, not javascript"),
        ("file:///etc/passwd", "not file"),
        ("wire.example/rss", "only http and https"),
        ("https:///rss", "names no host"),
        ("https://[::1/rss", "is not a URL"),
        ("https://wire.example/a b", "white space"),
        ("/srv/\ud800.xml", "no URL or path"),
        ("", "only http and https"),
    ],
)
def test_an_address_that_is_neither_a_url_of_the_web_nor_a_path_is_known_as_such(address: str, words: str) -> None:
    assert words in str(address_problem(address))


def test_urls_of_the_web_and_absolute_paths_are_addresses_of_feeds() -> None:
    addresses = ["http://wire.example", "HTTPS://u:p@wire.example:8443/rss?id=5#top", "/srv/feeds/local.xml"]
    assert [address_problem(address) for address in addresses] == [None] * 3


def test_an_opml_feed_that_is_no_url_of_the_web_ends_no_list() -> None:
    outlines = "".join(
        f'<outline type="rss" text="a" xmlUrl="{url}"/>\n'
        for url in ("javascript:1", "ftp://a.example", "http://b.example")
    )
    found = parse_feed_list(f'<opml version="2.0"><body>\n{outlines}</body></opml>', Path())
    assert [feed.url for feed in found.feeds] == ["http://b.example"]
    assert [(problem.line, "only http and https" in problem.message) for problem in found.problems] == [
        (2, True),
        (3, True),
    ]
