"""What belongs to the project: the files that git tracks, or, in an unpacked archive, the files that are there."""

from __future__ import annotations

import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROOMS = {"accelerate": "dedup_accelerate", "index": "dedup_index", "ingest": "dedup_ingest", "dedup": "dedup"}
_NOT_OURS = {".git", "__pycache__", "build", "dist", "demo", ".venv", ".venv-bench", ".venv-test"}


def project_files() -> list[Path]:
    # -c safe.directory: a CI may run as another user than the one who made the checkout.
    command = ["git", "-c", "safe.directory=*", "-C", str(ROOT), "ls-files", "-z"]
    try:
        listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        found = (path for path in ROOT.rglob("*") if not _NOT_OURS.intersection(path.relative_to(ROOT).parts))
    else:
        found = (ROOT / name for name in listed.split("\0") if name)
    return sorted(path for path in found if path.is_file())
