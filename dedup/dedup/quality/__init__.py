"""How well the service decides on labelled news: what `dedup eval` and `dedup calibrate` do.

    evaluation = evaluate(load_corpus(path), config, artifact, encoder)
    evaluation.figures.b3_f1, evaluation.false_joins[0].decision.reason

Documents are streamed, in time order, through a service of their own, and its stories are scored against the labels:
that is the headline, because it is what a user gets. Beside it stands what the pair decision alone would give: average
link over the probabilities of all near pairs, at the configured threshold and at the best one. The difference says
whether a mistake lies in the pair decision or in the way stories grow.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from dedup.config import Config
from dedup.corpora import Corpus
from dedup.quality._documents import evaluate_documents
from dedup.quality._pairs import evaluate_pairs
from dedup.quality._report import SUFFIXES as REPORT_SUFFIXES
from dedup.quality._report import require_plot, write_report
from dedup.quality._results import Evaluation, Figures, Mistake, Subject
from dedup.quality._sweep import Cut, Dendrogram
from dedup.quality._threshold import choose_threshold, judge_corpus, judged_feedback
from dedup.quality._trial import Trial
from dedup.quality._words import evidence_lines, figure_rows, headline

if TYPE_CHECKING:
    from dedup.calibration import Calibration
    from dedup.model import TextEncoder
    from dedup.service import Progress
    from dedup.verdict import Decision
    from dedup_accelerate import Artifact

__all__ = [
    "REPORT_SUFFIXES",
    "Cut",
    "Dendrogram",
    "Evaluation",
    "Figures",
    "Mistake",
    "Subject",
    "calibrate",
    "evaluate",
    "evidence_lines",
    "figure_rows",
    "headline",
    "require_plot",
    "write_report",
]

# Mistakes of each kind that are kept with their evidence, unless another number is asked for.
ERRORS = 20


def evaluate(
    corpus: Corpus,
    config: Config,
    artifact: Artifact,
    encoder: TextEncoder,
    *,
    errors: int = ERRORS,
    progress: Progress | None = None,
) -> Evaluation:
    """Score the service with this model on a labelled file; of each kind of mistake the `errors` worst are kept.

    Raises:
        CorpusError: a row holds nothing to compare.
        CalibrationError: the model tells nothing apart.
    """
    from dedup.replay import Remembering, temporary_service
    from dedup.service import silent

    begin = time.monotonic()
    told = progress or silent
    remembering = Remembering(encoder)
    with temporary_service(config, artifact, remembering, progress=told) as service:
        trial = Trial(service, remembering, config, corpus.name, told)
        if corpus.documents:
            found = evaluate_documents(trial, corpus.documents, errors)
        else:
            found = evaluate_pairs(trial, corpus.pairs, corpus.rule, errors)
    return replace(found, seconds=round(time.monotonic() - begin, 1))


def calibrate(
    corpora: Sequence[Corpus],
    config: Config,
    artifact: Artifact,
    encoder: TextEncoder,
    precision: float,
    *,
    feedback: Iterable[tuple[Decision, bool]] = (),
    progress: Progress | None = None,
) -> Calibration:
    """The threshold of the highest recall at this precision (0…1), for this model and view; nothing is kept yet.

    `feedback`: decisions on stored pairs, and whether editors call them one event.

    Raises:
        CorpusError: a row holds nothing to compare.
        CalibrationError: too few pairs, or none of the thresholds reaches the precision; with figures.
    """
    from dedup.replay import Remembering, temporary_service
    from dedup.service import silent

    told = progress or silent
    remembering = Remembering(encoder)
    said = judged_feedback(feedback)
    with temporary_service(config, artifact, remembering, progress=told) as service:
        trials = [(Trial(service, remembering, config, corpus.name, told), corpus) for corpus in corpora]
        judged = [judge_corpus(trial, corpus) for trial, corpus in trials]
        judged += [said] if said.decisions else []
        return choose_threshold(service.space, service.judge.verifier, judged, precision)
