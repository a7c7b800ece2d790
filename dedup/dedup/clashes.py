"""What one text says and the other does not. Pure: facts of two texts in, their names and numbers out."""

from __future__ import annotations

from dedup.profile import Facts
from dedup.quantities import CALENDAR, Number, order_of


def clashes(a: set[Number], b: set[Number], kinds: frozenset[str] | None) -> list[tuple[Number, Number]]:
    """Numbers of one kind that do not agree, every one of `a` with every one of `b`."""
    if not a or not b:
        return []
    there = sorted(b, key=order_of)
    return [
        (x, y)
        for x in sorted(a, key=order_of)
        for y in there
        if x.group == y.group and x.one_unit(y) and (kinds is None or x.kind == y.kind in kinds) and not x.agrees(y)
    ]


def unmatched_names(names: dict[str, str], whole: Facts) -> list[str]:
    return [name for key, name in names.items() if key not in whole.names]


def unmatched_numbers(part: Facts, whole: Facts, without: frozenset[str] = CALENDAR) -> set[Number]:
    """Numbers of a part that nothing in the whole agrees with, but for the kinds `without`."""
    return {n for n in part.numbers if n.kind not in without and not whole.has(n)}
