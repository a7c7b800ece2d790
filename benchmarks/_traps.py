"""Look-alikes mined from large sets of news: pairs that one template or one boilerplate lead makes alike.

Nobody has labelled them; the rules are strict enough that a pair which tells the same news after all is rare.
"""

from __future__ import annotations

import gzip
import json
import random
import re
from collections import defaultdict
from datetime import datetime, timedelta
from itertools import combinations
from pathlib import Path
from typing import Any

Row = dict[str, Any]
Pair = tuple[Row, Row]

TICKER = re.compile(r"^(?P<company>.+?)\s*<(?P<ticker>[A-Z.]+)>,?\s*(?P<rest>.+)$")
NUMBER = re.compile(r"\d+(?:[./,-]\d+)*")
WINDOW = timedelta(hours=72)
# Of one template at most so many pairs: "1ST QTR NET" alone would fill the list.
PER_TEMPLATE = 4
LEAD_WORDS = 8
LEAD_USES = 3
SEED = 20


def rows(path: Path) -> list[Row]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def template_series(path: Path, limit: int) -> list[Pair]:
    """Reuters: headlines that differ in the company, or in their numbers, within one window.

    With a ticker: the same words after it, another company. Without: the same words, other numbers.
    """
    groups: dict[str, list[tuple[str, Row]]] = defaultdict(list)
    for row in rows(path):
        title = " ".join((row.get("title") or "").split())
        if not row.get("text") or not row.get("published") or "CORRECT" in title:
            continue
        named = TICKER.match(title)
        rest = named["rest"] if named else title
        skeleton = NUMBER.sub("#", rest)
        if len(skeleton.split()) < 3 or (not named and "#" not in skeleton):
            continue
        what = named["ticker"] if named else " ".join(NUMBER.findall(title))
        groups[f"{bool(named)} {skeleton}"].append((what, row))
    return _some(groups, limit, lambda a, b: a[0] != b[0] and _near(a[1], b[1]))


def boilerplate_leads(path: Path, limit: int) -> list[Pair]:
    """AllSides: texts of one outlet that begin with the same words over months, under headlines unlike each other."""
    groups: dict[str, list[tuple[str, Row]]] = defaultdict(list)
    for row in rows(path):
        words = (row.get("text") or "").lower().split()
        title = row.get("title") or ""
        # Some texts begin with their headline: that is no boilerplate.
        if len(words) > LEAD_WORDS and title and not " ".join(words).startswith(title.lower()[:20]):
            groups[f"{row.get('source')} {' '.join(words[:LEAD_WORDS])}"].append((title, row))
    often = {
        lead: found
        for lead, found in groups.items()
        if len(found) >= LEAD_USES and len({(row.get("published") or "")[:7] for _, row in found}) >= LEAD_USES
    }
    return _some(often, limit, lambda a, b: _overlap(a[0], b[0]) < 0.2 and not _near(a[1], b[1]))


def _some(groups: dict[str, list[tuple[str, Row]]], limit: int, fits: Any) -> list[Pair]:
    chance = random.Random(SEED)
    found: list[Pair] = []
    for name in sorted(groups):
        pairs = [(a[1], b[1]) for a, b in combinations(groups[name][:60], 2) if fits(a, b)]
        found += chance.sample(pairs, min(PER_TEMPLATE, len(pairs)))
    return chance.sample(found, min(limit, len(found)))


def _near(a: Row, b: Row) -> bool:
    first, second = _moment(a), _moment(b)
    return first is not None and second is not None and abs(first - second) <= WINDOW


def _moment(row: Row) -> datetime | None:
    try:
        return datetime.fromisoformat(str(row.get("published")).replace("Z", "+00:00")).replace(tzinfo=None)
    except ValueError:
        return None


def _overlap(a: str, b: str) -> float:
    first, second = set(a.lower().split()), set(b.lower().split())
    return len(first & second) / max(1, len(first | second))
