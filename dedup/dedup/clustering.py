"""Stories from pairs: average-link agglomeration under constraints, and which of the old stories each group goes on as.

Pure: probabilities in, groups out. Average link (UPGMA: Sokal & Michener 1958) joins two groups by the mean over all
pairs between them, so that one close pair never chains two events together: on look-alike events B³ .848 against .816
of union-find. The constraints are those of Wagstaff & Cardie (2000): must-link first, cannot-link always.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Pair = tuple[int, int]

# Sums of the same numbers in another order differ in their last digits; what is compared does not.
DECIMALS = 9


@dataclass(frozen=True, slots=True)
class Item:
    """One article: `key` is unique and does not depend on when it was stored, `at` is its time."""

    key: str
    at: datetime


class Weight(NamedTuple):
    """What is known of one pair: the probability of one event, whether it joins, whether its facts clash."""

    probability: float
    joins: bool
    conflict: bool


@dataclass(frozen=True, slots=True)
class Table:
    """What is known of every pair of n items: three symmetric (n, n) arrays whose diagonals are not read.

    probabilities: of one event. joins: the verdict on the pair alone would join it. conflicts: its facts clash.
    """

    probabilities: Floats
    joins: NDArray[np.bool_]
    conflicts: NDArray[np.bool_]

    def part(self, places: Sequence[int]) -> Table:
        """The table of these places only, in this order."""
        square = np.ix_(places, places)
        return Table(self.probabilities[square], self.joins[square], self.conflicts[square])


@dataclass(frozen=True, slots=True)
class Rules:
    """When two groups are one: one pair between them joins, and all of them together bear it out.

    A threshold that rises with the size of a group was tried and brought nothing (B³ −.001 to −.02 on three sets).

    min_mean: lowest mean probability over the pairs between them.
    max_conflict_share: largest share of those pairs whose facts may clash.
    max_size: articles of one group. max_span_hours: from its first to its last article.
    """

    min_mean: float
    max_conflict_share: float
    max_size: int
    max_span_hours: float


class Contradiction(ValueError):  # noqa: N818 - what the constraints are, not what went wrong
    """Two items must be together and must be apart. `pair` are their places."""

    def __init__(self, pair: Pair) -> None:
        super().__init__(f"items {pair[0]} and {pair[1]} must be together and must be apart")
        self.pair = pair


def agglomerate(
    items: Sequence[Item],
    table: Table,
    rules: Rules,
    *,
    must: Iterable[Pair] = (),
    cannot: Iterable[Pair] = (),
) -> tuple[tuple[int, ...], ...]:
    """Groups of places, each sorted by time; the groups too. The order of the items does not change what is grouped.

    Args:
        items: n items.
        table: of the same n items.
        must: pairs that are together whatever the rules say.
        cannot: pairs that are apart whatever the rules say.

    Raises:
        Contradiction: `must` ties a pair of `cannot` together.

    Cost: O(n³) in matrix operations: 0.05 s for 100 items, 2 s for 1,000.
    """
    order = sorted(range(len(items)), key=lambda place: (items[place].at, items[place].key))
    rank = {place: number for number, place in enumerate(order)}
    apart = {(rank[a], rank[b]) for a, b in cannot}
    groups = components(len(items), [(rank[a], rank[b]) for a, b in must])
    label = {number: place for place, group in enumerate(groups) for number in group}
    for a, b in sorted(apart):
        if label[a] == label[b]:
            raise Contradiction((order[a], order[b]))
    if len(groups) > 1:
        links = _Links(items, order, groups, table, {(label[a], label[b]) for a, b in apart}, rules)
        groups = links.join()
    return tuple(tuple(order[number] for number in group) for group in groups)


def lend(table: Table, groups: Iterable[Sequence[int]]) -> Table:
    """What is known of pairs when each of these groups is one event, whatever its articles look like.

    Who joins one member of a group is as near to whatever joins another member as the way through the group is: the
    word of an editor on two articles counts for their copies too (Klein, Kamvar & Manning 2002).
    """
    probabilities, joins, conflicts = table.probabilities.copy(), table.joins.copy(), table.conflicts.copy()
    for places in groups:
        if len(places) < 2:
            continue
        near: NDArray[np.bool_] = joins[:, places].sum(axis=1) > 0
        near[list(places)] = True
        reach = np.where(joins[:, places], probabilities[:, places], 0.0).max(axis=1)
        reach[places] = 1.0
        square = np.ix_(near, near)
        probabilities[square] = np.maximum(probabilities, np.outer(reach, reach))[square]
        joins[square] = True
        conflicts[square] = False
    return Table(probabilities, joins, conflicts)


def components(count: int, pairs: Iterable[Pair]) -> list[list[int]]:
    """The connected parts of 0 … count − 1 under these pairs, each sorted, in the order of their first places."""
    parent = list(range(count))

    def root(place: int) -> int:
        while parent[place] != place:
            parent[place] = parent[parent[place]]
            place = parent[place]
        return place

    for a, b in pairs:
        first, second = sorted((root(a), root(b)))
        parent[second] = first
    parts: dict[int, list[int]] = defaultdict(list)
    for place in range(count):
        parts[root(place)].append(place)
    return list(parts.values())


class _Links:
    """Groups, and sums over the pairs between every two of them; the first of two joined groups lives on."""

    def __init__(
        self,
        items: Sequence[Item],
        order: Sequence[int],
        groups: list[list[int]],
        table: Table,
        apart: set[Pair],
        rules: Rules,
    ) -> None:
        self._groups: list[list[int]] = groups
        self._rules = rules
        start = min(item.at for item in items)
        hours = np.array([(items[place].at - start).total_seconds() / 3600 for place in order])
        inside = np.zeros((len(groups), len(items)))
        for place, group in enumerate(groups):
            inside[place, group] = 1.0
        ordered = table.part(order)
        self._sums = inside @ ordered.probabilities @ inside.T
        self._clashes = inside @ ordered.conflicts.astype(np.float64) @ inside.T
        self._joining = inside @ ordered.joins.astype(np.float64) @ inside.T
        self._sizes = inside.sum(axis=1)
        self._first = np.array([hours[group].min() for group in groups])
        self._last = np.array([hours[group].max() for group in groups])
        self._apart = np.eye(len(groups), dtype=bool)
        for a, b in apart:
            self._apart[a, b] = self._apart[b, a] = True
        self._means = np.stack([self._row(place) for place in range(len(groups))])

    def join(self) -> list[list[int]]:
        count = len(self._groups)
        while True:
            # The first of equals: items are in the order of time and key, so the outcome does not hang on their ids.
            best = int(self._means.argmax())
            a, b = sorted(divmod(best, count))
            if self._means[a, b] == -np.inf:
                return sorted(sorted(group) for group in self._groups if group)
            self._merge(a, b)

    def _merge(self, a: int, b: int) -> None:
        self._groups[a] += self._groups[b]
        self._groups[b] = []
        for table in (self._sums, self._clashes, self._joining):
            table[a] += table[b]
            table[:, a] = table[a]
        self._sizes[a] += self._sizes[b]
        self._first[a] = min(self._first[a], self._first[b])
        self._last[a] = max(self._last[a], self._last[b])
        self._apart[a] |= self._apart[b]
        self._apart[:, a] = self._apart[a]
        self._apart[b] = self._apart[:, b] = True
        self._means[b] = self._means[:, b] = -np.inf
        self._means[a] = self._means[:, a] = self._row(a)

    def _row(self, place: int) -> Floats:
        """Mean probability to every other group; −inf where the two may not be joined."""
        pairs = self._sizes * self._sizes[place]
        size = self._sizes + self._sizes[place]
        span = np.maximum(self._last, self._last[place]) - np.minimum(self._first, self._first[place])
        mean = np.round(self._sums[place] / pairs, DECIMALS)
        allowed = (
            ~self._apart[place]
            & (mean >= self._rules.min_mean)
            & (self._joining[place] > 0)
            & (self._clashes[place] / pairs <= self._rules.max_conflict_share + 1e-9)
            & (size <= self._rules.max_size)
            & (span <= self._rules.max_span_hours)
        )
        return np.where(allowed, mean, -np.inf)


@dataclass(frozen=True, slots=True)
class Heir:
    """A group, the old story that it goes on as (`None`: a new one), and those that end in it."""

    members: tuple[Any, ...]
    story_id: int | None
    absorbed: tuple[int, ...]


def inherit(groups: Sequence[Sequence[Any]], story_of: Mapping[Any, int]) -> tuple[Heir, ...]:
    """Which old story each group goes on as.

    A story goes where most of its members went, to the group named first on a draw; of several that come to one group
    the oldest (lowest) id lives on. So every old id leads somewhere, and none to two places.
    """
    parts: dict[int, Counter[int]] = defaultdict(Counter)
    for place, group in enumerate(groups):
        for member in group:
            if member in story_of:
                parts[story_of[member]][place] += 1
    arriving: dict[int, list[int]] = defaultdict(list)
    for story_id, shares in sorted(parts.items()):
        place = min(shares, key=lambda group: (-shares[group], group))
        arriving[place].append(story_id)
    return tuple(
        Heir(tuple(group), arriving[place][0] if arriving[place] else None, tuple(arriving[place][1:]))
        for place, group in enumerate(groups)
    )
