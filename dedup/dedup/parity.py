"""An artifact against the fp32 artifact of the same model, on news of yours: does it still decide the same?

Both read the same documents through the whole service, each with its own score scale and in a database of its own.
What counts is not how near the vectors are but whether the verdicts and the stories come out the same.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Hashable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dedup._errors import ParityImpossible, ParityMissed
from dedup.config import Config
from dedup.metrics import ClusteringScores, PairScores, clustering_scores
from dedup.replay import Remembering, temporary_service
from dedup.results import to_json
from dedup.space import View

if TYPE_CHECKING:
    from dedup.model import TextEncoder
    from dedup.service import Progress
    from dedup.space import Vectors
    from dedup_accelerate import Artifact
    from dedup_ingest import Article

# Pairwise shifts are taken so many rows at a time: 64 MB for 8,000 texts.
_ROWS = 1024
# Width of the bins that the shift's percentile is read from.
_BIN = 1e-4


@dataclass(frozen=True, slots=True)
class Cosines:
    """Between the two embeddings of one text, over `texts` texts."""

    texts: int
    mean: float
    lowest: float
    percentile_1: float
    percentile_5: float
    median: float


@dataclass(frozen=True, slots=True)
class Shifts:
    """Absolute change of the cosine of two texts, over all `pairs` of them; the percentile to within 0.0001."""

    pairs: int
    mean: float
    percentile_99_9: float
    largest: float


@dataclass(frozen=True, slots=True)
class Floor:
    """What an artifact must reach; see `[parity]` of config.toml."""

    min_mean_cosine: float
    max_pairwise_shift: float
    min_verdict_f1: float
    min_story_b3: float


@dataclass(frozen=True, slots=True)
class Figures:
    """The four figures that a floor is about."""

    mean_cosine: float
    pairwise_shift: float
    verdict_f1: float
    story_b3: float


@dataclass(frozen=True, slots=True)
class Fidelity:
    """How an artifact decides, against the fp32 one.

    same_outcome: share of the documents with the same strongest verdict against the news before them. verdicts: pairs
    that the artifact joins, with those that fp32 joins as the truth. stories: likewise the two clusterings.
    """

    data: tuple[str, ...]
    data_sha256: str
    documents: int
    view: str
    artifact: str
    reference: str
    figures: Figures
    cosines: Cosines
    shifts: Shifts
    same_outcome: float
    verdicts: PairScores
    stories: ClusteringScores
    versions: Mapping[str, str]
    measured_at: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Documents:
    """The articles of one or more files: their names, and one digest over their contents in the order given."""

    names: tuple[str, ...]
    sha256: str
    articles: tuple[Article, ...]


@dataclass(frozen=True, slots=True)
class Side:
    """An artifact and what encodes with it."""

    artifact: Artifact
    encoder: TextEncoder


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the service made of the documents: each article's strongest verdict and story, and the pairs it joined."""

    verdicts: Mapping[str, str]
    stories: Mapping[str, int]
    joined: frozenset[tuple[str, str]]


def read_documents(paths: Sequence[Path], config: Config, *, limit: int | None = None) -> Documents:
    """Articles of JSON lines files (`.gz` too) as `dedup import` takes them; of each file the first `limit`.

    Raises:
        ImportFailed: a file or a row cannot be read.
        ParityImpossible: fewer than two articles.
    """
    from itertools import islice

    from dedup.jobs import read_articles

    digest = hashlib.sha256()
    articles: list[Article] = []
    for path in paths:
        found = list(islice(read_articles(path, config), limit))
        articles += found
        digest.update("".join(f"{article.key} {article.fingerprint}\n" for article in found).encode())
    if len({article.key for article in articles}) < 2:
        raise ParityImpossible(f"{', '.join(map(str, paths))}: at least two articles are needed to compare decisions")
    return Documents(tuple(path.name for path in paths), digest.hexdigest(), tuple(articles))


def reference_of(artifact: Artifact, config: Config, *, progress: Progress | None = None) -> Artifact:
    """The fp32 artifact of the same checkpoint, built where the cache has none.

    Raises:
        ParityImpossible: the checkpoint has changed since the artifact was made.
        dedup_accelerate.AccelerateError: it cannot be had.
    """
    from dedup.model import cache_folder
    from dedup_accelerate import prepare

    manifest = artifact.manifest
    cache = cache_folder(config)
    # Only a hub knows revisions; of the others there is but one, which is compared below.
    revision = manifest.revision if manifest.source.startswith("hub:") else None
    reference = prepare(manifest.model, precision="fp32", cache=cache, revision=revision, progress=progress)
    if reference.manifest.revision != manifest.revision:
        raise ParityImpossible(
            f"{artifact.path} was made from {manifest.source} at {manifest.revision}, which is at "
            f"{reference.manifest.revision} now: prepare the model again (`dedup model export --rebuild`)"
        )
    return reference


def measure(
    candidate: Side, reference: Side, documents: Documents, config: Config, *, progress: Progress | None = None
) -> Fidelity:
    """Stream the documents through the service with each artifact and compare. Every text is encoded once per artifact.

    Raises CalibrationError when a model tells nothing apart.
    """
    begin = time.monotonic()
    told = progress or _silent
    view = _view(config)
    sides = [Remembering(side.encoder) for side in (reference, candidate)]
    outcomes = [
        _stream(Side(side.artifact, memory), documents.articles, config, lambda *at, name=name: told(name, *at[1:]))
        for side, memory, name in zip((reference, candidate), sides, ("reference", "artifact"), strict=True)
    ]
    texts = list(dict.fromkeys(view.text(one.title, one.text, one.lang) for one in documents.articles))
    shared = [text for text in texts if all(text in side.vectors for side in sides)]
    rows = [np.stack([side.vectors[text] for text in shared]) for side in sides]
    cosines, shifts = compare_vectors(rows[0], rows[1])
    same, verdicts, stories = compare_outcomes(outcomes[0], outcomes[1])
    return Fidelity(
        data=documents.names,
        data_sha256=documents.sha256,
        documents=len(outcomes[0].stories),
        view=view.name,
        artifact=candidate.artifact.fingerprint,
        reference=reference.artifact.fingerprint,
        figures=Figures(cosines.mean, shifts.largest, verdicts.f1, stories.bcubed.f1),
        cosines=cosines,
        shifts=shifts,
        same_outcome=same,
        verdicts=verdicts,
        stories=stories,
        versions=_versions(),
        measured_at=datetime.now(UTC).isoformat(timespec="seconds"),
        seconds=round(time.monotonic() - begin, 1),
    )


def compare_vectors(reference: Vectors, candidate: Vectors) -> tuple[Cosines, Shifts]:
    """Two arrays of unit rows (texts, dimension) of the same texts, at least two."""
    own = np.einsum("ij,ij->i", reference, candidate, dtype=np.float64)
    first, fifth, half = np.percentile(own, (1, 5, 50))
    cosines = Cosines(len(own), float(own.mean()), float(own.min()), float(first), float(fifth), float(half))
    counts = np.zeros(round(2 / _BIN) + 1, dtype=np.int64)
    total, largest = 0.0, 0.0
    for start in range(0, len(reference), _ROWS):
        stop = start + _ROWS
        shift = np.abs(reference[start:stop] @ reference[start:].T - candidate[start:stop] @ candidate[start:].T)
        shift = shift[np.triu_indices(len(shift), 1, shift.shape[1])]
        if len(shift):
            counts += np.bincount((shift / _BIN).astype(np.int64), minlength=len(counts))
            total, largest = total + float(shift.sum(dtype=np.float64)), max(largest, float(shift.max()))
    pairs = int(counts.sum())
    high = int(np.searchsorted(np.cumsum(counts), 0.999 * pairs)) + 1
    return cosines, Shifts(pairs, total / pairs, min(high * _BIN, largest), largest)


def compare_outcomes(reference: Outcome, candidate: Outcome) -> tuple[float, PairScores, ClusteringScores]:
    """The share of articles with the same verdict, the joined pairs, the stories; fp32 stands for the truth."""
    keys = sorted(reference.stories)
    same = sum(reference.verdicts[key] == candidate.verdicts[key] for key in keys) / len(keys)
    both = len(reference.joined & candidate.joined)
    verdicts = PairScores.of(both, len(candidate.joined) - both, len(reference.joined) - both)
    labels: list[list[Hashable]] = [[side.stories[key] for key in keys] for side in (reference, candidate)]
    return same, verdicts, clustering_scores(*labels)


def floor_of(config: Config) -> Floor:
    """`[parity]` of the configuration."""
    return Floor(**config.parity.model_dump())


def misses(figures: Figures, floor: Floor) -> tuple[str, ...]:
    """Which figures miss the floor, in words. NaN misses it."""
    checks = (
        (figures.mean_cosine >= floor.min_mean_cosine, "mean cosine", figures.mean_cosine, floor.min_mean_cosine),
        (
            figures.pairwise_shift <= floor.max_pairwise_shift,
            "largest pairwise shift",
            figures.pairwise_shift,
            floor.max_pairwise_shift,
        ),
        (figures.verdict_f1 >= floor.min_verdict_f1, "F1 of joined pairs", figures.verdict_f1, floor.min_verdict_f1),
        (figures.story_b3 >= floor.min_story_b3, "B³ of stories", figures.story_b3, floor.min_story_b3),
    )
    return tuple(f"{name} {value:.4f} (floor {limit:g})" for kept, name, value, limit in checks if not kept)


def require(artifact: Artifact, config: Config) -> None:
    """Raise ParityMissed when a measurement that the artifact's manifest records misses `[parity]`.

    An artifact that was never measured in the configured view passes: `prepare` compared it with fp32 on packaged
    sentences. The figures are recorded, the floor is configured: who knows better lowers the floor, there is no other
    switch.
    """
    for entry in artifact.manifest.fidelity:
        missed = misses(Figures(**entry["figures"]), floor_of(config))
        if missed and entry["view"] == _view(config).name:
            raise ParityMissed(
                f"{artifact.path} does not decide as its fp32 original on {', '.join(entry['data'])}: "
                f"{'; '.join(missed)}. Choose another model.profile, or lower [parity] if you know why"
            )


def record(artifact: Artifact, fidelity: Fidelity) -> Artifact:
    """Write a measurement into the artifact's manifest; it takes the place of an earlier one on the same data and view.

    The artifact's fingerprint stays: it is over graph, weights and tokenizer.
    """
    from dedup_accelerate import record_fidelity

    return record_fidelity(artifact, to_json(fidelity), same=("data_sha256", "view"))


def _stream(side: Side, articles: Sequence[Article], config: Config, progress: Progress) -> Outcome:
    """The documents through a service of their own, in a database that is gone afterwards."""
    # Every join is to be compared, not the best few of each article.
    verdict = config.verdict.model_copy(update={"stored_matches": len(articles)})
    own = config.model_copy(update={"verdict": verdict})
    with temporary_service(own, side.artifact, side.encoder, progress=progress) as service:
        placed = service.add(articles, progress=progress)
        service.repair(everything=True, progress=progress)
        return _outcome(service, zip((one.key for one in articles), (p.match for p in placed), strict=True))


def _outcome(service: Any, matches: Iterable[tuple[str, Any]]) -> Outcome:
    from sqlalchemy import select

    from dedup.store import ArticleRow, MatchRow, MembershipRow
    from dedup.verdict import Verdict

    with service.store.reading() as session:
        keys = {row.id: row.key for row in session.execute(select(ArticleRow.id, ArticleRow.key))}
        members = session.execute(select(MembershipRow.article_id, MembershipRow.story_id)).all()
        pairs = session.execute(select(MatchRow.article_id, MatchRow.other_id, MatchRow.verdict)).all()
    return Outcome(
        verdicts={key: (match.verdict if match else Verdict.DISTINCT).value for key, match in matches},
        stories={keys[article]: story for article, story in members},
        joined=frozenset((keys[one], keys[other]) for one, other, verdict in pairs if Verdict(verdict).joins),
    )


def _view(config: Config) -> View:
    return View(config.encode.view, config.encode.lead_words, config.encode.clean)


def _versions() -> dict[str, str]:
    found = {}
    for name in ("news-dedup", "numpy", "onnxruntime", "onnxruntime-gpu", "openvino", "tokenizers"):
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def _silent(stage: str, done: int, total: int) -> None:
    """A progress that says nothing."""
