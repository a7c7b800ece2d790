"""Entries of any format to articles: identity, limits, language; what is left out is counted."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from ._article import Article, make_article
from ._errors import ArticleError
from ._language import UNDETERMINED, detect_language, language_tag
from ._normalise import normalise
from ._settings import ArticleLimits, ParseSettings
from ._text import one_line, plain_text, plain_title
from ._urls import canonical_url, host_of, web_link


@dataclass(frozen=True, slots=True)
class Pace:
    """How often a feed asks to be fetched (RSS 2.0): not before `ttl_minutes`, not in these hours and days (UTC)."""

    ttl_minutes: int | None = None
    skip_hours: tuple[int, ...] = ()
    skip_days: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry as its format gives it: markup not yet taken off (of what is not plain), links not yet resolved."""

    title: str = ""
    body: str = ""
    link: str = ""
    guid: str = ""
    published: datetime | str | None = None
    lang: str | None = None
    plain_title: bool = False
    plain_body: bool = False


@dataclass(frozen=True, slots=True)
class Document:
    """A feed as its format gives it.

    `found` counts entries before any limit, `broken_off` those that end with a truncated document and are left out;
    `home` is the page that the feed says it belongs to.
    """

    title: str
    lang: str | None
    entries: list[Entry]
    found: int
    problems: list[str] = field(default_factory=list)
    truncated: bool = False
    pace: Pace = Pace()
    home: str = ""
    broken_off: int = 0
    plain_title: bool = False


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


@dataclass(frozen=True, slots=True)
class _Draft:
    """An entry as plain text, with its link resolved. `page` is what would be its identity; empty beside a guid."""

    entry: Entry
    title: str
    text: str
    link: str | None
    page: str


def to_articles(document: Document, *, url: str, base: str, parse: ParseSettings, limits: ArticleLimits) -> Parsed:
    """The articles of a document. `url` is the scope of its guids, `base` what relative links are relative to.

    A link that is not the entry's own is no identity: entries without guid that share it would be one article, edited
    at every visit. Such are the pages of the feed itself and front pages, whatever else is in the document, and the
    links that several entries of the document give under different titles. Those entries are told apart by title and
    date.
    This gives up, for entries without guid: one that links to the feed's page and gets another title or date is a new
    article; so is, once, one whose other link is shared at one visit and not at the next, and of those that stand alone
    with such a link each looks like an edit of the one before.
    """
    skipped: Counter[str] = Counter()
    above = document.found - len(document.entries) - document.broken_off
    if above > 0:
        skipped[f"entries above the limit of {parse.max_entries}"] = above
    if document.broken_off:
        skipped["entries that break off with the document"] = document.broken_off
    repaired = _Repairer()
    read_title = plain_title if document.plain_title else plain_text
    title = one_line(read_title(repaired(document.title)))[: limits.max_source_characters]
    source = title or host_of(base) or base.rsplit("/", 1)[-1]
    drafts = [_draft(entry, base, repaired, parse, limits, skipped) for entry in document.entries]
    shared = _pages_of_feed(document.home, url, base) | _pages_of_several(drafts)
    articles: dict[str, Article] = {}
    for draft in drafts:
        article = _article(draft, document.lang, source, url, shared, parse, limits)
        if article is None:
            skipped["entries without title and text"] += 1
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


def _draft(
    entry: Entry, base: str, repaired: _Repairer, parse: ParseSettings, limits: ArticleLimits, skipped: Counter[str]
) -> _Draft:
    # Cut before the HTML is parsed: markup takes several times the room of its text, and a title of 50 MB none at all.
    title = repaired(entry.title[: limits.max_title_characters * 8])
    body = repaired(entry.body[: limits.max_text_characters * 8])
    link = _link(entry.link, base, parse.max_url_characters, skipped)
    return _Draft(
        entry,
        plain_title(title) if entry.plain_title else plain_text(title),
        body if entry.plain_body else plain_text(body),
        link,
        _page(link) if link and not entry.guid.strip() else "",
    )


def _article(
    draft: _Draft,
    feed_lang: str | None,
    source: str,
    url: str,
    shared: frozenset[str],
    parse: ParseSettings,
    limits: ArticleLimits,
) -> Article | None:
    """None when there is neither a title nor a text."""
    entry = draft.entry
    hint = language_tag(entry.lang) or feed_lang
    lang = hint or UNDETERMINED
    if parse.detect_language:
        lang = detect_language(f"{draft.title}\n{draft.text}", hint)
    try:
        return make_article(
            source=source,
            title=draft.title,
            text=draft.text,
            url=draft.link,
            guid=entry.guid,
            published=entry.published,
            lang=lang,
            scope=url,
            shared_url=draft.page in shared or _is_front(draft.page),
            limits=limits,
        )
    except ArticleError:
        return None


def _pages_of_feed(home: str, *addresses: str) -> frozenset[str]:
    """The pages that are the feed's and no entry's: the one it belongs to, and its own."""
    base = addresses[-1]
    links = (web_link(home, base if "://" in base else None), *addresses)
    return frozenset(_page(link) for link in links if link)


def _pages_of_several(drafts: Iterable[_Draft]) -> frozenset[str]:
    """The pages that entries without guid link to under different titles."""
    titles: dict[str, set[str]] = defaultdict(set)
    for draft in drafts:
        if draft.page:
            titles[draft.page].add(normalise(draft.title or draft.text))
    return frozenset(page for page, found in titles.items() if len(found) > 1)


def _page(link: str) -> str:
    """A link as the page it leads to: the same with http and https, with and without a slash at its end."""
    return canonical_url(link).partition("://")[2].rstrip("/")


def _is_front(page: str) -> bool:
    """Whether it is the front page of a host."""
    return bool(page) and "/" not in page and "?" not in page


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
