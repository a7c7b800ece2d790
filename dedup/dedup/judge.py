"""The decision on one pair of articles, with everything that it rests on beside the two articles themselves.

How to use it (the service, the repair of stories and `dedup eval` all do):

    judge = Judge(scale, limits, default_verifier())
    vectors = judge.scale.project(encoder.encode(texts))      # the space's vectors, never the encoder's own
    decision = judge.decide(a, b, float(u @ v))               # a, b: `Side`; u, v: their two vectors

`decide` is pure, symmetric and needs no database: whoever has two sides and their cosine may ask. Where one never
reached the encoder the cosine is `None`. `Side.fingerprint` is that of the article's text: two sides whose fingerprints
are equal, and not empty, are one text.
"""

from __future__ import annotations

from dataclasses import dataclass

from dedup.evidence import Side, compare, crosses
from dedup.space import Scale
from dedup.verdict import Decision, VerdictLimits, Verifier, decide


@dataclass(frozen=True, slots=True)
class Judge:
    """What turns two sides and a cosine into a verdict: the score scale of their space, the limits, the weights."""

    scale: Scale
    limits: VerdictLimits
    verifier: Verifier

    def decide(self, a: Side, b: Side, cosine: float | None) -> Decision:
        """The verdict on two articles.

        Args:
            a, b: the two articles, in any order.
            cosine: −1…1, of their vectors in the space; `None` where one has none (a copy).
        """
        scaled = None if cosine is None else self.scale.scaled(cosine, translation=crosses(a, b))
        evidence = compare(a, b, cosine=cosine, scaled_cosine=scaled)
        same_text = bool(a.fingerprint) and a.fingerprint == b.fingerprint
        return decide(evidence, same_text=same_text, limits=self.limits, verifier=self.verifier)
