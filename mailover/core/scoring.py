"""The metrics of the trade: how reliable a provider has been, in figures that say how much they rest on.

Pure arithmetic on what was counted. Counting is the store's, and showing is the API's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import ceil, log

SENDS_WEIGH = 0.7
CHECKS_WEIGH = 0.3
_HOUR = timedelta(hours=1)
_STEP = 1.05
"""Each step of a spread is this much longer than the one before it: a percentile is right within 2.5 %."""
_SHORTEST = 1e-4
"""Seconds; whatever is quicker counts as this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """So many tries, so many of them good."""

    tries: int = 0
    ok: int = 0

    @property
    def rate(self) -> float | None:
        """The share of good ones; None without a try."""
        return self.ok / self.tries if self.tries else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """How long attempts took: counts of logarithmic steps, which merge without loss and stay small."""

    steps: Mapping[int, int] = field(default_factory=dict)
    seconds: float = 0.0
    """All of them together."""

    @property
    def average(self) -> float | None:
        """Seconds; None of nothing."""
        count = sum(self.steps.values())
        return self.seconds / count if count else None

    def percentile(self, share: float) -> float | None:
        """Seconds that this share of the attempts did not exceed (nearest rank); None of nothing."""
        rank = ceil(share * sum(self.steps.values()))
        for step in sorted(self.steps):
            rank -= self.steps[step]
            if rank <= 0:
                return 2 * _STEP**step / (_STEP + 1)
        return None


def step_of(seconds: float) -> int:
    """Which step of a spread an attempt belongs to."""
    return ceil(log(max(seconds, _SHORTEST), _STEP))


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A provider's breaker moved. True is up, False is down, None is taken out by an operator, which is neither."""

    at: datetime
    before: bool | None
    after: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What one provider achieved in a span of time."""

    span: timedelta
    sends: Sample = Sample()
    """Real sends that blame the provider or our account there when they fail; others are no sample."""
    checks: Sample = Sample()
    """Scheduled probes, by the same measure."""
    spread: Spread = Spread()
    """Of good scheduled port probes."""
    failovers: int = 0
    """How often a stream left this provider because it failed."""
    uptime: float | None = None
    """The share of the time in which mail could go through; None when it was never watched."""

    @property
    def failures_per_hour(self) -> float:
        """Failed sends and failed checks together."""
        failed = self.sends.tries - self.sends.ok + self.checks.tries - self.checks.ok
        return failed / (self.span / _HOUR)

    @property
    def score(self) -> float | None:
        """Reliability in percent, from both samples."""
        return reliability(self.sends, self.checks)


def reliability(sends: Sample, checks: Sample) -> float | None:
    """70 % the success of sends, 30 % that of checks, in percent; what has no sample leaves its weight to the other.

    So without real sends only the checks count, and the score says nothing of what happens after login.
    """
    weighed = [(SENDS_WEIGH, sends.rate), (CHECKS_WEIGH, checks.rate)]
    known = [(weight, rate) for weight, rate in weighed if rate is not None]
    if not known:
        return None
    return 100 * sum(weight * rate for weight, rate in known) / sum(weight for weight, _ in known)


def uptime(changes: Sequence[Change], *, up_now: bool | None, since: datetime, now: datetime) -> float | None:
    """The share of the time since then in which the provider was up, of that in which it was not taken out.

    `changes` are in order; what came before the first is what it changed.
    """
    spent = {True: timedelta(), False: timedelta()}
    state, moment = (changes[0].before if changes else up_now), since
    for change in changes:
        at = min(max(change.at, moment), now)
        if state is not None:
            spent[state] += at - moment
        state, moment = change.after, at
    if state is not None:
        spent[state] += max(now - moment, timedelta())
    watched = spent[True] + spent[False]
    return spent[True] / watched if watched else None
