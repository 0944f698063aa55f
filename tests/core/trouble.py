"""What can be wrong with a simulated provider, and for how long: the truth that the agent has to find out."""

from dataclasses import dataclass
from datetime import timedelta
from typing import TypedDict, Unpack

from mailover.core.observations import Depth, Failure, FailureKind, Owner, Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """One fault of a provider; `since` and `until` are spans from the world's beginning."""

    stage: Stage
    kind: FailureKind
    code: int | None = None
    seconds: float = 0.05
    """How long the failing attempt takes."""
    share: float = 1.0
    """How many of the attempts fail."""
    since: timedelta = timedelta(0)
    until: timedelta = timedelta.max
    period: timedelta | None = None
    """Down for so long, then up for as long, again and again."""

    @property
    def depth(self) -> Depth:
        return self.failure.depth

    @property
    def failure(self) -> Failure:
        replied = self.code is not None or self.stage is Stage.ARRIVE
        return Failure(kind=self.kind, stage=self.stage, code=self.code, text=str(self.kind), replied=replied)

    @property
    def blames_nobody(self) -> bool:
        return self.kind.owner is Owner.NOBODY

    def lasts(self, elapsed: timedelta) -> bool:
        """Whether the provider is in this trouble, be it in an up phase of its flapping."""
        return self.since <= elapsed < self.until

    def bites(self, elapsed: timedelta) -> bool:
        """Whether attempts may fail at this moment."""
        up = self.period is not None and (elapsed - self.since) // self.period % 2 == 1
        return self.lasts(elapsed) and not up


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


class Span(TypedDict, total=False):
    """How long a trouble lasts."""

    since: timedelta
    until: timedelta


def refuses(**span: Unpack[Span]) -> Trouble:
    return Trouble(stage=Stage.CONNECT, kind=FailureKind.CONNECTION, seconds=0.001, **span)


def silent(**span: Unpack[Span]) -> Trouble:
    return Trouble(stage=Stage.CONNECT, kind=FailureKind.TIMEOUT, seconds=10.0, **span)


def bad_login(**span: Unpack[Span]) -> Trouble:
    return Trouble(stage=Stage.AUTH, kind=FailureKind.AUTH, code=535, **span)


def slow_bad_login(**span: Unpack[Span]) -> Trouble:
    """A server that lets a refused login wait, as many do against guessing."""
    return Trouble(stage=Stage.AUTH, kind=FailureKind.AUTH, code=535, seconds=6.0, **span)


def brown_out(share: float, **span: Unpack[Span]) -> Trouble:
    return Trouble(stage=Stage.BANNER, kind=FailureKind.TRANSIENT, code=421, share=share, **span)


def flaps(period: timedelta, **span: Unpack[Span]) -> Trouble:
    return Trouble(stage=Stage.CONNECT, kind=FailureKind.CONNECTION, seconds=0.001, period=period, **span)


def loses(**span: Unpack[Span]) -> Trouble:
    return Trouble(stage=Stage.ARRIVE, kind=FailureKind.TIMEOUT, seconds=60.0, **span)


def breaks_after_data(**span: Unpack[Span]) -> Trouble:
    return Trouble(stage=Stage.END_DATA, kind=FailureKind.TRANSIENT, code=451, **span)


def refuses_recipients(share: float, **span: Unpack[Span]) -> Trouble:
    return Trouble(stage=Stage.RCPT, kind=FailureKind.RECIPIENT, code=550, share=share, **span)
