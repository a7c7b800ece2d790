"""Standing sentences: what an outlet writes in one article after another, whatever the news.

"Subscribe to our channel", "join the discussion", a note on the author: names and wording that make unlike articles
alike, and hide that two outlets tell the same. They are learnt for each source from its latest articles, so no list of
phrases is needed in any language. Pure: texts and sets in, texts and sets out.
"""

from __future__ import annotations

import re
import zlib
from collections import Counter
from collections.abc import Sequence

import numpy as np

from dedup.profile import words

Keys = frozenset[int]

# A shorter sentence says too little to be told from another one ("He agreed.").
LEAST_WORDS = 3
_BETWEEN = re.compile(r"(?<=[.!?…])\s+|\n+")


def sentence_keys(text: str) -> Keys:
    """The keys (32 bits) of the sentences and lines of a text that have three words or more."""
    return frozenset(key for key in map(_key, _BETWEEN.split(text)) if key is not None)


def standing_sentences(article: Keys, before: Sequence[Keys], least: int) -> Keys:
    """The sentences of an article that stand in `least` articles, itself among them, which share no other sentence.

    So a story that is published again and again, with a line more each time, teaches nothing: what its versions repeat
    is the news. What else is repeated is not counted as shared, or two sentences that always come together would stay.
    """
    own = frozenset(key for key in article if sum(key in other for other in before) >= least - 1)
    if not own:  # nine of ten articles
        return own
    articles = [*before, article]
    uses = Counter(key for one in articles for key in one)
    often = frozenset(key for key, count in uses.items() if count >= least)
    rests = [(one & own, one - often) for one in articles]
    return frozenset(key for key in own if _unlike([rest for held, rest in rests if key in held]) >= least)


def without(text: str, standing: Keys) -> str:
    """The text without these sentences; each of the others then is a line of its own."""
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
