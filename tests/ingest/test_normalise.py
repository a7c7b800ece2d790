"""What fingerprints compare."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dedup_ingest import normalise


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("The “Fed” didn’t raise rates…", 'the "Fed" didn\'t raise rates...'),
        ("Rates — up, he said", "Rates – up; he said"),
        ("MOSCOW–LONDON", "Moscow-London"),
        ("soft\u00adhyphen and zero\u200bwidth", "softhyphen and zerowidth"),
        ("non\u00a0breaking  space\n", "non breaking space"),
        ("Ｆｕｌｌ ｗｉｄｔｈ ５％", "full width 5%"),
        ("ﬁnance", "finance"),
        ("Straße", "STRASSE"),
        ("cafe\u0301", "café"),
        ("«Ёлка» на площади", "„ёлка“ на площади"),
        ("5 %", "5%"),
        ("-$5", "$-5"),
        ("−5", "-5"),
        (".5", "0.5"),
        ("Headline | Outlet", "Headline Outlet"),
    ],
)
def test_two_typesettings_of_the_same_words_are_equal(one: str, other: str) -> None:
    assert normalise(one) == normalise(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Magma lowers copper price 0.25 cent", "Magma lowers copper price 0.50 cent"),
        ("Profit of 5 percent", "Profit of -5 percent"),
        ("Profit of 5%", "Profit of 5"),
        ("Fined $5", "Fined €5"),
        ("Paid $5", "Paid $-5"),
        ("Vote ends 52:48", "Vote ends 52 48"),
        ("1,000 people", "1 000 people"),
        ("1.000", "1,000"),
        ("3½ years", "31/2 years"),
        ("10⁵ cells", "105 cells"),
        ("C++ released", "C released"),
        ("5 > 3", "5 < 3"),
        ("it isn't over", "it is over"),
        ("rain .5 mm", "rain 5 mm"),
        ("Minister resigns?", "Minister resigns"),
        ("won 🏆", "won"),
        ("4.5 points", "45 points"),
    ],
)
def test_what_means_something_else_stays_different(one: str, other: str) -> None:
    assert normalise(one) != normalise(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("The Fed did not raise interest rates", "The Fed did raise interest rates"),
        ("The Fed didn’t raise rates", "The Fed did raise rates"),
        ("Суд не признал вину", "Суд признал вину"),
        ("Party votes against the bill", "Party votes for the bill"),
    ],
)
def test_case_54_titles_of_opposite_meaning_are_not_identical(one: str, other: str) -> None:
    assert normalise(one) != normalise(other)


_TRICKY = st.text(st.sampled_from("-−–—.,:/'’`$€ %0123abéкЙß½⁵²^?!|\u200b\u0301\u0338=<´\u00a0;€+\ud800İ"))


@settings(max_examples=1000)
@given(st.one_of(st.text(), _TRICKY))
@example("a\u200d\u0301")
@example("--5 -.5 '-5 $-5 -$5")
@example("ΐ ŉ ǰ ẞ İ")
def test_normalising_twice_changes_nothing(text: str) -> None:
    once = normalise(text)
    assert normalise(once) == once
    once.encode("utf-8")


@given(st.text(), st.text())
def test_white_space_around_and_between_does_not_count(one: str, other: str) -> None:
    assert normalise(f"  {one}\n") == normalise(one)
    assert normalise(f"{one} {other}") == normalise(f"{one}\t \n{other}")


@given(
    st.decimals(allow_nan=False, allow_infinity=False, places=2),
    st.decimals(allow_nan=False, allow_infinity=False, places=2),
)
def test_two_numbers_in_one_sentence_are_one_text_only_when_they_are_written_alike(one: object, other: object) -> None:
    texts = {normalise(f"Shares moved {number} percent") for number in (one, other)}
    assert len(texts) == len({str(one), str(other)})
