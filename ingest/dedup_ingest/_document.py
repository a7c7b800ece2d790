"""One document to entries: RSS 0.9x/1.0/2.0, Atom and RDF by feedparser, JSON Feed by our own reader.

Runs in a worker process only: feedparser has inputs that it needs minutes for, and the worker can be killed.
"""

from __future__ import annotations

import html
import io
import re
from calendar import timegm
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urljoin

from ._charset import decode
from ._dates import parse_date, to_utc
from ._entries import Document, Entry, Parsed, to_articles
from ._errors import ErrorKind, ParseError
from ._jsonfeed import parse_json_feed
from ._pace import pace_of
from ._plainrss import read_plain_rss
from ._settings import ArticleLimits, ParseSettings

_GZIP: Final = b"\x1f\x8b"
_CONTROL: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")
_REFERENCE: Final = re.compile(r"&#(?:[xX]([0-9a-fA-F]+)|([0-9]+));?")
_ROOT: Final = re.compile(r"<([A-Za-z_][\w.-]*:)?([A-Za-z_][\w.-]*)")
_PROLOG: Final = re.compile(r"\s+|<\?.*?\?>|<!--.*?-->|<!DOCTYPE(?:[^\[>]|\[[^\]]*\])*>", re.DOTALL | re.IGNORECASE)
_ENTRY_START: Final = re.compile(r"<(?:[A-Za-z_][\w.-]{0,40}:)?(?:item|entry)(?=[\s>/])")
_ENTRY_END: Final = re.compile(r"</(?:[A-Za-z_][\w.-]{0,40}:)?(?:item|entry)\s*>")
_HTML_ROOTS: Final = frozenset({"html", "head", "body", "div", "p", "title", "meta", "script", "table", "h1", "center"})
_FEED_ROOTS: Final = frozenset({"rss", "feed", "rdf", "channel"})
_ALTERNATE: Final = re.compile(r"<link\b[^<>]{0,1000}>", re.IGNORECASE)
_FEED_TYPE: Final = re.compile(r"type\s*=\s*[\"']?application/(?:rss\+xml|atom\+xml|feed\+json)", re.IGNORECASE)
_HREF: Final = re.compile(r"href\s*=\s*[\"']?([^\"'\s>]+)", re.IGNORECASE)
_HEAD_CHARACTERS: Final = 100_000


def parse_document(
    body: bytes, *, url: str, base: str, content_type: str | None, parse: ParseSettings, limits: ArticleLimits
) -> Parsed:
    """The articles of a document. Raises ParseError when it is empty or no feed."""
    if body.startswith(_GZIP):
        raise ParseError(ErrorKind.NOT_A_FEED, "is compressed once more than its Content-Encoding says")
    if not body.strip(b"\x00 \t\r\n\xef\xbb\xbf\xff\xfe"):
        raise ParseError(ErrorKind.EMPTY_BODY, "the body is empty")
    decoded = decode(body, content_type)
    text, controls = _CONTROL.subn("", decoded.text)
    if "&#" in text:
        text = _REFERENCE.sub(_storable_reference, text)
    text = text.lstrip("\ufeff \t\r\n")
    if text.startswith("{"):
        document = parse_json_feed(text, parse.max_entries)
    else:
        document = _parse_xml(text, base, parse.max_entries)
    if decoded.problem:
        document.problems.insert(0, decoded.problem)
    if controls:
        document.problems.append(f"{controls} control characters were taken out")
    return to_articles(document, url=url, base=base, parse=parse, limits=limits)


def _storable_reference(reference: re.Match[str]) -> str:
    """The numeric reference itself when it names a character that XML may hold; feedparser fails on the others."""
    try:
        code = int(reference[1], 16) if reference[1] else int(reference[2])
    except ValueError:  # more digits than Python reads
        return "\ufffd"
    if code in (9, 10, 13) or 32 <= code < 0xD800 or 0xE000 <= code < 0xFFFE or 0x10000 <= code <= 0x10FFFF:
        return reference[0]
    return "" if code < 32 else "\ufffd"


def _parse_xml(text: str, base: str, max_entries: int) -> Document:
    root, start = _root(text)
    if root in _HTML_ROOTS:
        raise ParseError(ErrorKind.NOT_A_FEED, _html_message(text, base))
    if root is None and "<" not in text:
        raise ParseError(ErrorKind.NOT_A_FEED, f"is no feed: it begins with {text[:60]!r}")
    starts = [match.start() for match in _ENTRY_START.finditer(text)]
    found, pace = len(starts), pace_of(_around_entries(text, starts))
    cut = found > max_entries
    if cut:
        text = _closed_at(text, starts[max_entries], start)
    elif (plain := read_plain_rss(text)) is not None:
        return Document(plain.title, plain.lang, plain.entries, len(plain.entries), home=plain.home, pace=pace)
    import feedparser

    result = feedparser.parse(
        io.BytesIO(text.encode("utf-8")),
        # The type stops feedparser from guessing the encoding again. No location: it would resolve guids against it,
        # and a feed that another host serves today would be all new; links are resolved in `to_articles`.
        response_headers={"content-type": "application/xml; charset=utf-8"},
        sanitize_html=False,
        resolve_relative_uris=False,
    )
    feed, raw = result.feed, result.entries
    if not raw and not result.version and root not in _FEED_ROOTS:
        raise ParseError(ErrorKind.NOT_A_FEED, f"is no feed: its outermost element is <{root or 'missing'}>")
    problems, truncated = [], False
    if result.bozo:
        reason = " ".join(str(result.get("bozo_exception", "")).split())[:200]
        truncated = root in _FEED_ROOTS and not _ends(text, start)
        problems.append(f"cut short, what was there is kept ({reason})" if truncated else f"not well-formed ({reason})")
    broken_off = truncated and bool(raw) and _breaks_off(text, starts)
    atom = str(result.version).startswith("atom")
    entries = [_entry(item, atom) for item in (raw[:-1] if broken_off else raw)[:max_entries]]
    return Document(
        title=str(feed.get("title", "")),
        lang=_string(feed, "language"),
        entries=entries,
        found=max(found, len(raw)) if cut else len(raw),
        broken_off=int(broken_off),
        home=_string(feed, "link") or "",
        plain_title=atom and _is_plain_title(feed),
        problems=problems,
        truncated=truncated,
        pace=pace,
    )


def _root(text: str) -> tuple[str | None, re.Match[str] | None]:
    """The local name of the outermost element in lower case, and where it stands."""
    position = 0
    while (match := _PROLOG.match(text, position)) is not None and match.end() > position:
        position = match.end()
    root = _ROOT.match(text, position) or _ROOT.search(text, position, position + 2000)
    return (root[2].lower(), root) if root else (None, None)


def _closing(root: re.Match[str]) -> str:
    return f"</{root[1] or ''}{root[2]}"


def _ends(text: str, root: re.Match[str] | None) -> bool:
    return root is not None and _closing(root) in text[-1000:]


def _breaks_off(text: str, starts: list[int]) -> bool:
    """Whether the last entry began and did not end: what it lacks may be its guid, without which it is another."""
    return bool(starts) and ">" in text[starts[-1] :] and not _ENTRY_END.search(text, starts[-1])


def _around_entries(text: str, starts: list[int]) -> str:
    """What stands before the first entry and after the last, which is where a feed speaks of itself."""
    if not starts:
        return text[:_HEAD_CHARACTERS]
    end = max(text.rfind("</item>"), starts[-1])
    return text[: min(starts[0], _HEAD_CHARACTERS)] + text[end : end + _HEAD_CHARACTERS]


def _closed_at(text: str, end: int, root: re.Match[str] | None) -> str:
    """The document up to `end`, closed again. A hundred thousand entries would take minutes to parse."""
    head = text[:end]
    channel = "</channel>" if "<channel" in head and "</channel>" not in head else ""
    return head + channel + (f"{_closing(root)}>" if root else "")


def _html_message(text: str, base: str) -> str:
    links = []
    for tag in _ALTERNATE.findall(text[:_HEAD_CHARACTERS]):
        href = _HREF.search(tag)
        if href and _FEED_TYPE.search(tag):
            try:
                links.append(urljoin(base, html.unescape(href[1])))
            except ValueError:
                continue
    if links:
        return f"is a web page, not a feed; it names these feeds: {', '.join(links[:3])[:500]}"
    return "is a web page, not a feed, and names no feed; put the URL of the feed itself into the list"


def _string(item: Any, name: str) -> str | None:
    value = item.get(name)
    return value if isinstance(value, str) and value else None


def _is_plain_title(item: Any) -> bool:
    """Whether an Atom title is of type "text", in which "<b>" is no tag. (RSS has no types: feedparser guesses.)"""
    detail = item.get("title_detail")
    return detail is not None and detail.get("type") == "text/plain"


def _entry(item: Any, atom: bool) -> Entry:
    return Entry(
        title=_string(item, "title") or "",
        body=_body(item),
        link=_string(item, "link") or "",
        guid=_string(item, "id") or "",
        published=_published(item),
        lang=_entry_language(item),
        plain_title=atom and _is_plain_title(item),
    )


def _body(item: Any) -> str:
    parts = [str(part.get("value") or "") for part in item.get("content") or () if _readable(part)]
    return max(parts, key=len, default="") or _string(item, "summary") or ""


def _readable(part: Any) -> bool:
    kind = str(part.get("type") or "text/html")
    return kind.startswith("text/") or kind.endswith("xhtml+xml")


def _published(item: Any) -> datetime | None:
    for name in ("published", "updated", "created"):
        # dict.get: feedparser's own warns when it answers with another date than the one that was asked for
        written, read = dict.get(item, name), dict.get(item, f"{name}_parsed")
        moment = parse_date(written) if isinstance(written, str) else None
        if moment is None and read:
            try:
                moment = to_utc(datetime.fromtimestamp(timegm(read), UTC))
            except (ValueError, OverflowError, OSError, TypeError):
                moment = None
        if moment is not None:
            return moment
    return None


def _entry_language(item: Any) -> str | None:
    # Only what the entry itself says: feedparser copies the default of the document into every value.
    return _string(item, "language")
