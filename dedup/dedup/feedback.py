"""What editors said, and what follows from it: which articles must be in one story, and which must not.

    merge, is-a-duplicate    every article of both sides is in one story
    split                    those of side 1 are in one story, and in none with one of side 0
    not-a-duplicate          the two are never in one story
    revoke                   takes an earlier word back

Words are kept as they were said, of articles and never of stories: stories change, and an edited article is the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise

from sqlalchemy import select
from sqlalchemy.orm import Session, aliased

from dedup import _queries as queries
from dedup._errors import FeedbackRefused
from dedup.clustering import Pair, components
from dedup.store import FeedbackArticleRow, FeedbackRow

MERGE, SPLIT, SAME, DIFFERENT, REVOKE = "merge", "split", "is-a-duplicate", "not-a-duplicate", "revoke"


@dataclass(frozen=True, slots=True)
class Word:
    """One thing that an editor said: of which articles, on which of two sides.

    `revoked_by`: id of the word that took it back. `revokes`: id of the word that this one takes back.
    """

    id: int
    kind: str
    said_at: datetime
    sides: tuple[tuple[int, ...], tuple[int, ...]]
    revokes: int | None = None
    revoked_by: int | None = None

    def together(self) -> list[Pair]:
        """Pairs that tie all articles together which this word wants in one story."""
        if self.kind in (MERGE, SAME):
            return [_pair(a, b) for a, b in pairwise([*self.sides[0], *self.sides[1]])]
        return [_pair(a, b) for a, b in pairwise(self.sides[1])] if self.kind == SPLIT else []

    def apart(self) -> list[Pair]:
        """Pairs that this word wants in two stories."""
        if self.kind not in (SPLIT, DIFFERENT):
            return []
        return [_pair(a, b) for a in self.sides[0] for b in self.sides[1]]


@dataclass(frozen=True, slots=True)
class Constraints:
    """Pairs of article ids that must be, and that must not be, in one story; each with the id of the word."""

    must: dict[Pair, int] = field(default_factory=dict)
    cannot: dict[Pair, int] = field(default_factory=dict)

    @classmethod
    def of(cls, said: Iterable[Word]) -> Constraints:
        made = cls()
        for word in said:
            made.must.update(dict.fromkeys(word.together(), word.id))
            made.cannot.update(dict.fromkeys(word.apart(), word.id))
        return made

    def inside(self, ids: Sequence[int]) -> tuple[list[Pair], list[Pair]]:
        """Must and cannot among these articles, as places in `ids`."""
        place = {id_: number for number, id_ in enumerate(ids)}
        must, cannot = (
            [(place[a], place[b]) for a, b in pairs if a in place and b in place] for pairs in (self.must, self.cannot)
        )
        return must, cannot


def standing(session: Session, article_ids: Iterable[int]) -> list[Word]:
    """The words about any of these articles that nobody took back, oldest first."""
    ids: set[int] = set()
    for part in queries.chunks(sorted(set(article_ids))):
        query = select(FeedbackArticleRow.feedback_id).where(FeedbackArticleRow.article_id.in_(part))
        ids.update(session.scalars(query))
    return [word for word in _read(session, sorted(ids)) if word.revoked_by is None]


def words(session: Session, ids: Sequence[int] | None = None) -> list[Word]:
    """The words with these ids, or all, oldest first; those taken back too."""
    if ids is None:
        ids = list(session.scalars(select(FeedbackRow.id).order_by(FeedbackRow.id)))
    return _read(session, queries.storable(ids))


def latest(session: Session, count: int) -> list[Word]:
    """The last words, newest first."""
    newest = select(FeedbackRow.id).order_by(FeedbackRow.id.desc()).limit(count)
    return _read(session, sorted(session.scalars(newest)))[::-1]


def kept_apart(session: Session, first: Iterable[int], second: Iterable[int]) -> int | None:
    """The id of a word that keeps two groups of articles apart, if there is one."""
    one, other = set(first), set(second)
    for word in standing(session, one):
        for a, b in word.apart():
            if (a in one and b in other) or (a in other and b in one):
                return word.id
    return None


def labelled_pairs(session: Session) -> list[tuple[int, int, bool]]:
    """What editors said of pairs, for calibration: (article, article, one event?), one row for each pair, by ids.

    A merge or split of stories speaks of every pair between its two sides. Words that were taken back do not count.
    """
    labels: dict[Pair, bool] = {}
    for word in words(session):
        if word.revoked_by is None and word.kind != REVOKE:
            same = word.kind in (MERGE, SAME)
            labels.update({_pair(a, b): same for a in word.sides[0] for b in word.sides[1]})
    return [(a, b, same) for (a, b), same in sorted(labels.items())]


def require_consistent(others: Sequence[Word], new: Word) -> None:
    """Refuse a word that contradicts one that stands.

    Raises:
        FeedbackRefused: two articles would have to be together and apart; names the earlier word and what to do.
    """
    constraints = Constraints.of([*others, new])
    ids = sorted({id_ for pair in (*constraints.must, *constraints.cannot) for id_ in pair})
    must, _ = constraints.inside(ids)
    label = {ids[place]: number for number, group in enumerate(components(len(ids), must)) for place in group}
    for (a, b), said in constraints.cannot.items():
        if label[a] != label[b]:
            continue
        if said != new.id:
            raise FeedbackRefused(
                f"feedback {said} keeps articles {a} and {b} apart: `dedup feedback revoke {said}` first"
            )
        tying = sorted({word.id for word in others for pair in word.together() if label[pair[0]] == label[a]})
        named = ", ".join(str(id_) for id_ in tying)
        raise FeedbackRefused(
            f"articles {a} and {b} were put together by feedback {named}: `dedup feedback revoke ID` first"
        )


def connected(session: Session, article_ids: Iterable[int]) -> list[Word]:
    """The words about these articles, about the articles of those words, and so on."""
    known: dict[int, Word] = {}
    asked: set[int] = set()
    waiting = set(article_ids)
    while waiting:
        asked |= waiting
        found = standing(session, waiting)
        known.update({word.id: word for word in found})
        waiting = {id_ for word in found for side in word.sides for id_ in side} - asked
    return [known[id_] for id_ in sorted(known)]


def _read(session: Session, ids: Sequence[int]) -> list[Word]:
    revoking = aliased(FeedbackRow)
    read = []
    for part in queries.chunks(ids):
        sides: dict[int, tuple[list[int], list[int]]] = {id_: ([], []) for id_ in part}
        rows = select(FeedbackArticleRow).where(FeedbackArticleRow.feedback_id.in_(part))
        for spoken in session.scalars(rows.order_by(FeedbackArticleRow.article_id)):
            sides[spoken.feedback_id][spoken.side].append(spoken.article_id)
        query = (
            select(FeedbackRow, revoking.id)
            .outerjoin(revoking, revoking.revokes_id == FeedbackRow.id)
            .where(FeedbackRow.id.in_(part))
            .order_by(FeedbackRow.id)
        )
        for row, revoked_by in session.execute(query):
            first, second = sides[row.id]
            read.append(
                Word(row.id, row.kind, row.created_at, (tuple(first), tuple(second)), row.revokes_id, revoked_by)
            )
    return read


def _pair(a: int, b: int) -> Pair:
    return (a, b) if a < b else (b, a)
