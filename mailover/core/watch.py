"""What is remembered of a provider for warnings alone: its recent attempts, its certificates, its last login.

Values only; no breaker and no flag ever looks at them.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """The attempts of one short span, added up."""

    at: datetime
    tries: int = 0
    failures: int = 0
    answers: int = 0
    """Successful scheduled probes: what the speed is taken of."""
    seconds: float = 0.0
    """How long those took together."""

    @property
    def share(self) -> float:
        """Failing share, 0 when nothing was tried."""
        return self.failures / self.tries if self.tries else 0.0

    @property
    def latency(self) -> timedelta:
        """Average time of an answer, 0 when there was none."""
        return timedelta(seconds=self.seconds / self.answers if self.answers else 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateTold:
    """People were told of this certificate at this many days before its end."""

    not_after: datetime
    days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsal:
    """What came of the latest login with the password that is to come."""

    at: datetime
    ok: bool
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Returns:
    """What was sent through a provider in some hours, and what came back of it."""

    at: datetime
    sent: int = 0
    """Recipients."""
    bounces: int = 0
    complaints: int = 0

    def plus(self, other: "Returns") -> "Returns":
        """Both together, at our time."""
        return replace(
            self,
            sent=self.sent + other.sent,
            bounces=self.bounces + other.bounces,
            complaints=self.complaints + other.complaints,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """One provider's part of the warnings."""

    samples: tuple[Sample, ...] = ()
    degraded: bool = False
    certificates_told: tuple[CertificateTold, ...] = field(default=())
    """By certificate: servers behind one name may show different ones in turn."""
    logged_in_at: datetime | None = None
    """End of the latest attempt that got past the login."""
    untried_told: bool = False
    rehearsal: Rehearsal | None = None
    returns: tuple[Returns, ...] = ()
    ill_reputed: tuple[str, ...] = ()
    """Of what there is too much, as people were told: `complaints`, `bounces`."""

    def sampled(self, sample: Sample, *, window: timedelta) -> "Watch":
        """With one more sample; what is older than the window is dropped."""
        kept = tuple(s for s in self.samples if s.at > sample.at - window)
        if kept and sample.at < kept[-1].at + window / 15:
            last = kept[-1]
            merged = replace(
                last,
                tries=last.tries + sample.tries,
                failures=last.failures + sample.failures,
                answers=last.answers + sample.answers,
                seconds=last.seconds + sample.seconds,
            )
            return replace(self, samples=(*kept[:-1], merged))
        return replace(self, samples=(*kept, sample))

    def since(self, instant: datetime) -> Sample:
        """Everything from this instant on, as one sample."""
        kept = [s for s in self.samples if s.at >= instant]
        return Sample(
            at=instant,
            tries=sum(s.tries for s in kept),
            failures=sum(s.failures for s in kept),
            answers=sum(s.answers for s in kept),
            seconds=sum(s.seconds for s in kept),
        )

    def returned(self, taken: Returns, *, window: timedelta) -> "Watch":
        """With what was sent or came back now; what is older than the window is dropped."""
        kept = tuple(each for each in self.returns if each.at > taken.at - window)
        if kept and taken.at < kept[-1].at + window / 8:
            return replace(self, returns=(*kept[:-1], kept[-1].plus(taken)))
        return replace(self, returns=(*kept, taken))

    def returned_since(self, instant: datetime) -> Returns:
        """Everything from this instant on, together."""
        total = Returns(at=instant)
        for each in self.returns:
            total = total.plus(each) if each.at >= instant else total
        return total
