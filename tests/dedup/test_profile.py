"""Names and numbers as the verdict reads them."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dedup.evidence import compare
from dedup.profile import containment, facts, jaccard, name_key, profile, shingles
from dedup.quantities import Number
from dedup.sides import Side


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Harwick", "Харвике"),
        ("Moscow", "Москве"),
        ("Zelensky", "Зеленским"),
        ("Trump", "Трампа"),
        ("Kelmouth's", "Келмут"),
        ("Westmark", "Вестмарк"),
    ],
)
def test_a_name_keeps_its_key_across_scripts_and_endings(one: str, other: str) -> None:
    assert name_key(one) == name_key(other)


@pytest.mark.parametrize(("one", "other"), [("Brenholt", "Dunmarrow"), ("Velmora", "Ardesia"), ("Tidewell", "Corbin")])
def test_different_names_have_different_keys(one: str, other: str) -> None:
    assert name_key(one) != name_key(other)


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("to 6.25%", "percent", 6.25),
        ("до 6,25 %", "percent", 6.25),
        ("6.25 per-cent", "percent", 6.25),
        ("1,204 people", "people", 1204),
        ("погибли трое, ещё двенадцать человек", "people", 12),
        ("$1.2 billion", "big", 1.2e9),
        ("1,2 млрд рублей", "big", 1.2e9),
        ("84 тысячи домов", "big", 84000),
        ("1 204 евро", "big", 1204),
        ("draw 512", "count", 512),
        ("in 2026", "year", 2026),
        ("on 12 March", "date", 312),
        ("10 июня", "date", 610),
        ("in April", "month", 4),
        ("a Covid-19 ward", "label", 19),
        ("самолёт Ту-154", "label", 154),
        ("score 19-12", "count", 12),
        ("mid-2026", "year", 2026),
    ],
)
def test_a_number_is_read_with_its_kind(text: str, kind: str, value: float) -> None:
    assert (kind, value) in {(number.kind, number.value) for number in facts(text).numbers}


@pytest.mark.parametrize(("exact", "rounded"), [(1204, 1200), (98640, 100000), (11.8, 12), (84217, 84000)])
def test_a_rounded_number_agrees_with_the_exact_one(exact: float, rounded: float) -> None:
    assert Number("big", exact).agrees(Number("big", rounded))
    assert Number("big", rounded).agrees(Number("big", exact))


@pytest.mark.parametrize(("one", "other"), [(9412, 9437), (6.25, 6.5), (512, 513), (2318.4, 2324.05), (3, 5), (20, 21)])
def test_near_numbers_that_are_no_rounding_do_not_agree(one: float, other: float) -> None:
    assert not Number("count", one).agrees(Number("count", other))


def test_the_months_are_never_rounded() -> None:
    assert not Number("date", 310).agrees(Number("date", 311))


def test_the_first_word_of_a_sentence_is_only_a_weak_name() -> None:
    found = facts("Landslide cuts the road to Alto")
    assert found.weak == {name_key("Landslide")}
    assert name_key("Alto") in found.strong_names


def test_a_text_vouches_for_a_name_that_opens_the_headline() -> None:
    article = profile("Lagodia raises duty", "The government of Lagodia said on Monday that the duty would rise.")
    assert name_key("Lagodia") in article.title.strong_names


@pytest.mark.parametrize(
    ("title", "cut"),
    [
        ("The council of Harwick has closed the bridge…", True),
        ("The council of Harwick has closed ...", True),
        ("The council of Harwick has closed the bridge over the Tarn", False),
        ("The council of Harwick has closed the bridge over the Tarn.", False),
        ("The council has closed the bridge", False),
        ("Council closes bridge…", False),
    ],
)
def test_a_title_that_is_the_text_broken_off_is_no_headline(title: str, cut: bool) -> None:
    text = "The council of Harwick has closed the bridge over the Tarn. Ferries go every 20 minutes, it said."
    assert profile(title, text).title.words == (() if cut else facts(title).words)


def test_a_headline_that_capitalises_every_word_names_only_what_the_text_vouches_for() -> None:
    article = profile(
        "Fire Destroys Large Warehouse In Brenholt", "A fire destroyed a warehouse in Brenholt overnight."
    )
    assert set(article.title.strong_names) == {name_key("Brenholt")}


def test_negations_are_counted_in_english_and_russian() -> None:
    assert facts("The Fed did not raise rates").negations == 1
    assert facts("It didn't").negations == 1
    assert facts("ФРС не повысила ставку").negations == 1
    assert facts("ФРС повысила ставку").negations == 0


def test_shingles_of_equal_texts_are_equal_whatever_the_case_and_punctuation() -> None:
    assert shingles("The bank, on Monday, raised rates.") == shingles("the bank on monday raised RATES")
    assert jaccard(shingles("a b c d"), shingles("a b c d")) == 1.0
    assert jaccard(frozenset(), frozenset()) == 0.0


def test_a_text_cut_from_another_is_contained_in_it() -> None:
    whole = "one two three four five six seven eight nine ten"
    assert containment(shingles(whole), shingles("one two three four five")) == 1.0


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("0.000.000", [0]),
        ("5.848 160.160 times", [5848160160]),
        ("1,000,000.5", [1000000.5]),
        ("9" * 400, []),
        ("9" * 400 + " billion", []),
    ],
)
def test_what_only_looks_like_a_number_breaks_nothing(text: str, values: list[float]) -> None:
    assert [number.value for number in facts(text).numbers] == values


@given(st.text("0123456789٩.,%$ \u00a0\u202f", max_size=60), st.text("019., млрd%", max_size=400))
@example("1" * 300, "1" * 310 + " млрд")
def test_any_row_of_digits_and_marks_can_be_compared(one: str, other: str) -> None:
    first, second = (Side(text, profile(text, text), "ru", "", None) for text in (one, other))
    compare(first, second, cosine=None, scaled_cosine=None)


@given(st.text(max_size=300), st.text(max_size=300))
def test_any_text_has_a_profile(title: str, text: str) -> None:
    found = profile(title, text)
    assert found.title.weak <= found.title.names.keys()
    assert found.whole.negations >= 0


def test_only_where_headlines_capitalise_every_word_do_capitals_say_nothing() -> None:
    english = profile("Lusen Envoy Called to Kelmouth Ministry", "", "en").title
    assert not english.strong_names
    russian = profile("Посол Лусена в Келмуте вызван в МИД Сербины", "", "ru").title
    assert {"Лусена", "Келмуте", "МИД", "Сербины"} == set(russian.strong_names.values())
    assert not profile("ПОСОЛ ЛУСЕНА ВЫЗВАН В МИД", "", "ru").title.strong_names
