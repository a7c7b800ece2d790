"""Entries of any format to articles: identity, limits, language; what is left out is counted."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

from ._article import Article, make_article
from ._errors import ArticleError
from ._language import UNDETERMINED, detect_language, language_tag
from ._settings import ArticleLimits, ParseSettings
from ._text import one_line, plain_text
from ._urls import host_of, web_link


@dataclass(frozen=True, slots=True)
class Pace:
    """How often a feed asks to be fetched (RSS 2.0): not before `ttl_minutes`, not in these hours and days (UTC)."""

    ttl_minutes: int | None = None
    skip_hours: tuple[int, ...] = ()
    skip_days: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry as its format gives it: markup not yet taken off, links not yet resolved."""

    title: str = ""
    body: str = ""
    link: str = ""
    guid: str = ""
    published: datetime | str | None = None
    lang: str | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """A feed as its format gives it. `found` counts entries before any limit."""

    title: str
    lang: str | None
    entries: list[Entry]
    found: int
    problems: list[str] = field(default_factory=list)
    truncated: bool = False
    pace: Pace = Pace()


@dataclass(frozen=True, slots=True)
class Parsed:
    """A feed with its articles."""

    title: str
    articles: tuple[Article, ...]
    found: int
    skipped: tuple[tuple[str, int], ...]
    problem: str | None
    truncated: bool
    pace: Pace = Pace()


def to_articles(document: Document, *, url: str, base: str, parse: ParseSettings, limits: ArticleLimits) -> Parsed:
    """The articles of a document. `url` is the scope of its guids, `base` what relative links are relative to."""
    skipped: Counter[str] = Counter()
    if document.found > len(document.entries):
        skipped[f"entries above the limit of {parse.max_entries}"] = document.found - len(document.entries)
    repaired = _Repairer()
    title = one_line(plain_text(repaired(document.title)))[: limits.max_source_characters]
    source = title or host_of(base) or base.rsplit("/", 1)[-1]
    articles: dict[str, Article] = {}
    for entry in document.entries:
        article = _article(entry, document.lang, source, url, base, repaired, parse, limits, skipped)
        if article is None:
            continue
        if articles.pop(article.key, None) is not None:
            skipped["entries repeated under one identity (the last one counts)"] += 1
        articles[article.key] = article
    problems = list(document.problems)
    if repaired.count:
        problems.append(f"{repaired.count} texts were UTF-8 encoded twice; repaired")
    return Parsed(
        title,
        tuple(articles.values()),
        document.found,
        tuple(skipped.items()),
        "; ".join(problems) or None,
        document.truncated,
        document.pace,
    )


def _article(
    entry: Entry,
    feed_lang: str | None,
    source: str,
    url: str,
    base: str,
    repaired: _Repairer,
    parse: ParseSettings,
    limits: ArticleLimits,
    skipped: Counter[str],
) -> Article | None:
    # Cut before the HTML is parsed: markup takes several times the room of its text, and a title of 50 MB none at all.
    title = plain_text(repaired(entry.title[: limits.max_title_characters * 8]))
    text = plain_text(repaired(entry.body[: limits.max_text_characters * 8]))
    link = _link(entry.link, base, parse.max_url_characters, skipped)
    hint = language_tag(entry.lang) or feed_lang
    lang = hint or UNDETERMINED
    if parse.detect_language:
        lang = detect_language(f"{title}\n{text}", hint)
    try:
        return make_article(
            source=source,
            title=title,
            text=text,
            url=link,
            guid=entry.guid,
            published=entry.published,
            lang=lang,
            scope=url,
            limits=limits,
        )
    except ArticleError:
        skipped["entries without title and text"] += 1
        return None


def _link(link: str, base: str, limit: int, skipped: Counter[str]) -> str | None:
    if not link.strip():
        return None
    if len(link) > limit:
        skipped[f"links longer than {limit} characters"] += 1
        return None
    resolved = web_link(link, base if "://" in base else None)
    if resolved is None:
        skipped["links that are not http or https"] += 1
    elif len(resolved) > limit:
        skipped[f"links longer than {limit} characters"] += 1
        return None
    return resolved


class _Repairer:
    """Undoes UTF-8 that was read as Latin-1 or Windows-1252 and encoded again; counts how often."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, text: str) -> str:
        if text.isascii():
            return text
        import ftfy
        from ftfy.badness import is_bad

        if not is_bad(text):
            return text
        fixed: str = ftfy.fix_encoding(text)
        self.count += fixed != text
        return fixed
