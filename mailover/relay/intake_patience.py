"""How long a client may keep us waiting, and with what: instants in, a reason to end its session out. No timer here.

Instants are seconds of a clock that only grows. Nothing that moves is cut: a message may take as long as it comes in at
a modest rate, and a session may last as long as a message is handed over now and then.
"""

from mailover.relay.intake_limits import Limits
from mailover.smtp.server import Said, said

_RATE_OVER = 30.0
"""Seconds over which the rate is taken."""


class Patience:
    """With one client."""

    def __init__(self, now: float) -> None:
        """It has just come."""
        self._heard_at = self._begun_at = self._fruitful_at = self._rated_at = now
        self._rated_from = 0

    def heard(self, now: float, *, afresh: bool) -> None:
        """It said something; `afresh`: nothing was half said before."""
        self._heard_at = now
        if afresh:
            self._begun_at = now

    def receives(self, now: float, received: int = 0) -> None:
        """From here on a message is expected to move, so many bytes of it being here."""
        self._heard_at = self._rated_at = now
        self._rated_from = received

    def served(self, now: float, *, fruitful: bool) -> None:
        """It has waited for us; what it says from now on counts anew. `fruitful`: a message was taken."""
        self._begun_at = now
        self._fruitful_at = now if fruitful else self._fruitful_at
        self.receives(now)

    def left(self, now: float) -> None:
        """It was told its last words."""
        self._heard_at = now

    def forsaken(self, now: float, limits: Limits) -> bool:
        """Whether it does not even take its last words."""
        return now > self._heard_at + limits.command

    def over(self, now: float, limits: Limits, *, received: int | None, half_said: bool) -> Said | None:
        """Why its session ends now; `received`: bytes of the message that is coming in."""
        if now > self._heard_at + limits.idle:
            return said.SILENT
        if received is not None:
            return said.TOO_SLOW if self._too_slow(now, received, limits.rate) else None
        if half_said and now > self._begun_at + limits.command:
            return said.TOO_SLOW
        return said.LONG_ENOUGH if now > self._fruitful_at + limits.session else None

    def _too_slow(self, now: float, received: int, rate: int) -> bool:
        span, more = now - self._rated_at, received - self._rated_from
        if span < _RATE_OVER:
            return False
        self._rated_at, self._rated_from = now, received
        return more < span * rate
