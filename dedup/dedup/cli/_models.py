"""Commands about sentence-embedding models: list, export, info, parity."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dedup.cli._common import JsonOption, print_json, progress_bar, read_config, show

if TYPE_CHECKING:
    from dedup.config import Config
    from dedup_accelerate import Artifact, Profile

models = typer.Typer(name="model", help="Sentence-embedding models.", no_args_is_help=True, rich_markup_mode=None)


class ProfileName(StrEnum):
    AUTO = "auto"
    CPU_INT8 = "cpu-int8"
    CPU_BF16 = "cpu-bf16"
    CPU_FP32 = "cpu-fp32"
    CUDA_FP16 = "cuda-fp16"
    CUDA_FP32 = "cuda-fp32"
    TENSORRT = "tensorrt"


class EngineName(StrEnum):
    AUTO = "auto"
    ONNXRUNTIME = "onnxruntime"
    OPENVINO = "openvino"


class Method(StrEnum):
    AUTO = "auto"
    DIRECT = "direct"
    OPTIMUM = "optimum"


ModelArgument = Annotated[
    str | None, typer.Argument(metavar="[MODEL]", help="A name of `model list`, a folder or a hub id; else model.name.")
]
LanguagesOption = Annotated[
    str | None,
    typer.Option(help="Keep only their vocabulary, e.g. en,ru; '' keeps all of it. Else model.languages."),
]
ProfileOption = Annotated[ProfileName | None, typer.Option(help="How it is stored and run. Else model.profile.")]
EngineOption = Annotated[EngineName | None, typer.Option(help="What runs it on a CPU. Else model.engine.")]


@models.command("list")
def list_models(context: typer.Context, as_json: JsonOption = False) -> None:
    """List the models known by name, and which of them are prepared here."""
    config = read_config(context)
    from dedup.model import cache_folder
    from dedup_accelerate import REGISTRY, find_artifacts

    prepared: dict[str, list[str]] = {}
    for artifact in find_artifacts(cache_folder(config)):
        contract = artifact.manifest.contract
        prepared.setdefault(artifact.manifest.model, []).append(f"{contract.precision} ({contract.engine})")
    rows = [
        asdict(spec) | {"prepared": sorted(set(prepared.get(name, []))), "configured": name == config.model.name}
        for name, spec in REGISTRY.items()
    ]
    rows += [
        {
            "name": name,
            "title": "not in the registry",
            "prepared": sorted(set(kinds)),
            "configured": name == config.model.name,
        }
        for name, kinds in prepared.items()
        if name not in REGISTRY
    ]
    if as_json:
        print_json({"models": rows})
    else:
        from dedup import datasheet

        show(datasheet.models(rows))


@models.command("export")
def export(
    context: typer.Context,
    model: ModelArgument = None,
    profile: ProfileOption = None,
    engine: EngineOption = None,
    languages: LanguagesOption = None,
    method: Annotated[
        Method, typer.Option(help="direct needs no torch; optimum needs the [export] extra.")
    ] = Method.AUTO,
    revision: Annotated[str | None, typer.Option(help="Commit of a hub model.")] = None,
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Build it even if it is prepared already.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Prepare a model, and keep it in the cache.

    Fetches it, writes its ONNX graph, quantises it and compares it with the original.
    """
    config = read_config(context)
    from dedup.model import cache_folder
    from dedup_accelerate import prepare

    with progress_bar() as progress:
        artifact = prepare(
            model or config.model.name,
            profile=_profile(profile, engine, config),
            languages=_languages(languages, config),
            cache=cache_folder(config),
            method=method.value,
            revision=revision,
            rebuild=rebuild,
            progress=progress,
        )
    if as_json:
        print_json(describe(artifact))
        return
    from dedup import datasheet

    show(datasheet.prepared(describe(artifact)))


@models.command("info")
def info(
    context: typer.Context,
    model: ModelArgument = None,
    profile: ProfileOption = None,
    engine: EngineOption = None,
    languages: LanguagesOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show a prepared model; verifies its files.

    Where it came from, how it was made, how near it is to the original.
    """
    config = read_config(context)
    from dedup._errors import NotFound
    from dedup.model import find_prepared
    from dedup_accelerate import load_artifact

    wanted, chosen = model or config.model.name, _profile(profile, engine, config)
    found = find_prepared(config, wanted, chosen, _languages(languages, config))
    if found is None:
        raise NotFound(
            f"model {wanted!r} is not prepared as {chosen.name} for {chosen.engine}: run `dedup model export {wanted} "
            f"--profile {chosen.name} --engine {chosen.engine}`"
        )
    artifact = load_artifact(found.path)
    document = describe(artifact) | {"calibration": _calibration(artifact, config)}
    if as_json:
        print_json(document)
        return
    from dedup import datasheet

    show(datasheet.artifact(document))


@models.command("parity")
def parity(
    context: typer.Context,
    artifact: Annotated[
        str, typer.Argument(metavar="ARTIFACT", help="The folder of a prepared model, or the name of one.")
    ],
    data: Annotated[
        list[Path], typer.Option("--data", metavar="FILE", help="News as `dedup import` takes them; repeatable.")
    ],
    limit: Annotated[int | None, typer.Option(min=2, help="Of each file only so many articles.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Compare a model's decisions on your news with those of its fp32 original.

    Both sort the news into stories, each with its own calibration. The figures are kept in the artifact; one that
    misses the floor of [parity] exits with 1 and is refused from then on. Minutes: every text is encoded twice.
    """
    config = read_config(context)
    from dedup import parity as fidelity
    from dedup.model import LazyEncoder

    candidate = _find(artifact, config)
    documents = fidelity.read_documents(data, config, limit=limit)
    with progress_bar() as progress:
        reference = fidelity.reference_of(candidate, config, progress=progress)
        sides = [fidelity.Side(side, LazyEncoder(side, config)) for side in (candidate, reference)]
        found = fidelity.measure(sides[0], sides[1], documents, config, progress=progress)
    fidelity.record(candidate, found)
    missed = fidelity.misses(found.figures, fidelity.floor_of(config))
    if as_json:
        print_json({"fidelity": found, "missed": missed})
    else:
        from dedup import datasheet

        show(datasheet.fidelity(found, missed))
    if missed:
        raise typer.Exit(1)


def _find(name: str, config: Config) -> Artifact:
    """The verified artifact of a folder, or of a model that is prepared as `[model]` says. Raises NotFound."""
    from dedup._errors import NotFound
    from dedup.model import find_prepared
    from dedup_accelerate import ArtifactNotFound, load_artifact

    folder = Path(name).expanduser()
    with suppress(ArtifactNotFound):
        return load_artifact(folder)
    found = find_prepared(config, name, _profile(None, None, config), config.model.languages)
    if found is None:
        raise NotFound(f"{name!r} is no prepared model, neither a folder nor a name: run `dedup model export {name}`")
    return load_artifact(found.path)


def _profile(name: ProfileName | None, engine: EngineName | None, config: Config) -> Profile:
    """`--profile` and `--engine`, or those of `[model]`, on this machine."""
    from dedup_accelerate import choose_profile, detect_hardware

    model = config.model
    return choose_profile(
        detect_hardware(), name.value if name else model.profile, engine.value if engine else model.engine
    )


def _languages(given: str | None, config: Config) -> tuple[str, ...]:
    """`--languages`, or `model.languages`. Raises typer.BadParameter for a code that nobody knows."""
    from dedup_accelerate import scripts_of

    if given is None:
        return config.model.languages
    codes = tuple(code.strip() for code in given.split(",") if code.strip())
    try:
        scripts_of(codes)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--languages") from error
    return codes


def _calibration(artifact: Artifact, config: Config) -> dict[str, Any] | None:
    """What `dedup calibrate` found for this model in the configured view."""
    from dedup.calibration import kept_calibration
    from dedup.model import space_of
    from dedup.verdict import default_verifier

    found = kept_calibration(artifact, space_of(artifact, config), default_verifier())
    return asdict(found) if found else None


def describe(artifact: Artifact) -> dict[str, Any]:
    """The manifest, and what is computed from it."""
    return {
        "path": str(artifact.path),
        "fingerprint": artifact.fingerprint,
        "bytes": artifact.bytes,
        **asdict(artifact.manifest),
    }
