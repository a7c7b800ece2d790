"""What two articles share besides their news: the standing words of an outlet, under which the news differ.

"Good morning, here is what to know today", "This is a rush transcript", a columnist's note, a firm's word about itself:
they make texts near copies by their shingles and near neighbours by their vectors, and say nothing of the news. So when
two texts begin alike, or have whole sentences in common, what else they have is compared by itself. Pure: two profiles
in, words out.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from dedup.profile import ALIKE, Facts, Profile, jaccard, name_key, stem

# Common first words from which on an opening is looked at. Of 354 pairs with one opening 346 are parted by 6, 313 by 8;
# both part 7 of 369 pairs that one outlet wrote of one event.
OPENING_WORDS = 6
# Words after the opening from which on a text has news of its own to compare.
REST_WORDS = 8
# Share of common stems from which what follows an opening is one text, told again.
RETOLD = 0.2
# Words from which on a sentence is not shared by chance, and all such sentences of a text are more than a quotation.
SENTENCE_WORDS, SENTENCES_WORDS = 6, 12
# Share of common sentences in the shorter text from which it is the other one, edited.
EDITED = 0.76
# Share of a headline's longer words that the other article has besides the common sentences (both ways, on average),
# and of all such words of the one that has fewer, up to which it tells other news; and of common words in two headlines
# that are not alike. Of 4,044 pairs of two days of news with a sentence in common that the probability joins, these
# part 42, of which 5 are of one silver story: the others are round-ups, weather, talks with two people in one column.
UNHEARD, APART, OTHER_HEADLINE = 0.5, 0.43, 0.4


@dataclass(frozen=True, slots=True)
class Opening:
    """The common first `words` of two texts, and what each of them has after those."""

    words: int
    rest_a: tuple[str, ...]
    rest_b: tuple[str, ...]

    @property
    def is_all(self) -> bool:
        """Whether at least one text has hardly anything else."""
        return min(len(self.rest_a), len(self.rest_b)) < REST_WORDS


def opening(a: Profile, b: Profile) -> Opening | None:
    """The common opening of the two texts below their headlines; `None` where they do not begin alike."""
    first, second = _body(a), _body(b)
    words = 0
    for x, y in zip(first, second, strict=False):
        if x != y:
            break
        words += 1
    return Opening(words, first[words:], second[words:]) if words >= OPENING_WORDS else None


def other_news(a: Profile, b: Profile, found: Opening, *, same_source: bool, copied: bool) -> str | None:
    """Why two articles with a common opening tell different news, or `None` where nothing says so.

    Either both go on with names of their own and none in common; or it is an opening of one outlet under headlines that
    are not alike, and is all there is, or what follows it has little in common. `copied`: nearly all of the wording is
    shared, so a few words after it are no other news (without this, 4 of 229 Russian copies were parted).
    """
    names_a, names_b = _names(a.whole, found.rest_a), _names(b.whole, found.rest_b)
    if not copied and names_a and names_b and not names_a & names_b:
        return "the same opening, then other news"
    if same_source and _unlike(a.title, b.title):
        if found.is_all:
            return "one opening of the outlet under unlike headlines"
        if jaccard(_longer(found.rest_a), _longer(found.rest_b)) < RETOLD:
            return "one opening of the outlet, then other words under unlike headlines"
    return None


def only_standing(a: Profile, b: Profile) -> bool:
    """Whether whole sentences are all that two articles share: what stands around them is other news."""
    common = {one for one in a.sentence_set & b.sentence_set if len(one) >= SENTENCE_WORDS}
    shared = sum(map(len, common))
    if shared < SENTENCES_WORDS:
        return False
    rests = [[word for one in side.sentences if one not in common for word in one] for side in (a, b)]
    fewest = min(map(len, rests))
    if fewest < REST_WORDS or shared >= EDITED * (shared + fewest):
        return False
    title_a, title_b = _longer(a.title.words), _longer(b.title.words)
    if not title_a or not title_b or jaccard(title_a, title_b) >= OTHER_HEADLINE:
        return False
    all_a, all_b = title_a | _longer(rests[0]), title_b | _longer(rests[1])
    heard = (len(title_a & all_b) / len(title_a) + len(title_b & all_a) / len(title_b)) / 2
    return heard <= UNHEARD and len(all_a & all_b) < APART * min(len(all_a), len(all_b))


def _body(article: Profile) -> tuple[str, ...]:
    return article.whole.words[len(article.title.words) :]


def _names(whole: Facts, rest: tuple[str, ...]) -> frozenset[str]:
    """Keys of the article's names that stand in this part of it."""
    return frozenset(name_key(word) for word in rest if word[0].isalpha()) & whole.strong_names.keys()


def _unlike(a: Facts, b: Facts) -> bool:
    """Whether two headlines are not alike; where one has not three longer words, none may be common."""
    first, second = _longer(a.words), _longer(b.words)
    few = min(len(first), len(second))
    return few > 0 and jaccard(first, second) < ALIKE and (few >= 3 or first.isdisjoint(second))


def _longer(words: Iterable[str]) -> frozenset[str]:
    """Stems of the longer words."""
    return frozenset(stem(word) for word in words if len(word) > 3 and word[0].isalpha())
