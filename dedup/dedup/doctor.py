"""What `dedup doctor` looks at: this machine, this installation, the database, the model. Changes nothing."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from dedup._errors import ConfigError, DedupError, ParityMissed, SchemaMissing
from dedup.model import model_profile

if TYPE_CHECKING:
    from dedup.config import Config

Status = Literal["ok", "note", "warning", "broken"]

# Flags of /proc/cpuinfo that decide how fast the encoder is, in words.
_CPU_FLAGS = {
    "avx2": "AVX2",
    "avx512f": "AVX-512",
    "avx512_vnni": "AVX512-VNNI",
    "avx_vnni": "AVX-VNNI",
    "avx512_bf16": "AVX512-BF16",
    "amx_int8": "AMX-INT8",
    "amx_bf16": "AMX-BF16",
    "asimddp": "DOTPROD",
    "i8mm": "I8MM",
    "bf16": "BF16",
}
_INT8_FLAGS = frozenset({"avx512_vnni", "avx_vnni", "amx_int8", "asimddp", "i8mm"})
NVIDIA_SMI_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at. `broken` stops the service, `warning` may surprise, `note` is only good to know."""

    name: str
    status: Status
    detail: str
    advice: str = ""


@dataclass(frozen=True, slots=True)
class SchemaState:
    """Which schema revision a database has; `revision` None: no tables yet. `exists` is about a SQLite file."""

    url: str
    exists: bool
    revision: str | None
    needed: str

    @property
    def is_current(self) -> bool:
        return self.revision == self.needed

    @property
    def words(self) -> str:
        if not self.exists:
            return "no database yet; the first command that stores makes it"
        if self.revision is None:
            return f"no tables yet; this version needs revision {self.needed}: run `dedup db upgrade`"
        if self.is_current:
            return f"revision {self.revision}, as this version needs"
        return f"revision {self.revision}, this version needs {self.needed}: run `dedup db upgrade`"


def examine(config_path: Path | None = None) -> tuple[Check, ...]:
    """Look at everything; a check that fails does not stop the others."""
    from dedup.config import load_config

    checks = [python(), *packages(), cpu()]
    try:
        config = load_config(config_path)
    except ConfigError as error:
        broken = Check(
            "configuration", "broken", str(error), "repair it; the database and the model were not looked at"
        )
        return (*checks, *runtime("cpu"), *gpus("cpu"), broken)
    return (
        *checks,
        *runtime(wanted_device(config)),
        *gpus(wanted_device(config)),
        configuration(config_path),
        profile(config),
        model(config),
        database(config),
    )


def python() -> Check:
    detail = f"{platform.python_version()} on {platform.system()} {platform.machine()}, {sys.executable}"
    if (3, 11) <= sys.version_info < (3, 14):
        return Check("python", "ok", detail)
    return Check("python", "broken", detail, "use Python 3.11, 3.12 or 3.13")


def packages() -> Iterator[Check]:
    """The installed versions of what this distribution requires."""
    try:
        own, lines = version("news-dedup"), requires("news-dedup") or []
    except PackageNotFoundError:
        yield Check("packages", "broken", "news-dedup is not installed", "pip install -e . in the checkout")
        return
    found, missing = [f"news-dedup {own}"], []
    for line in sorted(lines, key=str.lower):
        name = re.split(r"[^A-Za-z0-9._-]", line, maxsplit=1)[0]
        if "extra ==" in line or name == "onnxruntime":  # the latter may be another wheel: see `runtime`
            continue
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            missing.append(name)
    if missing:
        yield Check("packages", "broken", f"missing: {', '.join(missing)}", "pip install them, or news-dedup anew")
    yield Check("packages", "ok", ", ".join(found))


def cpu(cpuinfo: Path = Path("/proc/cpuinfo")) -> Check:
    """The model of the processor, its cores and the instructions that int8 and bfloat16 arithmetic use."""
    try:
        text = cpuinfo.read_text(encoding="utf-8", errors="replace")
    except OSError:
        text = ""
    flags = set(_field(text, "flags").split()) | set(_field(text, "Features").split())
    name = _field(text, "model name") or platform.processor() or platform.machine()
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    features = ", ".join(words for flag, words in _CPU_FLAGS.items() if flag in flags) or "none known"
    detail = f"{name}, {usable} usable of {os.cpu_count()} cores; {features}"
    if flags and not flags & _INT8_FLAGS:
        return Check("cpu", "note", detail, "no int8 dot-product instructions: int8 gains less speed here")
    return Check("cpu", "ok", detail)


def _field(cpuinfo: str, name: str) -> str:
    found = re.search(rf"^{re.escape(name)}\s*:\s*(.*)$", cpuinfo, re.MULTILINE)
    return found[1].strip() if found else ""


def runtime(provider: str) -> Iterator[Check]:
    """The ONNX runtime: which wheel, which providers, and whether the configured one is among them."""
    from dedup_accelerate import installed_wheels

    wheels = installed_wheels()
    if len(wheels) > 1:
        yield Check(
            "onnxruntime",
            "broken",
            f"{' and '.join(wheels)} are installed together and overwrite each other's files",
            "pip uninstall all of them, then install the one you need",
        )
        return
    try:
        import onnxruntime
    except Exception as error:  # a broken wheel raises whatever its loader meets
        yield Check("onnxruntime", "broken", f"cannot be imported: {error}", "pip install onnxruntime")
        return
    available = onnxruntime.get_available_providers()
    detail = f"{', '.join(wheels) or onnxruntime.__version__}; {', '.join(available)}"
    if provider == "cuda" and "CUDAExecutionProvider" not in available:
        yield Check(
            "onnxruntime",
            "broken",
            f"{detail}; model.profile wants a GPU",
            "run `make gpu`, or set model.profile = 'auto'",
        )
    else:
        yield Check("onnxruntime", "ok", detail)


def gpus(provider: str, command: str = "nvidia-smi") -> Iterator[Check]:
    """Each NVIDIA card, and the wheels that carry code for it."""
    from dedup_accelerate import carries_code, gpu_pins, installed_gpu_wheels

    query = [command, "--query-gpu=name,compute_cap,driver_version", "--format=csv,noheader"]
    try:
        answer = subprocess.run(query, capture_output=True, text=True, timeout=NVIDIA_SMI_SECONDS, check=True)  # noqa: S603
    except FileNotFoundError:
        missing: Status = "broken" if provider == "cuda" else "note"
        yield Check("gpu", missing, "no nvidia-smi here", "model.profile wants a GPU" if provider == "cuda" else "")
        return
    except (OSError, subprocess.SubprocessError) as error:
        yield Check(
            "gpu", "broken" if provider == "cuda" else "warning", f"nvidia-smi fails: {error}", "check the driver"
        )
        return
    for line in filter(None, map(str.strip, answer.stdout.splitlines())):
        name, capability, driver = ([part.strip() for part in line.split(",")] + ["", ""])[:3]
        found = re.fullmatch(r"(\d+)\.(\d+)", capability)
        number = (int(found[1]), int(found[2])) if found else None
        pins = gpu_pins(number) if number else None
        detail = f"{name}, compute capability {capability or 'unknown'}, driver {driver or 'unknown'}"
        if pins is None:
            yield Check("gpu", "warning", detail, "no published wheel carries code for this card: use the CPU")
            continue
        fits = f"{pins.name}: extra [{pins.extra}] = {pins.onnxruntime}, {pins.cudnn}, CUDA {pins.cuda}; {pins.faiss}"
        wheels = installed_gpu_wheels()
        lacking = [f"{wheel} {own}" for wheel, own in wheels if number and carries_code(wheel, own, number) is False]
        detail += f"; {fits}; installed: {', '.join(f'{wheel} {own}' for wheel, own in wheels) or 'no GPU wheel'}"
        if lacking:
            status: Status = "broken" if provider == "cuda" else "warning"
            advice = f"run `make gpu`: {' and '.join(lacking)} {'have' if lacking[1:] else 'has'} no code for this card"
            yield Check("gpu", status, detail, advice)
            continue
        yield Check("gpu", "ok", detail, "; ".join(pins.notes))


def configuration(path: Path | None) -> Check:
    """Which files and variables are in force."""
    from dedup.config import ENV_PREFIX, RESERVED_ENV, default_config_path

    own = path or (Path(os.environ["DEDUP_CONFIG"]) if os.environ.get("DEDUP_CONFIG") else None)
    parts = [f"defaults {default_config_path()}"]
    if own:
        parts.append(f"over them {own.resolve()}")
    names = sorted(name for name in os.environ if name.startswith(ENV_PREFIX) and name not in RESERVED_ENV)
    if names:
        parts.append(f"over them {', '.join(names)}")
    return Check("configuration", "ok", ", ".join(parts))


def wanted_device(config: Config) -> str:
    """ "cuda" where the configured profile names a GPU, else "cpu"."""
    return "cuda" if config.model.profile.startswith(("cuda", "tensorrt")) else "cpu"


def profile(config: Config) -> Check:
    """What runs the model here, and whether it can."""
    from dedup_accelerate import ProviderError

    asked = f"profile {config.model.profile!r}, engine {config.model.engine!r}"
    try:
        chosen = model_profile(config)
    except ProviderError as error:
        return Check("profile", "broken", f"{asked}: {error}")
    parts = f"{chosen.precision} products in {chosen.engine}, the rest in {chosen.arithmetic}, on {chosen.provider}"
    return Check("profile", "ok", f"{asked}: {chosen.name}, {parts}")


def model(config: Config) -> Check:
    """Whether the configured model is prepared, and every byte of it is as it was written."""
    from dedup.calibration import kept_calibration
    from dedup.model import find_prepared, space_of
    from dedup.parity import require
    from dedup.verdict import default_verifier
    from dedup_accelerate import AccelerateError, load_artifact

    try:
        chosen = model_profile(config)
    except AccelerateError:  # `profile` says it
        return Check("model", "note", f"{config.model.name}: no profile, so it was not looked for")
    wanted = f"{config.model.name} as {chosen.name}"
    found = find_prepared(config, config.model.name, chosen, config.model.languages)
    if found is None:
        advice = "`dedup model export` prepares it; else the first command that needs it does"
        return Check("model", "warning", f"{wanted} is not prepared yet", advice)
    try:
        artifact = load_artifact(found.path)
    except AccelerateError as error:
        return Check("model", "broken", str(error), "`dedup model export --rebuild`")
    try:
        require(artifact, config)
    except ParityMissed as error:
        return Check("model", "broken", str(error))
    detail = f"{wanted}, {artifact.dimension} dimensions, {artifact.bytes / 1e6:.0f} MB, verified, {artifact.path}"
    found_here = kept_calibration(artifact, space_of(artifact, config), default_verifier())
    if found_here is not None:
        state = "in use" if config.verdict.use_calibration else "not in use: verdict.use_calibration"
        detail += (
            f"; calibrated on {', '.join(found_here.data)} to join from {found_here.min_probability:.3f} on "
            f"(precision {found_here.precision:.3f}, recall {found_here.recall:.3f}), {state}"
        )
    return Check("model", "ok", detail)


def database(config: Config) -> Check:
    """Whether the database answers, and with which schema."""
    try:
        state = schema_state(config.store.url, config.store.lock_timeout_seconds)
    except DedupError as error:
        return Check("database", "broken", str(error))
    detail = f"{state.url}: {state.words}"
    if not state.exists:
        return Check("database", "note", detail)
    if state.is_current:
        return Check("database", "ok", detail)
    # A SQLite file is migrated when it is opened; a server only by the command.
    return Check("database", "warning" if state.url.startswith("sqlite") else "broken", detail)


def schema_state(url: str, lock_timeout_seconds: float) -> SchemaState:
    """Ask a database for its revision, without making a SQLite file that is not there.

    Raises:
        StoreUnavailable: the URL is wrong, or the database does not answer.
        SchemaTooNew: a newer version wrote it.
    """
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    from dedup.store._migrate import check_revision, current_revision, head_revision
    from dedup.store._session import make_engine, safe_url, translated

    try:
        parsed = make_url(url)
    except ArgumentError:
        parsed = None  # make_engine says what is wrong with it
    if parsed is not None and parsed.get_backend_name() == "sqlite" and parsed.database:
        file = Path(parsed.database)
        if parsed.database != ":memory:" and not file.is_file():
            return SchemaState(parsed.render_as_string(hide_password=True), False, None, head_revision())
    engine = make_engine(url, lock_timeout_seconds)
    try:
        with translated(engine):
            revision = current_revision(engine)
            with suppress(SchemaMissing):  # older is a state to report, newer an error
                check_revision(engine)
        return SchemaState(safe_url(engine), True, revision, head_revision())
    finally:
        engine.dispose()
