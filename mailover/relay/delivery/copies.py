"""What becomes of each recipient's copy in one round, until it is a settlement. Knows no provider and no network."""

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from mailover.core import retry
from mailover.core.carriage import StreamMail
from mailover.core.mail import Fate, Mail, Recipient, Settlement, Suppression
from mailover.core.observations import Failure, FailureKind
from mailover.core.sentences import failure_words, veiled
from mailover.core.verdicts import Verdict, no_such_address, verdict
from mailover.relay.delivery.attempt import Attempt

_log = logging.getLogger("mailover.relay")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why a copy still waits."""

    because: str
    due_at: datetime
    waiting_for: str = ""
    counted: bool = True
    """Whether the round counts for this alone."""


@dataclass(slots=True, kw_only=True)
class Left:
    """Who of an attempt's recipients has not got the message."""

    here: list[str] = field(default_factory=list)
    """To be sent at the same provider in another transaction."""
    alone: list[str] = field(default_factory=list)
    """To be sent there too, each in a transaction of its own."""
    elsewhere: list[str] = field(default_factory=list)


class Copies:
    """Of one mail, in one round."""

    def __init__(self, mail: Mail, terms: StreamMail, now: Callable[[], datetime], dice: Callable[[], float]) -> None:
        """Nothing has happened to any of them."""
        self._mail = mail
        self._terms = terms
        self._now = now
        self._dice = dice
        self._changed: dict[str, Recipient] = {each.address: each for each in mail.pending}
        self._reasons: list[Reason] = []
        self._unfit: dict[str, int] = {}
        self._tried = False
        self.suppressions: list[Suppression] = []
        """Addresses that proved not to exist, where the stream wants them remembered."""
        self.touched = False
        """Whether anything was learnt of anybody."""

    def judge(self, done: Attempt, addresses: Sequence[str]) -> Left:
        """Note what an attempt came to for each recipient it was for."""
        left = Left()
        shared = len(addresses) - len(done.refused) > 1
        for address in addresses:
            failure = done.of(address)
            self._met(address, done.provider, failure)
            match verdict(address, failure, shared=shared):
                case Verdict.TAKEN:
                    self.settle([address], Fate.DELIVERED)
                case Verdict.UNANSWERED:
                    self._unanswered(address, done.provider, left)
                case Verdict.REFUSED:
                    self._refused(address, done.provider, failure)
                case Verdict.LATER:
                    self._put_off(address, done.provider, failure)
                case Verdict.AGAIN:
                    left.here.append(address)
                case Verdict.ALONE:
                    left.alone.append(address)
                case Verdict.UNFIT:
                    self._unfit[address] = self._unfit.get(address, 0) + 1
                    left.elsewhere.append(address)
                case Verdict.ELSEWHERE:
                    left.elsewhere.append(address)
        return left

    def settle(self, addresses: Iterable[str], fate: Fate) -> None:
        """Nothing more will be done for these by itself."""
        for address in addresses:
            self.touched = True
            self._changed[address] = replace(self._changed[address], fate=fate, settled_at=self._now())

    def wait(self, reason: Reason) -> None:
        """Somebody has to wait, and why."""
        self.touched = True
        self._reasons.append(reason)

    def unfit(self, addresses: Iterable[str], providers: int) -> list[str]:
        """Those whose copy none of so many providers can carry."""
        return [address for address in addresses if self._unfit.get(address, 0) >= providers]

    def give_up_unfit(self, addresses: Sequence[str], providers: int) -> list[str]:
        """Fail those that all of so many providers cannot carry; the others."""
        hopeless = self.unfit(addresses, providers)
        self.settle(hopeless, Fate.FAILED)
        return [address for address in addresses if address not in hopeless]

    @property
    def pending(self) -> Sequence[Recipient]:
        """Those that nothing was decided about."""
        return [each for each in self._changed.values() if not each.fate.settled]

    def failure_of(self, address: str) -> Failure | None:
        """What its last attempt met."""
        return self._changed[address].failure

    def settlement(self) -> Settlement:
        """What the round came to."""
        was = {each.address: each for each in self._mail.pending}
        changed = tuple(each for address, each in self._changed.items() if each != was[address])
        first = min(self._reasons, key=lambda reason: reason.due_at, default=None)
        if first is None:
            return Settlement(mail=self._mail.id, recipients=changed)
        waiting_for = next((reason.waiting_for for reason in self._reasons if reason.waiting_for), "")
        because = "; ".join(dict.fromkeys(reason.because for reason in self._reasons))
        ends_at = retry.expires_at(self._mail.accepted_at, self._mail.deadline_at)
        due_at = min(first.due_at, max(ends_at, self._now()))
        return Settlement(
            mail=self._mail.id,
            recipients=changed,
            due_at=due_at,
            waiting_for=waiting_for,
            because=because,
            counted=self._tried or any(reason.counted for reason in self._reasons),
        )

    def _met(self, address: str, provider: str, failure: Failure | None) -> None:
        """An attempt was made. That a dot was never answered stays on record, whatever comes after it."""
        was = self._changed[address]
        self._tried = True
        if was.failure is not None and was.failure.kind is FailureKind.AMBIGUOUS:
            failure = was.failure
        self._changed[address] = replace(was, attempts=was.attempts + 1, provider=provider, failure=failure)

    def _unanswered(self, address: str, provider: str, left: Left) -> None:
        if not self._terms.at_least_once:
            self.settle([address], Fate.AMBIGUOUS)
            return
        _log.warning(
            "%s: %s never answered the final dot; it is sent again, perhaps twice, as %s wants it",
            self._mail.id,
            provider,
            self._mail.stream,
        )
        self.touched = True
        left.elsewhere.append(address)

    def _refused(self, address: str, provider: str, failure: Failure | None) -> None:
        self.settle([address], Fate.FAILED)
        if failure is None or not self._terms.suppress or not no_such_address(failure):
            return
        self.suppressions.append(
            Suppression(
                address=address.lower(),
                reason="bounce",
                provider=provider,
                stream=self._mail.stream,
                text=failure.text,
                at=self._now(),
            )
        )

    def _put_off(self, address: str, provider: str, failure: Failure | None) -> None:
        due_at = self._now() + retry.after_putting_off(self._mail.attempts, self._dice())
        said = veiled(failure_words(failure)) if failure is not None else ""
        domain = self._changed[address].domain
        self.wait(Reason(because=f"{domain} wants it later, as {provider} says ({said})", due_at=due_at))
