"""One transaction at one provider: what was said of each recipient, as a value. Never raises for the network."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from mailover.core.observations import Failure, FailureKind, Stage
from mailover.relay.delivery.accounts import Haste
from mailover.relay.delivery.pool import Line, Pool
from mailover.smtp import Envelope, SessionError

_log = logging.getLogger("mailover.relay")

_CLOSING = 421
_ENDED = "the relay ended before the final dot was answered"
_FAILED = "the relay itself failed at the answer to the final dot"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What it came to."""

    provider: str
    failure: Failure | None = None
    """Of the transaction as a whole; None: whoever was not refused was taken."""
    refused: Mapping[str, Failure] = field(default_factory=dict)
    """Recipients that were refused each for itself."""
    seconds: float = 0.0
    cut_short: bool = False
    """By us, not by the provider, of which it says nothing."""

    def of(self, address: str) -> Failure | None:
        """What became of one recipient; None: taken."""
        return self.refused.get(address, self.failure)


async def attempt(
    pool: Pool, envelope: Envelope, content: bytes, *, haste: Haste, patience: float, still: Callable[[], bool]
) -> Attempt:
    """Send on a connection that is open, else on a new one. `still` is asked right before the final dot.

    A connection that was kept and turns out to be closed is the server's good right: that is tried once more on a new
    one, for nothing was sent yet. Cancelled before the dot it ends so; after it, that is an answer too: `ambiguous`.
    """
    sending = _Sending(pool=pool, envelope=envelope, content=content, haste=haste, patience=patience, still=still)
    began = time.monotonic()
    kept = pool.reused()
    if kept is None or not await sending.over(kept):
        try:
            await sending.over(await pool.opened(haste))
        except SessionError as error:
            sending.failure = error.failure
    return Attempt(
        provider=pool.account.provider,
        failure=sending.failure,
        refused=sending.refused,
        seconds=time.monotonic() - began,
        cut_short=sending.cut_short,
    )


@dataclass(slots=True, kw_only=True)
class _Sending:
    """One message to one provider."""

    pool: Pool
    envelope: Envelope
    content: bytes
    haste: Haste
    patience: float
    still: Callable[[], bool]
    failure: Failure | None = None
    refused: dict[str, Failure] = field(default_factory=dict)
    dotted: bool = False
    cut_short: bool = False

    async def over(self, line: Line) -> bool:
        """Whether that was an attempt; False when a kept connection turned out to be closed already."""
        session, size = line.session, len(self.content)
        session.begin(self.haste.whole(size), self.haste.limits(size), kept=not line.fresh)
        self.failure = None
        try:
            await session.send(self.envelope, self.content, patience=self.patience, still=self._may_dot)
        except SessionError as error:
            self.failure = error.failure
        except asyncio.CancelledError:
            session.close()
            if not self.dotted:
                raise
            self._cut_short(_ENDED)
        except Exception:
            session.close()
            if not self.dotted:
                raise
            _log.exception("a defect of the relay, after a final dot")
            self._cut_short(_FAILED)
        said, fresh = session.recipients, line.fresh
        self.pool.put(line, time.monotonic())
        self.refused = {each.address: each.failure for each in said if each.failure is not None}
        return fresh or bool(said) or not self._hung_up()

    def _may_dot(self) -> bool:
        self.dotted = self.still()
        return self.dotted

    def _cut_short(self, because: str) -> None:
        text = f"{because}: the message may or may not have been accepted"
        self.failure = Failure(kind=FailureKind.AMBIGUOUS, stage=Stage.END_DATA, text=text, replied=True)
        self.cut_short = True

    def _hung_up(self) -> bool:
        """Whether the first thing met was a closed connection, or a goodbye."""
        failure = self.failure
        if failure is None or failure.stage is not Stage.MAIL:
            return False
        return failure.kind is FailureKind.CONNECTION or failure.code == _CLOSING
