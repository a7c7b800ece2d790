"""One web page to the article on it: text, title, canonical address, AMP address, and whether a wall stands before it.

Runs in a worker process only: HTML is written by strangers too, and the worker can be killed.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ._charset import decode
from ._errors import ErrorKind, ParseError
from ._extract import extract_text, headlines, linked_data
from ._text import one_line, storable
from ._urls import web_link
from ._walls import Wall, wall_of

if TYPE_CHECKING:
    from selectolax.lexbor import LexborHTMLParser

_META_BYTES: Final = 4096
_META_CHARSET: Final = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([A-Za-z0-9._:-]{1,40})", re.IGNORECASE)
_HTML_TYPES: Final = ("text/html", "application/xhtml+xml", "text/plain", "application/xml", "text/xml")
_HTML: Final = re.compile(rb"<(?:!doctype\s+html|html|head|body|div|p|article|meta|title)\b", re.IGNORECASE)
_MAX_VISIBLE_CHARACTERS: Final = 20_000


@dataclass(frozen=True, slots=True)
class Page:
    """What a page says about the article on it.

    title      its headline: og:title, <h1> or <title>, the first that is there
    text       plain text, paragraphs on lines; empty when there is none
    method     what found the text: trafilatura, publisher (JSON-LD articleBody), paragraphs, none
    wall       paywall or consent when that is what the page shows instead of the article
    canonical  the absolute http(s) address that the page calls its own, or None; amp that of its AMP form
    is_amp     whether the page is itself an AMP form
    sha256     64 hex digits, of the bytes as they came
    """

    title: str
    text: str
    method: str
    wall: Wall | None
    canonical: str | None
    amp: str | None
    is_amp: bool
    sha256: str


def parse_page(body: bytes, *, url: str, content_type: str | None, max_text_characters: int) -> Page:
    """The article on a page. Raises ParseError when the bytes are no HTML."""
    from selectolax.lexbor import LexborHTMLParser

    kind = (content_type or "text/html").partition(";")[0].strip().lower()
    if kind not in _HTML_TYPES or not _HTML.search(body[: 16 * _META_BYTES]):
        raise ParseError(ErrorKind.NOT_A_PAGE, f"is no web page ({kind})")
    html = storable(decode(body, _with_charset(body, content_type)).text)
    tree = LexborHTMLParser(html)
    text, method = extract_text(html, url, tree)
    root = tree.css_first("html")
    marks = root.attributes if root is not None else {}
    linked = list(linked_data(tree))
    canonical = _address(tree, "canonical", url) or _absolute(_meta(tree, "og:url"), url)
    amp, tier = _address(tree, "amphtml", url), _meta(tree, "article:content_tier")
    visible = _visible(tree)  # last of all: it takes the scripts out of the tree
    return Page(
        title=next(iter(headlines(tree)), ""),
        text=text[:max_text_characters].rstrip(),
        method=method,
        wall=wall_of(url=url, text=text, visible=visible, linked=linked, tier=tier),
        canonical=canonical,
        amp=amp,
        is_amp="amp" in marks or "⚡" in marks,
        sha256=hashlib.sha256(body).hexdigest(),
    )


def _with_charset(body: bytes, content_type: str | None) -> str | None:
    """The content type, with the charset that the page's own <meta> gives when HTTP gave none."""
    if "charset" in (content_type or "").lower():
        return content_type
    found = _META_CHARSET.search(body[:_META_BYTES])
    return f"text/html; charset={found[1].decode('ascii')}" if found else content_type


def _meta(tree: LexborHTMLParser, name: str) -> str | None:
    node = tree.css_first(f'meta[property="{name}"], meta[name="{name}"]')
    return (node.attributes.get("content") or None) if node is not None else None


def _visible(tree: LexborHTMLParser) -> str:
    body = tree.body
    if body is None:
        return ""
    tree.strip_tags(["script", "style", "noscript", "template", "svg"])
    return one_line(body.text(deep=True, separator=" "))[:_MAX_VISIBLE_CHARACTERS]


def _absolute(address: str | None, url: str) -> str | None:
    return web_link(address, url) if address else None


def _address(tree: LexborHTMLParser, relation: str, url: str) -> str | None:
    for node in tree.css("link[rel][href]"):
        if relation in (node.attributes.get("rel") or "").lower().split():
            return _absolute(node.attributes.get("href"), url)
    return None
