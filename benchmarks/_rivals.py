"""What others use to find the same news, each as one score for any two texts; all are given the same texts."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dedup.corpora import Text

Floats = NDArray[np.float64]
Places = NDArray[np.int64]
Score = Callable[[Sequence[Text], NDArray[np.float32], Places], Floats]
"""Texts, the encoder's own vectors (n, d), pairs of places (m, 2): a score for each pair, higher is more alike."""

PERMUTATIONS = 128
SHINGLE_WORDS = 3
NAME = re.compile(r"(?<![\w])(?:[^\W\d_a-zа-яё]\w*|\d[\d.,]*)")


@dataclass(frozen=True, slots=True)
class Rival:
    name: str
    how: str
    score: Score


def plain(text: Text) -> str:
    return f"{text.title}\n{text.text}"


def _weighted(texts: Sequence[Text], places: Places, **options: object) -> Floats:
    from sklearn.feature_extraction.text import TfidfVectorizer

    try:
        table = TfidfVectorizer(sublinear_tf=True, **options).fit_transform([plain(text) for text in texts])
    except ValueError:  # no text has any of these tokens
        return np.zeros(len(places))
    return np.asarray(table[places[:, 0]].multiply(table[places[:, 1]]).sum(axis=1), dtype=np.float64).ravel()


def tfidf(texts: Sequence[Text], vectors: NDArray[np.float32], places: Places) -> Floats:
    return _weighted(texts, places, ngram_range=(1, 2))


def names_and_numbers(texts: Sequence[Text], vectors: NDArray[np.float32], places: Places) -> Floats:
    return _weighted(texts, places, tokenizer=NAME.findall, token_pattern=None, lowercase=False)


def minhash(texts: Sequence[Text], vectors: NDArray[np.float32], places: Places) -> Floats:
    """Estimated Jaccard; what locality-sensitive hashing does not bring together scores 0."""
    from datasketch import MinHash, MinHashLSH

    signed = []
    for text in texts:
        words = plain(text).lower().split()
        one = MinHash(num_perm=PERMUTATIONS)
        one.update_batch(
            [" ".join(words[n : n + SHINGLE_WORDS]).encode() for n in range(max(1, len(words) - SHINGLE_WORDS + 1))]
        )
        signed.append(one)
    index = MinHashLSH(threshold=0.1, num_perm=PERMUTATIONS)
    for number, one in enumerate(signed):
        index.insert(number, one)
    near = [set(index.query(one)) for one in signed]
    return np.array([signed[a].jaccard(signed[b]) if b in near[a] else 0.0 for a, b in places.tolist()])


def embedding(texts: Sequence[Text], vectors: NDArray[np.float32], places: Places) -> Floats:
    return np.einsum("ij,ij->i", vectors[places[:, 0]], vectors[places[:, 1]]).astype(np.float64)


def semhash_labels(vectors: NDArray[np.float32], threshold: float) -> list[int]:
    """SemHash's own grouping of n documents: each to the kept one that it is called a duplicate of."""
    from semhash import SemHash

    class Given:
        """Hands SemHash the vectors that everybody gets."""

        def encode(self, inputs: Sequence[str], **_: object) -> NDArray[np.float32]:
            return vectors[[int(one) for one in inputs]]

    found = SemHash.from_records([str(n) for n in range(len(vectors))], model=Given()).self_deduplicate(threshold)
    labels = list(range(len(vectors)))
    for one in found.filtered:
        labels[int(one.record)] = int(one.duplicate_of)
    return labels


RIVALS = (
    Rival("TF-IDF 1–2-grams", "cosine of sublinear TF-IDF over words and word pairs; average link", tfidf),
    Rival("TF-IDF names, numbers", "the same over capitalised words and numbers", names_and_numbers),
    Rival("MinHash-LSH", "datasketch, 128 permutations of 3-word shingles; average link", minhash),
    Rival("embedding", "cosine of e5-small int8, title and 60 words; average link", embedding),
)
