"""Decisions on pairs of stored articles, each reckoned once, for whoever weighs whole stories."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from dedup import _queries as queries
from dedup.clustering import Item, Table, Weight
from dedup.memory import Vectors
from dedup.store import MatchRow
from dedup.verdict import Decision, Verdict

Decide = Callable[[queries.Known, queries.Known, float | None], Decision]

# A copy of a copy of a copy: how far the way to the article that was encoded is followed.
MAX_LENDING = 8
# What is kept at hand over the whole life of a service: about 100 MB at most; then everything is forgotten.
MAX_ARTICLES = 10_000
MAX_PAIRS = 400_000


FAR = Weight(0.0, False, False)


def weigh(decision: Decision) -> Weight:
    """A decision in three numbers."""
    clashing = bool(decision.evidence.conflicts) and decision.verdict is not Verdict.IDENTICAL
    return Weight(decision.probability, decision.verdict.joins, clashing)


class Pairs:
    """Articles of one space and the verdicts between them; `load` brings them in as the database has them now.

    A pair is reckoned once for each text of its two articles. A copy that never reached the encoder borrows the vector
    of the article that it copies: both have at least half of their wording in common. `floor` is the cosine below which
    nothing is looked at.
    """

    def __init__(self, space: str, decide: Decide, floor: float) -> None:
        self._space = space
        self._decide = decide
        self._floor = floor
        self._known: dict[int, queries.Known] = {}
        self._vectors: dict[int, Vectors] = {}
        self._revisions: dict[int, int] = {}
        self._weights: dict[tuple[int, int], Weight] = {}  # by the revisions of the two: no article has another's

    def load(self, session: Session, ids: Iterable[int]) -> None:
        """Bring these articles in, with their vectors; what was edited since is read again. Raises: NotFound."""
        wanted = sorted(set(ids))
        if len(self._known) + len(wanted) > MAX_ARTICLES or len(self._weights) > MAX_PAIRS:
            self.clear()
        revisions = queries.revisions(session, wanted)
        missing = [id_ for id_ in wanted if self._revisions.get(id_) != revisions.get(id_, -1)]
        if not missing:
            return
        self._known.update(queries.known(session, missing))
        self._revisions.update(revisions)
        for id_ in missing:
            self._vectors.pop(id_, None)
        self._vectors.update(queries.vectors(session, self._space, missing))
        self._borrow(session, [id_ for id_ in missing if id_ not in self._vectors])

    def put(self, known: queries.Known, revision: int, vector: Vectors | None) -> None:
        """Bring in an article that this transaction wrote, with its vector or that of the article it copies."""
        self._known[known.id] = known
        self._revisions[known.id] = revision
        self._vectors.pop(known.id, None)
        if vector is not None:
            self._vectors[known.id] = vector

    def clear(self) -> None:
        """Forget everything: also due when a transaction was rolled back whose articles were brought in."""
        for kept in (self._known, self._vectors, self._revisions, self._weights):
            kept.clear()

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
        low, high = (a, b) if a < b else (b, a)
        key = (self._revisions[low], self._revisions[high])
        found = self._weights.get(key)
        if found is None:
            found = self._weights[key] = self._weigh(low, high)
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
        return weigh(self._decide(first, second, cosine))

    def _borrow(self, session: Session, ids: list[int]) -> None:
        current = {id_: id_ for id_ in ids}  # who asks → whose copied article is looked for
        for _ in range(MAX_LENDING):
            if not current:
                return
            copied: dict[int, int] = {}
            for part in queries.chunks(sorted(set(current.values()))):
                query = select(MatchRow.article_id, MatchRow.other_id).where(
                    MatchRow.article_id.in_(part), MatchRow.verdict.in_((Verdict.IDENTICAL, Verdict.NEAR_COPY))
                )
                copied.update(session.execute(query.order_by(MatchRow.id.desc())).all())
            wanted = sorted(set(copied.values()) - self._vectors.keys())
            vectors = {**self._vectors, **queries.vectors(session, self._space, wanted)}
            following = {}
            for asker, id_ in current.items():
                lender = copied.get(id_)
                if lender is not None and lender in vectors:
                    self._vectors[asker] = vectors[lender]
                elif lender is not None:
                    following[asker] = lender
            current = following
