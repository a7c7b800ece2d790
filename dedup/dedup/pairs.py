"""Decisions on pairs of stored articles, each reckoned once, for whoever weighs whole stories."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from dedup import _queries as queries
from dedup.clustering import Item, Table
from dedup.memory import Vectors
from dedup.store import MatchRow
from dedup.verdict import Decision, Verdict

Decide = Callable[[queries.Known, queries.Known, float | None], Decision]

# A copy of a copy of a copy: how far the way to the article that was encoded is followed.
MAX_LENDING = 8


class Weight(NamedTuple):
    """What a clustering needs of a pair: the probability of one event, whether it joins, whether its facts clash."""

    probability: float
    joins: bool
    conflict: bool


FAR = Weight(0.0, False, False)


class Pairs:
    """Articles of one space and the verdicts between them.

    A copy that never reached the encoder borrows the vector of the article that it copies: both have at least half of
    their wording in common. `floor` is the cosine below which nothing is looked at.
    """

    def __init__(self, space: str, decide: Decide, floor: float) -> None:
        self._space = space
        self._decide = decide
        self._floor = floor
        self._known: dict[int, queries.Known] = {}
        self._vectors: dict[int, Vectors] = {}
        self._weights: dict[tuple[int, int], Weight] = {}

    def load(self, session: Session, ids: Iterable[int]) -> None:
        """Bring these articles in, with their vectors. Raises: NotFound."""
        missing = sorted(set(ids) - self._known.keys())
        if not missing:
            return
        self._known.update(queries.known(session, missing))
        self._vectors.update(queries.vectors(session, self._space, missing))
        self._borrow(session, [id_ for id_ in missing if id_ not in self._vectors])

    def put(self, known: queries.Known, vector: Vectors | None) -> None:
        """Bring in an article that is not stored yet, or was edited: what was reckoned for its id is forgotten."""
        self.forget(known.id)
        self._known[known.id] = known
        if vector is not None:
            self._vectors[known.id] = vector

    def forget(self, id_: int) -> None:
        self._known.pop(id_, None)
        self._vectors.pop(id_, None)
        for pair in [pair for pair in self._weights if id_ in pair]:
            del self._weights[pair]

    def vector(self, id_: int) -> Vectors | None:
        return self._vectors.get(id_)

    def known(self, id_: int) -> queries.Known:
        return self._known[id_]

    def cosine(self, a: int, b: int) -> float | None:
        """Of the two vectors, own or borrowed; `None` where one is missing."""
        first, second = self._vectors.get(a), self._vectors.get(b)
        return None if first is None or second is None else float(first @ second)

    def decision(self, a: int, b: int) -> Decision:
        """The verdict on two articles that were brought in."""
        low, high = sorted((a, b))
        return self._decide(self._known[low], self._known[high], self.cosine(low, high))

    def weight(self, a: int, b: int) -> Weight:
        """The same in three numbers, kept."""
        pair = (a, b) if a < b else (b, a)
        found = self._weights.get(pair)
        if found is None:
            found = self._weights[pair] = self._weigh(*pair)
        return found

    def table(self, ids: Sequence[int]) -> Table:
        """Every pair of these articles, in their order."""
        count = len(ids)
        probabilities = np.zeros((count, count))
        joins, conflicts = np.zeros((2, count, count), dtype=bool)
        for i, a in enumerate(ids):
            for j in range(i + 1, count):
                weight = self.weight(a, ids[j])
                if weight is not FAR:
                    probabilities[i, j] = probabilities[j, i] = weight.probability
                    joins[i, j] = joins[j, i] = weight.joins
                    conflicts[i, j] = conflicts[j, i] = weight.conflict
        return Table(probabilities, joins, conflicts)

    def items(self, ids: Sequence[int]) -> list[Item]:
        return [Item(self._known[id_].key, self._known[id_].at) for id_ in ids]

    def _weigh(self, a: int, b: int) -> Weight:
        cosine = self.cosine(a, b)
        first, second = self._known[a], self._known[b]
        if cosine is not None and cosine < self._floor and first.fingerprint != second.fingerprint:
            return FAR
        decision = self._decide(first, second, cosine)
        clashing = bool(decision.evidence.conflicts) and decision.verdict is not Verdict.IDENTICAL
        return Weight(decision.probability, decision.verdict.joins, clashing)

    def _borrow(self, session: Session, ids: list[int]) -> None:
        lenders = dict.fromkeys(ids, 0)
        current = {id_: id_ for id_ in ids}  # who asks → whose copied article is looked for
        for _ in range(MAX_LENDING):
            if not current:
                return
            copied: dict[int, int] = {}
            for part in queries.chunks(sorted(set(current.values()))):
                query = select(MatchRow.article_id, MatchRow.other_id).where(
                    MatchRow.article_id.in_(part), MatchRow.verdict.in_((Verdict.IDENTICAL, Verdict.NEAR_COPY))
                )
                for id_, other in session.execute(query.order_by(MatchRow.id.desc())):
                    copied[id_] = other
            wanted = sorted(set(copied.values()) - self._vectors.keys())
            vectors = {**self._vectors, **queries.vectors(session, self._space, wanted)}
            following = {}
            for asker, id_ in current.items():
                other = copied.get(id_)
                if other is not None and other in vectors:
                    self._vectors[asker] = vectors[other]
                elif other is not None and other not in lenders:
                    following[asker] = other
            current = following
