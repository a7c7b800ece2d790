"""What the head of a feed says about how often to come: <ttl>, <skipHours>, <skipDays> of RSS 0.91 to 2.0."""

from __future__ import annotations

import re
from typing import Final

from ._entries import Pace

_DAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MAX_TTL_MINUTES: Final = 366 * 24 * 60  # ten years are a writer's mistake; the scheduler has a limit of its own
_MAX_BLOCK_CHARACTERS: Final = 4000  # 24 hours with their tags and white space

_COMMENT: Final = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_TTL: Final = re.compile(r"<ttl>\s{0,20}(\d{1,9})(?:\.\d{0,9})?\s{0,20}</ttl>", re.IGNORECASE)
_HOURS: Final = re.compile(rf"<skipHours>(.{{0,{_MAX_BLOCK_CHARACTERS}}}?)</skipHours>", re.IGNORECASE | re.DOTALL)
_HOUR: Final = re.compile(r"<hour>\s{0,20}(\d{1,2})\s{0,20}</hour>", re.IGNORECASE)
_DAYS_BLOCK: Final = re.compile(rf"<skipDays>(.{{0,{_MAX_BLOCK_CHARACTERS}}}?)</skipDays>", re.IGNORECASE | re.DOTALL)
_DAY: Final = re.compile(r"<day>\s{0,20}([a-z]{3,12})\s{0,20}</day>", re.IGNORECASE)


def pace_of(head: str) -> Pace:
    """The pace that the text before the first entry asks for; what makes no sense (hour 77, "Caturday") is left out.

    Hour 24 is hour 0: RSS 0.91 counted from 1. A feed that would skip every hour or every day says nothing of use, and
    is taken to have said nothing.
    """
    head = _COMMENT.sub("", head)
    ttl = _TTL.search(head)
    minutes = min(int(ttl[1]), _MAX_TTL_MINUTES) if ttl else 0
    hours = {int(hour) % 24 for block in _HOURS.findall(head) for hour in _HOUR.findall(block) if int(hour) <= 24}
    named = {day.lower() for block in _DAYS_BLOCK.findall(head) for day in _DAY.findall(block)}
    days = tuple(day for day in _DAYS if day in named)
    return Pace(
        ttl_minutes=minutes or None,
        skip_hours=tuple(sorted(hours)) if len(hours) < 24 else (),
        skip_days=days if len(days) < len(_DAYS) else (),
    )
