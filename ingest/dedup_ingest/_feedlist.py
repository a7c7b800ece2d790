"""The list of feeds: one URL or one local path per line, or an OPML file as feed readers export it."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from ._charset import decode
from ._errors import FeedListError
from ._opml import is_opml, read_outlines
from ._text import storable
from ._urls import feed_identity

_MAX_LINE_CHARACTERS: Final = 4096
_HEAD_BYTES: Final = 64  # wide enough for a mark and blank lines before XML
_BOMS: Final = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))


@dataclass(frozen=True, slots=True)
class FeedLine:
    """One feed of the list: an http(s) URL or the absolute path of a file, and the line it stands on (from 1).

    `title` and `group` (the folder it stands in) are what OPML says of it.
    """

    url: str
    line: int
    title: str | None = None
    group: str | None = None


@dataclass(frozen=True, slots=True)
class FeedListProblem:
    """A line that was left out, and why."""

    line: int
    message: str


@dataclass(frozen=True, slots=True)
class FeedList:
    """The feeds in the order of the list, without repeats, and the lines that were left out.

    `whole` is False when the document breaks off: a feed that is missing from it need not have been taken out.
    """

    feeds: tuple[FeedLine, ...]
    problems: tuple[FeedListProblem, ...]
    whole: bool = True


def read_feed_list(path: Path) -> FeedList:
    """Read a list of feeds: one http(s) URL or path per line, paths relative to the folder of the list; or OPML.

    Empty lines and what follows a `#` at the start of a line or after white space are ignored; a byte order mark and
    CRLF line ends are accepted. OPML 1.0 and 2.0 are known by their content, in any encoding that XML has; only http(s)
    URLs are taken from it, because others than the owner of this machine write such files. Raises FeedListError when
    the file cannot be read.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise FeedListError(f"cannot read the list of feeds {path}: {error.strerror or error}") from error
    # A list of lines in another encoding is reported and not guessed at; XML says its encoding.
    text = decode(data).text if b"<" in data[:_HEAD_BYTES] else _decode(data)
    return parse_feed_list(text, path.parent)


def parse_feed_list(text: str, folder: Path) -> FeedList:
    """The same for a text; relative paths are resolved against `folder`. Never raises."""
    feeds: list[FeedLine] = []
    problems: list[FeedListProblem] = []
    first_seen: dict[str, int] = {}
    whole = True
    for number, found in _opml(text) if is_opml(text) else _lines(text, folder):
        if isinstance(found, _Unusable):
            problems.append(FeedListProblem(number, found.reason))
            whole = whole and found.whole
            continue
        identity = feed_identity(found.url)
        if identity in first_seen:
            problems.append(
                FeedListProblem(number, f"{_short(found.url)} stands on line {first_seen[identity]} already")
            )
            continue
        first_seen[identity] = number
        feeds.append(found)
    return FeedList(tuple(feeds), tuple(problems), whole)


@dataclass(frozen=True, slots=True)
class _Unusable:
    """Why there is no feed where one was expected."""

    reason: str
    whole: bool = True


def address_problem(address: str) -> str | None:
    """Why this is no address of a feed, neither an http(s) URL nor the absolute path of a file; None if it is one."""
    checked = _unwritable(address) if address.startswith("/") else _checked_url(address)
    return checked.reason if isinstance(checked, _Unusable) else None


def _lines(text: str, folder: Path) -> Iterator[tuple[int, FeedLine | _Unusable]]:
    for number, raw in enumerate(text.replace("\r\n", "\n").replace("\r", "\n").split("\n"), 1):
        line = _without_comment(raw)
        if line:
            url = _feed(line, folder)
            yield number, FeedLine(url, number) if isinstance(url, str) else url


def _opml(text: str) -> Iterator[tuple[int, FeedLine | _Unusable]]:
    for outline in read_outlines(text):
        if outline.url is None:
            yield outline.line, _Unusable(outline.problem, outline.whole)
            continue
        url = _checked_url(outline.url)
        if isinstance(url, str):
            yield outline.line, FeedLine(url, outline.line, outline.title, outline.group)
        else:
            yield outline.line, url


def _decode(data: bytes) -> str:
    for bom, encoding in _BOMS:
        if data.startswith(bom):
            return data[len(bom) :].decode(encoding, "replace")
    return data.decode("utf-8", "replace")


def _without_comment(line: str) -> str:
    line = line.strip().removeprefix("\ufeff").strip()
    if line.startswith("#"):
        return ""
    for mark in (" #", "\t#"):
        line = line.partition(mark)[0]
    return line.strip()


def _feed(line: str, folder: Path) -> str | _Unusable:
    if "://" in line:
        return _checked_url(line)
    unwritable = _unwritable(line)
    if unwritable is not None:
        return unwritable
    try:
        path = (folder / line).resolve()
        if path.is_file():
            return str(path)
    except (OSError, ValueError, RuntimeError) as error:
        return _Unusable(f"{_short(line)} is neither a URL nor a path ({error})")
    return _Unusable(f"there is no file {_short(str(path))}; a URL begins with http:// or https://")


def _unwritable(line: str) -> _Unusable | None:
    if len(line) > _MAX_LINE_CHARACTERS:
        return _Unusable(f"the line has {len(line)} characters; {_MAX_LINE_CHARACTERS} are the most")
    if storable(line) != line or "\ufffd" in line:
        return _Unusable(f"{_short(line)} holds characters that no URL or path has; is the file UTF-8?")
    return None


def _checked_url(line: str) -> str | _Unusable:
    unwritable = _unwritable(line)
    if unwritable is not None:
        return unwritable
    try:
        parts = urlsplit(line)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        return _Unusable(f"{_short(line)} is not a URL ({error})")
    if parts.scheme.lower() not in ("http", "https"):
        return _Unusable(f"{_short(line)}: only http and https are fetched, not {parts.scheme or 'this'}")
    if not host:
        return _Unusable(f"{_short(line)} names no host")
    if any(char.isspace() for char in line):
        return _Unusable(f"{_short(line)} holds white space; one feed per line")
    return line


def _short(text: str) -> str:
    return repr(text if len(text) <= 120 else f"{text[:100]}…{text[-15:]}")
