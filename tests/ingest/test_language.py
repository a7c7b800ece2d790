"""Languages of news texts."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dedup_ingest import detect_language

SHARED = Path(__file__).resolve().parents[2] / ".." / "shared" / "data"

_NEWS = {
    "en": "The ferry between the two islands sails again after a week of storms, the harbour said on Monday.",
    "ru": "Паром между двумя островами снова ходит после недели штормов, сообщила в понедельник администрация порта.",
    "uk": "Пором між двома островами знову ходить після тижня штормів, повідомила в понеділок адміністрація порту.",
    "de": "Die Fähre zwischen den beiden Inseln verkehrt nach einer Woche Sturm wieder.",
    "fr": "Le ferry entre les deux îles circule à nouveau après une semaine de tempêtes.",
    "es": "El transbordador entre las dos islas vuelve a navegar tras una semana de temporales.",
    "it": "Il traghetto tra le due isole torna a navigare dopo una settimana di tempeste.",
    "pt": "A balsa entre as duas ilhas voltou a navegar após uma semana de tempestades.",
    "pl": "Prom między dwiema wyspami znów kursuje po tygodniu sztormów, poinformował w poniedziałek zarząd portu.",
    "tr": "İki ada arasındaki feribot, bir haftalık fırtınanın ardından yeniden sefere başladı.",
    "bg": "Фериботът между двата острова отново плава след седмица на бури, съобщи в понеделник пристанището.",
    "zh": "港务局周一表示，经过一周的暴风雨后，两岛之间的渡轮恢复通航。",
}


@pytest.mark.parametrize("lang", _NEWS)
def test_a_sentence_of_news_is_recognised(lang: str) -> None:
    assert detect_language(_NEWS[lang]) == lang


@pytest.mark.parametrize(
    ("text", "hint", "expected"),
    [
        ("", None, "und"),
        ("🏆 2:1", "de-AT", "de"),
        ("🏆 2:1", None, "und"),
        ("OK Boomer", "nl", "nl"),
        ("OK Boomer", None, "und"),
        ("Матч", None, "und"),
        ("Счёт матча", None, "ru"),
        ("Київ", None, "uk"),
        ("北京地震", None, "zh"),
        ("東京タワー", "en", "ja"),
        ("서울", None, "ko"),
        ("Short", "English", "und"),
        ("Short", "iw", "he"),
    ],
)
def test_a_short_text_goes_by_its_letters_and_then_by_what_the_feed_says(
    text: str, hint: str | None, expected: str
) -> None:
    assert detect_language(text, hint) == expected


@given(st.text(), st.one_of(st.none(), st.text(max_size=8)))
def test_every_text_gets_a_two_letter_code_or_und(text: str, hint: str | None) -> None:
    code = detect_language(text, hint)
    assert code == "und" or (len(code) == 2 and code.isalpha() and code.islower())


@pytest.mark.parametrize(
    ("text", "lang"),
    [
        ("Совет директоров сменил генерального управляющего порта", "ru"),
        ("Общината отвори новия път към пристанището на града", "bg"),
        ("Міська рада відкрила нову дорогу до порту", "uk"),
    ],
)
def test_a_title_in_cyrillic_is_told_from_its_neighbours(text: str, lang: str) -> None:
    assert detect_language(text) == lang


@pytest.mark.skipif(not SHARED.is_dir(), reason=f"the real articles are not at {SHARED}")
@pytest.mark.parametrize(("name", "of_titles"), [("ntrex_dev", None), ("tgnews_en", 0.975), ("tgnews_ru", 0.965)])
def test_the_languages_of_real_news_are_recognised(name: str, of_titles: float | None) -> None:
    with gzip.open(SHARED / f"{name}.jsonl.gz", "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file][:: 1 if of_titles is None else 5]
    assert len(rows) > 600
    right = sum(detect_language(f"{row['title'] or ''}\n{row['text']}") == row["lang"] for row in rows)
    assert right >= 0.998 * len(rows)
    if of_titles is not None:
        assert sum(detect_language(row["title"]) == row["lang"] for row in rows) >= of_titles * len(rows)
