"""What is asked of the collector and what it answers."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Literal

from ._article import Article
from ._errors import ErrorKind

Status = Literal["fetched", "not_modified", "failed"]
PageStatus = Literal["text", "short", "paywall", "consent", "unrelated", "failed"]


_WALLS = {"paywall": "a paywall", "consent": "a consent wall", "unrelated": "about something else"}


@dataclass(frozen=True, slots=True)
class FeedRequest:
    """One feed to collect: an http(s) URL or the absolute path of a file, with the validators of its last outcome.

    The validators go back to the server byte for byte. `scope` is what the entries' guids are unique in: the first URL
    of a feed that has moved since, so that its entries stay the articles they were; by default `url`.
    """

    url: str
    etag: str | None = None
    last_modified: str | None = None
    scope: str | None = None


@dataclass(frozen=True, slots=True)
class Redirect:
    """One hop: the status that the server gave and the URL that it led to."""

    status: int
    url: str


@dataclass(frozen=True, slots=True)
class PageOutcome:
    """What became of the page of one article.

    status          text: the page's text is the article's; short: it says no more than the feed; paywall, consent: what
                    the page shows instead of the article; unrelated: it is about something else; failed: see `error`
    key             of the article
    url             that was asked for; final_url the one that answered
    canonical_url   the address that the page calls its own, when it was accepted (see `PageReader`), or None
    sha256          64 hex digits, of the bytes of the page; None when none came
    method          what found the text: trafilatura, publisher (JSON-LD articleBody), paragraphs, none
    """

    status: PageStatus
    key: str
    url: str
    final_url: str | None = None
    canonical_url: str | None = None
    sha256: str | None = None
    method: str = "none"
    http_status: int | None = None
    error: str | None = None
    error_kind: ErrorKind | None = None
    elapsed_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class FeedOutcome:
    """What became of one feed.

    status          fetched, not_modified or failed
    articles        in document order; of entries with one identity the last one only
    entries         entries found in the document, those left out included
    skipped         what was left out: (reason, count) pairs
    title           of the feed
    etag            validators to keep for the next request; None when the server gave none, and None when
    last_modified   the document was cut short, so that the next request gets all of it
    http_status     of the last hop; None for files and when there was no answer
    final_url       after redirects
    redirects       the hops on the way
    moved_to        the new URL of the feed: every hop said "permanently" (301, 308), a feed was there, and the way did
                    not lead from https to http; None otherwise
    retry_after_seconds
                    how long the server that failed asked to be left alone, 0…FetchSettings.max_retry_after_seconds
    fresh_seconds   how long the answer stays fresh by its Cache-Control or Expires; None when it says nothing
    ttl_minutes     how long the feed says that it stays the same (RSS 2.0 <ttl>), or None
    skip_hours      hours of the day (0…23, UTC) and days of the week ("monday"…"sunday") in which the feed asks not to
    skip_days       be fetched
    body_bytes      after inflation
    pages           what became of the pages of articles that were asked for their full text
    elapsed_seconds of fetching and parsing, without the wait for a free slot and without pages
    problem         what is wrong with a document that could be read nevertheless
    error           why the feed failed and what to do, error_kind its class; None unless failed
    """

    url: str
    status: Status
    articles: tuple[Article, ...] = ()
    entries: int = 0
    skipped: tuple[tuple[str, int], ...] = ()
    title: str | None = None
    etag: str | None = None
    last_modified: str | None = None
    http_status: int | None = None
    final_url: str | None = None
    redirects: tuple[Redirect, ...] = ()
    moved_to: str | None = None
    retry_after_seconds: float | None = None
    fresh_seconds: float | None = None
    ttl_minutes: int | None = None
    skip_hours: tuple[int, ...] = ()
    skip_days: tuple[str, ...] = ()
    body_bytes: int = 0
    pages: tuple[PageOutcome, ...] = ()
    elapsed_seconds: float = 0.0
    problem: str | None = None
    error: str | None = None
    error_kind: ErrorKind | None = None

    @property
    def remarks(self) -> str | None:
        """What the owner of the feed list may want to mend, although the feed was read: `problem`, what was left out,
        and pages that gave no text."""
        said = [self.problem] if self.problem else []
        said += [f"left out: {count} {reason}" for reason, count in self.skipped]
        pages = Counter(
            page.error or _WALLS[page.status] for page in self.pages if page.status not in ("text", "short")
        )
        said += [f"no text from {count} of {len(self.pages)} pages: {why}" for why, count in pages.most_common(3)]
        return "; ".join(said) or None
