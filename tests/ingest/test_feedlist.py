"""Lists of feeds as people write them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dedup_ingest import FeedLine, FeedListError, IngestError, parse_feed_list, read_feed_list


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
