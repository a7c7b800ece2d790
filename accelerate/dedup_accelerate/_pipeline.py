"""From a task and a model to a callable: checkpoint → ONNX → optimised → quantised → run, in one call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from ._build import prepare
from ._encoder import Encoder, Vectors
from ._profiles import Provider
from ._registry import DEFAULT_MODEL
from ._settings import BuildSettings, Progress

EncoderTask = Literal["feature-extraction", "sentence-similarity"]
ClassifierTask = Literal["text-classification", "token-classification", "zero-shot-classification"]
TASKS: tuple[str, ...] = (*get_args(EncoderTask), *get_args(ClassifierTask))


@dataclass(frozen=True, slots=True)
class FeatureExtraction:
    """Texts → embeddings."""

    encoder: Encoder

    def __call__(self, texts: str | Sequence[str]) -> Vectors:
        """float32 unit rows (texts, dimension); a single text gives one row (dimension,)."""
        return self.encoder.encode([texts])[0] if isinstance(texts, str) else self.encoder.encode(texts)


@dataclass(frozen=True, slots=True)
class SentenceSimilarity:
    """Pairs of texts → cosines of their embeddings."""

    encoder: Encoder

    def __call__(self, first: str | Sequence[str], second: str | Sequence[str]) -> float | NDArray[np.float32]:
        """The cosine of two texts; with lists an array (first, second), without the axis of what was a single text."""
        sides = [[side] if isinstance(side, str) else list(side) for side in (first, second)]
        rows = self.encoder.encode([*sides[0], *sides[1]])
        cosines = rows[: len(sides[0])] @ rows[len(sides[0]) :].T
        if isinstance(first, str) and isinstance(second, str):
            return float(cosines[0, 0])
        if isinstance(first, str):
            return np.asarray(cosines[0], np.float32)
        return np.asarray(cosines[:, 0] if isinstance(second, str) else cosines, np.float32)


def pipeline(
    task: str,
    model: str | None = None,
    *,
    optimize: bool = True,
    quantize: bool | None = None,
    provider: Provider = "cpu",
    threads: int = 0,
    cache: Path | None = None,
    revision: str | None = None,
    settings: BuildSettings | None = None,
    progress: Progress | None = None,
) -> Callable[..., Any]:
    """A callable for `task`; what has to be built is kept in the cache.

        pipe = pipeline("sentence-similarity", model="labse", optimize=True)
        pipe("The bank left its rate unchanged.", "Банк сохранил ставку.")

    task: "feature-extraction" and "sentence-similarity" run on `Encoder` (FeatureExtraction, SentenceSimilarity say
    what they return). "text-classification", "token-classification" and "zero-shot-classification" need the `[export]`
    extra, and return the transformers pipeline of that name over an onnxruntime session.
    model: a folder or a hub id, for the first two also a name of REGISTRY (default "labse"); zero-shot wants a model
    for natural language inference. optimize: fuse the graph's operators (encoders are written fused in any case).
    quantize: int8 weights for the CPU; None: for encoders, which are compared with fp32 before they are kept, where
    `optimize` is asked and the provider is "cpu". provider, threads: as for Encoder. cache, revision, settings,
    progress: as for `prepare`.

    Raises ValueError for an unknown task, naming the known ones, ExportUnavailable without the extra, and what
    `prepare` and `Encoder` raise.
    """
    if task not in TASKS:
        raise ValueError(f"task must be one of {', '.join(TASKS)}, not {task!r}")
    if quantize and provider != "cpu":
        raise ValueError(f"quantize makes int8 weights for the CPU; leave it out for provider {provider!r}")
    if task in get_args(ClassifierTask):
        from ._classifier import open_classifier

        if model is None:
            raise ValueError(f"task {task!r} needs a model: a folder or a hub id")
        return open_classifier(
            task,
            model,
            optimize=optimize,
            quantize=bool(quantize),
            provider=provider,
            threads=threads,
            cache=cache,
            revision=revision,
            settings=settings or BuildSettings(),
            progress=progress,
        )
    int8 = quantize if quantize is not None else optimize and provider == "cpu"
    artifact = prepare(
        model or DEFAULT_MODEL,
        precision="int8" if int8 else "fp32",
        cache=cache,
        revision=revision,
        settings=settings,
        progress=progress,
    )
    encoder = Encoder(artifact, provider=provider, threads=threads)
    return FeatureExtraction(encoder) if task == "feature-extraction" else SentenceSimilarity(encoder)
