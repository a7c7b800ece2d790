"""The two sides of a comparison: what is known of either article. Pure: knows no database."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from dedup.crowding import Surroundings
from dedup.profile import Profile


@dataclass(frozen=True, slots=True)
class Side:
    """One article as the comparison sees it.

    source: its outlet. host: of its address. fingerprint: of its normalised text. All three empty where nobody knows.
    around: its cosines to a sample of all others (see `dedup.crowding`); `None` where nobody knows.
    """

    title: str
    profile: Profile
    lang: str
    source: str
    at: datetime | None
    fingerprint: str = ""
    around: Surroundings | None = None
    host: str = ""


def crosses(a: Side, b: Side) -> bool:
    """Whether two articles are known to be in two languages."""
    return a.lang != b.lang and "und" not in (a.lang, b.lang)


def one_outlet(a: Side, b: Side) -> bool:
    """Whether two articles are known to be of one outlet. A source that links to several hosts is none."""
    return bool(a.source) and a.source == b.source and (not (a.host and b.host) or a.host == b.host)
