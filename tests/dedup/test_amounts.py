"""Amounts as English and Russian write them, their currencies, and short forms of names."""

from __future__ import annotations

import pytest

from dedup.evidence import compare
from dedup.profile import facts, name_key, profile
from dedup.quantities import Number
from dedup.sides import Side


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1,275 млрд рублей", 1.275e9),
        ("1,275 тыс. тонн", 1275),
        ("1.275 billion dollars", 1.275e9),
        ("1,275 mln dlrs", 1.275e9),  # English: a thousand and more millions
        ("1,275 tonnes", 1275),
        ("1,1 миллиарда", 1.1e9),
    ],
)
def test_a_comma_before_a_magnitude_is_read_as_its_language_writes_it(text: str, value: float) -> None:
    assert {number.value for number in facts(text).numbers} == {value}


@pytest.mark.parametrize(
    ("text", "unit"),
    [("$40 million", "USD"), ("40 million euros", "EUR"), ("40 млн руб.", "RUB"), ("£40m", "GBP"), ("40 million", "")],
)
def test_an_amount_knows_its_currency(text: str, unit: str) -> None:
    (number,) = facts(text).numbers
    assert number.unit == unit


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [
        ("a 40-million-euro offer", 40e6, "EUR"),
        ("a 40m-euro offer", 40e6, "EUR"),
        ("предложение в 40-миллионный контракт", 40e6, ""),
        ("1,5-миллиардного долга", 1.5e9, ""),
        ("12-тысячной толпы", 12e3, ""),
        ("a 5 m-tall wall", 5, ""),
        ("a 40-day fast", 40, ""),
    ],
)
def test_an_amount_is_read_in_an_adjective_too(text: str, value: float, unit: str) -> None:
    (number,) = facts(text).numbers
    assert (number.value, number.unit) == (value, unit)


def test_amounts_in_two_currencies_say_nothing_against_each_other() -> None:
    def conflicts(first: str, second: str) -> tuple[str, ...]:
        sides = [Side(text, profile(text, ""), "en", "", None) for text in (first, second)]
        return compare(*sides, cosine=None, scaled_cosine=None).conflicts

    told = "Velmora paid {} to settle the Tidewell claims"
    assert conflicts(told.format("221 million roubles"), told.format("5.5 million euros")) == ()
    assert conflicts(told.format("221 million euros"), told.format("5.5 million euros")) != ()
    assert conflicts(told.format("221 million"), told.format("5.5 million euros")) != ()


def test_a_year_beside_a_currency_is_an_amount() -> None:
    assert facts("он заплатил 2000 рублей").numbers == {Number("big", 2000, "RUB")}
    assert facts("это было в 2000 году").numbers == {Number("year", 2000)}


def test_short_forms_in_capitals_are_the_names_they_stand_for() -> None:
    assert name_key("Россия") in facts("Прогноз роста экономики РФ повышен").names
    assert facts("Тарифы США на сталь").names.keys() & facts("Tariffs of the US on steel").names.keys()
    assert not facts("they told us about it").names


@pytest.mark.parametrize(
    ("a", "b", "agree"),
    [
        ("more than 70 boats sank", "73 boats sank", True),
        ("Почти на 100 млн рублей", "96 миллионов рублей", True),
        ("about 30 firms", "27 firms", True),
        ("over 6 percent", "6.25 percent", True),
        ("70 boats sank", "73 boats sank", False),
        ("more than 70 boats sank", "95 boats sank", False),
        ("около 30 мая", "27 мая", False),
    ],
)
def test_a_number_that_is_said_to_be_rough_agrees_with_the_exact_one(a: str, b: str, agree: bool) -> None:
    (x,), (y,) = facts(a).numbers, facts(b).numbers
    assert x.agrees(y) is agree
    assert y.agrees(x) is agree
    assert facts(a).has(y) is agree
    assert facts(b).has(x) is agree


def test_one_weight_in_two_measures_says_nothing_against_itself() -> None:
    assert {(number.value, number.unit) for number in facts("lifts 501kg, or 1,104 pounds").numbers} == {
        (501, "kg"),
        (1104, "GBP"),  # a pound is money or a weight; it is no kilogram either way
    }
    one, other = (
        Side(t, profile(t, ""), "en", "Wire", None) for t in ("Lifter lifts 501kg", "Lifter lifts 1,104 pounds")
    )
    assert compare(one, other, cosine=None, scaled_cosine=None).conflicts == ()


@pytest.mark.parametrize("text", ["a loss of $50b", "a loss of 50 billion dollars", "a loss of $50 bn"])
def test_a_magnitude_in_one_letter_is_a_magnitude(text: str) -> None:
    assert facts(text).numbers == {Number("big", 5e10, "USD")}


@pytest.mark.parametrize(
    ("a", "b", "agree"), [(2.755, 2.7, True), (116.8, 116, True), (2.8, 2.755, True), (147, 146, False)]
)
def test_a_number_that_was_cut_off_agrees_with_the_whole_one(a: float, b: float, agree: bool) -> None:
    assert Number("decimal", a).agrees(Number("decimal", b)) is agree
    assert Number("decimal", b).agrees(Number("decimal", a)) is agree
