"""What is said of two articles, and what counts as a conflict of facts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from dedup.evidence import Evidence, compare
from dedup.profile import profile
from dedup.sides import Side

NOON = datetime(2026, 3, 12, 12, tzinfo=UTC)
FILLER = "The announcement came late in the evening and officials gave no further details about what happens next."


TALK = "О причинах в министерстве говорить отказались, подробности обещают сообщить позже."


def side(title: str, text: str = "", lang: str = "en", source: str = "Wire", at: datetime | None = NOON) -> Side:
    return Side(title, profile(title, text), lang, source, at)


def evidence(a: Side, b: Side) -> Evidence:
    return compare(a, b, cosine=0.9, scaled_cosine=1.0)


@pytest.mark.parametrize(
    ("one", "other", "says"),
    [
        ("Bank of Lagodia raises rate to 6.25%", "Bank of Lagodia raises rate to 6.5%", "6.25% / 6.5%"),
        ("Copper fixed at 9,412 euros in Lusen", "Copper fixed at 9,437 euros in Lusen", "9412 / 9437"),
        ("Draw 512 of the Clover lottery held", "Draw 513 of the Clover lottery held", "512 / 513"),
        ("Prices in Norland rise 0.3% in April", "Prices in Norland rise 0.3% in May", "4 / 5"),
        ("Court upholds ban on Eastleigh flights", "Court does not uphold ban on Eastleigh flights", "negated"),
        ("Цены в Норландии выросли на 2,1% в июле", "Цены в Норландии выросли на 2,1% в августе", "7 / 8"),
        ("Суд оставил Иванова под стражей", "Суд не оставил Иванова под стражей", "negated"),
    ],
)
def test_a_headline_template_with_one_other_fact_is_a_conflict(one: str, other: str, says: str) -> None:
    found = evidence(side(one), side(other))
    assert any(says in conflict for conflict in found.conflicts), found.conflicts


def test_the_same_headline_about_another_place_is_a_conflict() -> None:
    a = side("Fire destroys warehouse in Brenholt", f"A fire destroyed a warehouse in Brenholt. {FILLER}")
    b = side("Fire destroys warehouse in Dunmarrow", f"A fire destroyed a warehouse in Dunmarrow. {FILLER}")
    assert evidence(a, b).conflicts


def test_reversed_roles_are_a_conflict_and_the_passive_is_not() -> None:
    text = f"The match between Stanmore and Redcliffe ended in the evening. {FILLER}"
    won, lost = (
        side("Stanmore beat Redcliffe in league", text),
        side("Redcliffe beat Stanmore in league", text + " It rained."),
    )
    passive = side("Redcliffe beaten by Stanmore in league", text)
    assert any("roles" in conflict for conflict in evidence(won, lost).conflicts) or evidence(won, lost).jaccard >= 0.7
    assert not any("roles" in conflict for conflict in evidence(won, passive).conflicts)


def test_roles_that_change_sides_in_russian_are_a_conflict() -> None:
    a = side(
        "Лагодия выслала дипломатов Нордалии",
        "Решение Лагодии объявили в четверг, Нордалия обещала ответ. " + TALK,
        "ru",
    )
    b = side(
        "Нордалия выслала дипломатов Лагодии", "Нордалия ответила на шаг соседей: Лагодия ждёт новых мер. " + TALK, "ru"
    )
    assert "roles reversed in the headline" in evidence(a, b).conflicts


def test_a_word_behind_one_preposition_in_both_headlines_changes_no_roles() -> None:
    one = side("В Норландии арестован Артём Лусин, сын губернатора", f"Его задержали в аэропорту. {TALK}", "ru")
    other = side("Сын губернатора Артём Лусин арестован в Норландии", f"Задержание подтвердил адвокат. {TALK}", "ru")
    assert evidence(one, other).conflicts == ()


def test_a_copied_text_under_a_headline_in_other_words_is_no_conflict() -> None:
    body = "Учёные Лусена нашли ещё одну причину болезни и рассказали о ней в журнале. " * 4
    one = side("Выявлена причина болезни", body, "ru")
    other = side("Раскрыта причина болезни", body + "Подробности позже.", "ru")
    assert evidence(one, other).conflicts == ()
    named = side("Лусен раскрыл причину болезни", body.replace("Учёные Лусена", "Учёные в Лусен"), "ru")
    assert evidence(one, named).conflicts == ()


def test_a_rising_toll_is_no_conflict() -> None:
    a = side("Ferry fire off Kelmouth kills 3 people", f"Three people died off Kelmouth. {FILLER}")
    b = side("Ferry fire off Kelmouth kills 5 people", f"The toll off Kelmouth rose from three to five. {FILLER}")
    assert evidence(a, b).conflicts == ()


def test_a_rounded_number_is_no_conflict() -> None:
    a = side("Strike at Veyra plant involves 1,204 workers")
    b = side("Strike at Veyra plant involves about 1,200 workers")
    assert evidence(a, b).conflicts == ()


def test_no_common_name_is_a_conflict_when_both_have_names() -> None:
    a = side("A court closed the case", f"A judge in Eastleigh closed the case. {FILLER}")
    b = side("Judge ends long trial", f"The trial in Marsh End is over. {FILLER}")
    assert "no name in common" in evidence(a, b).conflicts


def test_the_same_fact_in_two_languages_is_shared_not_conflicting() -> None:
    a = side("Bank of Ardesia lifts key rate to 6.25%", "The Bank of Ardesia lifted its rate to 6.25%.")
    b = side("Банк Ардезии повысил ставку до 6,25%", "Банк Ардезии повысил ключевую ставку до 6,25%.", "ru")
    found = evidence(a, b)
    assert found.translation
    assert found.conflicts == ()
    assert "6.25%" in found.shared_numbers
    assert found.shared_names
    assert found.heading_support is None


def test_a_month_and_the_number_in_a_name_are_no_numbers_that_two_articles_share() -> None:
    a = side("Covid-19 and the liver", f"What the virus of Covid-19 does in the body, a study of May asks. {FILLER}")
    b = side("Covid-19 in bathing water", f"Can one swim in May 2026 while Covid-19 is about? {FILLER}")
    assert evidence(a, b).number_support is None
    both = [side(one.title, f"{one.title}, 64 people were asked on 3 May. {FILLER}") for one in (a, b)]
    assert evidence(*both).number_support == 1.0
    other = side("Covid-19", f"In Covid-19 wards 80 beds are free since 3 May. {FILLER}")
    assert evidence(both[0], other).number_support == 0


def test_numbers_in_two_names_are_set_against_each_other() -> None:
    found = evidence(side("Tu-154 lands without fuel in Alto"), side("Tu-134 lands without fuel in Alto"))
    assert "same headline but 154 / 134" in found.conflicts
    assert evidence(side("Covid-19 ward shut in Alto"), side("Ward of 30 beds shut in Alto")).conflicts == ()


def test_evidence_is_the_same_from_both_sides_but_for_the_order_of_words() -> None:
    a = side("Bank of Lagodia raises rate to 6.25%", f"The rate in Lagodia goes to 6.25%. {FILLER}")
    b = side("Lagodia: rate now 6.5%", f"The Bank of Lagodia went to 6.5%. {FILLER}", at=NOON + timedelta(hours=5))
    there, back = evidence(a, b), evidence(b, a)
    for name in (
        "jaccard",
        "containment",
        "title_overlap",
        "heading_support",
        "name_support",
        "number_support",
        "hours_apart",
    ):
        assert getattr(there, name) == pytest.approx(getattr(back, name)), name
    assert there.hours_apart == 5
    assert bool(there.conflicts) == bool(back.conflicts)


def test_a_missing_time_and_a_missing_text_are_not_held_against_an_article() -> None:
    found = evidence(side("bank raises rate", at=None), side("bank raises its rate"))
    assert found.hours_apart is None
    assert found.name_support is None
    assert found.conflicts == ()


def test_a_script_without_capitals_shows_no_names_that_could_differ() -> None:
    a = side("Quake in Kelmouth", f"A quake shook Kelmouth and Lusen on Thursday. {FILLER}")
    b = side("凯尔茅斯发生地震", "周四，凯尔茅斯和卢森发生地震。据 Wire 报道，无人受伤。", "zh")
    assert "no name in common" not in evidence(a, b).conflicts
    latin = side("Erdbeben in Veyra", "In Veyra und Norland hat am Donnerstag die Erde gebebt.", "de")
    assert "no name in common" in evidence(a, latin).conflicts


SHARES = "Shares of Veyra fell {} on Friday after its founder wrote that they were too dear, and the firm lost {}."


def test_hard_numbers_that_differ_beside_one_that_agrees_part_no_two_headlines_in_their_own_words() -> None:
    a = side("Founder calls Veyra shares too dear", SHARES.format("12%", "14 billion crowns"))
    b = side("Veyra tumbles after late-night post", SHARES.format("10%", "14 billion crowns"))
    assert not any("number" in conflict for conflict in evidence(a, b).conflicts)
    other = side("Veyra tumbles after late-night post", SHARES.format("10%", "9 billion crowns"))
    assert "number 12% / 10%" in evidence(a, other).conflicts


def test_hard_numbers_that_differ_under_one_headline_are_two_days_of_a_market() -> None:
    told = "The Kirchau index of 40 shares closed {} higher on {}. " + FILLER
    a = side("Kirchau shares close higher", told.format("0.8%", "Tuesday"))
    b = side("Kirchau shares close higher", told.format("1.4%", "Wednesday"))
    assert "number 0.8% / 1.4%" in evidence(a, b).conflicts


def test_the_numbers_of_a_first_line_that_is_no_headline_are_not_the_news() -> None:
    a = side(
        "Ostrander scored 23 on Thursday night to break the scoring record of Lusen and to help the team, the first of "
        "the league for a month by now, remain unbeaten at home",
        FILLER,
    )
    b = side("Ostrander breaks 30-year-old scoring record of Lusen", FILLER + " Lusen won.")
    assert not any(conflict.startswith("headline ") for conflict in evidence(a, b).conflicts)
    short = side("Ostrander scores 23 for Lusen, a record", FILLER + " Ostrander scored for Lusen.")
    assert "headline 23 / 30" in evidence(short, b).conflicts


def test_an_amount_in_a_headline_has_the_currency_that_its_text_gives() -> None:
    a = side("Lusen gets £75m bid for Ostrander", f"A bid of 75 million pounds came from Kelmouth. {FILLER}")
    b = side("85-million offer for Ostrander of Lusen", f"The offer is one of 85 million euros, all told. {FILLER}")
    assert evidence(a, b).conflicts == ()
    c = side("85-million offer for Ostrander of Lusen", f"It is of 85 million euros, not 85 million dollars. {FILLER}")
    assert "headline 75000000 / 85000000" in evidence(a, c).conflicts


def test_a_short_name_of_an_institution_is_one_name_in_two_languages() -> None:
    a = side("IMF lends to Ardesia", "The IMF said on Friday that it would lend 643 million crowns.")
    b = side("МВФ даст денег", "Кредит в 643 миллиона крон одобрил МВФ. " + TALK, "ru")
    assert "no name in common" not in evidence(a, b).conflicts
    assert "IMF" in evidence(a, b).shared_names
    c = side("WHO warns of fever", "The WHO warned of fever.")
    d = side("ВОЗ предупредила о лихорадке", "О лихорадке предупредила ВОЗ.", "ru")
    assert "WHO" in evidence(c, d).shared_names
