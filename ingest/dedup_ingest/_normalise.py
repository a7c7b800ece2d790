"""The text that fingerprints compare: the same words give the same text however they were typeset.

Unicode's NFKC and case folding (UAX #15, Unicode 3.13), one dash, one apostrophe, one space, no invisible characters,
no punctuation that carries no meaning. Numbers with their signs, decimals and separators, percent, currency, other
symbols, the question mark and negations stay: 0.25 is not 0.50, -5 is not 5, "did not" is not "did".
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_SINGLE_QUOTES: Final = frozenset("'`‘’‚‛′ʹʻʼʽˈ´＇")
_DASHES: Final = frozenset("-‐‑‒–−⁃﹣－")  # the em dash and its like separate words and become a space
# Punctuation that means something on its own.
_KEPT: Final = frozenset("%‰&@#§^")
_QUESTIONS: Final = {"?": " ? ", "؟": " ? "}
# Punctuation that means something between digits, decided after the other punctuation is gone.
_IN_NUMBERS: Final = frozenset(".,:/")
_TRADE_MARKS: Final = "™®©℠|"
_FRACTION_SLASH: Final = "⁄"
# Invisible characters that are not in category Cf.
_INVISIBLE: Final = frozenset("͏ᅟᅠ឴឵ㅤﾠ") | {chr(code) for code in (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))}


class _Table(dict[int, str]):
    """What each character becomes; filled as characters are met, so at most one entry per character of Unicode."""

    def __missing__(self, code: int) -> str:
        self[code] = result = _mapped(chr(code))
        return result


def _mapped(char: str) -> str:
    category = unicodedata.category(char)
    if char in _SINGLE_QUOTES:
        return "'"
    if char in _DASHES:
        return "-"
    if char in _QUESTIONS:
        return _QUESTIONS[char]
    if char in _KEPT:
        return f" {char} "
    if char in _IN_NUMBERS:
        return char
    if char == _FRACTION_SLASH:
        return "/"
    if category == "Cf" or char in _INVISIBLE:
        return ""
    if category == "Cs":
        return " \ufffd "  # which is a symbol, and stands alone as symbols do
    if char == "|" or category[0] in "PZ" or category == "Cc" or char.isspace():
        return " "
    if category in ("Sc", "Sm", "So"):
        return f" {char} "
    return char


_TABLE: Final = _Table()

_BEFORE: Final = str.maketrans(dict.fromkeys(_TRADE_MARKS, " ") | {"−": "-"})
# NFKC would make 10⁵ into 105 and 3½ into 31/2: a mark or a space goes between first.
_EXPONENT: Final = re.compile("(?<=[0-9])(?=[⁰¹²³⁴-⁹⁻])")
_VULGAR: Final = re.compile("(?<=[0-9])(?=[¼-¾⅐-⅞])")
# -$5 and $-5 are one amount; the sign goes to the number.
_SIGNED_CURRENCY: Final = re.compile(r"-(?<!\w.)([$¢-¥₠-⃀])(?=\.?\d)")
_LEADING_DECIMAL: Final = re.compile(r"\.(?<![\w.,:/].)(?=\d)")
# Connectors that connect nothing. Those that stay keep their neighbours, which makes a second pass change nothing.
# Each branch begins with its connector and looks back over it: three times as fast as a look-behind in front.
_LOOSE: Final = re.compile(
    r"[.,:/](?:(?<!\d.)|(?!\d))"
    r"|'(?:(?<![^\W\d_].)|(?![^\W\d_]))"
    r"|-(?:(?<=[^\w\s].)|(?!\w)|(?<!\S.)(?!\d))"
)


def normalise(text: str) -> str:
    """The text under which two typesettings of the same words are equal; empty when there are no words or symbols.

    Idempotent: normalise(normalise(x)) == normalise(x).
    """
    ascii_only = text.isascii()
    if ascii_only:
        text = text.lower()
    else:
        text = text.translate(_BEFORE)
        text = _VULGAR.sub(" ", _EXPONENT.sub("^", text))
        text = _compatible(text)
    text = _SIGNED_CURRENCY.sub(r"\1-", text)
    text = text.translate(_TABLE)
    if not ascii_only:
        text = _compatible(text)  # what an invisible character kept apart may now compose
    text = _LOOSE.sub(" ", _LEADING_DECIMAL.sub("0.", text))
    return " ".join(text.split())


def _compatible(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text).casefold()
    return unicodedata.normalize("NFKC", folded)
