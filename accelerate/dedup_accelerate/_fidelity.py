"""What a caller measured with an artifact, kept beside it: figures on data that this room knows nothing of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ._artifact import MANIFEST_NAME, Artifact, read_manifest, write_manifest
from ._durable import exclusive, sync_entries

#: Another writer needs milliseconds.
_LOCK_SECONDS = 30.0


def record_fidelity(artifact: Artifact, entry: Mapping[str, Any], *, same: tuple[str, ...]) -> Artifact:
    """Add `entry` (plain JSON types) to the manifest's `fidelity`, in place of one with equal values under `same`.

    The fingerprint stays, as it covers graph, weights, tokenizer and contract only. The manifest is replaced by one
    rename, so a reader sees the old or the new one, and writers take turns.

    Raises ArtifactNotFound, ArtifactCorrupt; OSError where the folder cannot be written, TimeoutError.
    """
    with exclusive(artifact.path.with_name(f".lock-{artifact.path.name}"), _LOCK_SECONDS):
        manifest = read_manifest(artifact.path)
        kept = [old for old in manifest.fidelity if any(old.get(key) != entry.get(key) for key in same)]
        manifest = replace(manifest, fidelity=(*kept, dict(entry)))
        scratch = artifact.path / ".new"
        scratch.mkdir(exist_ok=True)
        write_manifest(scratch, manifest)
        (scratch / MANIFEST_NAME).replace(artifact.path / MANIFEST_NAME)
        scratch.rmdir()
        sync_entries(artifact.path)
    return Artifact(artifact.path, manifest)
