"""One transaction at one provider: what was said of each recipient, as a value. Never raises for the network."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from mailover.core.observations import Failure, FailureKind, Stage
from mailover.relay.delivery.accounts import Haste
from mailover.relay.delivery.pool import Line, Pool
from mailover.smtp import Envelope, SessionError

_CLOSING = 421


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What it came to."""

    provider: str
    failure: Failure | None = None
    """Of the transaction as a whole; None: whoever was not refused was taken."""
    refused: Mapping[str, Failure] = field(default_factory=dict)
    """Recipients that were refused each for itself."""
    seconds: float = 0.0

    def of(self, address: str) -> Failure | None:
        """What became of one recipient; None: taken."""
        return self.refused.get(address, self.failure)


async def attempt(
    pool: Pool, envelope: Envelope, content: bytes, *, haste: Haste, patience: float, still: Callable[[], bool]
) -> Attempt:
    """Send on a connection that is open, else on a new one. `still` is asked right before the final dot.

    A connection that was kept and turns out to be closed is the server's good right: that is tried once more on a new
    one, for nothing was sent yet.
    """
    began = time.monotonic()
    kept = pool.reused()
    done = None if kept is None else await _send(pool, kept, envelope, content, haste, patience, still)
    if done is None:
        try:
            fresh = await pool.opened(haste)
        except SessionError as error:
            seconds = time.monotonic() - began
            return Attempt(provider=pool.account.provider, failure=error.failure, seconds=seconds)
        done = await _send(pool, fresh, envelope, content, haste, patience, still)
    failure, refused = done or (None, {})
    seconds = time.monotonic() - began
    return Attempt(provider=pool.account.provider, failure=failure, refused=refused, seconds=seconds)


async def _send(
    pool: Pool,
    line: Line,
    envelope: Envelope,
    content: bytes,
    haste: Haste,
    patience: float,
    still: Callable[[], bool],
) -> tuple[Failure | None, Mapping[str, Failure]] | None:
    """The transaction's failure and those of single recipients; None when a kept connection was closed already."""
    session, failure = line.session, None
    session.begin(haste.whole(len(content)), haste.limits(len(content)))
    try:
        await session.send(envelope, content, patience=patience, still=still)
    except SessionError as error:
        failure = error.failure
    except BaseException:
        session.close()
        raise
    said = session.transcript(failure)
    stale = not line.fresh and failure is not None and _hung_up(failure) and not said.recipients
    pool.put(line, time.monotonic())
    if stale:
        return None
    refused = {each.address: each.failure for each in said.recipients if each.failure is not None}
    return failure, refused


def _hung_up(failure: Failure) -> bool:
    """Whether the first thing met was a closed connection, or a goodbye."""
    return failure.stage is Stage.MAIL and (failure.kind is FailureKind.CONNECTION or failure.code == _CLOSING)
