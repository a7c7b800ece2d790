"""The shape of the tree: one import package per room, short files, a licence, nothing of any one machine."""

from __future__ import annotations

import importlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tree import ROOMS, ROOT, project_files

LINES_AT_MOST = 420
WRITTEN_BY_HAND = {".py", ".sh", ".toml", ".mako"}


def test_every_room_holds_exactly_one_import_package() -> None:
    for folder, package in ROOMS.items():
        packages = [path.name for path in (ROOT / folder).iterdir() if path.is_dir() and path.name != "__pycache__"]
        assert packages == [package]
        assert (ROOT / folder / package / "__init__.py").is_file()
        assert (ROOT / folder / package / "py.typed").is_file()


def test_no_folder_at_the_top_is_a_package() -> None:
    """A package called accelerate here would be imported instead of Hugging Face's."""
    assert [str(path) for path in project_files() if path.name == "__init__.py" and path.parent.parent == ROOT] == []
    for folder in ROOMS:
        assert not (ROOT / folder / "__init__.py").exists()


def test_no_file_is_longer_than_a_reader_can_hold() -> None:
    by_hand = [
        path
        for path in project_files()
        if path.suffix in WRITTEN_BY_HAND or path.name == "Makefile" or path.parent.name == ".ci"
    ]
    lengths = {str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in by_hand}
    assert len(lengths) > 20
    assert {name: length for name, length in lengths.items() if length >= LINES_AT_MOST} == {}


def test_licence_and_notice_are_there() -> None:
    assert "Apache License" in (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert (ROOT / "NOTICE").read_text(encoding="utf-8").startswith("news-dedup")


# Written in pieces, so that this file does not find itself.
_MACHINE_PATHS = [rb"wo" + rb"rk/", rb"tmp/" + rb"v/", rb"ro" + rb"ot/", rb"opt/py" + rb"pi"]
MACHINE_PATHS = re.compile(rb"(?<![\w.~-])/(?:" + rb"|".join(_MACHINE_PATHS) + rb")")
REGISTRY_HOSTS = re.compile(rb"pypi\.org/" + rb"simple|python" + rb"hosted\.org|extra-" + rb"index-url")


@pytest.mark.parametrize("pattern", [MACHINE_PATHS, REGISTRY_HOSTS], ids=["paths", "registries"])
def test_no_file_names_a_place_of_one_machine_or_a_registry(pattern: re.Pattern[bytes]) -> None:
    found = {
        str(path.relative_to(ROOT)): hits
        for path in project_files()
        if (hits := [match.group().decode() for match in pattern.finditer(path.read_bytes())])
    }
    assert found == {}


def test_the_search_for_machine_paths_would_find_one() -> None:
    assert MACHINE_PATHS.search(b"see /wo" + b"rk/main")
    assert MACHINE_PATHS.search(b"cd '/ro" + b"ot/x'")
    assert not MACHINE_PATHS.search(b"https://example.org/wo" + b"rk/1")
    assert REGISTRY_HOSTS.search(b"--extra-" + b"index-url https://x")


@pytest.mark.parametrize("package", ROOMS.values())
def test_every_public_name_is_there_and_named_once(package: str) -> None:
    module = importlib.import_module(package)
    assert len(set(module.__all__)) == len(module.__all__)
    for name in module.__all__:
        assert getattr(module, name) is not None
        assert not name.startswith("_") or name == "__version__"


def test_public_names_are_sorted() -> None:
    """In ruff's order: constants, classes, functions; each by name."""
    faces = [str(ROOT / folder / package / "__init__.py") for folder, package in ROOMS.items()]
    assert all("__all__" in Path(face).read_text(encoding="utf-8") for face in faces)
    command = [sys.executable, "-m", "ruff", "check", "--no-cache", "--select", "RUF022", *faces]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_rooms_import_only_what_the_architecture_allows() -> None:
    script = "import sys; from importlinter.cli import lint_imports_command; sys.exit(lint_imports_command())"
    command = [sys.executable, "-c", script, "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


def test_the_ci_script_can_be_run() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert subprocess.run(["bash", "-n", str(script)], check=False).returncode == 0
