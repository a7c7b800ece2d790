"""Two issues of a series: one wording, another day or other numbers."""

from __future__ import annotations

import pytest

from dedup.evidence import compare
from dedup.profile import profile
from dedup.sides import Side

QUAKE = "An earthquake of magnitude 4.8 shook the Corvane valley at dawn on {}. There were no reports of any damage."
NIGHT = "Calm and cold with a low of minus {} in Thornby. Fog patches in the valley by dawn. Light winds from the {}."


def side(title: str, text: str) -> Side:
    return Side(title, profile(title, text), "en", "", None)


def conflicts(a: Side, b: Side) -> tuple[str, ...]:
    found = compare(a, b, cosine=None, scaled_cosine=None).conflicts
    assert bool(found) == bool(compare(b, a, cosine=None, scaled_cosine=None).conflicts)
    return found


def test_one_wording_of_two_days_is_two_events() -> None:
    a, b = (side("Quake shakes Corvane valley", QUAKE.format(day)) for day in ("February 3", "February 19"))
    assert "same wording but 3.02. / 19.02." in conflicts(a, b)


def test_a_day_that_the_other_article_knows_too_parts_nothing() -> None:
    a = side("Quake shakes Corvane valley", QUAKE.format("February 3"))
    b = side("Quake shakes Corvane valley", QUAKE.format("February 3") + " Another one was felt on January 19.")
    assert conflicts(a, b) == ()


def test_two_days_in_texts_of_their_own_words_part_nothing() -> None:
    a = side("Quake shakes Corvane valley", QUAKE.format("February 3"))
    b = side(
        "Corvane valley shaken", "The valley of Corvane trembled in the small hours; schools stay shut to February 5."
    )
    assert conflicts(a, b) == ()


def test_one_wording_with_every_number_another_is_two_events() -> None:
    a, b = (
        side("Calm night for Thornby", NIGHT.format(4, "north")),
        side("Calm night for Thornby", NIGHT.format(7, "east")),
    )
    assert "same wording but 4 / 7" in conflicts(a, b)


def test_the_number_in_a_name_does_not_hold_two_issues_together() -> None:
    text = "The Covid-19 wards of Thornby hospital have {} free beds since noon on Monday, as it said on its site."
    a, b = (side("Covid-19 beds free in Thornby", text.format(beds)) for beds in (4, 7))
    assert "same wording but 4 / 7" in conflicts(a, b)


@pytest.mark.parametrize("number", ["4 and a high of 12", "4"])
def test_one_wording_with_a_number_in_common_is_left_to_the_probability(number: str) -> None:
    a = side("Calm night for Thornby", NIGHT.format("4 and a high of 12", "north"))
    assert conflicts(a, side("Calm night for Thornby", NIGHT.format(number, "east"))) == ()


def test_a_toll_that_rises_under_one_wording_parts_nothing() -> None:
    text = (
        "A landslide above Thornby buried the road and killed {} people, rescuers said on Monday evening at the site."
    )
    a, b = (side("Landslide buries road at Thornby", text.format(toll)) for toll in (4, 17))
    assert conflicts(a, b) == ()
