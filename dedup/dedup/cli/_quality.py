"""Commands about how well the service decides: eval, calibrate."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dedup.cli._common import JsonOption, opened, print_json, progress_bar, read_config, show

if TYPE_CHECKING:
    from dedup.config import Config
    from dedup.quality import Evaluation
    from dedup.verdict import Decision

FileArgument = Annotated[
    Path, typer.Argument(metavar="FILE", help="Labelled news, .jsonl or .jsonl.gz; - reads standard input.")
]
ModelOption = Annotated[str | None, typer.Option("--model", metavar="MODEL", help="Else model.name.")]
DocumentsOption = Annotated[
    Path | None, typer.Option(metavar="FILE", help="The texts of pairs that are given by id1 and id2.")
]
LabelOption = Annotated[
    str | None, typer.Option(metavar="COLUMN", help="The column of the label, or of the cluster; else a known one.")
]
PositiveOption = Annotated[
    str | None, typer.Option(metavar="RULE", help="Labels that mean the same news: '<=2', '>=0', 'yes'.")
]
LangOption = Annotated[
    str | None, typer.Option("--lang", metavar="CODE", help="Only documents, or pairs both of whose texts are, in it.")
]
LimitOption = Annotated[int | None, typer.Option(metavar="N", min=1, help="Only the first rows.")]


def register(app: typer.Typer) -> None:
    app.command("eval")(evaluate)
    app.command("calibrate")(calibrate)


def evaluate(
    context: typer.Context,
    file: FileArgument,
    as_json: JsonOption = False,
    report: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH", help="Also write out.html, out.png (curves, histograms) or out.json (everything)."
        ),
    ] = None,
    errors: Annotated[int, typer.Option(metavar="N", min=0, help="Worst mistakes of each kind to show.")] = 5,
    model: ModelOption = None,
    documents: DocumentsOption = None,
    label_field: LabelOption = None,
    positive: PositiveOption = None,
    lang: LangOption = None,
    limit: LimitOption = None,
) -> None:
    """Score the decisions on labelled news.

    Rows are documents (id, title, text, published, source, cluster) or pairs (text1, text2 and a label). Documents are
    streamed through a service of their own in a temporary database; its stories are what is scored first.
    """
    config = read_config(context, {"model": {"name": model}} if model else None)
    from dedup.corpora import load_corpus, only_language
    from dedup.model import LazyEncoder, prepare_model
    from dedup.quality import REPORT_SUFFIXES, require_plot, write_report
    from dedup.quality import evaluate as run

    if report is not None and report.suffix not in REPORT_SUFFIXES:
        raise typer.BadParameter(f"{report} ends in none of {' '.join(REPORT_SUFFIXES)}", param_hint="--report")
    if report is not None and report.suffix != ".json":
        require_plot()
    corpus = load_corpus(file, label_field=label_field, positive=positive, documents=documents, limit=limit)
    if lang is not None:
        corpus = only_language(corpus, lang)
    kept = max(errors, 20) if report else errors
    with progress_bar() as progress:
        artifact = prepare_model(config, progress=progress)
        found = run(corpus, config, artifact, LazyEncoder(artifact, config), errors=kept, progress=progress)
    if report is not None:
        write_report(found, report)
    if as_json:
        print_json(found.document())
    else:
        _show(found, errors, report)


def _show(found: Evaluation, errors: int, report: Path | None) -> None:
    from dedup import render

    show(render.evaluation(found, errors))
    if report is not None:
        show(f"report: {report}")


def calibrate(
    context: typer.Context,
    files: Annotated[
        list[Path] | None, typer.Argument(metavar="[FILE]...", help="Labelled news, as `dedup eval` reads it.")
    ] = None,
    precision: Annotated[
        float, typer.Option(metavar="P", min=0.5, max=1.0, help="Share of the joined pairs that must be right.")
    ] = 0.98,
    feedback: Annotated[
        bool, typer.Option("--feedback", help="Also what editors said of pairs in the database.")
    ] = False,
    reset: Annotated[bool, typer.Option("--reset", help="Forget it: verdict.min_probability counts.")] = False,
    model: ModelOption = None,
    documents: DocumentsOption = None,
    label_field: LabelOption = None,
    positive: PositiveOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> None:
    """Choose the threshold of the model in use on labelled news.

    The threshold of the highest recall at the wanted precision is kept beside the model, for this model and view only,
    and counts from the next start on. Refuses, with figures, where the precision cannot be reached.
    """
    config = read_config(context, {"model": {"name": model}} if model else None)
    if bool(files or feedback) == reset:
        raise typer.BadParameter("name labelled FILES, or --feedback, or --reset alone", param_hint="FILE")
    from dedup.calibration import keep_calibration
    from dedup.corpora import load_corpus, only_language
    from dedup.model import LazyEncoder, prepare_model
    from dedup.quality import calibrate as choose

    if reset:
        _reset(config, as_json)
        return
    corpora = [
        load_corpus(file, label_field=label_field, positive=positive, documents=documents) for file in files or ()
    ]
    if lang is not None:
        corpora = [only_language(corpus, lang) for corpus in corpora]
    said = _feedback(config) if feedback else []
    with progress_bar() as progress:
        artifact = prepare_model(config, progress=progress)
        encoder = LazyEncoder(artifact, config)
        found = choose(corpora, config, artifact, encoder, precision, feedback=said, progress=progress)
    path = keep_calibration(artifact, found)
    if as_json:
        print_json({**asdict(found), "path": str(path)})
    else:
        from dedup import render

        show(render.calibration(found, path))


def _feedback(config: Config) -> list[tuple[Decision, bool]]:
    """Verdicts on the pairs that editors spoke of, with what they said."""
    from dedup.feedback import labelled_pairs
    from dedup.verdict import Decision

    with opened(config) as (service, _):
        with service.store.reading() as session:
            labels = labelled_pairs(session)
        matches = [(service.explain(a, b), same) for a, b, same in labels]
    return [(Decision(one.verdict, one.probability, one.evidence, one.reason), same) for one, same in matches]


def _reset(config: Config, as_json: bool) -> None:
    from dedup.calibration import forget_calibration
    from dedup.model import find_prepared, model_profile, space_of

    model = config.model
    found = find_prepared(config, model.name, model_profile(config), model.languages)
    forgotten = found is not None and forget_calibration(found, space_of(found, config))
    if as_json:
        print_json({"forgotten": forgotten})
    else:
        typer.echo("forgotten" if forgotten else "there was no calibration")
