"""Headlines that decide the same thing in opposite ways, and those of other places or days."""

from __future__ import annotations

import pytest

from dedup.evidence import compare
from dedup.opposites import opposed
from dedup.profile import profile
from dedup.sides import Side

# Two texts about one place that say nothing of a decision.
HERE = "The paper has 40 pages, and the town hall of Kelmouth reads it out on Monday before the harbour talks in Lusen."
THERE = (
    "Whoever came to Kelmouth for the harbour talks in Lusen heard of it, from a paper as thick as a book, after lunch."
)


def side(title: str, text: str, lang: str) -> Side:
    return Side(title, profile(title, text, lang), lang, "", None)


def contrary(
    lang: str, a: str, b: str, texts: tuple[str, str] = (HERE, THERE), *, alike: bool = False
) -> tuple[str, str] | None:
    first, second = side(a, texts[0], lang), side(b, texts[1], lang)
    found, turned = opposed(first, second, alike=alike), opposed(second, first, alike=alike)
    assert (found and sorted(found)) == (turned and sorted(turned))
    return found


def told(lang: str, a: str, b: str, texts: tuple[str, str] = (HERE, THERE)) -> tuple[str, ...]:
    first, second = side(a, texts[0], lang), side(b, texts[1], lang)
    found = compare(first, second, cosine=None, scaled_cosine=None).conflicts
    assert bool(found) == bool(compare(second, first, cosine=None, scaled_cosine=None).conflicts)
    return found


@pytest.mark.parametrize(
    ("lang", "a", "b", "words"),
    [
        ("en", "Kelmouth council approves pier", "Pier plan turned down", ("approves", "turned down")),
        ("ru", "Тальвек подтвердил сделку", "Сделку Тальвек опроверг", ("подтвердил", "опроверг")),
        ("ru", "Сейм принял закон о причалах", "Закон отклонил и сейм Лузена", ("принял закон", "отклонил")),
        ("uk", "Лузен підтвердив продаж верфі", "Продаж верфі Лузен спростував", ("підтвердив", "спростував")),
        ("de", "Kartellamt gibt Verkauf der Werft frei", "Kartellamt untersagt es", ("gibt frei", "untersagt")),
        ("fr", "Le préfet autorise la fête", "Fête : le préfet l'interdit", ("autorise", "interdit")),
        ("es", "El Senado aprueba la ley", "Ley: el Senado la rechaza", ("aprueba", "rechaza")),
        ("it", "Lusen conferma il molo", "Il nuovo molo? Lusen smentisce", ("conferma", "smentisce")),
        ("pt", "Câmara aprova molo no porto", "Câmara chumba molo no porto", ("aprova", "chumba")),
        ("pl", "Rada Lusenu przyjęła budżet", "Rada Lusenu odrzuciła budżet", ("przyjęła", "odrzuciła")),
        ("tr", "Lusen liman iddiasını doğruladı", "Lusen iddiayı yalanladı", ("doğruladı", "yalanladı")),
    ],
)
def test_two_opposite_decisions_are_two_events(lang: str, a: str, b: str, words: tuple[str, str]) -> None:
    assert contrary(lang, a, b) == words


@pytest.mark.parametrize(
    ("a", "b"),
    [
        # A ban that is lifted is a permission.
        ("Kelmouth allows kites on the pier again", "Kelmouth lifts ban on kites"),
        # A headline with two such words has no clear side.
        ("Kelmouth allows kites on the pier again", "Court rejects ban on kites at Kelmouth"),
        # One thing rises while another falls.
        ("Fares on the Kelmouth ferry rise", "Ferry of Kelmouth: traffic falls after new fares"),
        # What a negation denies is not read.
        ("Kelmouth confirms the new pier", "Kelmouth does not deny plans for a pier"),
        # A listed word of four letters is no beginning of others.
        ("Kelmouth council passes its budget", "Passengers banned from the ferry"),
    ],
)
def test_what_only_sounds_contrary_is_not(a: str, b: str) -> None:
    assert contrary("en", a, b) is None


def test_two_articles_that_both_know_of_both_sides_tell_one_event_unless_their_headlines_are_of_one_template() -> None:
    titles = ("Kelmouth council approves new pier", "Kelmouth council rejects new pier")
    both = " The plan was approved by five, and rejected by three."
    assert contrary("en", *titles, (HERE + both, THERE + both)) is None
    assert contrary("en", *titles, (HERE + both, THERE + both), alike=True) == ("approves", "rejects")


def test_a_later_decision_tells_of_the_earlier_one_and_is_news_of_its_own() -> None:
    titles = ("Prefect bans the march of Kelmouth", "In the end judges allow Kelmouth to march")
    assert contrary("en", *titles, (HERE, THERE + " It had been banned on Monday.")) == ("bans", "allow")


def test_the_course_of_a_thing_is_compared_under_one_template_alone() -> None:
    titles = ("Kelmouth ferry fares rise after talks", "Kelmouth ferry fares fall after talks")
    assert contrary("en", *titles) is None
    assert contrary("en", *titles, alike=True) == ("rise", "fall")


def test_two_languages_may_contradict_each_other() -> None:
    a, b = side("Lusen bestätigt den Verkauf", "", "de"), side("Lusen denies the sale", "", "en")
    found = compare(a, b, cosine=None, scaled_cosine=None).conflicts
    assert found == ("opposite decisions: bestätigt / denies",)


def test_a_copy_under_a_contrary_headline_is_a_copy() -> None:
    long = " ".join(f"word{number}" for number in range(80))
    assert told("en", "Kelmouth approves pier", "Pier banned in Kelmouth", (long, long)) == ()


@pytest.mark.parametrize(("lang", "negated"), [("pt", 0), ("en", 1), ("es", 1), ("und", 1)])
def test_no_is_a_negation_where_the_language_says_so(lang: str, negated: int) -> None:
    assert profile("Molo no porto de Lusen", "", lang).title.negations == negated


@pytest.mark.parametrize(
    ("lang", "a", "b", "days"),
    [
        ("en", "Crossword answers for Monday", "Tuesday's quiz of words: the answers", "Monday / Tuesday"),
        ("pl", "Wyniki losowania z wtorku", "Losowanie z czwartku: oto liczby", "wtorku / czwartku"),
        ("ru", "Гороскоп на понедельник для всех", "Вторник по звёздам", "понедельник / вторник"),
    ],
)
def test_headlines_of_two_days_of_the_week_are_of_two_issues(lang: str, a: str, b: str, days: str) -> None:
    assert f"headlines of {days}".casefold() in [one.casefold() for one in told(lang, a, b, ("", ""))]


def test_what_stands_on_in_other_headlines_of_one_day_is_no_conflict() -> None:
    assert told("en", "Crossword answers for Monday", "The quiz of Monday and Tuesday", ("", "")) == ()


FLOOD = "The river rose by two metres in the night, said firemen of Merrow county, who brought 40 people to a school."
RIVER = "Firemen of the county of Merrow brought 40 people out of houses when the river came over its banks by night."


def test_places_behind_one_preposition_which_the_other_article_does_not_know_are_two() -> None:
    texts = (FLOOD + " In Lusen stand es.", RIVER + " In Bad Kelmouth stand es.")
    found = told("de", "Hochwasser in Lusen trifft Dutzende", "Dutzende fliehen vor Wasser in Bad Kelmouth", texts)
    assert "headlines of Lusen / Bad Kelmouth" in found


@pytest.mark.parametrize(
    ("a", "b"),
    [
        # The other article has the place below its headline.
        ("Flood in Merrow drives dozens out", "Dozens fled from the water in Kelmouth"),
        # A place and what is none.
        ("Flood in Lusen drives dozens out", "Dozens fled from the water on Monday"),
        # A place in the country of the other one, which both name.
        ("Flood in Lusen in Merrow drives dozens out", "Dozens fled from the water in Merrow"),
        ("Flood in Lusen drives dozens out", "Dozens fled from the water on YouTube"),
    ],
)
def test_a_place_that_is_known_or_none_parts_nothing(a: str, b: str) -> None:
    assert not any(one.startswith("headlines of") for one in told("en", a, b, (FLOOD, RIVER)))


def test_without_a_text_a_place_counts_under_one_template_alone() -> None:
    assert "headlines of Lusen / Kelmouth" in told(
        "en", "Fire in Lusen kills two", "Fire in Kelmouth kills two", ("", "")
    )
    assert not told("en", "Head of Orsina held in Lusen", "Police in Merrow took Orsina boss", ("", ""))


def test_a_name_of_two_words_may_stand_in_the_place_of_one() -> None:
    found = told("pt", "Lucro do Costa Marim sobe 8% no trimestre", "Lucro do Lunave sobe 8% no trimestre", ("", ""))
    assert "same headline but Costa Marim / Lunave" in found
