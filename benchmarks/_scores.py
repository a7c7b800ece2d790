"""How much of an expected text an extraction holds, and how much else: measures of article-extraction benchmarks."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

#: A word, or one character of a script that writes no spaces between words.
_TOKEN = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\W\u3040-\u30ff\u3400-\u9fff]+")


def tokens(text: str) -> list[str]:
    """Words in one case, punctuation left out."""
    return _TOKEN.findall(text.casefold())


def precision_recall(found: str, expected: str, length: int = 1) -> tuple[float, float]:
    """Shares of the runs of `length` tokens, counted as often as they stand there, that the two texts have in common.

    Length 1 is the usual token-level measure; 4 is that of the article-extraction-benchmark by Zyte, in which the order
    of words counts.
    """
    mine, right = _runs(tokens(found), length), _runs(tokens(expected), length)
    common = (mine & right).total()
    return common / max(mine.total(), 1), common / max(right.total(), 1)


def f1(precision: float, recall: float) -> float:
    """Harmonic mean; 0 when both are."""
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _runs(words: Sequence[str], length: int) -> Counter[tuple[str, ...]]:
    if not words:
        return Counter()
    return Counter(tuple(words[start : start + length]) for start in range(max(1, len(words) - length + 1)))
