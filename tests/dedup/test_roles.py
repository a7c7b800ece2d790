"""Who acts on whom: two headlines that name the same two, each of them first in one."""

from __future__ import annotations

import pytest

from dedup.evidence import compare
from dedup.profile import profile
from dedup.sides import Side


def conflicts(a: Side, b: Side) -> tuple[str, ...]:
    found = compare(a, b, cosine=None, scaled_cosine=None).conflicts
    assert found == compare(b, a, cosine=None, scaled_cosine=None).conflicts
    return found


def side(title: str, text: str = "", lang: str = "en") -> Side:
    return Side(title, profile(title, text), lang, "", None)


def test_two_that_act_on_each_other_in_other_words_are_two_events() -> None:
    a = side("Corbin Dairy takes over Tidewell", "The dairy group pays 90 million crowns for the port operator.")
    b = side("Tidewell drags Corbin Dairy to court", "The port operator claims 90 million crowns for a lost cargo.")
    assert conflicts(a, b) == ("other roles in the headlines: Corbin … Tidewell / Tidewell … Corbin",)


def test_across_languages_the_order_of_the_names_says_who_acts() -> None:
    a = side("Lusen hands a protest note to Kelmouth")
    b = side("Келмут отозвал посла из Лусена", lang="ru")
    assert conflicts(a, b) == ("other roles in the headlines: Lusen … Kelmouth / Келмут … Лусена",)
    same = side("Лусен вручил Келмуту ноту протеста", lang="ru")
    assert conflicts(a, same) == ()


def test_across_languages_a_meeting_has_no_first_name() -> None:
    assert conflicts(side("Varga meets Holm over the dues"), side("Хольм обсудил с Варгой пошлины", lang="ru")) == ()


def test_the_order_of_names_says_nothing_in_a_language_whose_verbs_are_not_known() -> None:
    a = side("Lusen hands a protest note to Kelmouth")
    b = side("Kelmouth, Lusen'den protesto notası aldı", lang="tr")
    assert not any("roles" in one for one in conflicts(a, b))


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("Corbin takes over Tidewell", "Tidewell is taken over by Corbin"),
        ("«Сокол» разгромил «Буран»", "«Буран» уступил «Соколу» дома"),
        ("Corbin calls off merger with Tidewell", "Tidewell and Corbin part before the wedding"),
        ("Corbin hires Halvard", "Halvard to be hired to head Corbin"),
        ("Harbour head sues Tidewell", "Tidewell sued over the harbour head's pay"),
        ("Corbin names Halvard", "Halvard: Corbin"),
        ("Varga meets Holm over the dues", "Holm receives Varga in Lusen"),
        ("Варга встретился с Хольмом", "Хольм принял Варгу в Лусене"),
    ],
)
def test_one_event_seen_from_either_side_is_no_conflict(a: str, b: str) -> None:
    assert not any("roles" in one for one in conflicts(side(a), side(b)))


def test_an_act_that_the_other_article_knows_of_is_no_conflict() -> None:
    text = "Halvard, who signed on Friday, comes from Tidewell."
    a, b = side("Corbin signs Halvard as its head", text), side("Halvard moves to Corbin", text)
    assert not any("roles" in one for one in conflicts(a, b))


def test_copies_under_two_headlines_are_one_text() -> None:
    text = """The dairy group said on Friday that it would pay 90 million crowns for the port operator and its quays,
    whose cranes date from before the flood. Half of the sum falls due at once, the rest when the harbour board agrees,
    which it is expected to do before the herring season opens; none of the 240 dockers is to lose his place."""
    a, b = side("Corbin takes over Tidewell", text), side("Tidewell gets an owner in Corbin", text)
    assert not any("roles" in one for one in conflicts(a, b))


def test_what_falls_after_another_has_spoken_does_nothing_to_him() -> None:
    a = side("Veyra falls after Ostrander speaks")
    b = side("Острандер обвалил Вейру", lang="ru")
    assert not any("roles" in one for one in conflicts(a, b))
    assert any("roles" in one for one in conflicts(side("Veyra sues Ostrander"), b))


TEXT = "Об этом в четверг сообщило агентство, подробностей пока нет. {}"


@pytest.mark.parametrize(
    ("a", "b", "turned"),
    [
        ("Певица Лидия Варгина заразилась Лусеном", "Лусеном заразилась известная певица Лидия Варгина", False),
        ("Арденов продлил контракт с «Соколом»", "«Сокол» продлил контракт с Арденовым", False),
        ("Умер актёр Арденов из «Бурана»", "Звезда «Бурана» актёр Арденов умер", False),
        ("«Сокол» обыграл «Буран» в гостях", "«Буран» обыграл «Сокол» в гостях", True),
    ],
)
def test_russian_shows_by_its_cases_and_verbs_who_acts(a: str, b: str, turned: bool) -> None:
    one, other = side(a, TEXT.format(a), "ru"), side(b, TEXT.format("Подтвердили это и сами участники."), "ru")
    assert ("roles reversed in the headline" in conflicts(one, other)) is turned


def test_who_reaches_a_deal_with_whom_has_no_first_name() -> None:
    text = "The two sides told reporters of it on Friday evening, and gave no further details. {}"
    a = side("Redcliffe reach deal with Stanmore", text.format("Redcliffe pay nothing to Stanmore."))
    b = side("Stanmore reach deal with Redcliffe", text.format("It is for one year."))
    assert not any("roles" in one for one in conflicts(a, b))


@pytest.mark.parametrize(
    ("a", "b", "turned"),
    [
        ("Varga beats Holm to reach Delmont final", "Holm beats Varga in opening match of Harbour Cup", True),
        ("Varga beats Holm to reach Delmont final", "Varga beats champion Holm in two sets at Delmont", False),
        ("Varga meets Holm over the harbour dues", "Holm meets Varga for a second day of talks in Lusen", False),
        ("Гроссмейстер Варгин обыграл Хольмова", "Хольмов обыграл гроссмейстера Варгина в следующей партии", True),
        ("Арденов покинул «Сокол» со слезами", "Летом «Сокол» покинул вратарь Арденов, игрок сборной", False),
    ],
)
def test_one_verb_between_two_names_that_change_places_is_two_events(a: str, b: str, turned: bool) -> None:
    english = a.isascii()
    told = "It was said in Lusen that Varga and Holm {}." if english else "Писали, что Варгин, Хольмов и Арденов {}."
    ends = ("had slept well", "would not talk to reporters") if english else ("спали хорошо", "говорить отказались")
    one, other = (
        side(title, told.format(end) + title, "en" if english else "ru")
        for title, end in zip((a, b), ends, strict=True)
    )
    assert ("roles reversed in the headline" in conflicts(one, other)) is turned


@pytest.mark.parametrize(
    ("a", "b", "lang", "turned"),
    [
        ("Customer bites waiter in Lusen", "In Lusen a waiter bites the customer", "en", True),
        ("Orso insegue un cacciatore a Lusen", "Lusen, cacciatore insegue un orso: denunciato", "it", True),
        ("Пассажир избил таксиста из-за окна", "Из-за музыки таксист избил пассажира", "ru", True),
        # Another word between them, and one case in both: nobody has changed places.
        ("Customer bites angry waiter in Lusen", "In Lusen a waiter bites the customer", "en", False),
        ("Таксиста избил пассажир из-за окна", "Пассажир избил таксиста из-за окна", "ru", False),
        ("Customer bites waiter in Lusen", "In Lusen a waiter was bitten by the customer", "en", False),
    ],
)
def test_two_words_right_beside_one_verb_that_change_places_are_two_events(
    a: str, b: str, lang: str, turned: bool
) -> None:
    assert ("roles reversed in the headline" in conflicts(side(a, lang=lang), side(b, lang=lang))) is turned


def test_headlines_alone_are_read_by_the_order_of_names_in_english_and_by_their_cases_in_russian() -> None:
    reversed_ = ("roles reversed in the headline",)
    assert (
        conflicts(side("Lusen sends a spy back to Kelmouth"), side("Kelmouth sends a spy back to Lusen")) == reversed_
    )
    one, other = side("Лусен выдал Келмуту беглеца", lang="ru"), side("Келмут выдал Лусену беглеца", lang="ru")
    assert conflicts(one, other) == reversed_
    told = side("В Лусене при взлёте разбился вертолёт Келмута", lang="ru")
    again = side("Вертолёт Келмута разбился при взлёте в Лусене", lang="ru")
    assert conflicts(told, again) == ()
