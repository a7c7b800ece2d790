"""RSS 2.0 without surprises, read by expat alone in a fraction of the time that feedparser takes.

Whatever is not plain is left to feedparser, document by document: broken XML, another encoding than UTF-8, entities,
other formats, an element that says something twice, or one whose meaning depends on its neighbours. What is read here
is what feedparser makes of it; a test compares the two over every real feed at hand.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from typing import Final
from xml.etree.ElementTree import Element, ParseError, fromstring

from ._dates import parse_date
from ._entries import Entry

_CONTENT: Final = "{http://purl.org/rss/1.0/modules/content/}encoded"
_READ: Final = frozenset({"title", "link", "guid", "description", "pubDate", _CONTENT})
# Elements of an item that change none of the fields that are read, as long as they stand for themselves.
_IGNORED: Final = frozenset(
    {
        "category",
        "author",
        "comments",
        "enclosure",
        "{http://purl.org/dc/elements/1.1/}creator",
        "{http://purl.org/rss/1.0/modules/slash/}comments",
        "{http://wellformedweb.org/CommentAPI/}comment",
        "{http://wellformedweb.org/CommentAPI/}commentRss",
        "{http://search.yahoo.com/mrss/}thumbnail",
    }
)
# A document type brings entities, these attributes change what links and texts mean, and C1 controls are Windows-1252.
_SURPRISE: Final = re.compile("<!DOCTYPE|<!ENTITY|xml:base|xml:lang|[\x80-\x9f]")
_OTHER_ENCODING: Final = re.compile(r"<\?xml[^>]*\bencoding\s*=\s*[\"'](?!utf-8[\"'])", re.IGNORECASE)
_MORE_SLASHES: Final = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]*://)/+")
_LOOSE_REFERENCE: Final = re.compile("&([A-Za-z0-9_]+);")


@dataclass(frozen=True, slots=True)
class PlainFeed:
    """What the document says."""

    title: str
    lang: str | None
    entries: list[Entry]
    home: str = ""


def read_plain_rss(text: str) -> PlainFeed | None:
    """The feed, or None when it is not plain RSS 2.0."""
    if "<rss" not in text[:1000] or _SURPRISE.search(text) or _OTHER_ENCODING.match(text):
        return None
    try:
        root = fromstring(text)  # noqa: S314 - without a document type there are no entities
    except ParseError:
        return None
    channel = root.find("channel")
    if root.tag != "rss" or not root.get("version", "").startswith("2.") or len(root) != 1 or channel is None:
        return None
    titles = [child for child in channel if child.tag == "title" or child.tag.endswith("}title")]
    languages = channel.findall("language")
    if len(titles) > 1 or len(languages) > 1 or any(len(one) or one.attrib for one in (*titles, *languages)):
        return None
    entries = []
    for item in channel.iter("item"):
        entry = _entry(item)
        if entry is None:
            return None
        entries.append(entry)
    if not entries or len(entries) != len(channel.findall("item")):
        return None
    title = _text(titles[0]) if titles else ""
    homes = channel.findall("link")
    return PlainFeed(
        title,
        (_text(languages[0]) or None) if languages else None,
        entries,
        _text(homes[-1]) if homes else "",
    )


def _entry(item: Element) -> Entry | None:
    found: dict[str, Element] = {}
    for child in item:
        if len(child) or (child.tag not in _IGNORED and child.tag not in _READ):
            return None
        if child.tag in _READ:
            if child.tag in found or (child.attrib and child.tag != "guid"):
                return None
            found[child.tag] = child
    if item.attrib:
        return None
    values = {tag: _text(child) for tag, child in found.items()}
    written = values.get("pubDate", "")
    published = parse_date(written) if written else None
    if written and published is None:
        return None
    guid = values.get("guid", "")
    names_page = "guid" in found and _is_link(found["guid"])
    if names_page:
        guid = _MORE_SLASHES.sub(r"\1", guid)
    link = guid if names_page else ""
    if "link" in values:
        # feedparser's cure for addresses whose & was escaped twice, or not at all.
        link = _MORE_SLASHES.sub(r"\1", values["link"]).replace("&amp;", "&")
        link = _LOOSE_REFERENCE.sub(r"&\g<1>", link)
    return Entry(
        title=values.get("title", ""),
        body=values.get(_CONTENT, "") or values.get("description", ""),
        link=link,
        guid=guid,
        published=published,
    )


def _is_link(guid: Element) -> bool:
    return {name.lower(): value for name, value in guid.attrib.items()}.get("ispermalink", "true") == "true"


def _text(element: Element) -> str:
    text = (element.text or "").strip()
    if not text.isascii():
        with suppress(UnicodeError):  # UTF-8 that was taken for Latin-1 and encoded again
            text = text.encode("iso-8859-1").decode("utf-8")
    return text
