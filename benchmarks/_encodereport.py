"""The results of bench_encode as a table for a terminal and a chart for an article."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

WORKLOAD_TITLES = {
    "titles": "Titles",
    "leads": "Leads (title + 60 words)",
    "bodies": "Bodies of 256 tokens",
}
COLOURS = {
    "sentence-transformers": "#8d99ae",
    "fastembed": "#b8a46f",
    "infinity": "#a5798f",
    "ours": "#d1495b",
}
FAINT, DARK = "#e9ecef", "#2b2d42"


def table(results: Mapping[str, Any]) -> str:
    """Every slice with one line per encoder."""
    peaks = ", ".join(f"{name} {value:g}" for name, value in results["machine"]["gemm_peak_gops"].items())
    lines = [f"{results['machine']['cpu']}, {results['machine']['cores']} cores; peaks in GOP/s: {peaks}"]
    for key, found in sorted(results["slices"].items()):
        model, workload = key.split("/")
        load = f"load average {found.get('load_before', 0):.1f} before"
        lines.append(f"\n{model}, {workload}: {found['model']}; {found['measured_at']}, {load}")
        if workload == "build":
            lines += _build_lines(found["engines"])
        elif workload == "startup":
            lines += _start_lines(found["engines"])
        else:
            lines += _text_lines(found)
    return "\n".join(lines) + "\n"


def _text_lines(found: Mapping[str, Any]) -> list[str]:
    tokens = found["tokens"]
    ceiling = ", ".join(f"{name} {value:g}" for name, value in found["ceiling_docs_per_s"].items())
    head = ("docs/s", "×torch", "×per CPU", "p50 ms", "p99 ms", "cosine", "shift", "GOP/s", "% int8", "% fp32")
    lines = [
        f"{found['texts']} texts of {found['source']}, {tokens['min']}–{tokens['max']} tokens, mean {tokens['mean']}; "
        f"docs/s at the peaks: {ceiling}",
        f"{'':44}" + "".join(f"{name:>10}" for name in head),
    ]
    for row in found["engines"].values():
        if "bulk" not in row:
            lines.append(f"{row['title']:44} {row.get('note', 'not measured')}")
            continue
        bulk, single = row["bulk"], row["single"]
        share = bulk.get("share_of_peak", {})
        cells = (
            f"{bulk['docs_per_s']:.1f}",
            f"{bulk['ratio']:.2f}" if "ratio" in bulk else "",
            f"{bulk['cpu_ratio']:.2f}" if "cpu_ratio" in bulk else "",
            f"{single['p50_ms']:.1f}",
            f"{single['p99_ms']:.1f}",
            f"{row['mean_cosine']:.4f}" if "mean_cosine" in row else "",
            f"{row['max_pairwise_shift']:.4f}" if "max_pairwise_shift" in row else "",
            f"{bulk['gops']:.0f}",
            *(f"{100 * share[name]:.0f}" if name in share else "" for name in ("int8", "fp32")),
        )
        lines.append(f"{row['title']:44}" + "".join(f"{cell:>10}" for cell in cells) + _note(row))
    return lines


def _start_lines(engines: Mapping[str, Any]) -> list[str]:
    head = ("start s", "CPU s", "loaded", "first", "serving", "peak MB")
    lines = [f"{'':44}" + "".join(f"{name:>10}" for name in head)]
    for row in engines.values():
        if "start_s" not in row:
            lines.append(f"{row['title']:44} {row.get('note', 'not measured')}")
            continue
        sizes = "".join(f"{row[name]:10.0f}" for name in ("loaded_mb", "first_mb", "serving_mb", "peak_mb"))
        lines.append(f"{row['title']:44}{row['start_s']:10.2f}{row['start_cpu_s']:10.2f}{sizes}{_note(row)}")
    return lines


def _build_lines(engines: Mapping[str, Any]) -> list[str]:
    lines = [f"{'':44}{'seconds':>9}{'peak MB':>9}{'no files':>9}"]
    for name, row in engines.items():
        lines.append(f"{name:44}{row['seconds']:9.1f}{row['peak_mb']:9.0f}{row['anonymous_mb']:9.0f}")
        for stage in row["stages"]:
            lines.append(
                f"    {stage['name']:40}{stage['seconds']:9.1f}{stage['peak_mb']:9.0f}{stage['anonymous_mb']:9.0f}"
            )
    return lines


def _note(row: Mapping[str, Any]) -> str:
    return f"   {row['note']}" if row.get("note") else ""


def draw(results: Mapping[str, Any], file: Path) -> None:
    """The chart: a row per model; throughput of each workload with ratios to torch, latency, memory."""
    try:
        import matplotlib
    except ImportError:
        return  # the table and the JSON are there; the chart needs the extra `bench`
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    slices = results["slices"]
    models = [m for m in ("e5-small", "labse", "tiny") if any(f"{m}/{w}" in slices for w in WORKLOAD_TITLES)]
    if not models:
        return
    engines = {m: _engines_of(slices, m) for m in models}
    heights = [0.36 * len(engines[m]) + 1.2 for m in models]
    plt.rcParams.update({"font.size": 10, "font.family": "DejaVu Sans", "text.color": DARK, "axes.labelcolor": DARK})
    figure, grid = plt.subplots(
        len(models), 5, figsize=(19, sum(heights) + 0.9), squeeze=False, gridspec_kw={"height_ratios": heights}
    )
    for line, model in enumerate(models):
        order = engines[model]
        for column, workload in enumerate(WORKLOAD_TITLES):
            found = slices.get(f"{model}/{workload}")
            title = f"{WORKLOAD_TITLES[workload]}\ndocuments/s"
            _bars(grid[line][column], order, _throughput(found), title, names=not column)
        _bars(grid[line][3], order, _latency(slices.get(f"{model}/leads")), "One lead at a time\nms, p50 (line: p99)")
        _bars(grid[line][4], order, _memory(slices.get(f"{model}/startup")), "Memory serving one stream\nMB resident")
        grid[line][0].set_ylabel(_model_title(slices, model), fontsize=12, fontweight="bold", labelpad=14)
    machine = results["machine"]
    versions = machine["versions"]
    named = ("torch", "onnxruntime", "openvino", "sentence-transformers", "fastembed", "infinity-emb")
    peaks = machine["gemm_peak_gops"]
    figure.suptitle("Sentence encoders on a CPU: same checkpoint, same texts, alternating rounds", fontsize=16, y=0.995)
    figure.text(
        0.5,
        0.004,
        f"{machine['cpu']}, {machine['cores']} cores; measured peaks in GOP/s: "
        + ", ".join(f"{name} {value:.0f}" for name, value in peaks.items())
        + ". "
        + ", ".join(f"{name} {versions[name]}" for name in named if name in versions)
        + ".\nRatios are to sentence-transformers torch fp32 in the same rounds. Hatched: wrong vectors.",
        ha="center",
        fontsize=9,
        color="#6c757d",
    )
    figure.tight_layout(rect=(0, 0.05, 1, 0.975))
    figure.savefig(file, dpi=130, facecolor="white")
    plt.close(figure)


def _model_title(slices: Mapping[str, Any], model: str) -> str:
    title = next(found["model"] for key, found in slices.items() if key.startswith(f"{model}/"))
    return title.replace(", ", "\n")


def _engines_of(slices: Mapping[str, Any], model: str) -> list[dict[str, Any]]:
    """Every encoder that was measured for a model, in the order of the results."""
    found: dict[str, dict[str, Any]] = {}
    for workload in WORKLOAD_TITLES:
        for name, row in slices.get(f"{model}/{workload}", {}).get("engines", {}).items():
            if "bulk" in row:
                entry = found.setdefault(name, {"name": name, "title": row["title"], "family": row["family"]})
                entry["wrong"] = entry.get("wrong", False) or "WRONG" in row.get("note", "")
    return list(found.values())


Values = dict[str, tuple[float, str, float | None]]


def _throughput(found: Mapping[str, Any] | None) -> Values:
    rows = found["engines"] if found else {}
    return {
        name: (
            row["bulk"]["docs_per_s"],
            _short(row["bulk"]["docs_per_s"]) + (f"  {row['bulk']['ratio']:.1f}×" if "ratio" in row["bulk"] else ""),
            None,
        )
        for name, row in rows.items()
        if "bulk" in row
    }


def _latency(found: Mapping[str, Any] | None) -> Values:
    rows = found["engines"] if found else {}
    return {
        name: (row["single"]["p50_ms"], _short(row["single"]["p50_ms"]), row["single"]["p99_ms"])
        for name, row in rows.items()
        if "single" in row
    }


def _short(value: float) -> str:
    """Two or three digits that can be read at a glance."""
    return f"{value:,.0f}" if value >= 20 else f"{value:.1f}"


def _memory(found: Mapping[str, Any] | None) -> Values:
    rows = found["engines"] if found else {}
    return {
        name: (row["serving_mb"], _short(row["serving_mb"]), None) for name, row in rows.items() if "serving_mb" in row
    }


def _bars(axes: Any, order: Sequence[Mapping[str, Any]], values: Values, title: str, names: bool = False) -> None:
    """Horizontal bars in the order of `order`, each labelled at its end."""
    axes.set_title(title, fontsize=11)
    top = max((max(value, whisker or 0) for value, _, whisker in values.values()), default=1.0)
    for place, engine in enumerate(order):
        if engine["name"] not in values:
            axes.text(0, place, " not measured", va="center", fontsize=8.5, color="#adb5bd")
            continue
        value, label, whisker = values[engine["name"]]
        ours = engine["family"] == "ours"
        hatch = "////" if engine["wrong"] else None
        axes.barh(place, value, 0.72, color=COLOURS[engine["family"]], hatch=hatch, edgecolor="white", linewidth=0)
        if whisker is not None:
            axes.plot([value, whisker], [place, place], color=DARK, linewidth=1)
            axes.plot([whisker, whisker], [place - 0.18, place + 0.18], color=DARK, linewidth=1)
        axes.text(
            max(value, whisker or 0) + top * 0.015,
            place,
            label,
            va="center",
            fontsize=9.5,
            fontweight="bold" if ours else "normal",
        )
    axes.set_xlim(0, top * 1.32)
    axes.set_ylim(len(order) - 0.4, -0.6)
    axes.set_yticks(range(len(order)), [engine["title"] if names else "" for engine in order])
    for tick, engine in zip(axes.get_yticklabels(), order, strict=True):
        tick.set_fontweight("bold" if engine["family"] == "ours" else "normal")
    axes.tick_params(length=0, labelbottom=False)
    axes.grid(axis="x", color=FAINT)
    axes.set_axisbelow(True)
    for side in axes.spines.values():
        side.set_visible(False)
