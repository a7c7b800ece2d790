"""Pairs of which nothing is known but their headlines."""

from __future__ import annotations

import pytest

from dedup.evidence import Side, compare
from dedup.profile import profile


def conflicts(*titles: str) -> tuple[str, ...]:
    a, b = (Side(title, profile(title, ""), "en", "", None) for title in titles)
    found = compare(a, b, cosine=None, scaled_cosine=None).conflicts
    assert bool(found) == bool(compare(b, a, cosine=None, scaled_cosine=None).conflicts)
    return found


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("The harbour head of Lusen Moor is cleared of fraud", "Harwick, harbour head of Lusen, is cleared of fraud"),
        ("Pushel: Lusen talks of the contact group have begun", "Contact group opens its talks in Lusen on Kelmouth"),
    ],
)
def test_a_man_under_his_name_and_under_his_office_is_one_man(a: str, b: str) -> None:
    assert conflicts(a, b) == ()


def test_two_names_in_one_place_are_two_events() -> None:
    a, b = "Lusen president meets Varga over the harbour dues", "Lusen president meets Holme over the harbour dues"
    assert conflicts(a, b) == ("same headline but Varga / Holme",)


def test_two_headlines_without_a_name_in_common_are_two_events() -> None:
    assert "no name in common" in conflicts("A strong quake shook Lusen at dawn", "A quake shook the town of Kelmouth")
