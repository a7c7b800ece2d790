"""The decision on one pair of articles, with everything that it rests on beside the two articles themselves.

How to use it (the service, the repair of stories and `dedup eval` all do):

    judge = Judge(scale, limits, default_verifier())
    vectors = judge.scale.project(encoder.encode(texts))      # the space's vectors, never the encoder's own
    decision = judge.decide(a, b, float(u @ v))               # a, b: `Side`; u, v: their two vectors

`decide` is pure, symmetric and needs no database: whoever has two sides and their cosine may ask. Where one never
reached the encoder the cosine is `None`. `Side.fingerprint` is that of the article's text: two sides whose fingerprints
are equal, and not empty, are one text. `Side.around` comes from `dedup.crowding`, over the articles that the two are
found among: all stored ones, or all texts of a file; without it nothing is known of the neighbourhood, and it is taken
for a usual one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from dedup.crowding import crowding
from dedup.evidence import Evidence, compare
from dedup.sides import Side, crosses, one_outlet
from dedup.space import Scale
from dedup.verdict import Decision, VerdictLimits, Verifier, decide


@dataclass(frozen=True, slots=True)
class Judge:
    """What turns two sides and a cosine into a verdict: the score scale of their space, the limits, the weights.

    aggregators: hosts where many outlets are read, each with all below it: two articles there are not of one outlet.
    """

    scale: Scale
    limits: VerdictLimits
    verifier: Verifier
    aggregators: tuple[str, ...] = ()

    def decide(self, a: Side, b: Side, cosine: float | None) -> Decision:
        """The verdict on two articles.

        Args:
            a, b: the two articles, in any order.
            cosine: −1…1, of their vectors in the space; `None` where one has none (a copy).
        """
        same_text = bool(a.fingerprint) and a.fingerprint == b.fingerprint
        return decide(self.evidence(a, b, cosine), same_text=same_text, limits=self.limits, verifier=self.verifier)

    def evidence(self, a: Side, b: Side, cosine: float | None) -> Evidence:
        """What the verdict rests on, on the scale of the space; arguments as for `decide`."""
        translation = crosses(a, b)
        if one_outlet(a, b) and self._gathers(a.host or b.host):
            a, b = replace(a, source=""), replace(b, source="")
        scaled = None if cosine is None else self.scale.scaled(cosine, translation=translation)
        around = [side.around for side in (a, b) if side.around is not None]
        usual = [one.usual for one in around]
        crowded = [found for one in around if (found := crowding(one, cosine)) is not None]
        return compare(
            a,
            b,
            cosine=cosine,
            scaled_cosine=scaled,
            usual=self.scale.scaled(sum(usual) / len(usual), translation=False) if usual else None,
            crowding=self.scale.scaled(min(crowded), translation=False) if crowded else None,
        )

    def _gathers(self, host: str) -> bool:
        return any(host == name or host.endswith(f".{name}") for name in self.aggregators)

    def with_titles(self, evidence: Evidence, title: float, crossed: float) -> Evidence:
        """The evidence, with cosines (−1…1) of the vectors of both titles, and of either title with that of the other
        article, on average."""
        return replace(
            evidence,
            title_cosine=self.scale.scaled(title, translation=evidence.translation),
            crossed_cosine=self.scale.scaled(crossed, translation=evidence.translation),
        )
