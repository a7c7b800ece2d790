"""Facts in which two articles differ, and over which an editor would not join them. Pure: two sides in, words out."""

from __future__ import annotations

from collections.abc import Iterable
from operator import attrgetter

from dedup.clashes import clashes, unmatched_numbers
from dedup.headlines import YEARS, headline_conflicts, is_headline, may_grow
from dedup.openings import only_standing, opening, other_news
from dedup.opposites import opposed
from dedup.profile import ALIKE, Profile, jaccard, stem
from dedup.quantities import CALENDAR, Number, value_of
from dedup.roles import READ, acting_on_each_other
from dedup.sides import Side, crosses, one_outlet

# Kinds of numbers that name the event itself: a rate, a price, a size. Counts of people grow while a story runs.
HARD_KINDS = frozenset({"percent", "decimal"})
# Kinds of numbers that two articles of two events hardly share: an index of 30 shares has them every day.
TELLING_KINDS = HARD_KINDS | {"big", "people"}
# What does not count as a number that two articles share: every article of a day names its month.
SAYING_LITTLE = CALENDAR | {"label"}
# Small numbers agree by chance.
SMALL = 12
# Last words that two headlines in capitals must share to say the same of two subjects.
PREDICATE_WORDS = 2
# Share of common shingles from which two texts are one text, edited: templates of other news stay below.
COPIED = 0.7
# Share of common shingles from which two texts may be two issues of one series: yesterday's weather and today's.
SERIES = 0.3


def conflicts(
    a: Side, b: Side, *, alike: float, shared: Iterable[Number], clash_a: set[Number], clash_b: set[Number]
) -> tuple[str, ...]:
    """What speaks against one event, each as a sentence part ("number 6.25% / 6.5%"); symmetric in its two sides.

    alike: Jaccard of their shingles. shared: the numbers of `a` that something in `b` agrees with. clash_a, clash_b:
        those of either lead that nothing in the other agrees with.
    """
    first, second, translation, copied = a.profile, b.profile, crosses(a, b), alike >= COPIED
    begins = None if translation else opening(first, second)
    apart = begins and other_news(first, second, begins, same_source=one_outlet(a, b), copied=copied)
    if not apart and not translation and not copied and only_standing(first, second):
        apart = "the same standing sentences, around other news"
    found = (
        _of_facts(first, second, shared, clash_a, clash_b, translation=translation, copied=copied)
        + _strange_names(first, second)
        + ((apart,) if apart else ())
        + (_other_issue(first, second, clash_a, clash_b) if alike >= SERIES else ())
        + _other_subject(a, b)
        + _other_roles(a, b, translation=translation, copied=copied)
    )
    return found or (() if copied else _opposites(a, b))


def _of_facts(
    a: Profile,
    b: Profile,
    shared: Iterable[Number],
    clash_a: set[Number],
    clash_b: set[Number],
    *,
    translation: bool,
    copied: bool,
) -> tuple[str, ...]:
    """Numbers, names and headlines that differ."""
    kinds = {n.kind for n in shared if n.value > SMALL} - CALENDAR
    # With another number in common one says what a share lost, the other where it stood: of the labelled pairs that
    # this alone would part (NTREX, SemEval) all 13 told one event. Not so under one template: markets close every day.
    excused = not kinds.isdisjoint(TELLING_KINDS) and jaccard(a.title.template, b.title.template) < ALIKE
    found = [] if excused else [f"number {x} / {y}" for x, y in clashes(clash_a, clash_b, HARD_KINDS)]
    # A number in the headline is the news, unless it counts people: tolls rise.
    if is_headline(a.title) and is_headline(b.title):
        title_a = unmatched_numbers(a.title, b.whole, YEARS)
        title_b = unmatched_numbers(b.title, a.whole, YEARS)
        found += [f"headline {x} / {y}" for x, y in clashes(title_a, title_b, None) if not may_grow(x, a, b)]
    amounts_a, amounts_b = ({n for n in clash if n.kind == "big"} for clash in (clash_a, clash_b))
    largest_a, largest_b = (
        max(amounts, key=attrgetter("value", "unit"), default=None) for amounts in (amounts_a, amounts_b)
    )
    if not kinds and largest_a and largest_b and largest_a.one_unit(largest_b):
        found.append(f"other amounts: {largest_a} / {largest_b}")
    if not translation:
        found += headline_conflicts(a, b, copied=copied)
    return tuple(dict.fromkeys(found))


def _strange_names(a: Profile, b: Profile) -> tuple[str, ...]:
    """Two articles that both have names, and none in common.

    With headlines alone it is dear: of 3,000 Russian pairs it parts 62 that the probability joins, and 47 of those tell
    one event. But without it two makers' recalls, and accidents in two towns, are joined (9 of 14 such pairs).

    A script without capitals shows hardly a name, so its articles say nothing by that: of the 43 pairs of NTREX that
    the probability joins and this alone parted, all of them translations, 41 had a Chinese or an Arabic side.
    """
    if not (a.whole.shows_names and b.whole.shows_names):
        return ()
    named = a.lead.strong_names and b.lead.strong_names and not a.whole.names.keys() & b.whole.names.keys()
    return ("no name in common",) if named else ()


def _opposites(a: Side, b: Side) -> tuple[str, ...]:
    """The opposite decisions of two headlines."""
    words = opposed(a, b, alike=jaccard(a.profile.title.template, b.profile.title.template) >= ALIKE)
    return (f"opposite decisions: {min(words)} / {max(words)}",) if words else ()


def _other_issue(a: Profile, b: Profile, clash_a: set[Number], clash_b: set[Number]) -> tuple[str, ...]:
    """What tells two issues of a series apart, whose wording is the same: the day, or every number.

    Of 3,394 near copies in English and Russian the day parts 5, four of them weather of two days; the numbers none. A
    date that is the article's own parts nothing: of ECB+ it would part ten pairs, all of one event.
    """
    days_a, days_b = ({n for n in part.lead.numbers if n.kind == "date" and not n.own} for part in (a, b))
    days_a, days_b = {n for n in days_a if not b.whole.has(n)}, {n for n in days_b if not a.whole.has(n)}
    if days_a and days_b:
        return (f"same wording but {min(days_a, key=value_of)} / {min(days_b, key=value_of)}",)
    every_a, every_b = (
        {n for n in part.lead.numbers if n.kind not in SAYING_LITTLE and n.kind != "people"} for part in (a, b)
    )
    none_agrees = every_a and every_b and every_a <= clash_a and every_b <= clash_b
    if none_agrees and jaccard(a.title.template, b.title.template) >= ALIKE:
        return (f"same wording but {min(every_a, key=value_of)} / {min(every_b, key=value_of)}",)
    return ()


def _other_subject(a: Side, b: Side) -> tuple[str, ...]:
    """Headlines in capitals with one predicate and two subjects, neither of which the other article knows.

    In capitals a name looks like any other word, so the rules on names see nothing: "HOLT CORP SETS DIVIDEND" and
    "BRANDT INC SETS DIVIDEND". In other headlines the same would part paraphrases ("Rescuers find", "Teams find").
    """
    if not (a.title.isupper() and b.title.isupper()):
        return ()
    first, second = a.profile.title.words, b.profile.title.words
    common = 0
    while common < min(len(first), len(second)) and first[-1 - common] == second[-1 - common]:
        common += 1
    if common < PREDICATE_WORDS:
        return ()
    subjects = []
    for own, other in ((first, b.profile), (second, a.profile)):
        subject = [word for word in own[: len(own) - common] if len(word) > 3 and word[0].isalpha()]
        unknown = [word for word in subject if stem(word) not in other.stems]
        if not unknown or len(unknown) < len(subject) / 2:
            return ()
        subjects.append(unknown[0].upper())
    return (f"same headline but {min(subjects)} / {max(subjects)}",)


def _other_roles(a: Side, b: Side, *, translation: bool, copied: bool) -> tuple[str, ...]:
    """Headlines whose first names act on each other, in a language whose words for that are known."""
    if copied or a.lang not in READ or b.lang not in READ:
        return ()
    acts = acting_on_each_other(a.profile, b.profile, translation=translation)
    return (f"other roles in the headlines: {acts}",) if acts else ()
