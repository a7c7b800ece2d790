"""Checks that need an NVIDIA card: `make gpu-check`. Collected only where the CUDA wheel is installed."""

from __future__ import annotations

from dedup_accelerate import installed_wheels

# The wheel decides, not the card: where the one is there and the other does not answer, the tests fail and say so.
if not any(wheel.startswith("onnxruntime-gpu ") for wheel in installed_wheels()):
    collect_ignore_glob = ["test_*.py"]
