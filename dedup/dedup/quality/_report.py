"""An evaluation as a picture, a page that holds all it shows, or JSON. Pictures need the `[plot]` extra."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dedup._errors import PlotMissing
from dedup.quality._results import Evaluation, Mistake
from dedup.quality._words import evidence_lines, figure_rows, headline
from dedup.results import to_json

SUFFIXES = (".html", ".png", ".json")
# Points of a curve that a JSON report keeps.
POINTS = 200
DPI = 110
BINS = 40
SAME, OTHER = "tab:blue", "tab:orange"


def write_report(evaluation: Evaluation, path: Path) -> None:
    """Write `path`, by its suffix: .png the curves, .html curves, figures and mistakes, .json everything.

    Raises:
        PlotMissing: a picture is asked for and matplotlib is not installed.
        OSError: the file cannot be written.
    """
    if path.suffix == ".json":
        path.write_text(json.dumps(detailed(evaluation), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    elif path.suffix == ".png":
        path.write_bytes(picture(evaluation))
    else:
        path.write_text(page(evaluation, picture(evaluation)), encoding="utf-8")


def require_plot() -> None:
    """Raise PlotMissing where matplotlib is not installed."""
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise PlotMissing(
            "a .png or .html report needs matplotlib: pip install 'news-dedup[plot]', or ask for a .json report"
        ) from error


def detailed(evaluation: Evaluation) -> dict[str, Any]:
    """Everything but the single scores, as plain JSON types; the curve thinned to `POINTS` points."""
    curve = evaluation.curve
    return {
        **to_json(evaluation.subject),
        "figures": evaluation.document(),
        "best": to_json(evaluation.best),
        "average_link": {
            "at_configured": to_json(evaluation.at_configured),
            "at_best": to_json(evaluation.at_best),
            "sweep": to_json(evaluation.sweep),
        }
        if evaluation.sweep
        else None,
        "average_precision": curve.average_precision if curve else None,
        "curve": [to_json(curve.at(place)) for place in _thinned(len(curve.thresholds))] if curve else None,
        "joined_wrongly": evaluation.joined_wrongly,
        "missed": evaluation.missed,
        "false_joins": to_json(evaluation.false_joins),
        "misses": to_json(evaluation.misses),
        "notes": list(evaluation.notes),
        "seconds": evaluation.seconds,
    }


def picture(evaluation: Evaluation) -> bytes:
    """PNG: precision and recall, the threshold's effect, and how same and other pairs score.

    Raises PlotMissing where matplotlib is not installed.
    """
    require_plot()
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    # The object, not pyplot: no window, no global state.
    figure = Figure(figsize=(12, 8.5), layout="constrained")
    FigureCanvasAgg(figure)
    subject = evaluation.subject
    figure.suptitle(f"{subject.name}: {subject.items} {subject.kind}, {subject.model}\n{headline(evaluation)}", size=11)
    (curve, threshold), (probabilities, cosines) = figure.subplots(2, 2)
    _precision_recall(curve, evaluation)
    _thresholds(threshold, evaluation)
    _histogram(probabilities, evaluation.probabilities, evaluation.same, "probability of one event", (0.0, 1.0))
    probabilities.axvline(evaluation.configured, color="black", lw=1, ls="--")
    low, high = evaluation.cosines.min(initial=0.0), evaluation.cosines.max(initial=1.0)
    _histogram(cosines, evaluation.cosines, evaluation.same, "cosine: 0 unrelated, 1 one event", (low, high))
    buffer = io.BytesIO()
    # Without the date of writing, so that the same figures give the same file.
    figure.savefig(buffer, format="png", dpi=DPI, metadata={"Software": None})
    return buffer.getvalue()


def _precision_recall(axes: Any, evaluation: Evaluation) -> None:
    curve, figures = evaluation.curve, evaluation.figures
    if curve is not None:
        axes.plot(curve.recall, curve.precision, color=SAME, label="single pairs, by probability")
    if evaluation.sweep:
        cuts = evaluation.sweep
        axes.plot(
            [c.pairs.recall for c in cuts], [c.pairs.precision for c in cuts], color="tab:green", label="average link"
        )
    name = "stories" if evaluation.sweep else "verdicts"
    axes.plot(figures.pair_recall, figures.pair_precision, "o", color="black", label=f"{name}, as configured")
    axes.set(xlabel="recall", ylabel="precision", xlim=(0, 1.02), ylim=(0, 1.02), title="precision and recall of pairs")
    axes.legend(loc="lower left")
    axes.grid(alpha=0.3)


def _thresholds(axes: Any, evaluation: Evaluation) -> None:
    if evaluation.sweep:
        at = [cut.threshold for cut in evaluation.sweep]
        axes.plot(at, [cut.pairs.f1 for cut in evaluation.sweep], color=SAME, label="pair F1, average link")
        axes.plot(at, [cut.bcubed.f1 for cut in evaluation.sweep], color="tab:green", label="B³, average link")
    elif evaluation.curve is not None:
        axes.plot(evaluation.curve.thresholds, evaluation.curve.f1, color=SAME, label="pair F1")
    axes.axvline(evaluation.configured, color="black", lw=1, ls="--", label="configured")
    axes.set(xlabel="threshold", xlim=(0, 1), ylim=(0, 1.02), title="what another threshold would give")
    axes.legend(loc="lower left")
    axes.grid(alpha=0.3)


def _histogram(
    axes: Any, values: NDArray[np.float64], same: NDArray[np.bool_], label: str, span: tuple[float, float]
) -> None:
    bins = np.linspace(*span, BINS + 1)
    for chosen, color, name in ((~same, OTHER, "other news"), (same, SAME, "the same news")):
        if chosen.any():
            axes.hist(values[chosen], bins, color=color, alpha=0.6, label=f"{name} ({chosen.sum():,})")
    axes.set(xlabel=label, ylabel="pairs", title="how pairs score")
    if len(same):
        axes.set_yscale("symlog")
        axes.legend()


def page(evaluation: Evaluation, drawn: bytes) -> str:
    """One HTML document without anything from elsewhere: picture, figures, mistakes with their evidence."""
    subject = evaluation.subject
    image = base64.b64encode(drawn).decode("ascii")
    notes = "".join(f"<li>{escape(note)}</li>" for note in evaluation.notes)
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{escape(subject.name)}: dedup eval</title>
<style>
body {{ font: 15px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; color: #222 }}
table {{ border-collapse: collapse }} td, th {{ padding: .2rem .8rem; text-align: left; border-bottom: 1px solid #ddd }}
td.n {{ text-align: right; font-variant-numeric: tabular-nums }} img {{ max-width: 100% }}
details {{ margin: .4rem 0 }} summary {{ cursor: pointer }} dl {{ margin: .3rem 1.2rem; display: grid;
grid-template-columns: max-content 1fr; gap: 0 1rem }} dt {{ color: #777 }} dd {{ margin: 0 }}
</style></head><body>
<h1>{escape(subject.name)}</h1>
<p>{subject.items:,} {subject.kind}, {subject.true_pairs:,} pairs that belong together; {escape(subject.model)},
artifact <code>{escape(subject.artifact[:16])}</code>; {evaluation.seconds:.0f} s</p>
<ul>{notes}</ul>
<img alt="Precision and recall, thresholds, histograms" src="data:image/png;base64,{image}">
<h2>Figures</h2>
{_table(figure_rows(evaluation))}
<h2>Joined and should not have been: {evaluation.joined_wrongly:,}</h2>
{_mistakes(evaluation.false_joins)}
<h2>Not joined and should have been: {evaluation.missed:,}</h2>
{_mistakes(evaluation.misses)}
</body></html>
"""


def _table(rows: Iterable[Sequence[str]]) -> str:
    head, *body = rows
    lines = ["<tr>" + "".join(f"<th>{escape(cell)}</th>" for cell in head) + "</tr>"]
    for name, *cells in body:
        lines.append(
            f"<tr><td>{escape(name)}</td>" + "".join(f'<td class="n">{escape(c)}</td>' for c in cells) + "</tr>"
        )
    return "<table>" + "\n".join(lines) + "</table>"


def _mistakes(mistakes: Sequence[Mistake]) -> str:
    blocks = []
    for one in mistakes:
        lines = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in evidence_lines(one))
        titles = f"{escape(one.title_a)}<br>{escape(one.title_b)}"
        head = f"{one.decision.probability:.0%} {escape(one.decision.verdict.value.replace('_', ' '))}"
        blocks.append(f"<details><summary>{head}: {titles}</summary><dl>{lines}</dl></details>")
    return "\n".join(blocks) or "<p>none</p>"


def _thinned(count: int) -> list[int]:
    return sorted({round(place) for place in np.linspace(0, count - 1, min(count, POINTS))})
