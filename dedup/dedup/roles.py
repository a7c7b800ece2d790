"""Who does what to whom in two headlines. Pure: facts of two titles in, whether they contradict one another out."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import takewhile

from dedup.profile import ALIKE, Facts, Profile, stem
from dedup.wordlists import ALONE, ARTICLES, CLAUSES, JOINING, MUTUAL, OBLIQUE, PASSIVE, PREPOSITIONS, SAYING, STARTERS

# Whose passive and mutual verbs are listed. In others it is not known what the order of two names says: of 4,158 true
# pairs of NTREX's twelve languages seven would be parted, six of them by a Turkish clause that comes first.
READ = frozenset({"en", "ru", "und"})
# Letters that two forms of one word share at least.
BEGINNING = 4
# Words behind a verb in which stands whom it is done to: "beat champion Holm", «обыграл шахматиста Хольма».
BEHIND = 3
# Share of common words from which on two headlines are one in another order, whatever the words are that change sides.
REORDERED = 0.85
# Beginnings of verbs on whose two sides nobody acts on anybody, as far as a stem goes.
NO_ACT = tuple(stem(beginning) for beginning in (*SAYING, *MUTUAL, *ALONE))


def roles_reversed(a: Facts, b: Facts) -> bool:
    """Whether two headlines say "x did y" and "y did x": two shared words change sides of a shared common word.

    The headlines must be alike, and the two names, unless hardly another word differs: news is often told in another
    order. Of 233 pairs of a real stream that this rule alone parted, when half the words were enough for any two words,
    it parts 45 now; most of those 233 told one event. A headline in the passive is left in peace, and so is a word
    behind the same preposition in both: "held in Rome" may stand anywhere; or one in a Russian case that shows no
    subject. Who says something, or signs, meets or dies, may stand on either side of it.
    """
    at_a, at_b = a.places, b.places
    shared = [word for word in at_a if word in at_b]
    if len(shared) < 3 or bool(PASSIVE & a.word_set) != bool(PASSIVE & b.word_set):
        return False
    overlap = len(shared) / (len(at_a) + len(at_b) - len(shared))
    if overlap < ALIKE:
        return False
    names = a.name_stems | b.name_stems
    sure = {stem(name.casefold()) for title in (a, b) for name in title.strong_names.values()}
    actors = [
        word
        for word in shared
        if (overlap >= REORDERED or word in names)
        and (word in sure or not word.startswith(NO_ACT))
        and not _same_preposition(a, at_a[word], b, at_b[word])
        and not (a.words[at_a[word]].endswith(OBLIQUE) and b.words[at_b[word]].endswith(OBLIQUE))
    ]
    return any(
        any(at_a[word] < at_a[pivot] and at_b[word] > at_b[pivot] for word in actors)
        and any(at_a[word] > at_a[pivot] and at_b[word] < at_b[pivot] for word in actors)
        for pivot in shared
        if pivot not in names and pivot not in JOINING and not pivot.startswith(NO_ACT)
    )


def one_act_turned(a: Facts, b: Facts) -> bool:
    """Whether one headline says "x beats y" and the other "y beats x", whatever else they say, around one verb.

    Two names stand right before it, and behind it within three words; other words right behind it, but for an article
    or a preposition: of 60,000 pairs (labelled ones, and those of two days of news that the probability joins) none has
    such. Russian may put whom it is done to first. But then either keeps its case in both headlines.
    """
    if (PASSIVE & a.word_set) or (PASSIVE & b.word_set):
        return False
    # What is a name for sure in one headline is one in the other, too, where it is the first word.
    names = a.names.keys() & b.names.keys() & (a.strong_names.keys() | b.strong_names.keys())
    keys_a, keys_b = a.keys, b.keys
    for verb in a.places.keys() & b.places.keys():
        at_a, at_b = a.places[verb], b.places[verb]
        if not at_a or not at_b or keys_a[at_a] or keys_b[at_b] or verb in JOINING or a.words[at_a] in STARTERS:
            continue
        if verb.startswith(NO_ACT):
            continue
        x, y = keys_a[at_a - 1], keys_b[at_b - 1]
        done_to_y = done_to_x = 0
        if x != y and {x, y} <= names:
            done_to_y, done_to_x = _behind(keys_a, at_a, y), _behind(keys_b, at_b, x)
        if not (done_to_y and done_to_x):
            done_to_y, done_to_x = _right_behind(a, at_a, b.words[at_b - 1]), _right_behind(b, at_b, a.words[at_a - 1])
        if not (done_to_y and done_to_x):
            continue
        kept = _one_form(a.words[at_a - 1], b.words[done_to_x]) and _one_form(b.words[at_b - 1], a.words[done_to_y])
        if a.words[at_a].isascii() or not kept:
            return True
    return False


def _right_behind(title: Facts, verb: int, wanted: str) -> int:
    """Where a longer word stands right behind the verb, in some form; 0 where another one does."""
    place = verb + 1
    if place < len(title.words) and (title.words[place] in PREPOSITIONS or title.words[place] in ARTICLES):
        place += 1
    found = title.words[place] if place < len(title.words) else ""
    return place if len(wanted) > 3 and len(found) > 3 and wanted[0].isalpha() and stem(found) == stem(wanted) else 0


def _behind(keys: tuple[str, ...], verb: int, name: str) -> int:
    """Where a name stands behind the verb, within `BEHIND` words; 0 where it does not."""
    within = keys[verb + 1 : verb + 1 + BEHIND]
    return verb + 1 + within.index(name) if name in within else 0


def _one_form(one: str, other: str) -> bool:
    return one.replace("ё", "е") == other.replace("ё", "е")


def acting_on_each_other(a: Profile, b: Profile, *, translation: bool) -> str:
    """Two headlines that begin with a name, each of them acting on the other's, in other words; else empty.

    "Ostrander to buy Pell" and "Pell sues Ostrander": no common word whose sides the two could change. Who meets, calls
    or joins somebody is met, called or joined; "Pell falls after Ostrander's bid" does nothing to Ostrander. In one
    language the act must be unknown to the other article. Of 8,896 true pairs (ECB+, SemEval, nyan, ParaPhraser, NTREX)
    it parts none, of 38,102 pairs of one silver story in tgnews one.
    """
    # True of nearly all, and what follows takes 75 µs where all of a comparison takes 110.
    if len(a.title.names.keys() & b.title.names.keys()) < 2:
        return ""
    if (PASSIVE & a.title.word_set) or (PASSIVE & b.title.word_set):
        return ""
    first, second = _act(a.title, b.title), _act(b.title, a.title)
    if first is None or second is None:
        return ""
    if any(word.startswith(MUTUAL) for word in (*first.words, *second.words)):
        return ""
    if not translation and (_knows(b, first.words) or _knows(a, second.words)):
        return ""
    return " / ".join(sorted((first.said, second.said)))


@dataclass(frozen=True, slots=True)
class _Act:
    """words: what stands between the names of who acts and of whom it is done to; said: both, as they are written."""

    words: tuple[str, ...]
    said: str


def _act(title: Facts, other: Facts) -> _Act | None:
    """What the headline's first name does to the one that the other headline begins with."""
    actor, target = _subject(title), _subject(other)
    if not actor or not target or not target.isdisjoint(actor) or not actor <= other.names.keys():
        return None
    keys = title.keys
    place = next((place for place, key in enumerate(keys) if key in target), 0)
    if not place or not target <= title.names.keys():
        return None
    between = [word for word, key in zip(title.words[:place], keys, strict=False) if not key]
    words = tuple(word for word in between if len(word) > 2 and word[0].isalpha() and word not in STARTERS)
    if not words or between[0] in JOINING or not CLAUSES.isdisjoint(between):
        return None
    return _Act(words, f"{title.names[keys[0]]} … {title.names[keys[place]]}")


def _subject(title: Facts) -> frozenset[str]:
    """The names that a headline begins with; empty where it begins with another word."""
    return frozenset(takewhile(bool, title.keys))


def _knows(article: Profile, words: tuple[str, ...]) -> bool:
    """Whether an article has one of the words, in this form or nearly: "sign", "signs"."""
    starts = {word[:BEGINNING] for word in words}
    return any(word[:BEGINNING] in starts for word in article.whole.words)


def _same_preposition(a: Facts, place_a: int, b: Facts, place_b: int) -> bool:
    before = a.words[place_a - 1] if place_a else ""
    return before in PREPOSITIONS and place_b > 0 and b.words[place_b - 1] == before
