"""`prepare`: checkpoint → graph → quantised graph → parity → artifact folder, published by one rename."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

from . import _artifact as artifacts
from ._artifact import Artifact, Contract, Manifest, Parity, Step
from ._detection import detect_hardware
from ._durable import exclusive, sync_entries, sync_folder, write_synced
from ._errors import AccelerateError, CheckpointInvalid, UnsupportedModel
from ._graphfile import GRAPH_NAME
from ._linear import Weights
from ._profiles import Precision, Profile, choose_profile
from ._registry import ModelSpec
from ._scripts import scripts_of
from ._settings import BuildSettings, Progress, silent
from ._sources import Located, fetch, locate, spec_for
from ._trim import trim_vocabulary

Method = Literal["auto", "direct", "optimum"]
_TOOLS = ("news-dedup", "numpy", "onnx", "onnxruntime", "openvino", "safetensors", "tokenizers")
_EXPORT_TOOLS = ("optimum", "optimum-onnx", "sentence-transformers", "torch", "transformers")


def prepare(
    model: str,
    *,
    profile: Profile | str = "auto",
    precision: Precision | None = None,
    languages: Sequence[str] = (),
    cache: Path | None = None,
    method: Method = "auto",
    revision: str | None = None,
    rebuild: bool = False,
    settings: BuildSettings | None = None,
    progress: Progress | None = None,
) -> Artifact:
    """The artifact of `model`: the verified one in the cache, or a newly built one.

    model: a name of REGISTRY, a sentence-transformers folder, or a hub id. profile: a Profile
    of `choose_profile`, or the name of one that is chosen for this machine. precision: the CPU's profile of that
    precision, in place of `profile`.
    languages: ISO 639 codes; keep only the vocabulary that their scripts need (`trim_vocabulary`), nothing: all of it.
    cache: folder for artifacts; by default $DEDUP_CACHE/models or the user's cache. method: "direct" writes the graph
    here, "optimum" exports through torch, "auto" takes the direct way where it can. revision: of a hub model; recorded
    either way. rebuild: build even when the cache has it.

    Raises ModelUnavailable (before anything is written), UnsupportedModel, CheckpointInvalid, ExportUnavailable,
    ParityTooLow, ArtifactCorrupt. An interrupted build leaves no artifact; concurrent builds of one model take turns.
    """
    if precision not in (None, "int8", "bf16", "fp32"):
        raise ValueError(f"precision must be 'int8', 'bf16' or 'fp32', not {precision!r}")
    if precision is not None:
        if profile != "auto":
            raise ValueError("profile and precision exclude one another")
        profile = f"cpu-{precision}"
    if method not in ("auto", "direct", "optimum"):
        raise ValueError(f"method must be 'auto', 'direct' or 'optimum', not {method!r}")
    scripts_of(languages)  # an unknown language is refused before anything is fetched
    job = _Job(
        spec=spec_for(model),
        profile=profile if isinstance(profile, Profile) else choose_profile(detect_hardware(), profile),
        languages=tuple(languages),
        method=method,
        revision=revision,
        root=Path(cache) if cache is not None else artifacts.default_cache(),
        settings=settings or BuildSettings(),
        progress=progress or silent,
    )
    if job.spec.kind == "folder":
        job = replace(job, revision=locate(job.spec, None, job.settings).revision)
    if not rebuild and (cached := job.cached()):
        return artifacts.load_artifact(cached.path)
    located = locate(job.spec, None if job.spec.kind == "folder" else revision, job.settings)
    job.root.mkdir(parents=True, exist_ok=True)
    try:
        with exclusive(job.root / f".lock-{job.key}", job.settings.lock_timeout_seconds):
            if not rebuild and (cached := job.cached()):  # another process built it while this one waited
                return artifacts.load_artifact(cached.path)
            return _build(job, located)
    except TimeoutError as error:
        raise AccelerateError(f"another process is building {model!r}: {error}. Try again later.") from error


def prepared(
    model: str, *, profile: Profile, languages: Sequence[str] = (), cache: Path | None = None
) -> Artifact | None:
    """The artifact that `prepare` would take from the cache; None where it would build one.

    Its files are not read, nor is it asked whether the checkpoint has changed. Raises ModelUnavailable for a name that
    stands for nothing.
    """
    root = Path(cache) if cache is not None else artifacts.default_cache()
    return _Job(spec_for(model), profile, tuple(languages), "auto", None, root, BuildSettings(), silent).cached()


@dataclass(frozen=True, slots=True)
class _Job:
    spec: ModelSpec
    profile: Profile
    languages: tuple[str, ...]
    method: Method
    revision: str | None
    root: Path
    settings: BuildSettings
    progress: Progress

    @property
    def key(self) -> str:
        """Names the folder, the lock and the scratch folder of this model and profile."""
        short = Path(self.spec.name).name if self.spec.kind == "folder" else self.spec.name
        parts = [re.sub(r"[^a-z0-9.]+", "-", short.lower()).strip("-.") or "model", *self.scripts]
        parts.append(self.profile.precision)
        if self.profile.engine != "onnxruntime":
            parts += [self.profile.engine, self.profile.arithmetic]
        return "-".join(parts).lower()

    @property
    def scripts(self) -> tuple[str, ...]:
        """Of the kept vocabulary; empty when all of it is kept."""
        return scripts_of(self.languages)

    def cached(self) -> Artifact | None:
        """The newest artifact in the cache that this job would build again."""
        return next(filter(self._fits, artifacts.find_artifacts(self.root)), None)

    def _fits(self, artifact: Artifact) -> bool:
        from ._writer import RECIPE

        manifest, spec = artifact.manifest, self.spec
        return (
            manifest.model == spec.name
            and self.profile.fits(manifest.contract)
            and manifest.scripts == self.scripts
            and manifest.recipe == RECIPE
            and self.method in ("auto", manifest.method)
            and (self.revision is None or manifest.revision.startswith(self.revision))
            and spec.prefix in (None, manifest.contract.prefix)
            and (spec.max_tokens is None or manifest.contract.max_tokens <= spec.max_tokens)
        )


@dataclass(slots=True)
class _Clock:
    progress: Progress
    steps: list[Step]

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        self.progress(name, 0, 0)
        begin = time.monotonic()
        yield
        self.steps.append(Step(name, round(time.monotonic() - begin, 2)))


def _build(job: _Job, located: Located) -> Artifact:
    """Build in a scratch folder inside the cache (same file system, so the last step is one rename)."""
    scratch = job.root / f".building-{job.key}"
    shutil.rmtree(scratch, ignore_errors=True)  # under the lock: what lies here is the rest of a killed build
    try:
        (scratch / "artifact").mkdir(parents=True)
        manifest = _assemble(job, located, scratch)
        artifacts.write_manifest(scratch / "artifact", manifest)
        sync_folder(scratch / "artifact")
        digest = artifacts.fingerprint(manifest.files, manifest.contract)
        target = job.root / f"{job.key}-{digest[:12]}"
        if target.exists():  # a rebuild of the same bytes, or of a damaged folder: the new one takes its place
            target.rename(scratch / "replaced")
        (scratch / "artifact").rename(target)
        sync_entries(job.root)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return Artifact(target, manifest)


def _assemble(job: _Job, located: Located, scratch: Path) -> Manifest:
    clock = _Clock(job.progress, [])
    target = scratch / "artifact"
    with clock.step("fetch"):
        folder = fetch(located, scratch / "checkpoint", job.settings, job.progress)
    trim, untrimmed = None, folder
    if job.languages:
        with clock.step("trim"):
            chunk = job.settings.write_chunk_bytes
            trim = trim_vocabulary(folder, scratch / "trimmed", job.languages, chunk_bytes=chunk)
            folder = scratch / "trimmed"
    if _use_direct(job, folder):
        method, contract, reference = "direct", *_write_direct(job, folder, untrimmed, scratch, clock)
    else:
        method, contract, reference = "optimum", *_write_optimum(job, folder, scratch, clock)
    if job.spec.dimension not in (None, contract.dimension):
        raise CheckpointInvalid(
            f"{located.source} gives vectors of {contract.dimension} values, {job.spec.name!r} is known to give "
            f"{job.spec.dimension}: it is another model."
        )
    parity = None
    if reference is not None:
        with clock.step("parity"):
            parity = _parity(job, reference, target, contract)
    with clock.step("checksum"):
        files = artifacts.describe_files(target)
    return Manifest(
        model=job.spec.name,
        source=located.source,
        revision=located.revision,
        method=method,
        recipe=_recipe(),
        contract=contract,
        files=files,
        tools=_versions(_TOOLS + (_EXPORT_TOOLS if method == "optimum" else ())),
        steps=tuple(clock.steps),
        parity=parity,
        trim=trim,
        built_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _use_direct(job: _Job, folder: Path) -> bool:
    from ._export import available
    from ._stack import read_stack

    if job.method == "optimum":
        return False
    try:
        read_stack(folder)
    except UnsupportedModel:
        if job.method == "direct" or not available():
            raise
        return False
    return True


def _write_direct(
    job: _Job, folder: Path, untrimmed: Path, scratch: Path, clock: _Clock
) -> tuple[Contract, Path | None]:
    """Graph and tokenizer; returns the contract and the fp32 graph to compare with, if any."""
    from ._stack import read_stack
    from ._tokens import tokenizer_json
    from ._writer import write_graph

    stack = read_stack(folder)
    target, reference = scratch / "artifact", scratch / "reference"
    with clock.step("tokenizer"):
        write_synced(target / artifacts.TOKENIZER_NAME, tokenizer_json(stack.encoder_folder))
    chunk = job.settings.write_chunk_bytes
    weights = _weights(job.profile)
    contract = _contract(job, stack.pooling, stack.dimension, stack.prefix, stack.max_tokens)
    with clock.step(f"write {weights}"):
        whole = read_stack(untrimmed)
        texts = _calibration(whole.encoder_folder, scratch, contract) if weights == "int8-fixed" else []
        write_graph(
            stack, target, weights=weights, untrimmed=whole, texts=texts, chunk_bytes=chunk, progress=job.progress
        )
    if weights == "fp32":
        return contract, _reference_of_fp32(job, target / GRAPH_NAME)
    with clock.step("write reference"):
        reference.mkdir()
        write_graph(stack, reference, weights="fp32", chunk_bytes=chunk)
    return contract, reference / GRAPH_NAME


def _calibration(encoder: Path, scratch: Path, contract: Contract) -> list[list[int]]:
    """Ids of the packaged news, from a checkpoint's own tokenizer."""
    from ._parity import calibration_texts
    from ._tokens import Tokens, tokenizer_json

    path = scratch / "calibration-tokenizer.json"
    path.write_bytes(tokenizer_json(encoder))
    return Tokens(path, prefix=contract.prefix, max_tokens=contract.max_tokens)(calibration_texts())


def _weights(profile: Profile) -> Weights:
    """What the writer stores for a profile."""
    if profile.precision == "bf16":  # the engine rounds fp32 as it loads it
        return "fp32"
    if profile.precision == "int8" and profile.engine == "openvino":
        return "int8-fixed"
    return profile.precision


def _reference_of_fp32(job: _Job, graph: Path) -> Path | None:
    """The graph is its own reference where another engine than the reference's runs it."""
    return graph if job.profile.engine != "onnxruntime" else None


def _write_optimum(job: _Job, folder: Path, scratch: Path, clock: _Clock) -> tuple[Contract, Path | None]:
    from ._export import export, quantise, relocate
    from ._stack import declared_max_tokens, declared_pooling, declared_prefix, encoder_path, read_json
    from ._tokens import tokenizer_json

    exported, target = scratch / "reference", scratch / "artifact"
    with clock.step("export"):
        graph = export(folder, exported)
    with clock.step("tokenizer"):
        write_synced(target / artifacts.TOKENIZER_NAME, tokenizer_json(exported))
    precision = job.profile.precision
    if precision == "fp16" or (precision == "int8" and job.profile.engine == "openvino"):
        raise UnsupportedModel(
            f"{folder} goes through optimum, which has no graph for profile {job.profile.name!r} in "
            f"{job.profile.engine}. Use profile 'cuda-fp32' on a GPU, engine 'onnxruntime' on a CPU."
        )
    with clock.step(f"write {precision}"):
        quantise(graph, target) if precision == "int8" else relocate(graph, target)
    positions = int(read_json(exported / "config.json").get("max_position_embeddings") or 512)
    contract = _contract(
        job,
        declared_pooling(folder),
        _dimension(graph),
        declared_prefix(folder),
        declared_max_tokens(encoder_path(folder), positions),
    )
    if precision == "int8":
        return contract, graph
    return contract, _reference_of_fp32(job, target / GRAPH_NAME)


def _dimension(graph: Path) -> int:
    """Width of an exported graph's embedding, found by running it: exporters leave the output's shape symbolic."""
    import numpy as np

    from ._session import open_session

    session = open_session(graph, "cpu", 1)
    outputs = [output.name for output in session.get_outputs()]
    if "sentence_embedding" not in outputs:
        raise UnsupportedModel(f"the exported graph has no output 'sentence_embedding', only {', '.join(outputs)}.")
    feed = {item.name: np.ones((1, 2), np.int64) for item in session.get_inputs()}
    return int(session.run(["sentence_embedding"], feed)[0].shape[-1])


def _contract(job: _Job, pooling: str, dimension: int, prefix: str, max_tokens: int) -> Contract:
    spec = job.spec
    return Contract(
        prefix=prefix if spec.prefix is None else spec.prefix,
        max_tokens=min(max_tokens, spec.max_tokens or max_tokens),
        pooling=pooling,
        dimension=dimension,
        precision=job.profile.precision,
        engine=job.profile.engine,
        arithmetic=job.profile.arithmetic,
    )


def _parity(job: _Job, reference: Path, target: Path, contract: Contract) -> Parity:
    """The artifact as it will run against the fp32 graph in onnxruntime on the packaged texts.

    One after the other, so that only one is in memory. An fp16 graph is measured on the CPU, which computes it in fp32
    from fp16 weights.
    """
    from ._encoder import Runner
    from ._parity import measure_parity, parity_texts, require_parity

    texts, tokenizer = parity_texts(), target / artifacts.TOKENIZER_NAME
    plain = replace(contract, precision="fp32", engine="onnxruntime", arithmetic="fp32")
    expected = Runner(reference, tokenizer, plain).encode(texts)
    if reference.parent != target:
        shutil.rmtree(reference.parent)  # fp32 LaBSE is 1.9 GB of disk
    parity = measure_parity(expected, Runner(target / GRAPH_NAME, tokenizer, contract).encode(texts))
    require_parity(parity, job.settings.floor, job.spec.name)
    return parity


def _recipe() -> int:
    from ._writer import RECIPE

    return RECIPE


def _versions(names: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
