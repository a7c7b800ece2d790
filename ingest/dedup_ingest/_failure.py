"""What a failure means for the next attempt: pure decisions, used by the retries here and by a scheduler."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from random import Random
from typing import Final, Literal

from ._errors import ErrorKind, FetchError
from ._settings import FetchSettings

FailureClass = Literal["temporary", "permanent", "gone"]

_TEMPORARY: Final = frozenset({ErrorKind.DNS, ErrorKind.CONNECT, ErrorKind.TIMEOUT, ErrorKind.INTERNAL})
# 408 Request Timeout, 425 Too Early, 429 Too Many Requests; of 5xx all but these two, which say "not this server".
_TEMPORARY_STATUSES: Final = frozenset({408, 425, 429})
_PERMANENT_SERVER_STATUSES: Final = frozenset({501, 505})
_GONE: Final = 410

# Faults that are often over within seconds. An overloaded server (500, 429 without a date) is not helped by a retry.
_RETRIED_KINDS: Final = frozenset({ErrorKind.DNS, ErrorKind.CONNECT, ErrorKind.TIMEOUT})
_RETRIED_STATUSES: Final = frozenset({502, 503, 504})
_TOO_MANY_REQUESTS: Final = 429

_SECONDS: Final = re.compile(r"[+-]?\d+(?:\.\d*)?")
_MAX_CHARACTERS: Final = 100


def failure_class(error_kind: ErrorKind, http_status: int | None) -> FailureClass:
    """What a failed outcome says about the feed.

    temporary   the network, the name servers or the server: the same request may succeed later
    permanent   the same until somebody changes the feed, the list or the settings; ask more and more rarely
    gone        410: the server says that the feed is no more; only this is a reason to stop asking at once
    """
    if error_kind is ErrorKind.HTTP_STATUS and http_status is not None:
        if http_status == _GONE:
            return "gone"
        server_fault = 500 <= http_status <= 599 and http_status not in _PERMANENT_SERVER_STATUSES
        return "temporary" if server_fault or http_status in _TEMPORARY_STATUSES else "permanent"
    return "temporary" if error_kind in _TEMPORARY else "permanent"


def retry_after_seconds(header: str | None, now: datetime, limit_seconds: float) -> float | None:
    """A Retry-After header (RFC 9110, 10.2.3: seconds or an HTTP date) as seconds from `now`, within 0…limit_seconds.

    None when there is none or it is neither. `now` is aware; dates without a zone are taken as UTC.
    """
    text = (header or "").strip()
    if not text or len(text) > _MAX_CHARACTERS:
        return None
    if _SECONDS.fullmatch(text):
        seconds = float(text)
    else:
        try:
            moment = parsedate_to_datetime(text)
            seconds = ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - now).total_seconds()
        except (ValueError, TypeError, OverflowError):
            return None
    return min(max(seconds, 0.0), limit_seconds)


def retry_delay_seconds(error: FetchError, retries_done: int, settings: FetchSettings, random: Random) -> float | None:
    """How long to wait before the next attempt at a feed, or None when there is to be none.

    Half to one and a half times `retry_delay_seconds`, doubled with every retry, and not before the server's
    Retry-After. None as well when that is more than `max_retry_delay_seconds`: then it is the scheduler's turn.
    """
    if retries_done >= settings.max_retries or failure_class(error.kind, error.http_status) != "temporary":
        return None
    asked = error.retry_after_seconds
    if error.kind is ErrorKind.HTTP_STATUS:
        if error.http_status not in _RETRIED_STATUSES and (error.http_status != _TOO_MANY_REQUESTS or asked is None):
            return None
    elif error.kind not in _RETRIED_KINDS:
        return None
    delay: float = settings.retry_delay_seconds * 2**retries_done * (0.5 + random.random())
    if asked is not None:
        if asked > settings.max_retry_delay_seconds:
            return None
        return asked + delay  # on top, so that the feeds of one host do not all come back in the same moment
    return min(delay, settings.max_retry_delay_seconds)
