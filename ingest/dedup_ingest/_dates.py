"""Dates of feeds to aware UTC datetimes, or None. Sources: RFC 822/5322, RFC 3339/ISO 8601, and what is met instead."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

# News before the web and after this century is a writer's mistake; years 1 and 9999 also overflow when moved to UTC.
_FIRST_YEAR: Final = 1970
_LAST_YEAR: Final = 2100

_MAX_CHARACTERS: Final = 100

_ZONES: Final = {
    "z": 0, "ut": 0, "utc": 0, "gmt": 0, "wet": 0, "bst": 60, "ist": 330, "cet": 60, "cest": 120, "eet": 120,
    "eest": 180, "msk": 180, "est": -300, "edt": -240, "cst": -360, "cdt": -300, "mst": -420, "mdt": -360,
    "pst": -480, "pdt": -420, "jst": 540, "kst": 540,
}  # fmt: skip
# Beginnings of month names in the languages that feeds write them in although the standard says English.
_MONTHS: Final = (
    ("jan", "ene", "gen", "янв"), ("feb", "fev", "fév", "фев"), ("mar", "mär", "mrz", "мар"),
    ("apr", "abr", "avr", "апр"), ("may", "mai", "mag", "май", "мая"), ("jun", "juin", "giu", "июн"),
    ("jul", "juil", "lug", "июл"), ("aug", "ago", "aou", "aoû", "авг"), ("sep", "set", "сен"),
    ("oct", "okt", "out", "ott", "окт"), ("nov", "ноя"), ("dec", "dez", "dic", "déc", "дек"),
)  # fmt: skip
_MONTH_OF: Final = {start: number for number, starts in enumerate(_MONTHS, 1) for start in starts}

_RFC822: Final = re.compile(
    r"(?:[^\W\d_]+\.?\s*,?\s*)?"  # day of the week
    r"(?P<day>\d{1,2})(?:st|nd|rd|th)?[\s.-]+(?:de\s+)?(?P<month>[^\W\d_]{3,})\.?,?[\s.-]+"
    r"(?:de\s+)?(?P<year>\d{4}|\d{2})"
    r"(?:[,\s]+(?:at\s+)?(?P<hour>\d{1,2}):(?P<minute>\d{1,2})(?::(?P<second>\d{1,2})(?:\.\d+)?)?"
    r"\s*(?P<half>[ap]\.?m\.?)?\s*(?P<zone>.*))?",
    re.IGNORECASE,
)
_ISO: Final = re.compile(
    r"(?P<year>\d{4})[-/.](?P<month>\d{1,2})(?:[-/.](?P<day>\d{1,2}))?"
    r"(?:[T\s]+(?P<hour>\d{1,2}):(?P<minute>\d{1,2})(?::(?P<second>\d{1,2})(?:[.,]\d+)?)?\s*(?P<zone>.*))?",
    re.IGNORECASE,
)
_OFFSET: Final = re.compile(r"(?:(?:GMT|UTC|UT)\s*)?([+-])(\d{1,2}):?(\d{2})?$", re.IGNORECASE)


def to_utc(moment: datetime) -> datetime | None:
    """The moment in UTC with whole seconds; None when its year is out of 1970…2100. Naive moments are taken as UTC."""
    if not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return moment.astimezone(UTC).replace(microsecond=0)


def parse_date(text: str) -> datetime | None:
    """The date as an aware UTC datetime, or None when it cannot be read or its year is out of 1970…2100."""
    text = " ".join(text.split()).strip(" \"'")
    if not text or len(text) > _MAX_CHARACTERS:
        return None
    match = _ISO.fullmatch(text)
    if match is not None:
        return _build(match, int(match["month"]))
    match = _RFC822.fullmatch(text)
    if match is not None:
        month = _month(match["month"])
        if month is not None:
            return _build(match, month)
    return None


def _month(name: str) -> int | None:
    name = name.casefold()
    return _MONTH_OF.get(name[:4]) or _MONTH_OF.get(name[:3])


def _build(match: re.Match[str], month: int) -> datetime | None:
    parts = match.groupdict()
    zone = _zone(parts["zone"] or "")
    if zone is None:
        return None
    year, hour = int(parts["year"]), int(parts["hour"] or 0)
    if len(parts["year"]) == 2:
        year += 2000 if year < 70 else 1900
    half = (parts.get("half") or "").casefold()
    if half:
        hour = hour % 12 + (12 if half.startswith("p") else 0)
    day, minute, second = int(parts["day"] or 1), int(parts["minute"] or 0), min(int(parts["second"] or 0), 59)
    try:
        # "24:00" is the end of the day in ISO 8601, and some clocks write it
        extra = timedelta(days=1) if (hour, minute) == (24, 0) else timedelta()
        moment = datetime(year, month, day, 0 if extra else hour, minute, second, tzinfo=zone)
        return to_utc(moment + extra) if _FIRST_YEAR <= year <= _LAST_YEAR else None
    except (ValueError, OverflowError):
        return None


def _zone(text: str) -> timezone | None:
    """UTC for nothing, the zone of a known name or offset, None for an offset of a day or more.

    A name that is not known is taken as UTC: being wrong by some hours is better for a 72-hour window than no date.
    """
    text = text.strip().strip("()[]").strip()
    if not text:
        return UTC
    text = text.split(" (")[0].strip()
    offset = _OFFSET.fullmatch(text)
    if offset is not None:
        minutes = int(offset[2]) * 60 + int(offset[3] or 0)
        if minutes >= 24 * 60:
            return None
        return timezone(timedelta(minutes=-minutes if offset[1] == "-" else minutes))
    return timezone(timedelta(minutes=_ZONES.get(text.casefold(), 0)))
