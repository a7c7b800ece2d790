"""The numbers of a text, with what they count: pure functions over its tokens, no model, no database.

They are read as the languages of `dedup.numberwords` write them: "6.25 per cent" and "6,25 %", "1.2 billion",
«1,2 млрд» and "1,2 Milliarden", "5.30pm" and "17:30", "12 March" and "12 de marzo".
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from dedup.numberwords import (
    CJK_DAY,
    CJK_MONTH,
    CLOCK,
    CLOCK_LETTERS,
    DATED,
    ENGLISH_MAGNITUDES,
    HUNDRED,
    MAGNITUDE_STEMS,
    MAGNITUDES,
    MONTHS,
    MONTHS_BEHIND_DAY,
    MORE,
    NUMBER_WORDS,
    OF,
    PEOPLE,
    PER,
    PERCENT,
    POSTED,
    ROUGHLY,
    SYMBOLS,
    UNITS,
    UNITS_BEFORE,
)
from dedup.wordlists import HYPHENS

# Numbers that are times: never rounded, and a clash between them in the running text means little.
CALENDAR = frozenset({"year", "month", "date", "time"})
# How far a rounded number may lie from the exact one, as a share of the larger; and one that is said to be rough.
ROUNDED = 0.03
ROUGH = 0.15
# Longer ones are no amounts but keys, account numbers or noise.
MAX_NUMBER_LENGTH = 20
# Tokens of which a number's meaning is read, behind it: "11 mil millones de libras".
BEHIND = 4
# And before it: "Posted on 5".
BEFORE = 3

# Words that a number or a date may be read at; all others but digits are passed over.
WORDS = NUMBER_WORDS.keys() | MONTHS.keys() | MONTHS_BEHIND_DAY.keys()

TIME = r"(?<![\d.,:：])(?:[01]?\d|2[0-3])(?:[:：]|\s?[hH]\s?)[0-5]\d(?![\d:：])"
_TIME = re.compile(r"(\d{1,2})\s?[:：.h]\s?(\d{2})")


@dataclass(frozen=True, slots=True)
class Number:
    """A number of a text.

    `kind` is percent, decimal, people, big (1000 and more), year, month, date (month * 100 + day), time (minutes, on a
    dial of 12 hours), label (of a name, as in "Covid-19") or count. `unit` is a currency or measure beside it. `rough`:
    "about" or the like stands before it. `own`: the date is the article's own ("Updated: 5 May 2026").
    """

    kind: str
    value: float
    unit: str = ""
    rough: bool = field(default=False, compare=False)
    own: bool = field(default=False, compare=False)

    @property
    def group(self) -> str:
        """What may be compared with what: plain numbers of any size and form are one group."""
        return "plain" if self.kind in ("count", "big", "decimal") else self.kind

    def one_unit(self, other: Number) -> bool:
        """Whether the two may be set against each other: roubles say nothing of dollars, nor a name of a count."""
        named = (self.kind == "label") != (other.kind == "label")
        return not named and (not self.unit or not other.unit or self.unit == other.unit)

    def __str__(self) -> str:
        if self.kind == "date":
            return f"{int(self.value % 100)}.{int(self.value // 100):02}."
        if self.kind == "time":
            return f"{int(self.value // 60)}:{int(self.value % 60):02}"
        return f"{self.value:g}%" if self.kind == "percent" else f"{self.value:.10g}"

    def agrees(self, other: Number) -> bool:
        """Equal; or one is the other rounded, or cut off, to its own last digit, within 3 % (1,200 and 1,204; 2.7 and
        2.755); or 15 % off, where one is said to be rough ("more than 70" and 73)."""
        if self.value == other.value:
            return True
        if self.kind in CALENDAR or other.kind in CALENDAR:
            return False
        difference, largest = abs(self.value - other.value), max(abs(self.value), abs(other.value))
        rough = self.rough or other.rough
        if difference > (ROUGH if rough else ROUNDED) * largest:  # first: it is cheap, and true of nearly all
            return False
        if rough:
            return True
        fine, coarse = sorted((self, other), key=lambda number: _step(number.value))
        step = _step(coarse.value)
        cut_off = abs(coarse.value) < abs(fine.value) and difference < step
        return _step(fine.value) < step and (cut_off or difference <= step / 2)


def value_of(number: Number) -> float:
    """The key by which numbers are sorted."""
    return number.value


def order_of(number: Number) -> tuple[str, str, str]:
    """The key by which numbers are told: as they are written. Those written alike have an order, too, so that evidence
    does not change from one process to the next."""
    return str(number), number.kind, number.unit


def _step(value: float) -> float:
    """The unit of the last digit that is not zero: 1200 → 100, 6.25 → 0.01."""
    digits = f"{value:.6f}".rstrip("0")
    if not digits.endswith("."):
        return 10.0 ** -(len(digits) - digits.index(".") - 1)
    whole = digits[:-1]
    return 10.0 ** (len(whole) - len(whole.rstrip("0")))


def read_numbers(tokens: Sequence[str], before: Sequence[str]) -> list[Number]:
    """The numbers among the case-folded tokens of a text; `before`: the two characters right before each token."""
    found = []
    for place, token in enumerate(tokens):
        if not (token[0].isdecimal() or token in WORDS or token.startswith(CJK_MONTH)):
            continue
        earlier, later = tokens[max(0, place - BEFORE) : place], tokens[place + 1 : place + 1 + BEHIND]
        if (when := _date_at(token, earlier, later) or _time(token, later)) is not None:
            found.append(when)
            continue
        value = _value(token)
        if value is None or (token[0].isalpha() and value == 1):
            continue  # "one" is a pronoun as often as a number
        if _is_of_date(token, earlier, later):
            continue
        unit = SYMBOLS.get(before[place][-1:], "") or UNITS_BEFORE.get((earlier or [""])[-1], "")
        number = _number(value, token, later, unit)
        if number.kind == "count" and before[place][:1].isalpha() and before[place][1:] in HYPHENS:
            number = replace(number, kind="label")
        found.append(replace(number, rough=True) if _is_rough(earlier) else number)
    return found


def _date_at(token: str, before: Sequence[str], after: Sequence[str]) -> Number | None:
    """The date whose month is this token."""
    if token in MONTHS:
        return _date(MONTHS[token], before, after)
    if token in MONTHS_BEHIND_DAY and _day_beside(before, ()):
        return _date(MONTHS_BEHIND_DAY[token], before, after)
    if token.startswith(CJK_MONTH) and before and _is_day(before[-1]):
        month, day = int(before[-1]), after[0] if after[1:] and after[1].startswith(CJK_DAY) else ""
        return Number("date", month * 100 + int(day)) if _is_day(day) else Number("month", month)
    return None


def _is_rough(before: Sequence[str]) -> bool:
    """Whether the last words before a number say that it is not exact: "about", "more than", «почти на», "más de"."""
    if before[1:] and before[-1] in OF and before[-2] in MORE:
        return True
    if before[-1:] == ["на"]:
        before = before[:-1]
    return bool(before) and before[-1] in ROUGHLY


def _is_day(token: str) -> bool:
    return token.isdecimal() and len(token) <= 2 and 1 <= int(token) <= 31


def _is_year(token: str) -> bool:
    return token.isdecimal() and len(token) == 4 and 1900 <= int(token) <= 2100


def _day_beside(before: Sequence[str], after: Sequence[str]) -> str:
    """The day of a month that stands right before or behind it, or before a preposition: "5 de mayo"."""
    if before[1:] and before[-1] in OF:
        before = before[:-1]
    return next((token for token in (*before[-1:], *after[:1]) if _is_day(token)), "")


def _is_of_date(token: str, before: Sequence[str], after: Sequence[str]) -> bool:
    """Whether a number is part of a date that is read elsewhere: its day, its year, in Chinese its month."""
    if after and after[0].startswith((*CJK_MONTH, *CJK_DAY)):
        return True
    if any(word in MONTHS for word in (*after[:1], *before[-1:])):
        return _is_day(token) or _is_year(token)
    if after[1:] and after[0] in OF:
        after = after[1:]
    return _is_day(token) and bool(after) and after[0] in MONTHS_BEHIND_DAY


def _date(month: int, before: Sequence[str], after: Sequence[str]) -> Number:
    day = _day_beside(before, after)
    if not day:
        return Number("month", month)
    dated = any(map(_is_year, after[:2]))
    words = before[:-1] if before[-1:] == [day] else before
    about = bool(words) and words[-1] in DATED and not POSTED.intersection(words[-2:])
    return Number("date", month * 100 + int(day), own=dated and not about and "года" not in after[:3])


def _time(token: str, after: Sequence[str]) -> Number | None:
    """A time of day: "17:30", "17h30"; and "5.30" or "5" before "pm" or the like."""
    if not token[0].isdecimal():
        return None
    parts = _TIME.fullmatch(token)
    clock = bool(after) and (after[0] in CLOCK or tuple(after[:2]) in CLOCK_LETTERS)
    if parts and (clock or "." not in token):
        hour, minute = int(parts[1]), int(parts[2])
    elif clock and token.isdecimal() and len(token) <= 2:
        hour, minute = int(token), 0
    else:
        return None
    return Number("time", hour % 12 * 60 + minute) if hour < 24 and minute < 60 else None


def _number(value: float, token: str, after: Sequence[str], unit: str) -> Number:
    big = value >= 1000
    if after and (scale := _magnitude(after[0])):
        value, big = _scaled(value, token, after[0], scale), True
        after = [*after[0].split("-")[1:], *after[1:]]
        if after and (scale := _magnitude(after[0])):  # "5 mil millones", "3 lakh crore"
            value, after = round(value * scale, 6), after[1:]
    if after and (after[0] in PERCENT or (after[0] in PER and after[1:] and after[1] in HUNDRED)):
        return Number("percent", value)
    if any(word in PEOPLE for word in after[:3]):
        return Number("people", value)
    measured = after[1:] if after and after[0] in OF else after
    unit = unit or (UNITS.get(measured[0], "") if measured else "")
    if _is_year(token) and not unit:
        return Number("year", value)
    if value != int(value):
        return Number("decimal", value, unit)
    return Number("big" if big else "count", value, unit)


def _magnitude(word: str) -> float:
    """What a word after a number multiplies it by, also in adjectives ("85-million-euro", «85-миллионный»); or 0."""
    head, *rest = word.split("-")
    if head in MAGNITUDES and (len(head) > 2 or not rest or rest[0] in UNITS):
        return MAGNITUDES[head]
    return next((scale for beginning, scale in MAGNITUDE_STEMS.items() if head.startswith(beginning)), 0.0)


def _scaled(value: float, token: str, magnitude: str, scale: float) -> float:
    """A number times its magnitude; there a fraction may look like thousands: "1.275 billion", "1,275 млрд"."""
    fraction = re.fullmatch(r"(\d{1,3})([.,])(\d{3})", token)
    if fraction and (fraction[2] == "." or magnitude.split("-")[0] not in ENGLISH_MAGNITUDES):
        value = float(f"{fraction[1]}.{fraction[3]}")
    # Not 1.1000000000000001e9: equal numbers are found by their value.
    return round(value * scale, 6)


def _value(token: str) -> float | None:
    if token[0].isalpha():
        return NUMBER_WORDS.get(token)
    if not token[0].isdecimal():
        return None
    spaced = re.sub(r"[\s\u00a0\u202f]", "", token)
    if len(spaced) > MAX_NUMBER_LENGTH:
        return None
    grouped = re.fullmatch(r"(\d{1,3}(?:[.,]\d{3})+)(?:[.,](\d+))?", spaced)
    if grouped and not spaced.startswith("0"):
        whole = re.sub(r"[.,]", "", grouped.group(1))
        return float(f"{whole}.{grouped.group(2) or 0}")
    # Of several marks none is known to be the decimal one: "0.000.000", or "5.848" and "160.160" side by side.
    mark = "." if spaced.count(".") + spaced.count(",") == 1 else ""
    return float(re.sub("[.,]", mark, spaced))
