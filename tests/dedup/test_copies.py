"""Near copies by MinHash: estimates near the truth, and an index that forgets what it is told to forget."""

from __future__ import annotations

import random

import numpy as np
import pytest
from newsroom import FILLERS, article, hashing_service
from sqlalchemy import select

from dedup.copies import PERMUTATIONS, CopyIndex, estimate, signature
from dedup.profile import jaccard
from dedup.store import ArticleRow, EmbeddingRow


def shingle_sets(similarity: float, seed: int, size: int = 300) -> tuple[frozenset[str], frozenset[str]]:
    """Two sets of `size` with about this Jaccard similarity."""
    shared = round(2 * size * similarity / (1 + similarity))
    rng = random.Random(seed)
    pool = [f"{rng.random()} shingle" for _ in range(2 * size)]
    return frozenset(pool[:size]), frozenset(pool[:shared] + pool[size : 2 * size - shared])


@pytest.mark.parametrize("similarity", [0.0, 0.2, 0.5, 0.8, 1.0])
def test_the_estimate_is_within_four_standard_errors_of_the_truth(similarity: float) -> None:
    for seed in range(20):
        a, b = shingle_sets(similarity, seed)
        known = np.frombuffer(signature(a), dtype="<u4")[None]
        error = abs(float(estimate(known, signature(b))[0]) - jaccard(a, b))
        assert error <= 4 * (0.25 / PERMUTATIONS) ** 0.5


def test_a_signature_depends_on_the_set_only_and_an_empty_one_is_empty() -> None:
    a, _ = shingle_sets(0.5, 1)
    assert signature(a) == signature(frozenset(sorted(a, reverse=True)))
    assert len(signature(a)) == 4 * PERMUTATIONS
    assert signature(frozenset()) == b""


def test_copies_above_the_limit_are_found_most_similar_first_and_strangers_are_not() -> None:
    index = CopyIndex()
    base, near = shingle_sets(0.9, 1)
    far = frozenset(sorted(base)[:200]) | frozenset(f"other {n}" for n in range(100))
    index.add(1, signature(base))
    index.add(2, signature(near))
    index.add(3, signature(far))
    for n in range(4, 200):
        index.add(n, signature(shingle_sets(0.0, n)[0]))
    assert index.candidates(signature(base), at_least=0.4) == (1, 2, 3)
    assert index.candidates(signature(base), at_least=0.8) == (1, 2)
    assert index.candidates(signature(frozenset({"nothing like it"})), at_least=0.1) == ()


def test_nine_in_ten_pairs_at_the_limit_are_found() -> None:
    found = 0
    for seed in range(200):
        a, b = shingle_sets(0.55, seed)
        index = CopyIndex()
        index.add(1, signature(a))
        found += bool(index.candidates(signature(b), at_least=0.4))
    assert found >= 180


def test_what_is_removed_or_replaced_is_forgotten() -> None:
    index = CopyIndex()
    a, _ = shingle_sets(0.5, 1)
    b, _ = shingle_sets(0.5, 2)
    index.add(1, signature(a))
    index.add(1, signature(b))
    assert index.candidates(signature(a), at_least=0.4) == ()
    assert index.candidates(signature(b), at_least=0.4) == (1,)
    index.remove([1, 99])
    assert len(index) == 0
    assert index.candidates(signature(b), at_least=0.0) == ()
    assert not index._bands, "nothing is left behind"


def test_texts_without_words_are_no_copies_of_each_other() -> None:
    index = CopyIndex()
    index.add(1, b"")
    assert len(index) == 0
    assert index.candidates(b"", at_least=0.0) == ()


@pytest.mark.parametrize("size", [1, 3])
def test_a_copy_of_what_was_itself_a_copy_is_encoded_in_batches_of_any_size(url: str, size: int) -> None:
    """It may be far from the first text, and so would be compared with nothing that is near to it."""
    chain = [
        article(f"a{place}", "Kelmouth", " ".join(FILLERS[place : place + 4]), source=f"Outlet {place}", hours=place)
        for place in range(3)
    ]
    with hashing_service(url, encode={"batch_articles": size}) as service:
        _, copy, last = service.add(chain)
        assert (copy.outcome, last.outcome) == ("joined", "joined")
        with service.store.reading() as session:
            encoded = session.scalars(
                select(ArticleRow.guid).join(EmbeddingRow, EmbeddingRow.article_id == ArticleRow.id)
            )
            assert set(encoded) == {"a0", "a2"}
