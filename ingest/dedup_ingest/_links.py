"""What a web page names as its feeds.

Runs in a worker process only: a page of nothing but open tags takes time that grows with the square of its length
(1.8 s for 150 KB), and the worker can be killed.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Final
from urllib.parse import urljoin

from ._charset import decode
from ._urls import feed_identity, web_link

_FEED_TYPES: Final = frozenset({"application/rss+xml", "application/atom+xml", "application/feed+json"})
_MAX_PAGE_BYTES: Final = 1_000_000  # links to feeds stand in the head


def page_links(body: bytes, *, base: str, content_type: str | None) -> tuple[str, ...]:
    """`feed_links` of a page as it came over the wire."""
    return feed_links(decode(body[:_MAX_PAGE_BYTES], content_type).text, base)


def feed_links(html: str, base: str) -> tuple[str, ...]:
    """The absolute http(s) URLs that a page names as its feeds (`link rel=alternate` with a feed's type), in order."""
    from selectolax.lexbor import LexborHTMLParser

    tree = LexborHTMLParser(html)
    root = tree.css_first("base[href]")
    if root is not None:
        with suppress(ValueError):
            base = urljoin(base, root.attributes.get("href") or "")
    found: dict[str, str] = {}
    for node in tree.css("link[rel][href]"):
        given = node.attributes
        kind = (given.get("type") or "").partition(";")[0].strip().lower()
        if "alternate" in (given.get("rel") or "").lower().split() and kind in _FEED_TYPES:
            link = web_link(given.get("href") or "", base)
            if link is not None:
                found.setdefault(feed_identity(link), link)
    return tuple(found.values())
