"""Stop-word clean-up: gensim's `remove_stopwords` with our own list per language.

gensim's default list is English only and takes out `not no never without against` and even `fire bill interest two
twelve hundred`; with it "did not raise rates" and "did raise rates" are the same text. Our lists hold function words
only: no negation, no number, no word that news are made of. One word per line, in the form `normalise` gives.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from ._normalise import normalise

CLEANED_LANGUAGES = ("de", "en", "es", "fr", "it", "pl", "pt", "ru", "tr", "uk")


@cache
def stop_words(lang: str) -> frozenset[str]:
    """The stop words of a language (ISO 639-1), in the form `normalise` gives; empty for a language without a list."""
    if lang not in CLEANED_LANGUAGES:
        return frozenset()
    text = files(__package__).joinpath("stopwords", f"{lang}.txt").read_text(encoding="utf-8")
    return frozenset(text.split())


def clean(text: str, lang: str) -> str:
    """The normalised text without the stop words of `lang`.

    Only normalised when the language has no list, and when nothing else would be left. The first call for a language
    with a list imports gensim (about 1.5 s).
    """
    return clean_normalised(normalise(text), lang)


def clean_normalised(normalised: str, lang: str) -> str:
    """`clean` for a text that went through `normalise` already."""
    words = stop_words(lang)
    if not words:
        return normalised
    from gensim.parsing.preprocessing import remove_stopwords

    cleaned: str = remove_stopwords(normalised, stopwords=words)
    return cleaned or normalised
