"""What of incoming texts is news: all but the sentences that their outlets always write."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy.orm import Session

from dedup import _queries as queries
from dedup.config import BoilerplateConfig
from dedup.standing import Keys, sentence_keys, standing_sentences, without

if TYPE_CHECKING:
    from dedup_ingest import Article


@dataclass(frozen=True, slots=True)
class Reading:
    """The keys of all sentences of a text, and what is compared of it."""

    sentences: Keys
    news: str


def read_news(session: Session, articles: Sequence[Article], limits: BoilerplateConfig) -> list[Reading]:
    """Each text without what its outlet always wrote so far: by the articles of the source that came last, and its own.

    Only by those before it, so that batches of any size make the same of it.
    """
    before: dict[str, deque[Keys]] = {}
    found = []
    for article in articles:
        keys = sentence_keys(article.text)
        standing: Keys = frozenset()
        if article.source and limits.recent_articles:
            if article.source not in before:
                recent = queries.recent_sentences(session, article.source, limits.recent_articles)
                before[article.source] = deque(recent, limits.recent_articles)
            standing = standing_sentences(keys, before[article.source], limits.min_articles)
            before[article.source].append(keys)
        news = without(article.text, standing)
        # Something must be there to compare.
        found.append(Reading(keys, news if news.strip() or article.title else article.text))
    return found
