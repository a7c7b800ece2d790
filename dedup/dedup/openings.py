"""What two articles share at their beginning only: the standing words of an outlet, under which the news differ.

"Good morning, here is what to know today", "This is a rush transcript", a columnist's note: such openings make texts
near copies by their shingles and near neighbours by their vectors, and say nothing of the news. So when two texts begin
alike, what follows the common words is compared by itself. Pure: two profiles in, words out.
"""

from __future__ import annotations

from dataclasses import dataclass

from dedup.profile import ALIKE, Facts, Profile, jaccard, name_key, stem

# Common first words from which on an opening is looked at: agency datelines are shorter.
OPENING_WORDS = 8
# Words after the opening from which on a text has news of its own to compare.
REST_WORDS = 8


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

    Either both go on with names of their own and none in common; or one outlet's opening is all there is, under
    headlines that are not alike: then the headline is the news. `copied`: nearly all of the wording is shared,
    so a few words after it are no other news (without this, 4 of 229 Russian copies were parted).
    """
    names_a, names_b = _names(a.whole, found.rest_a), _names(b.whole, found.rest_b)
    if not copied and names_a and names_b and not names_a & names_b:
        return "the same opening, then other news"
    if found.is_all and same_source and _unlike(a.title, b.title):
        return "one opening of the outlet under unlike headlines"
    return None


def _body(article: Profile) -> tuple[str, ...]:
    return article.whole.words[len(article.title.words) :]


def _names(whole: Facts, rest: tuple[str, ...]) -> frozenset[str]:
    """Keys of the article's names that stand in this part of it."""
    return frozenset(name_key(word) for word in rest if word[0].isalpha()) & whole.strong_names.keys()


def _unlike(a: Facts, b: Facts) -> bool:
    """Whether two headlines of at least three longer words are not alike."""
    first, second = (frozenset(stem(w) for w in part.words if len(w) > 3 and w[0].isalpha()) for part in (a, b))
    return min(len(first), len(second)) >= 3 and jaccard(first, second) < ALIKE
