"""The article: what feeds, imports and the REST API all become before anything is compared or stored."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from ._clean import clean
from ._dates import parse_date, to_utc
from ._errors import ArticleError
from ._language import UNDETERMINED, detect_language, language_tag
from ._normalise import normalise
from ._settings import ArticleLimits
from ._text import one_line, paragraphs, storable
from ._urls import canonical_url, web_link

_DEFAULT_LIMITS: Final = ArticleLimits()

# Moments that a page writes into its own text: 2026-11-23T10:04:05Z, 23.11.2026, 10:04, 10:04:05. It begins with its
# first digit and looks back from there, which is twice as fast as a boundary in front.
_MOMENT: Final = re.compile(
    r"\d(?<!\w\d)(?:\d{3}-\d{1,2}-\d{1,2}(?:t\d{1,2}(?::\d{2}){1,2}z?)?"
    r"|\d?[./]\d{1,2}[./]\d{4}|\d?(?::\d{2}){1,2})\b"
)


@dataclass(frozen=True, slots=True)
class Article:
    """One article, ready to be compared and stored. Texts hold no control characters and no lone surrogates.

    key          64 hex digits: which article this is; the same again when the article is fetched again or edited
    source       the outlet: title of the feed, or its host
    lang         ISO 639-1, or "und"
    title, text  plain text, HTML taken off, cut at ArticleLimits
    url, guid    as the feed gave them (url absolute, http or https), or None
    published    aware, UTC, whole seconds, year 1970…2100, or None
    fingerprint  64 hex digits: SHA-256 of normalise(title + newline + text); equal means the same text
    revision     64 hex digits: of the title and of the same text without clock times and full dates; unequal under one
                 key means an edit worth storing, where a page that writes the time of its generation into its body is
                 not edited, and a launch that its title moves from 10:00 to 18:00 is
    page_sha256  64 hex digits, of the bytes of the page that the text was taken from; None: the text is the feed's
    """

    key: str
    source: str
    lang: str
    title: str
    text: str
    url: str | None
    guid: str | None
    published: datetime | None
    fingerprint: str
    revision: str
    page_sha256: str | None = None

    @property
    def cleaned(self) -> str:
        """clean(title + " " + text, lang): computed at each call (0.2 ms per 1,000 characters), not stored.

        The first call imports gensim (about 1.5 s).
        """
        return clean(f"{self.title} {self.text}", self.lang)


def make_article(
    *,
    source: str,
    title: str,
    text: str,
    url: str | None = None,
    guid: str | None = None,
    published: datetime | str | None = None,
    lang: str | None = None,
    scope: str | None = None,
    shared_url: bool = False,
    limits: ArticleLimits = _DEFAULT_LIMITS,
) -> Article:
    """An Article from plain texts of any origin.

    NUL, control characters and lone surrogates are taken out, fields are cut at `limits` (characters), a date becomes
    UTC or None, a link that is not http(s) or is too long becomes None, and the language is detected when `lang` is no
    language tag ("und" stays). `scope` is the space in which `guid` is unique, for instance the URL of the feed; it is
    `source` by default.

    The key is SHA-256 of the scope and of the first that there is of: guid, canonical URL, title and date, title, text.
    `shared_url` says that the URL is that of several articles: then it is kept, and is no part of the key.

    Raises ArticleError when neither title nor text holds anything to compare.
    """
    title = one_line(storable(title[: limits.max_title_characters * 2]))[: limits.max_title_characters].rstrip()
    text = paragraphs(storable(text[: limits.max_text_characters * 2]))[: limits.max_text_characters].rstrip()
    if not title and not text:
        raise ArticleError(f"an article of {source!r} has neither a title nor a text; give at least one of them")
    source = one_line(storable(source))[: limits.max_source_characters].rstrip()
    guid = one_line(storable(guid))[: limits.max_guid_characters] or None if guid else None
    url = web_link(storable(url)) if url else None
    if url is not None and len(url) > limits.max_url_characters:
        url = None
    moment = parse_date(published) if isinstance(published, str) else to_utc(published) if published else None
    compared = _compared(title, text)
    return Article(
        key=_key(
            storable(scope) if scope is not None else source,
            guid,
            None if shared_url else url,
            title,
            moment,
            compared,
        ),
        source=source,
        lang=UNDETERMINED if lang == UNDETERMINED else language_tag(lang) or detect_language(f"{title}\n{text}"),
        title=title,
        text=text,
        url=url,
        guid=guid,
        published=moment,
        fingerprint=_sha256(compared),
        revision=_sha256(f"{normalise(title)}\x00{_MOMENT.sub('0', compared)}"),
    )


def with_text(
    article: Article,
    text: str,
    url: str | None = None,
    limits: ArticleLimits = _DEFAULT_LIMITS,
    *,
    page_sha256: str | None = None,
) -> Article:
    """The article with the text of its page, and at the address that the page calls its own when `url` is given.

    Key and revision stay those of the feed's entry: the next visit to the feed finds the article known, and it is
    edited when its feed says so. An empty text changes nothing.
    """
    text = paragraphs(storable(text[: limits.max_text_characters * 2]))[: limits.max_text_characters].rstrip()
    if not text:
        return article
    if url is not None and len(url) > limits.max_url_characters:
        url = None
    return replace(
        article,
        text=text,
        url=url or article.url,
        lang=detect_language(f"{article.title}\n{text}") if article.lang == UNDETERMINED else article.lang,
        fingerprint=_sha256(_compared(article.title, text)),
        page_sha256=page_sha256,
    )


def _compared(title: str, text: str) -> str:
    """The text that fingerprints are of."""
    # A text of nothing but punctuation normalises to nothing; such texts must not all be equal to each other.
    return normalise(f"{title}\n{text}") or f"\x00{title}\n{text}"


def _key(scope: str, guid: str | None, url: str | None, title: str, published: datetime | None, compared: str) -> str:
    if guid:
        identity = ("guid", guid)
    elif url:
        identity = ("url", canonical_url(url))
    elif title and published:
        identity = ("dated", f"{normalise(title)}\x00{published.isoformat()}")
    elif title:
        # Not the text: a text that changes at every fetch must not become a new article each time.
        identity = ("title", normalise(title) or title)
    else:
        identity = ("text", compared)
    return _sha256("\x00".join((scope, *identity)))


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()
