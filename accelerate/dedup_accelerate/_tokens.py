"""Texts → token ids, with the odd cases defined."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ._errors import CheckpointInvalid

#: Characters read per allowed token. News averages 4–5; a text cut here has long passed its token limit, and the cut
#: keeps a 10 MB text from being tokenised for the sake of 256 tokens.
CHARACTERS_PER_TOKEN = 32


def valid_unicode(text: str) -> str:
    """The text with surrogate pairs joined and lone surrogates replaced by U+FFFD (no tokenizer accepts them)."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


class Tokens:
    """A tokenizer file with prefix and limit applied; safe under threads once made."""

    def __init__(self, path: Path, *, prefix: str, max_tokens: int) -> None:
        from tokenizers import Tokenizer

        self._tokenizer: Any = Tokenizer.from_file(str(path))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(max_tokens)
        self._prefix = prefix
        self.max_tokens = max_tokens
        self._characters = max_tokens * CHARACTERS_PER_TOKEN

    def __call__(self, texts: Sequence[str]) -> list[list[int]]:
        """Ids per text, special tokens included, so never an empty list."""
        prepared = [self._prefix + self.prepared(text) for text in texts]
        return [encoding.ids for encoding in self._tokenizer.encode_batch(prepared, add_special_tokens=True)]

    def prepared(self, text: str, most: int = 1) -> str:
        """The text as the tokenizer gets it, without the prefix; long enough for `most` times the token limit."""
        if not isinstance(text, str):
            raise TypeError(f"a text must be str, not {type(text).__name__}")
        # NUL separates nothing in prose; tokenizers differ in what they make of it, so it becomes a space.
        return valid_unicode(text[: self._characters * most]).replace("\0", " ")

    def spans(self, text: str) -> tuple[list[tuple[int, int]], int]:
        """Begin and end in a prepared text of each of its tokens, uncut; and how many of them an embedding takes."""
        encoding: Any = self._tokenizer.encode(self._prefix + text, add_special_tokens=True)
        skip, spans, taken = len(self._prefix), [], 0
        for number, part in enumerate([encoding, *encoding.overflowing]):
            for special, (begin, end) in zip(part.special_tokens_mask, part.offsets, strict=True):
                if not special and end > skip:
                    spans.append((max(begin - skip, 0), end - skip))
            if not number:
                taken = len(spans)
        return spans, taken


def tokenizer_json(folder: Path) -> bytes:
    """The folder's fast tokenizer without padding or truncation of its own; a WordPiece vocab.txt is converted."""
    from tokenizers import Tokenizer, normalizers

    from ._stack import read_json

    path, vocabulary = folder / "tokenizer.json", folder / "vocab.txt"
    if path.is_file():
        try:
            tokenizer: Any = Tokenizer.from_file(str(path))
        except Exception as error:  # tokenizers raises bare Exception
            raise CheckpointInvalid(f"{path} cannot be read: {error}. Fetch the checkpoint again.") from error
    elif vocabulary.is_file():
        from tokenizers import BertWordPieceTokenizer

        settings_path = folder / "tokenizer_config.json"
        settings = read_json(settings_path) if settings_path.is_file() else {}
        lowercase = bool(settings.get("do_lower_case", True))
        accents = settings.get("strip_accents")
        tokenizer = BertWordPieceTokenizer(
            str(vocabulary),
            lowercase=lowercase,
            strip_accents=accents,
            handle_chinese_chars=bool(settings.get("tokenize_chinese_chars", True)),
        )._tokenizer
    else:
        raise CheckpointInvalid(
            f"{folder} has neither tokenizer.json nor vocab.txt. Load it once with transformers and save it with "
            "tokenizer.save_pretrained() to get a tokenizer.json."
        )
    declared = folder / "sentence_bert_config.json"
    if declared.is_file() and read_json(declared).get("do_lower_case"):
        # sentence-transformers lowercases by itself here, whatever the tokenizer does.
        first = [tokenizer.normalizer] if tokenizer.normalizer is not None else []
        tokenizer.normalizer = normalizers.Sequence([normalizers.Lowercase(), *first])
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return str(tokenizer.to_str()).encode()
