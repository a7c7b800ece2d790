"""Which GPU wheels fit which GPU: the packaged matrix `data/gpu_wheels.toml`, and questions to it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from typing import Any

Capability = tuple[int, int]


@dataclass(frozen=True, slots=True)
class GpuPins:
    """Requirements for one GPU. `fp16` says whether half precision is faster there; `notes` are for people."""

    name: str
    extra: str
    onnxruntime: str
    cudnn: str
    cuda: int
    faiss: str
    fp16: bool
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GpuWheel:
    """Versions of one distribution with the same GPU code: `first` to `last` inclusive, None for "and later".

    code: compute capabilities with machine code of their own; since: every capability from this on (one of the two).
    """

    name: str
    first: str
    last: str | None
    code: tuple[Capability, ...]
    since: Capability | None
    cuda: int

    def holds(self, number: str) -> bool:
        """Whether a version is one of these."""
        wanted = _numbers(number)
        return _numbers(self.first) <= wanted and (self.last is None or wanted <= _numbers(self.last))

    def runs_on(self, capability: Capability) -> bool:
        """Whether there is code for that card: of its own major number and no higher minor one, or from `since` on."""
        if self.since is not None:
            return capability >= self.since
        return any(major == capability[0] and minor <= capability[1] for major, minor in self.code)


def gpu_pins(compute_capability: Capability) -> GpuPins | None:
    """The pins for a GPU of that compute capability, e.g. (6, 1) for a GTX 1080; None when no wheel fits it."""
    for entry in _matrix()["generation"]:
        highest = _capability(entry["highest"]) if "highest" in entry else compute_capability
        if _capability(entry["lowest"]) <= compute_capability <= highest:
            named = {key: entry[key] for key in GpuPins.__slots__ if key != "notes"}
            return GpuPins(**named, notes=tuple(entry["notes"]))
    return None


def gpu_wheels() -> tuple[GpuWheel, ...]:
    """The matrix: every group of wheels whose GPU code is known."""
    return tuple(
        GpuWheel(
            name=entry["name"],
            first=entry["first"],
            last=entry.get("last"),
            code=tuple(_capability(item) for item in entry.get("code", ())),
            since=_capability(entry["from"]) if "from" in entry else None,
            cuda=entry["cuda"],
        )
        for entry in _matrix()["wheel"]
    )


def installed_gpu_wheels() -> tuple[tuple[str, str], ...]:
    """Name and version of the installed distributions that the matrix knows, cuDNN's among them."""
    found = []
    for name in dict.fromkeys(wheel.name for wheel in gpu_wheels()):
        try:
            found.append((name, version(name)))
        except PackageNotFoundError:
            continue
    return tuple(found)


def carries_code(name: str, number: str, compute_capability: Capability) -> bool | None:
    """Whether that version of a distribution runs on that card; None where the matrix does not know."""
    known = [wheel for wheel in gpu_wheels() if wheel.name == name and wheel.holds(number)]
    return any(wheel.runs_on(compute_capability) for wheel in known) if known else None


@cache
def _matrix() -> Mapping[str, Any]:
    return tomllib.loads((files(__package__) / "data" / "gpu_wheels.toml").read_text(encoding="utf-8"))


def _capability(text: str) -> Capability:
    major, minor = text.split(".")
    return int(major), int(minor)


def _numbers(text: str) -> tuple[int, ...]:
    """A version to compare: its leading numbers, without zeros at the end, so that 1.26 is 1.26.0."""
    found = re.match(r"\d+(\.\d+)*", text)
    numbers = [int(part) for part in found[0].split(".")] if found else []
    while numbers and not numbers[-1]:
        numbers.pop()
    return tuple(numbers)
