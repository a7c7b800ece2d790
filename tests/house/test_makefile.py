"""``make`` targets: the list, and the choice of GPU wheels for cards that are not in this machine."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
from tree import ROOT


def make(*arguments: str, path: str | None = None) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if key not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
    environment["PATH"] = path or os.environ["PATH"]
    command = ["make", "-s", "--no-print-directory", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)


def path_with(tmp_path: Path, answers: dict[str, str]) -> str:
    """A search path whose nvidia-smi answers like a card that is not here."""
    tool = tmp_path / "nvidia-smi"
    cases = "".join(f"*query-gpu={field}*) printf '{answer}\\n' ;;\n" for field, answer in answers.items())
    tool.write_text(
        f'#!/bin/sh\ncase "$*" in\n{cases}*) echo "Field is not a valid field to query." ; exit 2 ;;\nesac\n'
    )
    tool.chmod(0o755)
    return f"{tmp_path}:{os.environ['PATH']}"


def test_help_lists_every_target() -> None:
    done = make("help")
    listed = set(re.findall(r"^ +make (\S+)", done.stdout, flags=re.MULTILINE))
    assert {"demo", "test", "check", "bench", "gpu", "gpu-check", "install", "lock", "clean"} <= listed


@pytest.mark.parametrize(
    ("card", "capability", "driver", "extra"),
    [
        ("GTX 1080", "6.1", "535.183.01", "gpu-pascal"),
        ("GTX 1080, newest driver", "6.1", "580.65.06", "gpu-pascal"),
        ("V100", "7.0", "580.65.06", "gpu-pascal"),
        ("T4", "7.5", "580.65.06", "gpu"),
        ("T4, driver before CUDA 13", "7.5", "570.133.20", "gpu-pascal"),
        ("H100", "9.0", "590.12", "gpu"),
        ("RTX 5090", "12.0", "580.65.06", "gpu"),
        ("a 1080 beside a T4", "7.5\\n6.1", "580.65.06\\n580.65.06", "gpu-pascal"),
    ],
)
def test_the_wheels_fit_the_card_and_its_driver(
    tmp_path: Path, card: str, capability: str, driver: str, extra: str
) -> None:
    path = path_with(tmp_path, {"compute_cap": capability, "driver_version": driver})
    done = make("gpu-plan", path=path)
    assert done.stdout.strip() == extra, (card, done.stderr)


def test_a_card_too_old_is_refused(tmp_path: Path) -> None:
    done = make("gpu-plan", path=path_with(tmp_path, {"compute_cap": "5.2", "driver_version": "535.1"}))
    assert done.returncode == 2
    assert "too old" in done.stderr


def test_an_nvidia_smi_that_cannot_tell_is_answered_by_hand(tmp_path: Path) -> None:
    path = path_with(tmp_path, {})
    assert "COMPUTE_CAPABILITY=" in make("gpu-plan", path=path).stderr
    assert make("gpu-plan", "COMPUTE_CAPABILITY=6.1", "DRIVER=470.1", path=path).stdout.strip() == "gpu-pascal"


@pytest.mark.parametrize("target", ["gpu", "gpu-check"])
def test_without_a_card_the_gpu_targets_say_so_and_touch_nothing(tmp_path: Path, target: str) -> None:
    done = make(target, f"VENV={tmp_path / 'venv'}", path=path_with(tmp_path, {}))
    assert done.returncode == 2
    assert "no NVIDIA GPU found" in done.stderr
    assert not (tmp_path / "venv").exists()


def test_a_python_that_is_too_old_is_named(tmp_path: Path) -> None:
    old = tmp_path / "python2"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    done = make("install", f"PYTHON={old}", f"VENV={tmp_path / 'venv'}")
    assert done.returncode == 2
    assert "Python 3.11, 3.12 or 3.13 is needed" in done.stderr


@pytest.mark.parametrize("capability", ["5.2", "6.0", "6.1", "7.0", "7.5", "8.6", "9.0", "12.0"])
def test_make_and_the_library_choose_the_same_wheels(capability: str) -> None:
    from dedup_accelerate import gpu_pins

    major, minor = capability.split(".")
    pins = gpu_pins((int(major), int(minor)))
    planned = make("gpu-plan", f"COMPUTE_CAPABILITY={capability}", "DRIVER=590.1").stdout.strip()
    assert planned == (pins.extra if pins else "")
