"""pyproject.toml says what may be installed, constraints.txt what is tested; the two must not disagree."""

from __future__ import annotations

import re
import tomllib
from collections import defaultdict

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version
from tree import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
#: Not locked: they need other CUDA libraries than each other, and than torch.
GPU_EXTRAS = {"gpu", "gpu-pascal"}


def pins() -> dict[str, list[Requirement]]:
    by_name = defaultdict(list)
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            pin = Requirement(line)
            by_name[canonicalize_name(pin.name)].append(pin)
    return dict(by_name)


def pinned_version(pin: Requirement) -> Version:
    (specifier,) = pin.specifier
    assert specifier.operator == "=="
    return Version(specifier.version)


def requirements(extra: str | None = None) -> list[Requirement]:
    listed = PROJECT["dependencies"] if extra is None else PROJECT["optional-dependencies"][extra]
    return [Requirement(line) for line in listed]


def test_every_requirement_has_a_pin_that_it_allows() -> None:
    known = pins()
    for extra in [None, *sorted(set(PROJECT["optional-dependencies"]) - GPU_EXTRAS)]:
        for requirement in requirements(extra):
            versions = [pinned_version(pin) for pin in known.get(canonicalize_name(requirement.name), [])]
            assert versions, f"{requirement} has no pin: run make lock"
            assert all(requirement.specifier.contains(version) for version in versions), f"{requirement}: {versions}"


def test_gpu_extras_meet_no_pin_that_forbids_them() -> None:
    known = pins()
    for extra in sorted(GPU_EXTRAS):
        for requirement in requirements(extra):
            for pin in known.get(canonicalize_name(requirement.name), []):
                assert requirement.specifier.contains(pinned_version(pin))
    assert [name for name in known if re.match(r"nvidia-|cuda-|triton$", name)] == []


def test_the_base_install_asks_for_no_training_framework() -> None:
    base = {canonicalize_name(requirement.name) for requirement in requirements()}
    assert not base & {"torch", "transformers", "optimum", "optimum-onnx", "sentence-transformers", "onnxruntime-gpu"}


def test_the_lock_holds_pins_and_comments_only() -> None:
    """An option or an address in it would not even parse as a requirement with one exact version."""
    known = pins()
    assert len(known) > 80
    assert [pin for same in known.values() for pin in same if pin.url or not pinned_version(pin).release] == []
