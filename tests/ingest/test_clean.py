"""Stop words go, meaning stays."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dedup_ingest import CLEANED_LANGUAGES, clean, make_article, normalise, stop_words


def test_the_words_that_the_default_list_of_gensim_drops_are_kept() -> None:
    kept = "not no never without against fire bill interest two twelve hundred"
    assert clean(kept, "en") == kept


_MEANING = {
    "en": "no nor not none nobody nothing neither never cannot without against off down under up one two ten first "
    "who us may will more less few many isn't didn't won't hundred million percent fire bill interest",
    "ru": "не ни нет никто никогда нельзя без против за более менее больше меньше один два три десять сто тысяча",
    "uk": "не ні ніхто ніколи немає без проти більше менше один два три десять сто тисяча",
    "de": "nicht kein keine nie niemals niemand nichts ohne gegen mehr weniger zwei drei zehn hundert unter",
    "fr": "ne pas non ni jamais rien aucun sans contre plus moins deux trois dix cent été sous sommes",
    "es": "no ni nunca nada nadie sin contra más menos uno dos tres diez cien bajo sí estado estados",
    "it": "non né mai nessuno niente senza contro più meno due tre dieci cento sotto sì stato stati",
    "pt": "não nem nunca nada ninguém sem contra mais menos dois três dez cem sob são sim",
    "pl": "nie ani nigdy nikt nic bez przeciw więcej mniej jeden dwa trzy dziesięć sto pod",
    "tr": "değil yok hiç asla hayır ne karşı daha iki üç on yüz altında olmayan",
}


@pytest.mark.parametrize("lang", CLEANED_LANGUAGES)
def test_no_list_holds_a_negation_a_number_or_a_word_of_content(lang: str) -> None:
    assert set(_MEANING[lang].split()) & stop_words(lang) == set()


@pytest.mark.parametrize("lang", CLEANED_LANGUAGES)
def test_every_word_of_a_list_stands_in_the_form_that_texts_have(lang: str) -> None:
    words = stop_words(lang)
    assert len(words) > 50
    assert {word for word in words if normalise(word) != word or " " in word} == set()


@pytest.mark.parametrize(
    ("lang", "text", "expected"),
    [
        ("en", "The Fed did NOT raise its rates", "fed not raise rates"),
        ("ru", "ФРС не повысила ставку на 5% в этом году", "фрс не повысила ставку 5 % году"),
        ("de", "Die Bank hat die Zinsen nicht erhöht", "bank zinsen nicht erhöht"),
        ("sw", "Benki Kuu haikupandisha riba!", "benki kuu haikupandisha riba"),
        ("en", "To be or", "to be or"),
        ("en", "", ""),
    ],
)
def test_function_words_go_in_any_case_and_other_languages_are_only_normalised(
    lang: str, text: str, expected: str
) -> None:
    assert clean(text, lang) == expected


def test_sentences_of_opposite_meaning_stay_different_after_cleaning() -> None:
    assert clean("The Fed did not raise interest rates", "en") != clean("The Fed did raise interest rates", "en")


def test_an_article_gives_its_cleaned_title_and_text() -> None:
    article = make_article(source="s", title="The bridge", text="It is open.", lang="en")
    assert article.cleaned == "bridge open"


@given(st.text(), st.sampled_from([*CLEANED_LANGUAGES, "sw", "und"]))
def test_cleaning_only_takes_words_out(text: str, lang: str) -> None:
    rest = iter(normalise(text).split())
    assert all(word in rest for word in clean(text, lang).split())
