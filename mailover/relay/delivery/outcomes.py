"""What sends taught us, on its way to the agent: tallied each second, a failure of a provider at once.

The relay is a reporter like any other; how far it is believed is `core.reports`' business.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from mailover.core.observations import DEPTH_OF, Depth, Failure, FailureKind, Observation, Owner, Purpose
from mailover.core.sentences import veiled
from mailover.core.verdicts import blames_provider
from mailover.relay.delivery.attempt import Attempt

REPORTER = "relay"
_SAME_FOR = timedelta(seconds=1)
"""Equal failures within this time are told as one with a count."""

_Key = tuple[str, FailureKind | None, str | None, int | None]


@dataclass(slots=True, kw_only=True)
class _Tally:
    failure: Failure | None
    first_at: datetime
    last_at: datetime
    domain: str | None
    count: int = 0


class Outcomes:
    """Collects; `flush` is to be called each second."""

    def __init__(self, hear: Callable[[Observation], None], now: Callable[[], datetime]) -> None:
        """`hear` takes an observation and returns at once."""
        self._hear = hear
        self._now = now
        self._tallies: dict[_Key, _Tally] = {}
        self._told_at: dict[_Key, datetime] = {}

    def attempted(self, done: Attempt, addresses: Sequence[str]) -> None:
        """What one attempt met: each recipient that was taken counts, a failure of the provider once.

        A single message for fifty that is turned away is one send that failed, not fifty.
        """
        met: dict[object, tuple[Failure | None, list[str]]] = {}
        for address in addresses:
            failure = done.of(address)
            key = failure and (failure.kind, failure.stage, failure.code)
            met.setdefault(key, (failure, []))[1].append(address.rpartition("@")[2].lower())
        for failure, domains in met.values():
            count = 1 if failure is not None and blames_provider(failure) else len(domains)
            domain = domains[0] if len(set(domains)) == 1 else None
            self.tell(done.provider, failure, count=count, seconds=done.seconds, domain=domain)

    def tell(
        self, provider: str, failure: Failure | None, *, count: int = 1, seconds: float = 0.0, domain: str | None = None
    ) -> None:
        """`count` equal outcomes; what our own machine failed at says nothing of a provider."""
        if failure is not None and failure.kind.owner is Owner.LOCAL:
            return
        if failure is not None:
            failure = replace(failure, text=veiled(failure.text))
        now = self._now()
        key: _Key = (provider, None, None, None)
        if failure is not None:
            key = (provider, failure.kind, failure.stage, failure.code)
        tally = self._tallies.get(key)
        if tally is None:
            began = now - timedelta(seconds=seconds)
            tally = self._tallies[key] = _Tally(failure=failure, first_at=began, last_at=now, domain=domain)
        tally.count += count
        tally.last_at = now
        if tally.domain != domain:
            tally.domain = None
        told_at = self._told_at.get(key)
        if failure is not None and blames_provider(failure) and (told_at is None or now - told_at >= _SAME_FOR):
            self._send(key)

    def flush(self) -> None:
        """Tell what was collected."""
        for key in list(self._tallies):
            self._send(key)
        oldest = self._now() - _SAME_FOR
        self._told_at = {key: at for key, at in self._told_at.items() if at > oldest}

    def _send(self, key: _Key) -> None:
        tally = self._tallies.pop(key)
        if tally.failure is not None and blames_provider(tally.failure):
            self._told_at[key] = tally.last_at
        self._hear(
            Observation(
                provider=key[0],
                purpose=Purpose.REPORT,
                depth=Depth.SEND if tally.failure is None else DEPTH_OF[tally.failure.stage],
                failure=tally.failure,
                started_at=tally.first_at,
                finished_at=tally.last_at,
                reporter=REPORTER,
                count=tally.count,
                recipient_domain=tally.domain,
            )
        )
