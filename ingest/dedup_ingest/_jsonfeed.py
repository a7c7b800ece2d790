"""JSON Feed 1.0 and 1.1 (jsonfeed.org/version/1.1), tolerant of what real feeds get wrong."""

from __future__ import annotations

import json
from itertools import islice
from typing import Any

from ._entries import Document, Entry
from ._errors import ErrorKind, ParseError


def parse_json_feed(text: str, max_entries: int) -> Document:
    """The document of a JSON Feed. Raises ParseError when the text is not JSON or not a feed."""
    try:
        feed = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ParseError(ErrorKind.NOT_A_FEED, f"begins like JSON but cannot be read: {str(error)[:200]}") from error
    if not isinstance(feed, dict) or not isinstance(feed.get("items"), list):
        raise ParseError(ErrorKind.NOT_A_FEED, "is JSON but no JSON Feed: there is no list `items`")
    problems = []
    version = feed.get("version")
    if not isinstance(version, str) or "jsonfeed.org/version/1" not in version:
        problems.append(f"does not call itself JSON Feed 1.x (version: {str(version)[:80]!r})")
    items = feed["items"]
    entries = [_entry(item) for item in islice(items, max_entries) if isinstance(item, dict)]
    strange = sum(1 for item in islice(items, max_entries) if not isinstance(item, dict))
    if strange:
        problems.append(f"{strange} items are not objects")
    # Items that are no objects count neither as found nor as left out: there was never an entry.
    return Document(
        title=_text(feed, "title"),
        lang=_language(feed),
        entries=entries,
        found=len(items) - strange,
        home=_text(feed, "home_page_url"),
        plain_title=True,
        problems=problems,
    )


def _entry(item: dict[str, Any]) -> Entry:
    html = _text(item, "content_html")
    return Entry(
        title=_text(item, "title"),
        body=html or _text(item, "content_text") or _text(item, "summary"),
        link=_text(item, "url") or _text(item, "external_url"),
        guid=_text(item, "id"),
        published=_text(item, "date_published") or _text(item, "date_modified") or None,
        lang=_language(item),
        plain_title=True,
        plain_body=not html,
    )


def _text(item: dict[str, Any], name: str) -> str:
    value = item.get(name)
    if isinstance(value, str):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):  # ids are numbers in some feeds
        return str(value)
    return ""


def _language(item: dict[str, Any]) -> str | None:
    return _text(item, "language") or None
