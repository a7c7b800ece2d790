"""Languages → writing systems → characters: what a trimmed vocabulary keeps."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from functools import lru_cache

LATIN = "LATIN"

#: ISO 639 code → first word of the Unicode names of its letters. Latin belongs to every language: names, links, units.
_LANGUAGES: dict[str, str] = {
    code: scripts
    for scripts, codes in (
        (
            "LATIN",
            "af az bs ca cs cy da de en eo es et eu fi fil fr ga gl gd ha hr hu id is it jv ku la lb lt lv mg ms mt nb "
            "nl nn no om pl pt qu rm ro sk sl so sq su sv sw tl tr uz vi xh yo zu",
        ),
        ("CYRILLIC", "ba be bg ce cv kk ky mk mn os ru sah sr tg tt uk"),
        ("GREEK", "el"),
        ("ARMENIAN", "hy"),
        ("GEORGIAN", "ka"),
        ("HEBREW", "he yi"),
        ("ARABIC", "ar ckb fa ps sd ug ur"),
        ("DEVANAGARI", "hi mr ne sa"),
        ("BENGALI", "as bn"),
        ("GURMUKHI", "pa"),
        ("GUJARATI", "gu"),
        ("ORIYA", "or"),
        ("TAMIL", "ta"),
        ("TELUGU", "te"),
        ("KANNADA", "kn"),
        ("MALAYALAM", "ml"),
        ("SINHALA", "si"),
        ("THAI", "th"),
        ("LAO", "lo"),
        ("TIBETAN", "bo"),
        ("MYANMAR", "my"),
        ("KHMER", "km"),
        ("ETHIOPIC", "am ti"),
        ("HANGUL CJK", "ko"),
        ("HIRAGANA KATAKANA CJK", "ja"),
        ("CJK", "zh"),
    )
    for code in codes.split()
}
SCRIPTS = frozenset(word for words in _LANGUAGES.values() for word in words.split())
_SPACING = ("FULLWIDTH ", "HALFWIDTH ")


def scripts_of(languages: Iterable[str]) -> tuple[str, ...]:
    """Sorted scripts whose vocabulary the languages need, Latin always among them; no languages: (), all of it.

    languages: ISO 639 codes, with or without a region ("en", "pt-BR"). Raises ValueError for one it does not know.
    """
    if isinstance(languages, str):
        raise TypeError(f"languages is a sequence of codes, not the one string {languages!r}")
    languages = tuple(languages)
    found = {LATIN} if languages else set()
    for language in languages:
        code = language.strip().lower().replace("_", "-").partition("-")[0]
        if code not in _LANGUAGES:
            raise ValueError(f"language {language!r} is not known here; known are {', '.join(sorted(_LANGUAGES))}")
        found.update(_LANGUAGES[code].split())
    return tuple(sorted(found))


@lru_cache(maxsize=1 << 16)
def script_of(character: str) -> str:
    """The script of a letter or mark, one of SCRIPTS; "" for everything shared: digits, signs, emoji, accents."""
    if unicodedata.category(character)[0] not in "LM":
        return ""
    name = unicodedata.name(character, "")
    for prefix in _SPACING:
        name = name.removeprefix(prefix)
    word = name.replace("-", " ").partition(" ")[0]
    return word if word in SCRIPTS else ""


def foreign_letters(text: str, scripts: frozenset[str]) -> int:
    """How many letters of scripts outside `scripts` the text holds."""
    return sum(1 for character in text if not character.isascii() and script_of(character) not in scripts | {""})
