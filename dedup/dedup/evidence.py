"""What can be said of two articles side by side. Pure: two profiles, a cosine and a few facts in, `Evidence` out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from dedup.clashes import clashes, unmatched_names, unmatched_numbers
from dedup.conflicts import SAYING_LITTLE, conflicts
from dedup.profile import Profile, containment, jaccard, stems
from dedup.quantities import Number
from dedup.sides import Side, crosses, one_outlet


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything a verdict rests on.

    cosine: of the two embeddings, −1…1; `None` where one of them never reached the encoder (copies).
    scaled_cosine: the same on the model's own scale: 0 as unrelated texts, 1 as two tellings of one event.
    usual: on the same scale, how near anything comes to the two: the median of all others, the mean of both sides.
        The margin of the cosine over it is that of CSLS. `None` where neither is known, or too few others.
    crowding: on the same scale, how near the nearest twentieth is to the side that it is farther from. `None` likewise.
    jaccard, containment: of the word shingles, 0…1.
    title_overlap: shared share of the words of the two titles, 0…1; of what has none, its first words.
    title_cosine, crossed_cosine: of the embeddings of the two titles, and of either title with the other article's own,
        on average; scaled; `None` where titles were not embedded. The likeness reads them; no verdict does, because
        they add nothing to it (`benchmarks/results/ablate_signals.md`).
    word_cosine: of the bags of words, 0…1; `None` across languages, and where a side has no words.
    name_cosine: of the bags of names and numbers, 0…1; `None` where a side has neither.
    heading_support: share of the longer words in one title that the other article has, averaged over both directions,
        0…1; of an article without a title its first words. `None` across languages. Only the likeness reads it: it
        moves verdicts by less than chance does.
    name_support: share of the names in one lead that the other article has too, averaged over both directions, 0…1;
        `None` where a side has none.
    number_support: the same for numbers; not for dates, nor for those that are part of a name ("Covid-19").
    negation_differs: only one of the titles holds a negation.
    conflicts: facts that speak against one event, in words ("number 6.25% / 6.5%").
    hours_apart: absolute; `None` where a time is missing.
    same_source: both are of one outlet. Not of one that gathers what others write (`Judge.aggregators`).
    headlines_only: there is nothing but a headline on either side.
    words: of the shorter of the two articles, title included; `None` in matches that an earlier version stored.
    """

    cosine: float | None
    scaled_cosine: float | None
    usual: float | None
    crowding: float | None
    jaccard: float
    containment: float
    title_overlap: float
    word_cosine: float | None
    name_cosine: float | None
    heading_support: float | None
    name_support: float | None
    number_support: float | None
    shared_names: tuple[str, ...]
    shared_numbers: tuple[str, ...]
    conflicting_names: tuple[str, ...]
    conflicting_numbers: tuple[str, ...]
    negation_differs: bool
    conflicts: tuple[str, ...]
    hours_apart: float | None
    same_source: bool
    translation: bool
    headlines_only: bool
    title_cosine: float | None = None
    crossed_cosine: float | None = None
    words: int | None = None


def compare(
    a: Side,
    b: Side,
    *,
    cosine: float | None,
    scaled_cosine: float | None,
    usual: float | None = None,
    crowding: float | None = None,
) -> Evidence:
    """The evidence of a pair; symmetric in its two sides. `usual`, `crowding`: on the scale of `scaled_cosine`."""
    first, second = a.profile, b.profile
    translation = crosses(a, b)
    only_a, only_b = unmatched_names(first.lead.names, second.whole), unmatched_names(second.lead.names, first.whole)
    clash_a, clash_b = unmatched_numbers(first.lead, second.whole), unmatched_numbers(second.lead, first.whole)
    shared_numbers = [n for n in first.whole.numbers if second.whole.has(n)]
    alike = jaccard(first.shingles, second.shingles)
    clashing = [f"{x} / {y}" for x, y in clashes(clash_a, clash_b, None)]
    return Evidence(
        cosine=cosine,
        scaled_cosine=scaled_cosine,
        usual=usual,
        crowding=crowding,
        jaccard=alike,
        containment=containment(first.shingles, second.shingles),
        word_cosine=None if translation else first.words.cosine(second.words),
        name_cosine=first.names.cosine(second.names),
        heading_support=None if translation else _heading_support(first, second),
        title_overlap=jaccard(first.heading, second.heading),
        name_support=_support(len(first.lead.names), len(only_a), len(second.lead.names), len(only_b)),
        number_support=_support(
            _telling(first.lead.numbers), _telling(clash_a), _telling(second.lead.numbers), _telling(clash_b)
        ),
        shared_names=_sorted(first.whole.names[key] for key in first.whole.names.keys() & second.whole.names.keys()),
        shared_numbers=_sorted(str(number) for number in shared_numbers),
        conflicting_names=_sorted(only_a) + _sorted(only_b) if only_a and only_b else (),
        conflicting_numbers=tuple(clashing),
        negation_differs=bool(first.title.negations) != bool(second.title.negations),
        conflicts=conflicts(a, b, alike=alike, shared=shared_numbers, clash_a=clash_a, clash_b=clash_b),
        hours_apart=abs((a.at - b.at).total_seconds()) / 3600 if a.at and b.at else None,
        same_source=one_outlet(a, b),
        translation=translation,
        headlines_only=not (first.has_text or second.has_text),
        words=min(len(first.whole.words), len(second.whole.words)),
    )


def _heading_support(a: Profile, b: Profile) -> float:
    first, second = stems(a.heading), stems(b.heading)
    if not first or not second:
        return 0.0
    return (len(first & b.stems) / len(first) + len(second & a.stems) / len(second)) / 2


def _telling(numbers: Iterable[Number]) -> int:
    return sum(number.kind not in SAYING_LITTLE for number in numbers)


def _support(total_a: int, missing_a: int, total_b: int, missing_b: int) -> float | None:
    if not total_a or not total_b:
        return None
    return ((total_a - missing_a) / total_a + (total_b - missing_b) / total_b) / 2


def _sorted(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(values)))
