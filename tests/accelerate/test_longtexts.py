"""Texts with more tokens than the model takes: what of them is encoded under each policy."""

from __future__ import annotations

import re
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dedup_accelerate import Encoder, LongTexts, embedding_fingerprint
from dedup_accelerate._longtexts import joined, lead, windows


def words_of(text):
    """A tokenizer that makes a token of every word."""
    return [found.span() for found in re.finditer(r"\S+", text)]


STORY = (
    "The bank kept its rate at 4.5 p.c. on Monday. Markets had expected it! The governor spoke at noon "
    "and said that prices would fall by the end of the year although nobody in the room believed a word of it"
)


def test_the_lead_is_the_first_whole_sentences_that_fit():
    tokens = words_of(STORY)
    assert lead(STORY, tokens, 16) == "The bank kept its rate at 4.5 p.c. on Monday. Markets had expected it!"
    # One endless sentence: whole words instead, as the sentences fill less than half of the room.
    assert lead(STORY, tokens, 35) == " ".join(STORY.split()[:35])


def test_a_full_stop_inside_a_sentence_does_not_end_the_lead():
    text = "It opened at 4 p.m. on Thursday and closed again before the first guests had found the door"
    assert lead(text, words_of(text), 8) == "It opened at 4 p.m. on Thursday and"


def test_the_lead_never_breaks_a_word_unless_one_word_fills_the_room():
    text = "abcdefghij klmnop"
    pieces = [(0, 3), (3, 6), (6, 10), (10, 14), (14, 17)]
    assert lead(text, pieces, 4) == "abcdefghij"
    assert lead(text, pieces, 2) == "abcdef"


@given(
    lengths=st.lists(st.integers(1, 9), min_size=3, max_size=120),
    room=st.integers(1, 40),
    overlap=st.integers(0, 40),
    most=st.integers(1, 6),
)
def test_windows_fit_overlap_and_leave_nothing_out_up_to_their_number(lengths, room, overlap, most):
    text = " ".join("x" * length for length in lengths)
    # Two tokens a word where it is long enough, so that windows can fall inside words.
    tokens = []
    for begin, end in words_of(text):
        middle = begin + (end - begin) // 2
        tokens += [(begin, middle), (middle, end)] if middle > begin else [(begin, end)]
    if len(tokens) <= room:
        return
    spans = windows(text, tokens, room, overlap, most)
    assert 1 <= len(spans) <= most
    assert spans[0][0] == 0
    for begin, end in spans:
        assert 0 < sum(begin <= first and last <= end for first, last in tokens) <= room
    for (_, end), (begin, _) in pairwise(spans):
        assert not text[end:begin].strip(), "no token lies between two windows"
    if len(spans) < most:
        assert spans[-1][1] == len(text)


def test_a_text_is_the_mean_direction_of_its_windows():
    rows = np.array([[1, 0], [0, 1], [1, 0], [-1, 0], [0.6, 0.8]], np.float32)
    found = joined(rows, [2, 2, 1])
    assert found[0] == pytest.approx([0.5**0.5, 0.5**0.5])
    assert found[1] == pytest.approx([1, 0])  # the two windows cancel out: the first one speaks
    assert found[2] == pytest.approx([0.6, 0.8])


@pytest.mark.parametrize("arguments", [{"policy": "middle"}, {"overlap_tokens": -1}, {"max_windows": 0}])
def test_impossible_policies_are_refused(arguments):
    with pytest.raises(ValueError, match="must"):
        LongTexts(**arguments)


LONG = "Банк сохранил ставку. " * 20 + "fire fire fire rain rain rain."
SHORT = ("the bank kept its rate", "Банк сохранил ставку", "", "rain")


def encoders(plain):
    return {
        policy: Encoder(plain, threads=1, long_texts=LongTexts(policy)) for policy in ("truncate", "lead", "windows")
    }


def test_short_texts_have_one_embedding_under_every_policy_and_long_ones_do_not(plain):
    made = encoders(plain)
    expected = made["truncate"].encode(SHORT)
    for encoder in made.values():
        assert np.abs(encoder.encode([*SHORT, LONG])[: len(SHORT)] - expected).max() < 1e-5
    rows = [encoder.encode([LONG])[0] for encoder in made.values()]
    assert max(float(rows[i] @ rows[j]) for i, j in ((0, 1), (0, 2), (1, 2))) < 0.9999


def test_only_windows_read_the_end_of_a_long_text(plain):
    made = encoders(plain)
    other = LONG.replace("fire", "price")
    for policy, same in (("truncate", True), ("lead", True), ("windows", False)):
        one, two = made[policy].encode([LONG, other])
        assert bool(np.abs(one - two).max() < 1e-5) is same, policy


def test_the_lead_policy_encodes_the_whole_sentences_that_fit(plain):
    encoder = encoders(plain)["lead"]
    # A sentence has four tokens, the model takes 46 beside its two special ones.
    found = encoder.encode([LONG, ("Банк сохранил ставку. " * 11).strip()])
    assert float(found[0] @ found[1]) == pytest.approx(1, abs=1e-5)


def test_tokens_are_counted_as_they_are_read(plain):
    made = encoders(plain)
    most = plain.manifest.contract.max_tokens
    assert made["truncate"].count_tokens(["", LONG]) == [2, most]
    assert most / 2 < made["lead"].count_tokens([LONG])[0] <= most
    assert made["windows"].count_tokens([LONG])[0] > 2 * most
    assert made["windows"].count_tokens([]) == []


def test_each_policy_has_a_fingerprint_of_its_own_and_truncate_that_of_the_artifact(plain):
    made = encoders(plain)
    assert made["truncate"].fingerprint == plain.fingerprint
    assert len({encoder.fingerprint for encoder in made.values()}) == 3
    fewer = LongTexts("windows", max_windows=2)
    assert embedding_fingerprint(plain, fewer) != made["windows"].fingerprint
    assert all(len(encoder.fingerprint) == 64 for encoder in made.values())


@pytest.mark.parametrize("policy", ["lead", "windows"])
def test_odd_long_texts_have_finite_unit_vectors(plain, policy):
    odd = ["я" * 5000, "\0" * 5000, "😀" * 900, "\ud83d" * 900, " \n" * 3000 + "rain", "a." * 3000, "\n" * 9000]
    encoder = Encoder(plain, threads=1, long_texts=LongTexts(policy))
    vectors = encoder.encode(odd)
    assert np.isfinite(vectors).all()
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
