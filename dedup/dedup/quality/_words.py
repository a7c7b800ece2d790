"""An evaluation in words and rows, for the terminal and for the page."""

from __future__ import annotations

from collections.abc import Sequence

from dedup.quality._results import Evaluation, Mistake
from dedup.quality._sweep import Cut

COLUMNS = ("", "pair P", "pair R", "pair F1", "B³ P", "B³ R", "B³ F1", "ARI", "V", "threshold")


def headline(evaluation: Evaluation) -> str:
    """The most important figures in one line."""
    figures = evaluation.figures
    words = f"pair F1 {figures.pair_f1:.3f} (P {figures.pair_precision:.3f}, R {figures.pair_recall:.3f})"
    if evaluation.subject.kind == "documents":
        return f"{words}, B³ {figures.b3_f1:.3f}, ARI {figures.ari:.3f}"
    pearson, auc = ("undefined" if value is None else f"{value:.3f}" for value in (evaluation.pearson, evaluation.auc))
    return f"{words}, AUC {auc}, Pearson {pearson}"


def figure_rows(evaluation: Evaluation) -> list[tuple[str, ...]]:
    """A table with its head: the headline first, then what other thresholds give."""
    f = evaluation.figures
    values = (f.pair_precision, f.pair_recall, f.pair_f1, f.b3_precision, f.b3_recall, f.b3_f1, f.ari, f.v_measure)
    name = "the service's stories" if evaluation.subject.kind == "documents" else "the verdicts"
    rows: list[tuple[str, ...]] = [COLUMNS, (name, *_numbers(values), f"{f.threshold:.2f}")]
    if evaluation.at_configured is not None:
        rows.append(("average link, as configured", *_of(evaluation.at_configured)))
    if evaluation.at_best is not None:
        rows.append(("average link, best pair F1", *_of(evaluation.at_best)))
    elif evaluation.best is not None:
        best = evaluation.best
        empty = ("",) * 5
        rows.append(
            ("probability, best F1", *_numbers((best.precision, best.recall, best.f1)), *empty, f"{best.value:.2f}")
        )
    return rows


def evidence_lines(mistake: Mistake) -> list[tuple[str, str]]:
    """What a decision rested on, a name and a value each; what is unknown or absent is left out."""
    decision, evidence = mistake.decision, mistake.decision.evidence
    lines = [
        ("which", ", ".join((mistake.a, mistake.b))),
        ("label", mistake.label),
        ("verdict", f"{decision.verdict.value.replace('_', ' ')}, {decision.probability:.0%}: {decision.reason}"),
    ]
    if evidence.scaled_cosine is not None:
        lines.append(("meaning", f"{evidence.scaled_cosine:.2f} where 0 is unrelated and 1 one event"))
    shares = (
        ("wording", evidence.jaccard),
        ("headline", evidence.title_overlap),
        ("words of the headline", evidence.heading_support),
        ("names", evidence.name_support),
        ("numbers", evidence.number_support),
    )
    lines.append(("shared", ", ".join(f"{name} {share:.0%}" for name, share in shares if share is not None)))
    if evidence.conflicts:
        lines.append(("against", "; ".join(evidence.conflicts)))
    if evidence.hours_apart is not None:
        lines.append(("time", f"{evidence.hours_apart:.1f} hours apart"))
    return lines


def _of(cut: Cut) -> tuple[str, ...]:
    pairs, b3 = cut.pairs, cut.bcubed
    values = (pairs.precision, pairs.recall, pairs.f1, b3.precision, b3.recall, b3.f1)
    return (*_numbers((*values, cut.adjusted_rand, cut.v_measure)), f"{cut.threshold:.2f}")


def _numbers(values: Sequence[float]) -> tuple[str, ...]:
    return tuple(f"{value:.3f}" for value in values)
