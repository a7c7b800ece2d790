"""The space of a database's vectors: its row, and vectors for articles that only another model has embedded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from dedup import _queries as queries
from dedup.calibration import kept_scale
from dedup.memory import Vectors, pack
from dedup.model import TextEncoder
from dedup.space import View, measure_scale
from dedup.store import EmbeddingRow, SpaceRow, Store

if TYPE_CHECKING:
    from dedup_accelerate import Artifact

Progress = Callable[[str, int, int], None]


def known_space(
    store: Store, space: str, artifact: Artifact, view: View, encoder: TextEncoder, progress: Progress
) -> SpaceRow:
    """The row of this artifact and view; measured and written down when they meet this database first."""
    with store.reading() as session:
        row = session.get(SpaceRow, space)
    if row is not None:
        return row
    progress("calibrate", 0, 1)
    scale = kept_scale(artifact, space, lambda: measure_scale(encoder.encode, view))
    with store.locked() as session:
        row = session.get(SpaceRow, space)  # another process may have been quicker
        if row is None:
            row = SpaceRow(
                id=space,
                artifact=artifact.fingerprint,
                model=artifact.manifest.model,
                view=view.name,
                dimension=artifact.dimension,
                scale=scale.to_dict(),
                created_at=datetime.now(UTC),
            )
            session.add(row)
    progress("calibrate", 1, 1)
    return row


def reembed(
    store: Store,
    space: str,
    view: View,
    encode: Callable[[Sequence[str]], Vectors],
    batch_articles: int,
    progress: Progress,
) -> None:
    """After a change of model: give every article that some model has embedded a vector of this one."""
    with store.reading() as session:
        missing = queries.unembedded(session, space)
    for start in range(0, len(missing), batch_articles):
        with store.reading() as session:
            known = queries.known(session, missing[start : start + batch_articles])
        rows = list(known.values())
        vectors = encode([view.text(row.title, row.news, row.lang) for row in rows])
        with store.locked() as session:
            have = queries.vectors(session, space, [row.id for row in rows])
            still = queries.known(session, [row.id for row in rows])
            for row, vector in zip(rows, vectors, strict=True):
                # Edited meanwhile, it was encoded by whoever edited it, or is found at the next start.
                if row.id not in have and still[row.id].fingerprint == row.fingerprint:
                    session.add(EmbeddingRow(article_id=row.id, space=space, vector=pack(vector)))
        progress("re-embed", min(start + batch_articles, len(missing)), len(missing))
