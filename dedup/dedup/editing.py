"""What editors may say, and what stories become by it at once. Every word is kept and holds until it is taken back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime

from sqlalchemy.orm import Session

from dedup import _queries as queries
from dedup._errors import FeedbackRefused, NotFound
from dedup.feedback import DIFFERENT, MERGE, REVOKE, SAME, SPLIT, Word, connected, kept_apart, require_consistent, words
from dedup.neighbourhoods import read_joins
from dedup.pairs import Pairs
from dedup.repair import Mender
from dedup.results import FeedbackView
from dedup.store import FeedbackArticleRow, FeedbackRow

# One transaction in which stories may change, and in which no other thread of this process changes them.
Changing = Callable[[], AbstractContextManager[Session]]


class Editor:
    """Says words in the name of an editor. Each is one transaction: kept and followed, or neither."""

    def __init__(self, changing: Changing, mender: Mender, pairs: Pairs) -> None:
        self._changing = changing
        self._mender = mender
        self._pairs = pairs

    def merge(self, story_id: int, other_id: int) -> FeedbackView:
        """Two stories are one from now on: the older id lives on.

        Raises:
            NotFound: no such story.
            FeedbackRefused: they are one already, or earlier words keep some of their articles apart.
        """
        with self._changing() as session:
            kept, ended = sorted((queries.living(session, story_id), queries.living(session, other_id)))
            if kept == ended:
                raise FeedbackRefused(f"stories {story_id} and {other_id} are one already, story {kept}")
            ledger = self._mender.ledger(session)
            members = ledger.members([kept, ended])
            word = self._say(session, MERGE, members[kept], members[ended])
            self._join(session, word, kept, ended)
            return self._heard(session, word)

    def split(self, story_id: int, article_ids: Iterable[int]) -> FeedbackView:
        """Articles leave a story and are a story of their own from now on, apart from every article that stays.

        Raises:
            NotFound: no such story or article.
            FeedbackRefused: an article is in another story, none would stay, or earlier words put some together.
        """
        with self._changing() as session:
            living = queries.living(session, story_id)
            leaving = sorted(set(article_ids))
            homes = {id_: view.story_id for id_, view in queries.article_views(session, leaving).items()}
            for id_, home in homes.items():
                if home != living:
                    raise FeedbackRefused(f"article {id_} is in story {home}, not in {living}: split that one")
            ledger = self._mender.ledger(session)
            members = ledger.members([living])[living]
            staying = [id_ for id_ in members if id_ not in homes]
            if not staying or not leaving:
                raise FeedbackRefused(f"story {living} has {len(members)} articles: name some of them, not all")
            word = self._say(session, SPLIT, staying, leaving)
            ordered = [id_ for id_ in members if id_ in homes]
            new = ledger.take_out(ordered, {"why": "feedback", "feedback": word.id})
            ledger.settle(living)
            joins = dict.fromkeys(read_joins(session, members))
            for part in (living, new):
                ledger.rehang(part, self._pairs, {**joins, **dict.fromkeys(word.together(), _reason(word))})
            return self._heard(session, word)

    def same(self, article_id: int, other_id: int) -> FeedbackView:
        """Two articles tell one event: their stories are one from now on.

        Where earlier words keep other articles of the two stories apart, these two come together and the others go by
        the evidence.

        Raises:
            NotFound: no such article.
            FeedbackRefused: it is one article, or earlier words keep the two apart.
        """
        with self._changing() as session:
            one, other = self._homes(session, article_id, other_id)
            word = self._say(session, SAME, [article_id], [other_id])
            if one != other:
                kept, ended = sorted((one, other))
                members = self._mender.ledger(session).members([kept, ended])
                if kept_apart(session, members[kept], members[ended]) is None:
                    self._join(session, word, kept, ended)
                else:
                    self._mender.mend(session, [article_id, other_id])
            return self._heard(session, word)

    def different(self, article_id: int, other_id: int) -> FeedbackView:
        """Two articles do not tell one event: if they are in one story, it is grouped anew without joining them.

        Raises:
            NotFound: no such article.
            FeedbackRefused: it is one article, or earlier words put the two together.
        """
        with self._changing() as session:
            one, other = self._homes(session, article_id, other_id)
            word = self._say(session, DIFFERENT, [article_id], [other_id])
            if one == other:
                self._mender.mend(session, [article_id, other_id])
            return self._heard(session, word)

    def revoke(self, feedback_id: int) -> FeedbackView:
        """Take a word back: from now on the evidence decides again about its articles.

        Raises:
            NotFound: no such word.
            FeedbackRefused: it was taken back already, or is itself the taking back of one.
        """
        with self._changing() as session:
            found = words(session, [feedback_id])
            if not found:
                raise NotFound(f"no feedback {feedback_id}")
            (old,) = found
            if old.kind == REVOKE:
                raise FeedbackRefused(f"feedback {old.id} took back {old.revokes}: say that one again instead")
            if old.revoked_by is not None:
                raise FeedbackRefused(f"feedback {old.id} was taken back by {old.revoked_by} already")
            row = FeedbackRow(kind=REVOKE, revokes_id=old.id, created_at=datetime.now(UTC))
            session.add(row)
            session.flush()
            articles = [*old.sides[0], *old.sides[1]]
            self._mender.mend(session, articles)
            word = Word(row.id, REVOKE, row.created_at, old.sides, old.id)
            return self._heard(session, word)

    def _homes(self, session: Session, article_id: int, other_id: int) -> tuple[int, int]:
        if article_id == other_id:
            raise FeedbackRefused(f"{article_id} and {other_id} are one article: name two")
        views = queries.article_views(session, [article_id, other_id])
        return views[article_id].story_id, views[other_id].story_id

    def _say(self, session: Session, kind: str, first: Sequence[int], second: Sequence[int]) -> Word:
        """Keep a word that no earlier one contradicts."""
        row = FeedbackRow(kind=kind, created_at=datetime.now(UTC))
        session.add(row)
        session.flush()
        word = Word(row.id, kind, row.created_at, (tuple(sorted(first)), tuple(sorted(second))))
        require_consistent(connected(session, [*first, *second]), word)
        for side, articles in enumerate(word.sides):
            session.add_all(FeedbackArticleRow(feedback_id=row.id, article_id=id_, side=side) for id_ in articles)
        session.flush()
        return word

    def _join(self, session: Session, word: Word, kept: int, ended: int) -> None:
        ledger = self._mender.ledger(session)
        ledger.merge(kept, ended, {"why": "feedback", "feedback": word.id})
        ledger.rehang(kept, self._pairs, dict.fromkeys(word.together(), _reason(word)))

    def _heard(self, session: Session, word: Word) -> FeedbackView:
        """Write the word into the history of the stories that its articles are in now."""
        articles = [*word.sides[0], *word.sides[1]]
        stories = sorted({view.story_id for view in queries.article_views(session, articles).values()})
        ledger = self._mender.ledger(session)
        for story_id in stories:
            ledger.event(story_id, "feedback", None, {"feedback": word.id, "kind": word.kind, "revokes": word.revokes})
        session.flush()
        return FeedbackView(word.id, word.kind, word.said_at, word.sides, word.revokes, word.revoked_by, tuple(stories))


def _reason(word: Word) -> str:
    return f"an editor put them together (feedback {word.id})"
