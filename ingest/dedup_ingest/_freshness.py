"""How long an answer says that it stays fresh (RFC 9111, 4.2.1 and 5.3): a lower bound for the next visit."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

# A cache may keep an answer for a year at most (RFC 9111 of old said so of Expires); the scheduler has its own limit.
_MAX_SECONDS: Final = 366 * 86400.0
_MAX_AGE: Final = re.compile(r'(?:^|[,\s])max-age\s*=\s*"?(\d{1,12})"?(?=\s*(?:,|$))', re.IGNORECASE)
_NEVER: Final = re.compile(r"(?:^|[,\s])no-(?:cache|store)\s*(?:[,=]|$)", re.IGNORECASE)
_MAX_CHARACTERS: Final = 1000


def fresh_seconds(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds for which an answer need not be asked for again, from Cache-Control, Age, Expires and Date.

    None when the headers say nothing of it; 0 for `no-cache`, `no-store`, and for an Expires in the past or unreadable
    (RFC 9111: "must be interpreted as stale"). `s-maxage` is for shared caches, which we are not. `headers` ignores
    case, `now` is aware.
    """
    control = _all_lines(headers, "Cache-Control")[:_MAX_CHARACTERS]
    if _NEVER.search(control):
        return 0.0
    found = _MAX_AGE.search(control)
    if found is not None:
        age = headers.get("Age", "").strip()
        seconds = float(found[1]) - (float(age) if age.isdigit() and len(age) <= 12 else 0.0)
    else:
        expires = headers.get("Expires")
        if expires is None:
            return None
        moment = _moment(expires)
        if moment is None:
            return 0.0
        # The server's own clock, if it says what that shows: ours may be wrong.
        seconds = (moment - (_moment(headers.get("Date", "")) or now)).total_seconds()
    return min(max(seconds, 0.0), _MAX_SECONDS)


def _all_lines(headers: Mapping[str, str], name: str) -> str:
    """The lines of one header as one (RFC 9110, 5.3): a server and the cache before it write a Cache-Control each."""
    return ", ".join(value for key, value in headers.items() if key.lower() == name.lower())


def _moment(text: str) -> datetime | None:
    if len(text) > 100:
        return None
    try:
        moment = parsedate_to_datetime(text.strip())
    except (ValueError, TypeError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
