"""The folder ``accelerate/`` must never stand in the way of Hugging Face's package of that name.

Tried once with an ``__init__.py`` in it: ``cannot import name 'dispatch_model'``, and ``import transformers`` broken.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tree import ROOT

ACCELERATE = "accelerate==1.15.0"
IMPORT_ALL = "import transformers, sentence_transformers, dedup_accelerate; print(dedup_accelerate.__file__)"


def python(script: str, cwd: Path, path: Path | None = None) -> subprocess.CompletedProcess[str]:
    """``script`` with ``cwd`` first on the module path, as for everyone who works in it, then ``path``."""
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(cwd), "HF_HUB_OFFLINE": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    if path:
        environment["PYTHONPATH"] = str(path)
    command = [sys.executable, "-c", script]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=240, check=False)


@pytest.fixture(scope="module")
def hugging_face_accelerate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with Hugging Face's package alone, not installed into any environment."""
    folder = tmp_path_factory.mktemp("hugging-face")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(folder), ACCELERATE]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)
    if done.returncode:
        pytest.skip(f"no package registry gave {ACCELERATE}: {done.stderr.strip()[-300:]}")
    return folder


def test_the_export_tools_import_from_the_root_without_hugging_face_accelerate() -> None:
    installed = python("import importlib.metadata as m; m.version('accelerate')", cwd=ROOT)
    assert "PackageNotFoundError" in installed.stderr, "this case needs an environment without accelerate"
    done = python(IMPORT_ALL, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert "dedup_accelerate" in done.stdout


def test_the_export_tools_import_from_the_root_with_hugging_face_accelerate(hugging_face_accelerate: Path) -> None:
    script = IMPORT_ALL + "; from accelerate import dispatch_model; print(dispatch_model.__code__.co_filename)"
    done = python(script, cwd=ROOT, path=hugging_face_accelerate)
    assert done.returncode == 0, done.stderr
    assert str(hugging_face_accelerate) in done.stdout


def test_a_package_of_that_name_would_stand_in_the_way(tmp_path: Path, hugging_face_accelerate: Path) -> None:
    """The reason for all this; it also shows that the two tests above can fail."""
    (tmp_path / "accelerate").mkdir()
    (tmp_path / "accelerate" / "__init__.py").touch()
    done = python("from accelerate import dispatch_model", cwd=tmp_path, path=hugging_face_accelerate)
    assert "cannot import name 'dispatch_model'" in done.stderr
