"""The model artifact: a folder with graph, weights, tokenizer and a manifest that vouches for each byte of them."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ._durable import sha256, write_synced
from ._errors import ArtifactCorrupt, ArtifactNotFound, ArtifactTooNew
from ._graphfile import GRAPH_NAME
from ._profiles import Arithmetic, EngineName, Precision

SCHEMA = 1
MANIFEST_NAME = "manifest.json"
TOKENIZER_NAME = "tokenizer.json"


@dataclass(frozen=True, slots=True)
class Contract:
    """How a text becomes the graph's input, what computes the graph, and what comes out; part of the fingerprint.

    engine, arithmetic: see Profile. Another engine, or another arithmetic between the same products, gives other
    vectors of the same graph.
    """

    prefix: str
    max_tokens: int
    pooling: str
    dimension: int
    precision: Precision
    engine: EngineName = "onnxruntime"
    arithmetic: Arithmetic = "fp32"


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the build and the seconds it took."""

    name: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Parity:
    """An artifact against its own fp32 graph on the same texts.

    mean_cosine, min_cosine: per text, between the two embeddings. max_pairwise_shift, mean_pairwise_shift: absolute
    change of the cosine of two texts, over all pairs.
    """

    texts: int
    mean_cosine: float
    min_cosine: float
    mean_pairwise_shift: float
    max_pairwise_shift: float


@dataclass(frozen=True, slots=True)
class Trim:
    """What was left out of a vocabulary. `texts`: packaged texts whose tokens were compared and found the same."""

    languages: tuple[str, ...]
    scripts: tuple[str, ...]
    pieces_before: int
    pieces_after: int
    texts: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """What manifest.json says. `files` maps a file name to its SHA-256 and size in bytes.

    fidelity: what callers measured with the artifact on data of their own, see `record_fidelity`.
    """

    model: str
    source: str
    revision: str
    method: str
    recipe: int
    contract: Contract
    files: Mapping[str, tuple[str, int]]
    tools: Mapping[str, str] = field(default_factory=dict)
    steps: tuple[Step, ...] = ()
    parity: Parity | None = None
    trim: Trim | None = None
    fidelity: tuple[Mapping[str, Any], ...] = ()
    built_at: str = ""
    schema: int = SCHEMA

    @property
    def scripts(self) -> tuple[str, ...]:
        """The scripts that a trimmed vocabulary keeps; () for a whole one. `scripts_of` says which languages need."""
        return self.trim.scripts if self.trim else ()


@dataclass(frozen=True, slots=True)
class Artifact:
    """A verified artifact folder."""

    path: Path
    manifest: Manifest

    @property
    def fingerprint(self) -> str:
        """Hex digest over graph, weights, tokenizer and contract: equal exactly when the embeddings are.

        Times, tool versions and figures are not part of it.
        """
        return fingerprint(self.manifest.files, self.manifest.contract)

    @property
    def dimension(self) -> int:
        return self.manifest.contract.dimension

    @property
    def graph(self) -> Path:
        return self.path / GRAPH_NAME

    @property
    def tokenizer(self) -> Path:
        return self.path / TOKENIZER_NAME

    @property
    def bytes(self) -> int:
        """Size on disk without the manifest."""
        return sum(size for _, size in self.manifest.files.values())


def fingerprint(files: Mapping[str, tuple[str, int]], contract: Contract) -> str:
    agreed = asdict(contract)
    for name in ("engine", "arithmetic"):  # artifacts from before there was a choice keep their fingerprint
        if agreed[name] == Contract.__dataclass_fields__[name].default:
            del agreed[name]
    content = {"files": {name: files[name][0] for name in sorted(files)}, "contract": agreed}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def default_cache() -> Path:
    """$DEDUP_CACHE/models, or the user's cache folder for news-dedup."""
    chosen = os.environ.get("DEDUP_CACHE")
    if chosen:
        return Path(chosen).expanduser() / "models"
    from platformdirs import user_cache_path

    return user_cache_path("news-dedup") / "models"


def describe_files(folder: Path) -> dict[str, tuple[str, int]]:
    """SHA-256 and size of every file of a freshly built folder."""
    return {path.name: (sha256(path), path.stat().st_size) for path in sorted(folder.iterdir())}


def write_manifest(folder: Path, manifest: Manifest) -> None:
    content = asdict(manifest)
    content["fingerprint"] = fingerprint(manifest.files, manifest.contract)
    content["files"] = {name: {"sha256": digest, "bytes": size} for name, (digest, size) in manifest.files.items()}
    write_synced(folder / MANIFEST_NAME, (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode())


def read_manifest(folder: Path) -> Manifest:
    """Parse manifest.json. Raises ArtifactNotFound, ArtifactTooNew or ArtifactCorrupt."""
    path = folder / MANIFEST_NAME
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        schema = int(content["schema"])
    except FileNotFoundError:
        raise ArtifactNotFound(f"{folder} holds no model artifact (no {MANIFEST_NAME}); `prepare` makes one.") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _corrupt(path, f"cannot be read ({error})") from error
    if schema > SCHEMA:
        raise ArtifactTooNew(f"{path} has schema {schema}, this version reads up to {SCHEMA}: upgrade news-dedup.")
    try:
        manifest = Manifest(
            model=content["model"],
            source=content["source"],
            revision=content["revision"],
            method=content["method"],
            recipe=content["recipe"],
            contract=Contract(**content["contract"]),
            files={str(name): (str(entry["sha256"]), int(entry["bytes"])) for name, entry in content["files"].items()},
            tools=content["tools"],
            steps=tuple(Step(**step) for step in content["steps"]),
            parity=Parity(**content["parity"]) if content["parity"] else None,
            trim=_read_trim(content.get("trim")),
            fidelity=tuple(dict(entry) for entry in content.get("fidelity", ())),
            built_at=content["built_at"],
            schema=schema,
        )
        recorded = content["fingerprint"]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _corrupt(path, f"is not a manifest of schema {schema} ({error!r})") from error
    if recorded != fingerprint(manifest.files, manifest.contract):
        raise _corrupt(path, "was edited: its fingerprint does not match its content")
    return manifest


def _read_trim(content: Any) -> Trim | None:
    if not content:
        return None
    names = {key: tuple(content[key]) for key in ("languages", "scripts")}
    return Trim(**{**content, **names})


def load_artifact(path: Path) -> Artifact:
    """Open an artifact folder and verify every file against its SHA-256.

    Raises ArtifactNotFound, ArtifactTooNew, or ArtifactCorrupt naming the file. Reading is the cost: about 0.1 s for
    e5-small (120 MB), 0.3 s for LaBSE in int8 (0.5 GB).
    """
    path = Path(path)
    manifest = read_manifest(path)
    for name in (GRAPH_NAME, TOKENIZER_NAME):
        if name not in manifest.files:
            raise _corrupt(path / MANIFEST_NAME, f"does not list {name}")
    for name, (digest, size) in manifest.files.items():
        file = path / name
        if Path(name).name != name:
            raise _corrupt(path / MANIFEST_NAME, f"lists a file outside the folder, {name!r}")
        try:
            actual = file.stat().st_size
            if actual != size:
                raise _corrupt(file, f"has {actual} bytes instead of {size}")
            if sha256(file) != digest:
                raise _corrupt(file, "has other content than its checksum says")
        except OSError as error:
            raise _corrupt(file, f"cannot be read ({error.strerror})") from error
    return Artifact(path, manifest)


def find_artifacts(cache: Path | None = None) -> tuple[Artifact, ...]:
    """The artifacts of a cache folder by name, newest first within a name; files are not verified (load_artifact does).

    Folders whose manifest cannot be read are left out.
    """
    root = Path(cache) if cache is not None else default_cache()
    found = []
    for path in sorted(root.iterdir()) if root.is_dir() else ():
        if path.name.startswith(".") or not path.is_dir():
            continue
        try:
            found.append(Artifact(path, read_manifest(path)))
        except (ArtifactNotFound, ArtifactCorrupt, ArtifactTooNew):
            continue
    found.sort(key=lambda artifact: artifact.manifest.built_at, reverse=True)
    return tuple(sorted(found, key=lambda artifact: (artifact.manifest.model, artifact.manifest.contract.precision)))


def _corrupt(path: Path, what: str) -> ArtifactCorrupt:
    return ArtifactCorrupt(f"{path} {what}. Delete the folder {path.parent} and prepare the model again.")
