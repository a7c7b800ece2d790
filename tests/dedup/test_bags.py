"""Bags of words, and of names and numbers."""

from __future__ import annotations

import pytest

from dedup.profile import profile


def words(a: str, b: str) -> float | None:
    return profile(a, "").words.cosine(profile(b, "").words)


def names(a: str, b: str) -> float | None:
    return profile(a, "").names.cosine(profile(b, "").names)


def test_function_words_and_word_endings_make_no_difference() -> None:
    assert words("The strike of ferries", "strike and a ferries") == pytest.approx(1.0)
    assert words("забастовка паромщиков", "о забастовках паромщикам") == pytest.approx(1.0)
    assert words("The ferry is in the harbour", "The court was in the capital") == 0.0


def test_the_same_words_again_count_less_than_other_words() -> None:
    once, again, other = words("ferry strike", "ferry"), words("ferry ferry strike", "ferry"), words("court", "ferry")
    assert once is not None
    assert again is not None
    assert other == 0.0
    assert once < again < 2 * once


def test_names_agree_across_scripts_and_numbers_by_value() -> None:
    across = names("Мэр Харвика пообещал 1200 домов", "Mayor of Harwick promises 1,200 homes")
    assert across is not None
    assert across > 0.6
    assert names("The mayor promises 1,200 homes", "The mayor promises 900 homes") == 0.0


def test_a_text_without_spaces_between_words_is_compared_by_pairs_of_characters() -> None:
    shared = words("渡輪罷工結束", "渡輪罷工開始")
    assert shared is not None
    assert 0.4 < shared < 0.9


def test_nothing_can_be_said_of_an_empty_bag() -> None:
    assert words("", "ferry strike") is None
    assert names("nobody is named here", "Harwick") is None
