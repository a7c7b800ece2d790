"""Numbers as newspapers of many languages write them."""

from __future__ import annotations

import pytest

from dedup.profile import facts
from dedup.quantities import Number, order_of


def only(text: str) -> Number:
    (number,) = facts(text).numbers
    return number


@pytest.mark.parametrize(
    "text",
    [
        "a deal of £11million",
        "сделка на 11 млн фунтов",
        "угода на 11 мільйонів фунтів",
        "ein Geschäft von 11 Millionen Pfund",
        "un accord de 11 millions de livres",
        "un acuerdo de 11 millones de libras",
        "un accordo da 11 milioni di sterline",
        "um negócio de 11 milhões de libras",
        "een deal van 11 miljoen pound",
        "umowa za 11 mln funtów",
        "kontrakt za 11 milionů liber",
        "11 milyon sterlinlik anlaşma",
        "صفقة بقيمة 11 مليون جنيه",
        "价值1100万英镑的交易",
        "1100만 파운드 거래",
    ],
)
def test_millions_are_millions_in_every_language(text: str) -> None:
    number = only(text)
    assert (number.kind, number.value) == ("big", 11e6)
    assert number.unit in ("GBP", "")


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [
        ("5 mil millones de dólares", 5e9, "USD"),
        ("1,275 Milliarden Euro", 1.275e9, "EUR"),
        ("2,5 milliards d'euros", 2.5e9, ""),
        ("1.2亿美元", 1.2e8, ""),
        ("3万亿元", 3e12, ""),
        ("Rs 15,403 crore", 154.03e9, "INR"),
        ("₹3.10 lakh crore", 3.1e12, "INR"),
        ("529,1 млн тенге", 529.1e6, "KZT"),
    ],
)
def test_an_amount_has_its_magnitude_and_its_currency(text: str, value: float, unit: str) -> None:
    number = only(text)
    assert number.value == pytest.approx(value)
    assert number.unit == unit


@pytest.mark.parametrize(
    "text", ["6.25 per cent", "6,25 Prozent", "6,25 pour cent", "6,25 por ciento", "6,25 per cento", "6.25 percent"]
)
def test_a_percentage_may_be_said_in_one_word_or_two(text: str) -> None:
    assert only(text) == Number("percent", 6.25)


@pytest.mark.parametrize(
    "text", ["at 5.30pm", "at 5:30 p.m.", "в 17:30", "um 17.30 Uhr", "à 17 h 30", "à 17h30", "周六下午5：30"]
)
def test_half_past_five_is_one_time(text: str) -> None:
    assert only(text) == Number("time", 330)


@pytest.mark.parametrize(
    ("text", "values"), [("won 3:2", {3, 2}), ("led 88:79", {88, 79}), ("ran 1:02:33", {1, 2, 33})]
)
def test_a_score_is_no_time(text: str, values: set[int]) -> None:
    assert {(number.kind, number.value) for number in facts(text).numbers} == {("count", value) for value in values}


@pytest.mark.parametrize(
    "text", ["on May 5", "am 5. Mai", "le 5 mai", "el 5 de mayo", "5 maggio", "5 травня", "5 Mayıs", "5月5日"]
)
def test_a_day_has_its_month_in_every_language(text: str) -> None:
    assert only(text) == Number("date", 505)


def test_a_word_that_is_also_a_month_elsewhere_is_one_only_beside_a_day() -> None:
    assert facts("The Mars rover of 2020 has landed").numbers == {Number("year", 2020)}
    assert facts("Julio Marca, 31, joins Veyra").numbers == {Number("count", 31)}


@pytest.mark.parametrize(
    ("text", "own"),
    [
        ("Updated: July 02, 2013", True),
        ("Posted on November 15, 2011", True),
        ("Saturday, 28 September 2013", True),
        ("The bank closed on February 3, 2026", False),
        ("Погода на 3 мая 2026", False),
        ("3 мая 2026 года банк закрылся", False),
        ("The bank closes on 3 May", False),
    ],
)
def test_a_date_may_be_the_one_of_the_article(text: str, own: bool) -> None:
    (date,) = (number for number in facts(text).numbers if number.kind == "date")
    assert date.own is own


@pytest.mark.parametrize("text", ["más de 70 barcos", "plus de 70 bateaux", "über 70 Boote", "понад 70 човнів"])
def test_more_than_is_not_exact_in_any_language(text: str) -> None:
    assert only(text).agrees(Number("count", 73))
    assert not Number("count", 70).agrees(Number("count", 73))


def test_numbers_that_are_written_alike_have_an_order_too() -> None:
    alike = [Number("count", 20), Number("count", 20, "EUR"), Number("people", 20)]
    assert len({str(number) for number in alike}) == 1
    assert len({order_of(number) for number in alike}) == 3
