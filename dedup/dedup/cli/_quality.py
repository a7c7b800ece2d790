"""Commands about how well the service decides: eval."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dedup.cli._common import JsonOption, print_json, progress_bar, read_config, show

if TYPE_CHECKING:
    from dedup.quality import Evaluation

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
