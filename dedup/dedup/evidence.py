"""What can be said of two articles side by side. Pure: two profiles, a cosine and a few facts in, one `Evidence` out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from dedup.profile import Facts, Number, Profile, containment, jaccard

# Kinds of numbers that name the event itself: a rate, a price, a size. Counts of people grow while a story runs.
HARD_KINDS = frozenset({"percent", "decimal"})


@dataclass(frozen=True, slots=True)
class Side:
    """One article as the comparison sees it."""

    title: str
    profile: Profile
    lang: str
    source: str
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything a verdict rests on.

    cosine: of the two embeddings, −1…1; `None` where one of them never reached the encoder (copies).
    scaled_cosine: the same on the model's own scale: 0 as unrelated texts, 1 as two tellings of one event.
    jaccard, containment: of the word shingles, 0…1.
    title_overlap: shared share of the words of the two titles, 0…1.
    name_support: share of the names in one lead that the other article has too, averaged over both directions, 0…1;
        `None` where a side has none.
    number_support: the same for numbers.
    conflicts: facts that speak against one event, in words ("number 6.25% / 6.5%").
    hours_apart: absolute; `None` where a time is missing.
    """

    cosine: float | None
    scaled_cosine: float | None
    jaccard: float
    containment: float
    title_overlap: float
    name_support: float | None
    number_support: float | None
    shared_names: tuple[str, ...]
    shared_numbers: tuple[str, ...]
    conflicting_names: tuple[str, ...]
    conflicting_numbers: tuple[str, ...]
    conflicts: tuple[str, ...]
    hours_apart: float | None
    same_source: bool
    translation: bool


def compare(a: Side, b: Side, *, cosine: float | None, scaled_cosine: float | None) -> Evidence:
    """The evidence of a pair; symmetric in its two sides."""
    first, second = a.profile, b.profile
    translation = a.lang != b.lang and "und" not in (a.lang, b.lang)
    only_a, only_b = _unmatched_names(first.lead, second.whole), _unmatched_names(second.lead, first.whole)
    clash_a, clash_b = _unmatched_numbers(first.lead, second.whole), _unmatched_numbers(second.lead, first.whole)
    shared_numbers = [n for n in first.whole.numbers if any(n.agrees(other) for other in second.whole.numbers)]
    clashing = [
        f"{x} / {y}"
        for x in sorted(clash_a, key=str)
        for y in sorted(clash_b, key=str)
        if x.kind == y.kind and not x.agrees(y)
    ]
    return Evidence(
        cosine=cosine,
        scaled_cosine=scaled_cosine,
        jaccard=jaccard(first.shingles, second.shingles),
        containment=containment(first.shingles, second.shingles),
        title_overlap=jaccard(frozenset(first.title.words), frozenset(second.title.words)),
        name_support=_support(len(first.lead.names), len(only_a), len(second.lead.names), len(only_b)),
        number_support=_support(len(first.lead.numbers), len(clash_a), len(second.lead.numbers), len(clash_b)),
        shared_names=_sorted(first.whole.names[key] for key in first.whole.names.keys() & second.whole.names.keys()),
        shared_numbers=_sorted(str(number) for number in shared_numbers),
        conflicting_names=_sorted(only_a) + _sorted(only_b) if only_a and only_b else (),
        conflicting_numbers=tuple(clashing),
        conflicts=_conflicts(first, second, clash_a, clash_b, same_language=not translation),
        hours_apart=abs((a.at - b.at).total_seconds()) / 3600 if a.at and b.at else None,
        same_source=a.source == b.source,
        translation=translation,
    )


def _conflicts(
    a: Profile, b: Profile, clash_a: set[Number], clash_b: set[Number], *, same_language: bool
) -> tuple[str, ...]:
    """Facts that an editor would not join over, each as a sentence part."""
    found = []
    for x in sorted(clash_a, key=str):
        for y in sorted(clash_b, key=str):
            if x.kind == y.kind and x.kind in HARD_KINDS and not x.agrees(y):
                found.append(f"number {x} / {y}")
    alike = jaccard(frozenset(a.title.words), frozenset(b.title.words)) >= 0.5
    if same_language and alike:
        # Nearly the same headline: then each small difference is the news.
        if bool(a.title.negations) != bool(b.title.negations):
            found.append("only one headline is negated")
        title_a, title_b = a.title, b.title
        other_numbers = title_a.numbers ^ title_b.numbers
        if _unmatched_numbers(title_a, title_b) and _unmatched_numbers(title_b, title_a) and not found:
            found.append("same headline, other number: " + " / ".join(sorted(str(n) for n in other_numbers)))
        names_a, names_b = _unmatched_names(title_a, b.whole), _unmatched_names(title_b, a.whole)
        if names_a and names_b:
            found.append(f"same headline, other name: {_sorted(names_a)[0]} / {_sorted(names_b)[0]}")
        if _reversed(title_a, title_b):
            found.append("roles reversed in the headline")
    return tuple(found)


def _reversed(a: Facts, b: Facts) -> bool:
    shared = [key for key in a.names if key in b.names]
    if len(shared) < 2 or sorted(a.words) != sorted(b.words):
        return False
    return shared != [key for key in b.names if key in a.names]


def _unmatched_names(part: Facts, whole: Facts) -> list[str]:
    return [name for key, name in part.names.items() if key not in whole.names]


def _unmatched_numbers(part: Facts, whole: Facts) -> set[Number]:
    return {n for n in part.numbers if n.kind != "year" and not any(n.agrees(other) for other in whole.numbers)}


def _support(total_a: int, missing_a: int, total_b: int, missing_b: int) -> float | None:
    if not total_a or not total_b:
        return None
    return ((total_a - missing_a) / total_a + (total_b - missing_b) / total_b) / 2


def _sorted(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(values)))
