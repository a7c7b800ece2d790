"""What this machine can compute with: instructions of the CPU, the card, and the engines that are installed."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from ._session import installed_wheels

#: Names in /proc/cpuinfo.
_BF16_FLAGS = frozenset({"avx512_bf16", "amx_bf16", "bf16"})
_NVIDIA_SMI_SECONDS = 20.0
_CPUINFO = Path("/proc/cpuinfo")


@dataclass(frozen=True, slots=True)
class Hardware:
    """flags: instruction sets as /proc/cpuinfo names them; empty where that cannot be read.

    openvino: the version installed, "" for none. gpu_wheel: an onnxruntime with CUDA is installed.
    compute_capability: of the first NVIDIA card, None where there is none or no driver answers.
    """

    flags: frozenset[str] = frozenset()
    openvino: str = ""
    gpu_wheel: bool = False
    compute_capability: tuple[int, int] | None = None

    @property
    def vnni(self) -> bool:
        """The CPU adds products of int8 in 32 bits, 512 bits at a time."""
        return "avx512_vnni" in self.flags

    @property
    def bf16(self) -> bool:
        """The CPU multiplies bfloat16 in hardware."""
        return bool(self.flags & _BF16_FLAGS)


def detect_hardware(cpuinfo: Path = _CPUINFO, nvidia_smi: str = "nvidia-smi") -> Hardware:
    """Ask this machine. Imports no engine; asks for a card only where a wheel could use it."""
    gpu_wheel = any(wheel.startswith("onnxruntime-gpu ") for wheel in installed_wheels())
    return Hardware(
        flags=cpu_flags(cpuinfo),
        openvino=_version("openvino"),
        gpu_wheel=gpu_wheel,
        compute_capability=_compute_capability(nvidia_smi) if gpu_wheel else None,
    )


def cpu_flags(cpuinfo: Path = _CPUINFO) -> frozenset[str]:
    """Instruction sets of the CPU as /proc/cpuinfo names them; empty where that cannot be read."""
    try:
        text = cpuinfo.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return frozenset()
    found = re.search(r"^(?:flags|Features)\s*:\s*(.*)$", text, re.MULTILINE)
    return frozenset(found[1].split()) if found else frozenset()


def _version(wheel: str) -> str:
    try:
        return version(wheel)
    except PackageNotFoundError:
        return ""


def _compute_capability(nvidia_smi: str) -> tuple[int, int] | None:
    query = [nvidia_smi, "--query-gpu=compute_cap", "--format=csv,noheader"]
    try:
        answer = subprocess.run(query, capture_output=True, text=True, timeout=_NVIDIA_SMI_SECONDS, check=True)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.match(r"\s*(\d+)\.(\d+)", answer.stdout)
    return (int(found[1]), int(found[2])) if found else None
