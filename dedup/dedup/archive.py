"""What is stored, for reading: articles, stories and the evidence between them. Needs the database only, no model."""

from __future__ import annotations

from datetime import datetime
from types import TracebackType
from typing import Self

from dedup import _queries as queries
from dedup import feedback
from dedup.config import Config
from dedup.feeds import FeedView, Selection, feed_views
from dedup.results import ArticleView, FeedbackView, MatchView, StoryEvent, StorySummary, StoryView
from dedup.store import Store, open_store


class Archive:
    """An open database. Safe under threads."""

    def __init__(self, store: Store) -> None:
        self.store = store

    @classmethod
    def read(cls, config: Config) -> Archive:
        """Open the database of the configuration for reading, without preparing a model.

        Raises:
            StoreError: the database cannot be used.
        """
        return cls(open_store(config.store.url, lock_timeout_seconds=config.store.lock_timeout_seconds))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the database. A saved index may lag behind it then: it is caught up from SQL at the next start."""
        self.store.close()

    def article(self, article_id: int) -> ArticleView:
        """A stored article. Raises: NotFound."""
        with self.store.reading() as session:
            return queries.article_view(session, article_id)

    def matches(self, article_id: int) -> tuple[MatchView, ...]:
        """The stored matches of an article with older and newer ones, best first. Raises: NotFound."""
        with self.store.reading() as session:
            return queries.matches(session, article_id)

    def stories(
        self, *, limit: int = 20, min_size: int = 1, since: datetime | None = None, lang: str | None = None
    ) -> tuple[StorySummary, ...]:
        """Live stories, newest article first. `since` bounds the newest article, `lang` any article."""
        with self.store.reading() as session:
            return queries.stories(session, limit=limit, min_size=min_size, since=since, lang=lang)

    def history(self, story_id: int) -> tuple[StoryEvent, ...]:
        """What happened to a story and to those that ended in it, oldest first. Raises: NotFound."""
        with self.store.reading() as session:
            return queries.history(session, story_id)

    def feedback(self, *, limit: int = 20) -> tuple[FeedbackView, ...]:
        """What editors said, newest first; what was taken back too."""
        with self.store.reading() as session:
            said = feedback.latest(session, limit)
            articles = sorted({id_ for word in said for side in word.sides for id_ in side})
            home = {id_: facts.id for id_, facts in queries.stories_of(session, articles).items()}
        return tuple(
            FeedbackView(
                word.id,
                word.kind,
                word.said_at,
                word.sides,
                word.revokes,
                word.revoked_by,
                tuple(sorted({home[id_] for side in word.sides for id_ in side})),
            )
            for word in said
        )

    def labelled_pairs(self) -> tuple[tuple[int, int, bool], ...]:
        """What follows from it for calibration: (article id, article id, one event?), each pair once."""
        with self.store.reading() as session:
            return tuple(feedback.labelled_pairs(session))

    def story(self, story_id: int) -> StoryView:
        """A story with its articles; the id of a merged story leads to the one that lives on. Raises: NotFound."""
        with self.store.reading() as session:
            return queries.story(session, story_id)

    def feeds(self, which: Selection = "all", *, limit: int | None = None, after: int = 0) -> tuple[FeedView, ...]:
        """The stored feeds with an id above `after`, by id, with their health; see `FeedBook.feeds` for `which`."""
        with self.store.reading() as session:
            return feed_views(session, which, limit=limit, after=after)
