"""What becomes of a text with more tokens than the model takes: cut, cut at a sentence, or read in windows.

The policies work on whole texts: each gives the substrings that are encoded in place of a text, chosen by the offsets
of the artifact's own tokens, so that every substring fits. Prefix and special tokens are counted.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

Policy = Literal["truncate", "lead", "windows"]
Span = tuple[int, int]

#: A sentence may end behind these, behind a closing quote or bracket, or at the end of a line.
_SENTENCE_END = re.compile(r"""[.!?…।።。！？]+["'»”’)\]]*(?=\s)|\n""")


@dataclass(frozen=True, slots=True)
class LongTexts:
    """Which part of a text longer than the model's max_tokens is encoded. Shorter texts are the same under all three.

    truncate: the first max_tokens tokens, even if a word or a sentence breaks off there.
    lead: the first whole sentences that fit; where these fill less than half of the room (one endless sentence), the
        first whole words; where not even one word fits, as truncate.
    windows: windows of max_tokens, evenly spaced over the text and beginning and ending at words where they can; the
        embedding is the mean of the windows' unit vectors, brought back to length 1. Neighbours share at least
        `overlap_tokens`; what lies behind `max_windows` of them is not read.

    Two policies give two embeddings of one long text: never compare them with one another (`Encoder.fingerprint`).
    """

    policy: Policy = "truncate"
    overlap_tokens: int = 32
    max_windows: int = 8

    def __post_init__(self) -> None:
        if self.policy not in get_args(Policy):
            raise ValueError(f"long_texts must be one of {', '.join(get_args(Policy))}, not {self.policy!r}")
        if self.overlap_tokens < 0 or self.max_windows < 1:
            raise ValueError("overlap_tokens must not be negative and max_windows must be positive")

    @property
    def name(self) -> str:
        """Stable name, part of what identifies the embeddings."""
        return f"windows{self.max_windows}-{self.overlap_tokens}" if self.policy == "windows" else self.policy

    def parts(self, text: str, tokens: Sequence[Span], room: int) -> list[str]:
        """The substrings to encode: one, or several windows.

        tokens: begin and end in `text` of each of its tokens. room: how many of them the model takes.
        """
        if len(tokens) <= room or self.policy == "truncate":
            return [text]
        if self.policy == "lead":
            return [lead(text, tokens, room)]
        return [text[begin:end] for begin, end in windows(text, tokens, room, self.overlap_tokens, self.max_windows)]


def lead(text: str, tokens: Sequence[Span], room: int) -> str:
    """The first whole sentences of a text that has more than `room` tokens; see LongTexts."""
    end = tokens[room - 1][1]
    half = tokens[max(0, (room + 1) // 2 - 1)][1]
    sentence = 0
    for found in _SENTENCE_END.finditer(text, half, min(len(text), end + 1)):
        following = text[found.end() :].lstrip()[:1]
        if found.end() <= end and not following.islower():  # "4 p.m. on Thursday" goes on
            sentence = found.end()
    if sentence:
        return text[:sentence].rstrip()
    if text[end : end + 1].isspace():
        return text[:end]
    words = re.match(r"(.*\S)\s", text[:end], re.DOTALL)
    return words[1] if words else text[:end]


def windows(text: str, tokens: Sequence[Span], room: int, overlap: int, most: int) -> list[Span]:
    """Begin and end of at most `most` windows of at most `room` tokens each; together they leave no token out.

    overlap: tokens that neighbours share at least (at most half of `room` is used), except that both may give up
    a broken word at their edges.
    """
    overlap = min(overlap, room // 2)
    count = min(len(tokens), room + (most - 1) * (room - overlap))
    number = max(1, -(-(count - overlap) // (room - overlap)))
    slide = min(overlap, (room - 1) // 2)  # more, and a window's two edges could pass one another
    starts = [round(i * (count - room) / max(1, number - 1)) for i in range(number)]
    words = [i for i in range(count + 1) if i == len(tokens) or _begins_word(text, tokens, i)]
    spans = []
    for i, start in enumerate(starts):
        stop = start + room
        first = next((word for word in words if start <= word <= start + slide), start) if i else 0
        last = next((word for word in reversed(words) if stop - slide <= word <= stop), stop)
        last = last if stop < len(tokens) else stop
        spans.append((tokens[first][0], tokens[last - 1][1]))
    return spans


def _begins_word(text: str, tokens: Sequence[Span], i: int) -> bool:
    begin, end = tokens[i]
    # Some tokenizers count the space before a word as part of its first token, others leave it between two tokens.
    return i == 0 or text[begin:end][:1].isspace() or text[tokens[i - 1][1] : begin][-1:].isspace()


def joined(vectors: NDArray[np.float32], counts: Sequence[int]) -> NDArray[np.float32]:
    """Unit means of consecutive rows: the first `counts[0]` rows become row 0, and so on."""
    ends = np.concatenate([[0], np.cumsum(counts)])
    rows = np.empty((len(counts), vectors.shape[1]), np.float32)
    for row, (begin, end) in enumerate(pairwise(ends)):
        mean = vectors[begin:end].mean(axis=0)
        length = float(np.linalg.norm(mean))
        # Windows that cancel each other out have no mean direction; the first one speaks for the text then.
        rows[row] = mean / length if end - begin > 1 and length > 1e-6 else vectors[begin]
    return rows
