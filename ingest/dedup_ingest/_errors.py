"""Every exception of this room.

IngestError
├── SettingsError        (also ValueError)  a limit or a network of a settings dataclass cannot be used
├── FeedListError        (also OSError)     the list of feeds cannot be read at all
├── ScheduleError        (also ValueError)  a cron expression that cannot be read
├── ArticleError         (also ValueError)  an article without any title and text
└── FeedError            one feed failed; `collect` turns it into a failed FeedOutcome, it never leaves the room
    ├── FetchError       nothing usable came over the wire or from the file
    └── ParseError       the document came, but it is not a feed or cannot be parsed within the limits
"""

from __future__ import annotations

from enum import StrEnum


class ErrorKind(StrEnum):
    """Why a feed failed; the scheduler chooses its back-off by this."""

    INVALID_URL = "invalid_url"
    REFUSED_ADDRESS = "refused_address"
    DNS = "dns"
    CONNECT = "connect"
    TLS = "tls"
    TIMEOUT = "timeout"
    TOO_LARGE = "too_large"
    PROTOCOL = "protocol"
    HTTP_STATUS = "http_status"
    REDIRECT = "redirect"
    FILE = "file"
    EMPTY_BODY = "empty_body"
    NOT_A_FEED = "not_a_feed"
    NOT_A_PAGE = "not_a_page"
    PARSE_DEADLINE = "parse_deadline"
    PARSE_MEMORY = "parse_memory"
    PARSE_CRASH = "parse_crash"
    INTERNAL = "internal"


class IngestError(Exception):
    """Base of every exception of dedup_ingest."""


class SettingsError(IngestError, ValueError):
    """A settings dataclass was given a value that cannot be used."""


class FeedListError(IngestError, OSError):
    """The list of feeds cannot be opened or is not text."""


class ScheduleError(IngestError, ValueError):
    """A cron expression cannot be read, or never comes true."""


class ArticleError(IngestError, ValueError):
    """There is neither a title nor a text, so there is no article."""


class FeedError(IngestError):
    """One feed failed. `kind` says in which class of reasons."""

    def __init__(
        self,
        kind: ErrorKind,
        message: str,
        *,
        http_status: int | None = None,
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.http_status = http_status
        self.retry_after_seconds = retry_after_seconds


class FetchError(FeedError):
    """Nothing usable came over the wire or from the file."""


class ParseError(FeedError):
    """The document came, but it is no feed, or it cannot be parsed within the limits."""
