"""Which providers one message may go to, in which order: what every adapter that is asked per recipient answers from.

It reads the snapshot and nothing else.
"""

import hashlib
import math
from collections.abc import Iterable

from mailover.core.providers import Provider
from mailover.service import Snapshot

_SPAN = 2.0**64


def providers_for(snapshot: Snapshot, stream: str, key: str = "") -> tuple[Provider, ...]:
    """Those that may carry a message of the stream, the first choice first; none: the message has to wait.

    `key` (a recipient, or what else sticks to one provider) chooses where several share, always in the same way.
    """
    published = snapshot.flags.get(stream)
    flag = published.flag if published is not None else None
    if flag is None or flag.provider is None:
        return ()
    order = (flag.provider, *flag.fallbacks)
    if key and len(flag.weights) > 1:
        sharing = sorted(flag.weights, key=lambda name: _rank(f"{stream}/{name}/{key}", flag.weights[name]))
        order = (*sharing, *(name for name in order if name not in flag.weights))
    return tuple(_known(snapshot, order))


def _known(snapshot: Snapshot, names: Iterable[str]) -> Iterable[Provider]:
    """A reload may have taken one away a moment ago."""
    configured = snapshot.policy.providers
    return (configured[name] for name in names if name in configured)


def _rank(text: str, weight: float) -> float:
    """Weighted rendezvous hashing: the least is first, and who leaves or joins moves nobody else's messages."""
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return -math.log((int.from_bytes(digest) + 1) / (_SPAN + 1)) / weight
