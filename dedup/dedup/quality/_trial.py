"""What the evaluation of documents and that of pairs share: texts to articles, vectors and decisions of one service."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dedup import _queries as queries
from dedup import metrics
from dedup._errors import CorpusError
from dedup.config import Config
from dedup.corpora import Text
from dedup.crowding import surroundings_of_each
from dedup.metrics import Curve
from dedup.profile import profile
from dedup.quality._results import Subject
from dedup.sides import Side
from dedup.space import View
from dedup.verdict import Decision

if TYPE_CHECKING:
    from dedup.model import TextEncoder
    from dedup.service import Deduplicator, Progress
    from dedup_ingest import Article

ENCODED_TOGETHER = 256
TOLD_EVERY = 500


class Trial:
    """A service of its own, asked about the texts of one file called `name`."""

    def __init__(
        self, service: Deduplicator, encoder: TextEncoder, config: Config, name: str, progress: Progress
    ) -> None:
        self.service = service
        self._encoder = encoder
        self._view = View(config.encode.view, config.encode.lead_words, config.encode.clean)
        self.config = config
        self.judge = service.judge
        self.told = progress
        self._name = name

    @property
    def threshold(self) -> float:
        """The probability from which two texts are joined."""
        return self.judge.limits.min_probability

    def subject(self, kind: str, items: int, scored: int, true_pairs: int) -> Subject:
        artifact = self.service.artifact
        model = f"{artifact.manifest.model} {artifact.manifest.contract.precision}"
        return Subject(self._name, kind, items, scored, true_pairs, model, artifact.fingerprint, self.service.space)

    def article(self, text: Text, line: int, at: datetime | str | None) -> Article:
        """An article that is one of its own whatever its id. Raises CorpusError where there is nothing to compare."""
        from dedup_ingest import ArticleError, ArticleLimits, make_article

        try:
            return make_article(
                source=text.source or "",
                title=text.title,
                text=text.text,
                url=text.url,
                guid=str(line),
                published=at,
                lang=text.lang,
                scope="labelled news",
                limits=ArticleLimits(**self.config.article.model_dump()),
            )
        except ArticleError as error:
            raise CorpusError(f"{self._name}:{line}: {error}") from error

    def sides(self, articles: Sequence[Article], vectors: NDArray[np.float32]) -> list[Side]:
        """With the vectors of all: they are one another's neighbourhood."""
        return [
            queries.side_of(one, profile(one.title, one.text, one.lang), one.published, around)
            for one, around in zip(articles, surroundings_of_each(vectors), strict=True)
        ]

    def vectors(self, articles: Sequence[Article]) -> NDArray[np.float32]:
        """The vectors of the space, (n, dimension)."""
        return self._encoded([self._view.text(one.title, one.text, one.lang) for one in articles])

    def with_titles(
        self,
        decisions: Sequence[Decision],
        titles: Sequence[str],
        vectors: NDArray[np.float32],
        pairs: NDArray[np.int64],
    ) -> list[Decision]:
        """The decisions on (m, 2) places, their evidence with the cosines of titles, on which no verdict hangs."""
        cosines = (found.tolist() for found in title_cosines(self._encoded(titles), vectors, pairs))
        return [
            replace(decision, evidence=self.judge.with_titles(decision.evidence, title, crossed))
            for decision, title, crossed in zip(decisions, *cosines, strict=True)
        ]

    def _encoded(self, seen: Sequence[str]) -> NDArray[np.float32]:
        """Long and short texts are encoded apart: less padding."""
        order = sorted(range(len(seen)), key=lambda place: len(seen[place]))
        parts = []
        for start in range(0, len(order), ENCODED_TOGETHER):
            some = [seen[place] for place in order[start : start + ENCODED_TOGETHER]]
            parts.append(self.judge.scale.project(self._encoder.encode(some)))
            self.told("encode", min(start + ENCODED_TOGETHER, len(order)), len(order))
        vectors = np.concatenate(parts)
        vectors[order] = vectors.copy()
        return vectors

    def decide(self, sides: Sequence[Side], vectors: NDArray[np.float32], pairs: NDArray[np.int64]) -> list[Decision]:
        """The verdict on each of (m, 2) places."""
        cosines = np.einsum("ij,ij->i", vectors[pairs[:, 0]], vectors[pairs[:, 1]])
        found = []
        for number, ((a, b), cosine) in enumerate(zip(pairs.tolist(), cosines.tolist(), strict=True)):
            found.append(self.judge.decide(sides[a], sides[b], cosine))
            if number % TOLD_EVERY == 0:
                self.told("judge", number, len(pairs))
        return found


def title_cosines(
    titles: NDArray[np.float32], vectors: NDArray[np.float32], pairs: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Cosines of the two titles of (m, 2) places, and of either title with the other article, on average: (m,) each.

    titles, vectors: (n, dimension), of the titles alone and of the articles.
    """
    a, b = pairs[:, 0], pairs[:, 1]
    crossed = np.einsum("ij,ij->i", titles[a], vectors[b]) + np.einsum("ij,ij->i", titles[b], vectors[a])
    return np.asarray(np.einsum("ij,ij->i", titles[a], titles[b])), np.asarray(crossed / 2)


def scaled_cosines(decisions: Sequence[Decision]) -> NDArray[np.float64]:
    """On the model's own scale: 0 unrelated, 1 one event."""
    return np.array([decision.evidence.scaled_cosine or 0.0 for decision in decisions], dtype=np.float64)


def curve_of(same: NDArray[np.bool_], scores: NDArray[np.float64], true_pairs: int) -> Curve | None:
    """Precision and recall of the judged pairs; a true pair that was too far apart to be judged counts as missed."""
    if not same.any():
        return None
    curve = metrics.precision_recall_curve(same, scores)
    recall = curve.recall * (float(same.sum()) / true_pairs)
    f1 = 2 * curve.precision * recall / np.maximum(curve.precision + recall, 1e-12)
    return Curve(curve.thresholds, curve.precision, recall, f1)
