"""OPML 1.0 and 2.0 subscription lists (source: opml.org/spec2.opml), as feed readers really write them.

Read by expat. Entities are never expanded: a document that declares any is refused, which ends "billion laughs" and
references to files or hosts before the first of them. An external DTD is never fetched.
"""

from __future__ import annotations

import html.entities
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from xml.parsers import expat

from ._text import one_line, storable

# Atomic: without it a file of nothing but comments takes exponential time.
_OPML: Final = re.compile(
    r"(?>\s+|<\?.*?\?>|<!--.*?-->|<!DOCTYPE(?:[^\[>]|\[[^\]]*\])*>)*+<opml[\s>/]", re.DOTALL | re.IGNORECASE
)
_REFERENCE: Final = re.compile(r"&(?:#(?:[xX](?P<hex>[0-9a-fA-F]+)|(?P<number>[0-9]+));|(?P<name>\w+);)?")
_XML_NAMES: Final = frozenset({"amp", "lt", "gt", "quot", "apos"})
_FEED_TYPES: Final = frozenset({"rss", "rss1", "atom", "rdf", "jsonfeed", "json"})
_MAX_SHOWN: Final = 100
_MAX_LABEL: Final = 1000
_UNWRITABLE: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Outline:
    """What one outline says: the URL of a feed, or (`url` is None) why what it says cannot be used. Lines from 1.

    `group` is the label of the folder that it stands in, `whole` is False for the problem that ends a broken document.
    """

    line: int
    url: str | None
    problem: str = ""
    title: str | None = None
    group: str | None = None
    whole: bool = True


def is_opml(text: str) -> bool:
    """Whether the text is an OPML document, by its outermost element."""
    return _OPML.match(text.removeprefix("\ufeff")) is not None


def read_outlines(text: str) -> list[Outline]:
    """The feeds of a document in its order, and last, where it is not well-formed, the line from which it is not read.

    Folders, notes, links to web pages and outlines that are commented out give nothing. Never raises.
    """
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    body = text.lstrip()  # XML allows nothing before its declaration, people do
    reader = _Reader(lines_before=text[: len(text) - len(body)].count("\n"))
    return reader.read(_REFERENCE.sub(_written_out, storable(body)))


def _written_out(reference: re.Match[str]) -> str:
    """References that XML alone does not know (`&nbsp;`) as numbers, a bare `&` (`?a=1&b=2`) as what it means."""
    name = reference["name"]
    if name is not None:
        if name in _XML_NAMES:
            return reference[0]
        code = html.entities.name2codepoint.get(name)
        return f"&#{code};" if code else f"&amp;{reference[0][1:]}"
    digits = reference["hex"] or reference["number"]
    if digits is None:
        return "&amp;"
    code = int(digits, 16 if reference["hex"] else 10) if len(digits) <= 7 else 0
    usable = code in (9, 10, 13) or 32 <= code < 0xD800 or 0xE000 <= code < 0xFFFE or 0x10000 <= code <= 0x10FFFF
    return reference[0] if usable else "\ufffd"


class _EntitiesDeclaredError(Exception):
    """The document type declares entities."""


class _Reader:
    def __init__(self, lines_before: int) -> None:
        self._lines_before = lines_before
        self._found: list[Outline] = []
        self._commented_depth = 0
        self._folders: list[str | None] = []
        self._parser = expat.ParserCreate("utf-8")  # whatever the declaration says: the text is decoded already
        self._parser.EntityDeclHandler = self._entity
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end

    def read(self, text: str) -> list[Outline]:
        try:
            self._parser.Parse(text.encode("utf-8"), True)
        except _EntitiesDeclaredError:
            self._add(
                None,
                "declares entities, which no list of feeds needs and attacks do; nothing of it is read",
                whole=False,
            )
        except expat.ExpatError as error:
            reason = expat.ErrorString(error.code) or "not XML"
            kept = f"; the {len(self._found)} outlines before it are used" if self._found else ""
            self._add(None, f"is not well-formed from here on ({reason}){kept}", line=error.lineno, whole=False)
        return self._found

    def _add(
        self,
        url: str | None,
        problem: str = "",
        *,
        title: str | None = None,
        line: int | None = None,
        whole: bool = True,
    ) -> None:
        number = self._parser.CurrentLineNumber if line is None else line
        group = next((label for label in reversed(self._folders) if label), None)
        self._found.append(Outline(self._lines_before + number, url, problem, title, group, whole))

    def _entity(self, *_: object) -> None:
        raise _EntitiesDeclaredError

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if self._commented_depth:
            self._commented_depth += 1
            return
        if name.lower() != "outline":
            return
        given = {key.lower(): value.strip() for key, value in attributes.items()}
        if given.get("iscomment", "").lower() == "true":
            self._commented_depth = 1
            return
        title = (given.get("title") or given.get("text") or "")[:_MAX_LABEL]
        self._feed(given, title)
        # A feed may hold outlines as well; its own label groups nothing.
        self._folders.append(None if given.get("xmlurl") else title)

    def _feed(self, given: dict[str, str], title: str) -> None:
        kind = given.get("type", "").lower()
        # OPML 1.0 writers put the address of the feed into `url`; in 2.0 that is a link or another list.
        url = given.get("xmlurl") or (given.get("url") if kind in _FEED_TYPES else None)
        label = repr((given.get("text") or given.get("title") or "")[:_MAX_SHOWN])
        if url and "+" in kind:
            # FreshRSS: "HTML+XPath", "JSON+DotNotation": the address of a page, with rules for reading it
            self._add(None, f"{label} is of type {kind[:_MAX_SHOWN]!r}, a page to be scraped and not a feed")
        elif url:
            self._add(url, title=title or None)
        elif kind in _FEED_TYPES:
            self._add(None, f"{label} is of type {kind!r} but has no xmlUrl")
        elif kind == "include":
            self._add(None, f"{label} includes another list, which is not fetched; add that list as a file")

    def _end(self, name: str) -> None:
        if self._commented_depth:
            self._commented_depth -= 1
        elif name.lower() == "outline":
            self._folders.pop()


def write_opml(feeds: Iterable[tuple[str, str | None, str | None]], *, title: str) -> str:
    """An OPML 2.0 document of (URL, title, group) triples; feeds of one group stand in one folder, in their order.

    `read_outlines` gives the same triples back, but for characters that XML cannot hold and white space at the ends.
    """
    from xml.etree.ElementTree import Element, SubElement, indent, tostring

    document = Element("opml", version="2.0")
    SubElement(SubElement(document, "head"), "title").text = _writable(title)
    body = SubElement(document, "body")
    folders: dict[str, Element] = {}
    for url, name, group in feeds:
        parent, label = body, _writable(group or "")
        if label:
            if label not in folders:
                folders[label] = SubElement(body, "outline", text=label, title=label)
            parent = folders[label]
        shown = _writable(name or "") or url
        SubElement(parent, "outline", type="rss", text=shown, title=shown, xmlUrl=_writable(url))
    indent(document)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{tostring(document, encoding="unicode")}\n'


def _writable(text: str) -> str:
    return one_line(_UNWRITABLE.sub("", storable(text)))
