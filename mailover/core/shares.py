"""Sharing messages out by ratio without remembering any: the same key always falls to the same provider.

Weighted rendezvous hashing: each provider draws a number for the key, the best one wins. Who leaves moves only what it
had; who joins takes only what becomes its own.
"""

from collections.abc import Mapping
from hashlib import blake2b
from math import log

_DRAWS = float(2**64)


def ranked(weights: Mapping[str, float], key: str) -> tuple[str, ...]:
    """All that have a weight, the one that the key falls to first; the rest as it would fall without those before."""
    if len(weights) == 1:
        return tuple(weights)
    text = key.encode("utf-8", "surrogatepass")
    return tuple(sorted((p for p, weight in weights.items() if weight > 0), key=lambda p: -_score(p, weights[p], text)))


def _score(provider: str, weight: float, key: bytes) -> float:
    """Of a weight twice as large twice as often the largest."""
    digest = blake2b(key, digest_size=8, key=provider.encode()[:64]).digest()
    drawn = (int.from_bytes(digest, "big") + 0.5) / _DRAWS
    return weight / -log(drawn) if drawn < 1.0 else float("inf")
