"""Classifiers of texts, tokens and topics (`[export]`): built with optimum, run in transformers pipelines."""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ._artifact import default_cache
from ._durable import exclusive, sync_entries, sync_folder
from ._errors import AccelerateError, ExportUnavailable, ModelUnavailable, UnsupportedModel
from ._export import available, quantise
from ._graphfile import GRAPH_NAME
from ._profiles import Provider
from ._registry import REGISTRY
from ._session import check_provider
from ._settings import BuildSettings, Progress, silent
from ._sources import fetch, locate, spec_for

#: Part of every folder's name: raise it when what is built changes.
_RECIPE = 2
_CLASSES = {
    "text-classification": "ORTModelForSequenceClassification",
    "token-classification": "ORTModelForTokenClassification",
    "zero-shot-classification": "ORTModelForSequenceClassification",
}
_PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}


def open_classifier(
    task: str,
    model: str,
    *,
    optimize: bool,
    quantize: bool,
    provider: Provider,
    threads: int,
    cache: Path | None,
    revision: str | None,
    settings: BuildSettings,
    progress: Progress | None,
) -> Callable[..., Any]:
    """The transformers pipeline of `task`; see `pipeline`. The graph is built once, and kept in `cache`/pipelines."""
    if not available():
        raise ExportUnavailable(f"task {task!r} needs transformers and optimum: pip install 'news-dedup[export]'")
    if model in REGISTRY:
        raise ModelUnavailable(f"{model!r} is a sentence encoder; task {task!r} needs the folder or hub id of another.")
    root = (Path(cache) if cache is not None else default_cache()) / "pipelines"
    folder = _built(task, model, optimize, quantize, root, revision, settings, progress or silent)

    import onnxruntime
    import transformers
    from optimum import onnxruntime as optimum

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    session = getattr(optimum, _CLASSES[task]).from_pretrained(
        folder, file_name=GRAPH_NAME, provider=_PROVIDERS[provider], session_options=options, local_files_only=True
    )
    check_provider(list(session.providers), _PROVIDERS[provider])
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True)
    made: Callable[..., Any] = transformers.pipeline(task, model=session, tokenizer=tokenizer)
    return made


def _built(
    task: str,
    model: str,
    optimize: bool,
    quantize: bool,
    root: Path,
    revision: str | None,
    settings: BuildSettings,
    progress: Progress,
) -> Path:
    """A folder with graph, configuration and tokenizer; there completely or not at all."""
    located = locate(spec_for(model), revision, settings)
    steps = "-".join(name for name, wanted in (("o2", optimize), ("int8", quantize)) if wanted) or "plain"
    key = f"{_RECIPE}\0{_CLASSES[task]}\0{located.source}\0{located.revision}\0{steps}"
    short = re.sub(r"[^a-z0-9.]+", "-", Path(model).name.lower()).strip("-.") or "model"
    target = root / f"{short}-{steps}-{hashlib.sha256(key.encode()).hexdigest()[:12]}"
    if target.is_dir():
        return target
    root.mkdir(parents=True, exist_ok=True)
    with exclusive(root / f".lock-{target.name}", settings.lock_timeout_seconds):
        if target.is_dir():  # another process built it while this one waited
            return target
        scratch = root / f".building-{target.name}"
        shutil.rmtree(scratch, ignore_errors=True)
        try:
            scratch.mkdir()
            checkpoint = fetch(located, scratch / "checkpoint", settings, progress)
            _write(task, checkpoint, scratch, optimize, quantize, progress)
            sync_folder(scratch / "done")
            (scratch / "done").rename(target)
            sync_entries(root)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    return target


def _write(task: str, checkpoint: Path, scratch: Path, optimize: bool, quantize: bool, progress: Progress) -> None:
    import transformers
    from optimum import onnxruntime as optimum

    done = scratch / "done"
    progress("export", 0, 0)
    try:
        model = getattr(optimum, _CLASSES[task]).from_pretrained(checkpoint, export=True, local_files_only=True)
        transformers.AutoTokenizer.from_pretrained(checkpoint, local_files_only=True).save_pretrained(done)
    except Exception as error:  # whatever torch, transformers and optimum raise about a checkpoint they cannot use
        raise AccelerateError(f"optimum could not export {checkpoint}: {error}") from error
    if not getattr(model.config, "architectures", None):
        raise UnsupportedModel(f"{checkpoint}/config.json names no architecture, so it may have no classifier at all.")
    model.save_pretrained(scratch / "exported")
    graph = scratch / "exported" / GRAPH_NAME
    if optimize:
        progress("optimise", 0, 0)
        try:
            optimum.ORTOptimizer.from_pretrained(model).optimize(
                save_dir=scratch / "optimised", optimization_config=optimum.AutoOptimizationConfig.O2(), file_suffix=""
            )
        except (KeyError, NotImplementedError) as error:
            raise UnsupportedModel(f"optimum cannot optimise {checkpoint} ({error}): use optimize=False.") from error
        graph = scratch / "optimised" / GRAPH_NAME
    progress("write", 0, 0)
    if quantize:
        quantise(graph, done)
    else:
        for file in graph.parent.glob(f"{GRAPH_NAME}*"):
            shutil.copy(file, done / file.name)
    model.config.save_pretrained(done)
