"""Standing sentences: what an outlet writes in one article after another, whatever the news.

"Subscribe to our channel", "join the discussion", a note on the author: names and wording that make unlike articles
alike, and hide that two outlets tell the same. They are learnt for each source from its latest articles, so no list of
phrases is needed in any language. Pure: texts and sets in, texts and sets out.
"""

from __future__ import annotations

import re
import zlib
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from dedup.profile import words

Keys = frozenset[int]

NONE: Keys = frozenset()
# A shorter sentence says too little to be told from another one ("He agreed.").
LEAST_WORDS = 3
_BETWEEN = re.compile(r"(?<=[.!?…])\s+|\n+")


def sentence_keys(text: str) -> Keys:
    """The keys (32 bits) of the sentences and lines of a text that have three words or more."""
    return frozenset(key for key in map(_key, _BETWEEN.split(text)) if key is not None)


def standing_sentences(articles: Iterable[Keys], least: int) -> Keys:
    """The sentences that stand in `least` articles or more which otherwise have none in common.

    So a story that is published again and again, with a line more each time, teaches nothing: what its versions repeat
    is the news.
    """
    articles = [article for article in articles if article]
    uses = Counter(key for article in articles for key in article)
    often = frozenset(key for key, count in uses.items() if count >= least)
    if not often:
        return NONE
    rests = [(article & often, article - often) for article in articles]
    return frozenset(key for key in often if _unlike([rest for held, rest in rests if key in held]) >= least)


def without(text: str, standing: Keys) -> str:
    """The text without these sentences; the others keep their wording, one space or line apart."""
    if not standing:
        return text
    pieces = _BETWEEN.split(text)
    kept = [piece for piece in pieces if _key(piece) not in standing]
    return text if len(kept) == len(pieces) else "\n".join(kept)


def left_out(text: str, news: str) -> tuple[str, ...]:
    """The sentences of a text that are missing in what `without` made of it."""
    kept = sentence_keys(news)
    return tuple(piece for piece in _BETWEEN.split(text) if (key := _key(piece)) is not None and key not in kept)


def pack_keys(keys: Keys) -> bytes:
    """Keys as little-endian uint32, in ascending order."""
    return np.array(sorted(keys), dtype="<u4").tobytes()


def unpack_keys(packed: bytes) -> Keys:
    """Back from `pack_keys`."""
    return frozenset(np.frombuffer(packed, dtype="<u4").tolist())


def _key(sentence: str) -> int | None:
    found = words(sentence)
    return zlib.crc32(" ".join(found).encode()) if len(found) >= LEAST_WORDS else None


def _unlike(rests: Sequence[Keys]) -> int:
    """How many of these sets, taken in turn, have something and nothing in common with those before."""
    count, seen = 0, set[int]()
    for rest in rests:
        if rest and seen.isdisjoint(rest):
            count += 1
            seen |= rest
    return count
