"""The matrix of GPU wheels: what it says of cards, and that the extras and the Makefile say the same."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from dedup_accelerate import carries_code, gpu_pins, gpu_wheels, installed_gpu_wheels

ROOT = Path(__file__).parents[2]
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
CARDS = [(6, 0), (6, 1), (6, 2), (7, 0), (7, 2), (7, 5), (8, 0), (8, 6), (8, 9), (9, 0), (12, 0)]


@pytest.mark.parametrize(
    ("name", "number", "card", "expected"),
    [
        ("onnxruntime-gpu", "1.20.2", (6, 1), True),
        ("onnxruntime-gpu", "1.21.0", (6, 1), None),
        ("onnxruntime-gpu", "1.22.0", (6, 1), True),  # code of 6.0 runs on 6.1
        ("onnxruntime-gpu", "1.26.0", (8, 9), True),
        ("onnxruntime-gpu", "1.26.0", (12, 0), False),
        ("onnxruntime-gpu", "1.27.0", (6, 1), False),
        ("onnxruntime-gpu", "1.27.0", (7, 0), False),
        ("onnxruntime-gpu", "1.32.0", (12, 0), True),
        ("nvidia-cudnn-cu12", "9.10.2.21", (6, 1), True),
        ("nvidia-cudnn-cu12", "9.11.0.98", (6, 1), False),
        ("faiss-gpu", "1.15.1", (6, 1), False),
        ("faiss-gpu-cu12", "1.9.0", (7, 5), True),
        ("faiss-gpu-cu12", "1.9.0", (9, 0), False),
        ("torch", "2.13.0", (9, 0), None),
    ],
)
def test_a_wheel_runs_on_the_cards_it_carries_code_for(name, number, card, expected):
    assert carries_code(name, number, card) is expected


def versions(requirement):
    """The first and last version of each group of wheels that a requirement allows."""
    found = []
    for wheel in gpu_wheels():
        numbers = [number for number in (wheel.first, wheel.last) if number and requirement.specifier.contains(number)]
        if wheel.name == requirement.name:
            found += numbers
    return found


@pytest.mark.parametrize("card", CARDS)
def test_every_pin_of_a_card_names_wheels_that_carry_its_code(card):
    pins = gpu_pins(card)
    assert pins is not None
    for line in (pins.onnxruntime, pins.cudnn):
        requirement = Requirement(line)
        numbers = versions(requirement)
        assert numbers, line
        assert all(carries_code(requirement.name, number, card) for number in numbers), (line, numbers)
    allowed = [
        wheel
        for wheel in gpu_wheels()
        if wheel.name == "onnxruntime-gpu" and wheel.first in versions(Requirement(pins.onnxruntime))
    ]
    assert {wheel.cuda for wheel in allowed} == {pins.cuda}


def test_the_extras_ask_for_what_the_pins_say():
    for card in CARDS:
        pins = gpu_pins(card)
        requirements = {Requirement(line).name: Requirement(line) for line in EXTRAS[pins.extra]}
        wanted = Requirement(pins.onnxruntime)
        assert requirements[wanted.name].specifier == wanted.specifier, card
        if "<" in pins.cudnn:  # the newest cuDNN comes with onnxruntime-gpu's own extra
            wanted = Requirement(pins.cudnn)
            assert requirements[wanted.name].specifier == wanted.specifier, card


def test_the_comments_of_the_makefile_name_the_same_numbers():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    lowest = min(wheel.since for wheel in gpu_wheels() if wheel.name == "onnxruntime-gpu" and wheel.since)
    assert re.findall(r'at_least "\$\$capability" (\d+\.\d+)', makefile) == ["6.0", f"{lowest[0]}.{lowest[1]}"]


def test_what_is_not_installed_is_not_told():
    assert set(dict(installed_gpu_wheels())) <= {wheel.name for wheel in gpu_wheels()}
