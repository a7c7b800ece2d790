"""What two headlines of one language say against one event. Pure: two profiles in, words out."""

from __future__ import annotations

from difflib import SequenceMatcher
from itertools import pairwise

from dedup.clashes import unmatched_names, unmatched_numbers
from dedup.profile import ALIKE, Facts, Profile, jaccard, name_key, stem
from dedup.quantities import Number, order_of
from dedup.roles import one_act_turned, roles_reversed
from dedup.wordlists import CONTRACTED, DENIALS, FINDING, NEGATIONS, NOWHERE, PREPOSITIONS, SAYING, STARTERS, UPDATES

# Years say little even in a headline; months and dates do.
YEARS = frozenset({"year"})
# Beginnings, as far as a stem goes, of verbs of which a headline takes one for another.
KNOWN_NOW = tuple(stem(beginning) for beginning in (*SAYING, *FINDING))
# Words that may be elsewhere, or in one headline only, where it denies what the other says ("does", "will", "yet").
DENIED = 3
# Words up to which the first line of an article is a headline, whose numbers are the news. Of longer ones in ECB+ their
# numbers part six pairs of one event and one of two.
HEADLINE_WORDS = 25


def headline_conflicts(a: Profile, b: Profile, *, copied: bool) -> list[str]:
    """What two headlines differ in. copied: the articles share nearly all of their wording."""
    found = _of_one_template(a, b, copied=copied)
    if copied:
        return found
    if a.has_text and b.has_text:
        strangers_a, strangers_b = _strangers(a, b), _strangers(b, a)
        if strangers_a and strangers_b:
            found.append(f"headlines name others: {strangers_a[0]} / {strangers_b[0]}")
        people_a, people_b = _full_name(a, b), _full_name(b, a)
        if people_a and people_b:
            found.append(f"headlines name others: {people_a} / {people_b}")
    return found + _elsewhere(a, b) + _another_day(a.title, b.title)


def is_headline(title: Facts) -> bool:
    """Whether a title is short enough to be one."""
    return len(title.words) <= HEADLINE_WORDS


def _of_one_template(a: Profile, b: Profile, *, copied: bool) -> list[str]:
    """What differs between two headlines of one template: there each small difference is the news."""
    own_words = not copied and a.has_text and b.has_text
    only_headlines = not (a.has_text or b.has_text)
    # Russian headlines without a text are often turned round to say the same: 17 of 19 pairs told apart by their order.
    ordered = own_words or (only_headlines and all(map(str.isascii, a.title.words + b.title.words)))
    if (ordered and roles_reversed(a.title, b.title)) or (not copied and one_act_turned(a.title, b.title)):
        return ["roles reversed in the headline"]
    words_a, words_b = a.title.template, b.title.template
    if jaccard(words_a, words_b) < ALIKE:
        # In other headlines a negation is as often another way to say it ("is out", "will not play").
        others = own_words and _missing(a.title, b) and _missing(b.title, a)
        return ["only one headline is negated"] if others and _denies_the_other(a.title, b.title) else []
    found = []
    if bool(a.title.negations) != bool(b.title.negations) and _moved(a.title, b.title) <= DENIED:
        found.append("only one headline is negated")
    here = {n for n in unmatched_numbers(a.title, b.title, YEARS) if not may_grow(n, a, b)}
    there = {n for n in unmatched_numbers(b.title, a.title, YEARS) if not may_grow(n, a, b)}
    differing = [(x, y) for x in sorted(here, key=order_of) for y in sorted(there, key=order_of) if x.one_unit(y)]
    if differing:
        found.append(f"same headline but {differing[0][0]} / {differing[0][1]}")
    names_a, names_b = _missing(a.title, b), _missing(b.title, a)
    if own_words:
        names_a, names_b = _not_opening(a.title, names_a), _not_opening(b.title, names_b)
    if copied:  # over one text a headline is often put in other words, whose first is no name
        names_a, names_b = _strong(a.title, names_a), _strong(b.title, names_b)
    if names_a and names_b and only_headlines:
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


def _denies_the_other(a: Facts, b: Facts) -> bool:
    """Whether one headline says of a word that it is not so, and the other has the word: "upholds", "not uphold"."""
    if bool(a.negations) == bool(b.negations):
        return False
    denying, other = (a, b) if a.negations else (b, a)
    denied = {stem(then) for word, then in pairwise(denying.words) if word in DENIALS or word.endswith(CONTRACTED)}
    return not denied.isdisjoint(stem(word) for word in other.words if len(word) > 3)


def _strangers(a: Profile, b: Profile) -> list[str]:
    """The names in the headline of `a`, where the article `b` knows none of them, neither as a name nor as a word.

    Of 2,563 true pairs of ECB+, SemEval and nyan 11 have such on both sides and no other conflict, of 2,453 false ones
    (with NTREX) 285; of 3,461 near copies one.
    """
    names = a.title.strong_names
    known = any(key in b.whole.names or stem(name.casefold()) in b.stems for key, name in names.items())
    return [] if known else list(names.values())


def _full_name(a: Profile, b: Profile) -> str:
    """The first two names side by side in the headline of `a` that the article `b` knows neither of; else empty.

    Of the pairs of two days of news that the probability joins, and no other conflict parts, 39 have such on both
    sides, and 5 of those are of one silver story: the others are two people on one topic, or what two said of it.
    """
    if not _shows_names(a.title):
        return ""
    unknown = {name.casefold(): name for name in _strong(a.title, _missing(a.title, b))}
    both = (pair for pair in pairwise(a.title.words) if unknown.keys() >= set(pair) and pair[0] != pair[1])
    return " ".join(unknown[word] for word in next(both, ()))


def _elsewhere(a: Profile, b: Profile) -> list[str]:
    """Places, behind one preposition, in two headlines, neither of which the other article knows.

    Of the pairs of two days of news that the probability joins, and no other conflict parts, 18 have such, three of
    one silver story among them: storms over two regions.
    """
    if a.has_text != b.has_text or not (_shows_names(a.title) and _shows_names(b.title)):
        return []
    if not a.has_text and jaccard(a.title.template, b.title.template) < ALIKE:
        return []  # one headline names the town, and one the country
    places_a, places_b = _places(a.title, _missing(a.title, b)), _places(b.title, _missing(b.title, a))
    both = sorted(places_a.keys() & places_b.keys())
    return [f"headlines of {places_a[both[0]]} / {places_b[both[0]]}"] if both else []


def _shows_names(title: Facts) -> bool:
    """Whether a title is a headline, and has a longer word that is no name: with every word in capitals none shows."""
    longer = (word for word in title.words if len(word) > 3 and word[0].isalpha())
    return is_headline(title) and any(name_key(word) not in title.names and word not in STARTERS for word in longer)


def _places(title: Facts, missing: list[str]) -> dict[str, str]:
    """The names behind each preposition of a headline ("in Bad Homburg"), if some of each are missing elsewhere."""
    unknown = {name.casefold() for name in _strong(title, missing)} - NOWHERE
    places: dict[str, str] = {}
    for run in _runs(title, list(title.names.values())):
        place = title.words.index(run[0].casefold())
        before = title.words[place - 1] if place else ""
        if before not in PREPOSITIONS:
            continue
        if unknown.isdisjoint(name.casefold() for name in run):
            return {}
        places.setdefault(before, " ".join(run))
    return places


def _another_day(a: Facts, b: Facts) -> list[str]:
    """Days of the week in two headlines, none of them in both.

    Of the pairs of two days of news that the probability joins, and no other conflict parts, 67 have such, nine of one
    silver story among them: nearly all are the weather of two days.
    """
    if not (is_headline(a) and is_headline(b)):
        return []
    days_a, days_b = a.weekdays, b.weekdays
    if not days_a or not days_b or not days_a.keys().isdisjoint(days_b):
        return []
    return [f"headlines of {days_a[min(days_a)]} / {days_b[min(days_b)]}"]


def _in_one_place(a: Facts, names_a: list[str], b: Facts, names_b: list[str]) -> tuple[list[str], list[str]]:
    """Names that stand between the same two words, and are no common words: "met Varga on", "met Holm on".

    With nothing but headlines, one names the man and one his office: of 300 pairs that other names set apart, 260 were
    one event.
    """
    for x in _runs(a, _strong(a, names_a)):
        for y in _runs(b, _strong(b, names_b)):
            if _neighbours(a, x) == _neighbours(b, y):
                return [" ".join(x)], [" ".join(y)]
    return [], []


def _missing(title: Facts, other: Profile) -> list[str]:
    """Names of a headline that the other article has neither as a name nor as a word."""
    return [name for name in unmatched_names(title.names, other.whole) if stem(name.casefold()) not in other.stems]


def _strong(title: Facts, names: list[str]) -> list[str]:
    """Those that cannot be common words."""
    return [name for name in names if name_key(name) in title.strong_names]


def _not_opening(title: Facts, names: list[str]) -> list[str]:
    """Those that cannot be common words, or do not open the headline ("Found", "Revealed").

    Of 126 Russian pairs of two days that only such words parted 40 were read, and 37 told one event.
    """
    return [name for name in names if name_key(name) in title.strong_names or name.casefold() != title.words[0]]


def _runs(title: Facts, names: list[str]) -> list[list[str]]:
    """Names that stand side by side in a headline, together: "Kim Larsen"."""
    by_word = {name.casefold(): name for name in names}
    runs: list[list[str]] = []
    follows = False
    for word in title.words:
        if word in by_word:
            if not follows:
                runs.append([])
            runs[-1].append(by_word[word])
        follows = word in by_word
    return runs


def _neighbours(title: Facts, run: list[str]) -> tuple[str, str]:
    words = ("", *title.words, "")
    place = words.index(run[0].casefold())
    return stem(words[place - 1]), stem(words[place + len(run)])


def _word(title: Facts, wanted: str) -> str:
    return next(word for word in title.words if stem(word) == wanted)


def may_grow(number: Number, a: Profile, b: Profile) -> bool:
    """Whether another value of this number may be a later count of the same thing."""
    return number.kind == "people" or (number.group == "plain" and _is_update(a, b))


def _is_update(a: Profile, b: Profile) -> bool:
    return bool(UPDATES & a.title.word_set) != bool(UPDATES & b.title.word_set)
