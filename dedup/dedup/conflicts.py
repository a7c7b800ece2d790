"""Facts in which two articles differ, and over which an editor would not join them. Pure: two sides in, words out."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import SequenceMatcher
from itertools import pairwise
from operator import attrgetter

from dedup.openings import only_standing, opening, other_news
from dedup.profile import ALIKE, Facts, Profile, jaccard, name_key, stem
from dedup.quantities import CALENDAR, Number, order_of, value_of
from dedup.roles import READ, acting_on_each_other, one_act_turned, roles_reversed
from dedup.sides import Side, crosses, one_outlet
from dedup.wordlists import CONTRACTED, DENIALS, FINDING, NEGATIONS, SAYING, UPDATES

# Kinds of numbers that name the event itself: a rate, a price, a size. Counts of people grow while a story runs.
HARD_KINDS = frozenset({"percent", "decimal"})
# Kinds of numbers that two articles of two events hardly share: an index of 30 shares has them every day.
TELLING_KINDS = HARD_KINDS | {"big", "people"}
# What does not count as a number that two articles share: every article of a day names its month.
SAYING_LITTLE = CALENDAR | {"label"}
# Years say little even in a headline; months and dates do.
YEARS = frozenset({"year"})
# Small numbers agree by chance.
SMALL = 12
# Last words that two headlines in capitals must share to say the same of two subjects.
PREDICATE_WORDS = 2
# Beginnings, as far as a stem goes, of verbs of which a headline takes one for another.
KNOWN_NOW = tuple(stem(beginning) for beginning in (*SAYING, *FINDING))
# Words that may be elsewhere, or in one headline only, where it denies what the other says ("does", "will", "yet").
DENIED = 3
# Words up to which the first line of an article is a headline, whose numbers are the news. Of longer ones in ECB+ their
# numbers part six pairs of one event and one of two.
HEADLINE_WORDS = 25
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
    first, second, translation = a.profile, b.profile, crosses(a, b)
    begins = None if translation else opening(first, second)
    apart = begins and other_news(first, second, begins, same_source=one_outlet(a, b), copied=alike >= COPIED)
    if not apart and not translation and alike < COPIED and only_standing(first, second):
        apart = "the same standing sentences, around other news"
    return (
        _of_facts(first, second, shared, clash_a, clash_b, translation=translation, copied=alike >= COPIED)
        + _strange_names(first, second)
        + ((apart,) if apart else ())
        + (_other_issue(first, second, clash_a, clash_b) if alike >= SERIES else ())
        + _other_subject(a, b)
        + _other_roles(a, b, translation=translation, copied=alike >= COPIED)
    )


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
    if max(len(a.title.words), len(b.title.words)) <= HEADLINE_WORDS:
        title_a = unmatched_numbers(a.title, b.whole, YEARS)
        title_b = unmatched_numbers(b.title, a.whole, YEARS)
        found += [f"headline {x} / {y}" for x, y in clashes(title_a, title_b, None) if not _may_grow(x, a, b)]
    amounts_a, amounts_b = ({n for n in clash if n.kind == "big"} for clash in (clash_a, clash_b))
    largest_a, largest_b = (
        max(amounts, key=attrgetter("value", "unit"), default=None) for amounts in (amounts_a, amounts_b)
    )
    if not kinds and largest_a and largest_b and largest_a.one_unit(largest_b):
        found.append(f"other amounts: {largest_a} / {largest_b}")
    if not translation:
        found += _template_conflicts(a, b, copied=copied)
        if not copied and a.has_text and b.has_text:
            strangers_a, strangers_b = _strangers(a, b), _strangers(b, a)
            if strangers_a and strangers_b:
                found.append(f"headlines name others: {strangers_a[0]} / {strangers_b[0]}")
            people_a, people_b = _full_name(a, b), _full_name(b, a)
            if people_a and people_b:
                found.append(f"headlines name others: {people_a} / {people_b}")
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


def _strangers(a: Profile, b: Profile) -> list[str]:
    """The names in the headline of `a`, where the article `b` knows none of them, neither as a name nor as a word.

    Of 2,563 true pairs of ECB+, SemEval and nyan 11 have such on both sides and no other conflict, of 2,453 false ones
    (with NTREX) 285; of 3,461 near copies one.
    """
    names = a.title.strong_names
    known = any(key in b.whole.names or stem(name.casefold()) in b.stems for key, name in names.items())
    return [] if known else list(names.values())


def _full_name(a: Profile, b: Profile) -> str:
    """The first two names side by side in the headline of `a` that the article `b` knows neither of; else empty, as
    where it is no headline, or one that capitalises every word (no Russian one does).

    Of the pairs of two days of news that the probability joins, and no other conflict parts, 30 have such on both
    sides, and 4 of those are of one silver story: the others are two people on one topic, or what two said of it.
    """
    many = 2 * len(a.title.names) > len(a.title.words)
    if len(a.title.words) > HEADLINE_WORDS or (many and a.title.words[0].isascii()):
        return ""
    unknown = {name.casefold(): name for name in _strong(a.title, _missing_names(a.title, b))}
    both = (pair for pair in pairwise(a.title.words) if unknown.keys() >= set(pair) and pair[0] != pair[1])
    return " ".join(unknown[word] for word in next(both, ()))


def _template_conflicts(a: Profile, b: Profile, *, copied: bool) -> list[str]:
    """What differs between two headlines of one template: there each small difference is the news."""
    own_words = not copied and a.has_text and b.has_text
    if own_words and (roles_reversed(a.title, b.title) or one_act_turned(a.title, b.title)):
        return ["roles reversed in the headline"]
    words_a, words_b = a.title.template, b.title.template
    if jaccard(words_a, words_b) < ALIKE:
        # In other headlines a negation is as often another way to say it ("is out", "will not play").
        others = own_words and _missing_names(a.title, b) and _missing_names(b.title, a)
        return ["only one headline is negated"] if others and _denies_the_other(a.title, b.title) else []
    found = []
    if bool(a.title.negations) != bool(b.title.negations) and _moved(a.title, b.title) <= DENIED:
        found.append("only one headline is negated")
    here = {n for n in unmatched_numbers(a.title, b.title, YEARS) if not _may_grow(n, a, b)}
    there = {n for n in unmatched_numbers(b.title, a.title, YEARS) if not _may_grow(n, a, b)}
    differing = [(x, y) for x in sorted(here, key=order_of) for y in sorted(there, key=order_of) if x.one_unit(y)]
    if differing:
        found.append(f"same headline but {differing[0][0]} / {differing[0][1]}")
    names_a, names_b = _missing_names(a.title, b), _missing_names(b.title, a)
    if own_words:
        names_a, names_b = _not_opening(a.title, names_a), _not_opening(b.title, names_b)
    if copied:  # over one text a headline is often put in other words, whose first is no name
        names_a, names_b = _strong(a.title, names_a), _strong(b.title, names_b)
    if names_a and names_b and not (a.has_text or b.has_text):
        names_a, names_b = _in_one_place(a.title, names_a, b.title, names_b)
    if names_a and names_b:
        found.append(f"same headline but {names_a[0]} / {names_b[0]}")
    # Without a text below it nothing tells a synonym in a headline from other news; in an edited copy it is a synonym.
    # And so it is in a headline that differs in more than one word for another: of 16 such pairs of a real stream 15
    # told one event ("green light" for "approval").
    if own_words and not _is_update(a, b):
        only_a, only_b = sorted(words_a - words_b - b.stems), sorted(words_b - words_a - a.stems)
        if only_a and only_b and not _moved(a.title, b.title) and not _both_found(only_a, only_b):
            found.append(f"same headline but {_word(a.title, only_a[0])} / {_word(b.title, only_b[0])}")
    return found


def _both_found(only_a: list[str], only_b: list[str]) -> bool:
    """Whether the words in which two headlines differ are verbs of finding and telling: "discovered", «названа»."""
    return all(word.startswith(KNOWN_NOW) for word in (*only_a, *only_b))


def _moved(a: Facts, b: Facts) -> int:
    """How many words of two headlines are elsewhere, or in one of them only; not those that stand in the place of as
    many others, up to two at a time."""
    first, second = ([stem(word) for word in part.words if word not in NEGATIONS] for part in (a, b))
    blocks = SequenceMatcher(None, first, second, autojunk=False).get_opcodes()
    return sum(max(k - i, m - j) for what, i, k, j, m in blocks if what != "equal" and not k - i == m - j <= 2)


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


def _denies_the_other(a: Facts, b: Facts) -> bool:
    """Whether one headline says of a word that it is not so, and the other has the word: "upholds", "not uphold"."""
    if bool(a.negations) == bool(b.negations):
        return False
    denying, other = (a, b) if a.negations else (b, a)
    denied = {stem(then) for word, then in pairwise(denying.words) if word in DENIALS or word.endswith(CONTRACTED)}
    return not denied.isdisjoint(stem(word) for word in other.words if len(word) > 3)


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


def _may_grow(number: Number, a: Profile, b: Profile) -> bool:
    """Whether another value of this number may be a later count of the same thing."""
    return number.kind == "people" or (number.group == "plain" and _is_update(a, b))


def _is_update(a: Profile, b: Profile) -> bool:
    return bool(UPDATES & a.title.word_set) != bool(UPDATES & b.title.word_set)


def _missing_names(title: Facts, other: Profile) -> list[str]:
    """Names of a headline that the other article has neither as a name nor as a word."""
    return [name for name in unmatched_names(title.names, other.whole) if stem(name.casefold()) not in other.stems]


def _in_one_place(a: Facts, names_a: list[str], b: Facts, names_b: list[str]) -> tuple[list[str], list[str]]:
    """Names that stand between the same two words, and are no common words: "met Varga on", "met Holm on".

    With nothing but headlines, one names the man and one his office: of 300 pairs that other names set apart, 260 were
    one event.
    """
    for x in _strong(a, names_a):
        for y in _strong(b, names_b):
            if _neighbours(a, x) == _neighbours(b, y):
                return [x], [y]
    return [], []


def _strong(title: Facts, names: list[str]) -> list[str]:
    """Those that cannot be common words."""
    return [name for name in names if name_key(name) in title.strong_names]


def _not_opening(title: Facts, names: list[str]) -> list[str]:
    """Those that cannot be common words, or do not open the headline ("Found", "Revealed").

    Of 126 Russian pairs of two days that only such words parted 40 were read, and 37 told one event.
    """
    return [name for name in names if name_key(name) in title.strong_names or name.casefold() != title.words[0]]


def _neighbours(title: Facts, name: str) -> tuple[str, str]:
    words = ("", *title.words, "")
    place = words.index(name.casefold())
    return stem(words[place - 1]), stem(words[place + 1])


def _word(title: Facts, wanted: str) -> str:
    return next(word for word in title.words if stem(word) == wanted)


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
