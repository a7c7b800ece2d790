"""What headlines say by themselves, and beside their texts."""

from __future__ import annotations

import pytest

from dedup.evidence import compare
from dedup.profile import profile
from dedup.sides import Side


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


UPHELD = (
    "The Supreme Court upheld a fine of 40 million crowns on port operator Tidewell, which had dredged without leave."
)
NOT_UPHELD = "An appeal court did not uphold a fine of 40 million crowns on dairy group Corbin for watering its milk."


def with_text(title: str, text: str) -> Side:
    return Side(title, profile(title, text), "en", "", None)


def test_headlines_that_name_others_who_are_unknown_to_the_other_article_are_two_events() -> None:
    a = with_text("Top court upholds 40 million crown fine on Tidewell", UPHELD)
    b = with_text("Fine of 40 million crowns on Corbin not upheld", NOT_UPHELD)
    found = compare(a, b, cosine=None, scaled_cosine=None).conflicts
    assert "headlines name others: Tidewell / Corbin" in found
    assert "headlines name others: Corbin / Tidewell" in compare(b, a, cosine=None, scaled_cosine=None).conflicts


def test_a_name_that_one_article_has_below_its_headline_parts_nothing() -> None:
    a = with_text("Top court upholds fine on Tidewell", UPHELD)
    b = with_text("Harbour dredging at Lusen was unlawful", UPHELD.replace("leave", "leave at Lusen"))
    assert not any("others" in one for one in compare(a, b, cosine=None, scaled_cosine=None).conflicts)


def test_a_headline_without_names_parts_nothing() -> None:
    a = with_text("Top court upholds fine on Tidewell", UPHELD)
    b = with_text("A fine for milk is not upheld", NOT_UPHELD)
    assert not any("others" in one for one in compare(a, b, cosine=None, scaled_cosine=None).conflicts)


def test_what_one_headline_says_and_another_denies_of_somebody_else_are_two_events() -> None:
    a = with_text("Supreme Court upholds 40 million crown fine on Tidewell", UPHELD)
    b = with_text(
        "Appeal court does not uphold 40 million crown fine on Corbin", NOT_UPHELD + " The Supreme Court may."
    )
    assert "only one headline is negated" in compare(a, b, cosine=None, scaled_cosine=None).conflicts
    assert "only one headline is negated" in compare(b, a, cosine=None, scaled_cosine=None).conflicts


def test_a_denial_of_another_word_parts_nothing() -> None:
    a = with_text("Supreme Court upholds 40 million crown fine on Tidewell", UPHELD)
    b = with_text("Appeal court does not comment on 40 million crown fine", NOT_UPHELD + " The Supreme Court may.")
    assert "only one headline is negated" not in compare(a, b, cosine=None, scaled_cosine=None).conflicts


WINTER = (
    "The town of Kelmouth said on Monday that its stores hold what the winter needs. Two ships came in last week.",
    "Kelmouth has what it needs for the winter, the town told reporters; two ships came in.",
)


@pytest.mark.parametrize(
    ("a", "b", "said"),
    [
        (
            "Town council opens the old mill to walkers",
            "Town council closes the old mill to walkers",
            "same headline but opens / closes",
        ),
        (
            "Town of Kelmouth will not close its old mill",
            "Town of Kelmouth will close its old mill",
            "only one headline is negated",
        ),
        (
            "Shepherd bites the dog of a neighbour in the valley",
            "Dog of a neighbour bites the shepherd in the valley",
            "roles reversed in the headline",
        ),
    ],
)
def test_one_word_for_another_a_denial_or_two_that_change_sides_are_the_news_of_a_headline(
    a: str, b: str, said: str
) -> None:
    assert said in told(a, b)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (
            "Doctors find new cause of deaths from harbour fever",
            "Doctors name another new cause of death for harbour fever patients",
        ),
        (
            "Mayor Tarrask: the town of Kelmouth has no shortage of masks",
            "Mayor Tarrask speaks of a shortage of masks that the town of Kelmouth ended long ago",
        ),
        (
            "Harbour fever cannot stop the spring fair, says mayor Tarrask",
            "Mayor Tarrask says harbour fever cannot stop the spring fair in Kelmouth",
        ),
    ],
)
def test_a_headline_put_in_other_words_or_in_another_order_is_the_same_news(a: str, b: str) -> None:
    assert told(a, b) == ()


def told(*titles: str) -> tuple[str, ...]:
    a, b = map(with_text, titles, WINTER)
    return compare(a, b, cosine=0.9, scaled_cosine=1.5).conflicts


CAUSE = "Учёные Лусена рассказали в журнале, отчего болезнь так часто кончается смертью: не хватает витамина. {}"


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("Раскрыта причина высокой смертности", "Учёные нашли причину высокой смертности"),
        ("Выявлена причина высокой смертности", "Обнаружена причина высокой смертности"),
        ("Врачи объяснили причину высокой смертности", "Врачи назвали причину высокой смертности"),
    ],
)
def test_found_revealed_and_told_are_one_thing_to_a_headline(a: str, b: str) -> None:
    one = Side(a, profile(a, CAUSE.format("Работа вышла в четверг.")), "ru", "", None)
    other = Side(b, profile(b, "В журнале объяснили, при чём тут витамин. " + CAUSE.format("")), "ru", "", None)
    assert compare(one, other, cosine=None, scaled_cosine=None).conflicts == ()


def test_any_other_verb_in_its_place_is_other_news() -> None:
    a, b = "Lusen council raises harbour dues", "Lusen council lowers harbour dues"
    one = with_text(a, "The council of Lusen decided on Friday what ships pay from May on. It was a long evening.")
    other = with_text(b, "Ships will pay another sum at Lusen, as its council has decided by seven votes to four.")
    assert compare(one, other, cosine=None, scaled_cosine=None).conflicts == ("same headline but raises / lowers",)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("Lusen works on not only two vaccines", "Lusen works on two vaccines"),
        ("В Лусене разрабатывают не менее 14 вакцин", "В Лусене разрабатывают 14 вакцин"),
    ],
)
def test_not_only_and_not_less_than_deny_nothing(a: str, b: str) -> None:
    assert conflicts(a, b) == ()


def test_two_times_in_one_headline_are_two_events_and_one_time_in_two_forms_is_not() -> None:
    assert conflicts("Lusen ferry leaves at 17:30", "Lusen ferry leaves at 18:15") != ()
    assert conflicts("Lusen ferry leaves at 17:30", "Lusen ferry leaves at 5.30pm") == ()


SIGNED = "The club of Lusen has signed {} from {} for a fee that it does not tell, and presents him to the press today."


def test_two_people_of_whom_the_other_article_knows_nothing_are_two_events() -> None:
    a = with_text("Lusen sign winger Tiago Bento on four-year deal", SIGNED.format("winger Tiago Bento", "Kelmouth"))
    b = with_text("Lusen sign goalkeeper Erik Dahl until 2029", SIGNED.format("goalkeeper Erik Dahl", "Stavik"))
    assert "headlines name others: Tiago Bento / Erik Dahl" in compare(a, b, cosine=None, scaled_cosine=None).conflicts
    both = with_text("Lusen sign goalkeeper Erik Dahl until 2029", SIGNED.format("Erik Dahl and Tiago Bento", "Stavik"))
    assert compare(a, both, cosine=None, scaled_cosine=None).conflicts == ()
