"""What this relay's own sends have just shown of a provider: whether to try it first, last, or not now.

A memory of seconds, so that the second message does not pay for what the first one learnt. The lasting judgement is
the agent's, through the flag. The time is passed in, in monotonic seconds.
"""

from enum import IntEnum

from mailover.core.observations import SILENT_KINDS, Failure, FailureKind

_DOUBT = 2.0
_DOUBT_MOST = 30.0
_THROTTLE = 1.0
_THROTTLE_MOST = 60.0
_THROTTLE_FORGOTTEN = 120.0
_LOGIN_PAUSE = 60.0
_LOGIN_PAUSE_MOST = 3600.0
_REFUSALS = 3

_AT_ONCE = frozenset({*SILENT_KINDS, FailureKind.TLS, FailureKind.PROTOCOL, FailureKind.SUSPENDED, FailureKind.QUOTA})
"""One failure of these is enough to try the provider last; a refusal costs the next message only milliseconds."""


class Readiness(IntEnum):
    """In the order of preference."""

    READY = 0
    DOUBTED = 1
    """It has just failed: after the others, and one message at a time."""
    CLOSED = 2
    """It told us to wait, or refused our login: not before that time is over."""


class Standing:
    """One provider's."""

    def __init__(self) -> None:
        """Nothing is known, so it is ready."""
        self._refusals = 0
        self._doubt = 0.0
        self._doubted_until: float | None = None
        self._closed_until = 0.0
        self._throttle = 0.0
        self._throttled_at = 0.0
        self._login_pause = 0.0
        self.tested = False
        """Whether a message tries it just now, though it is doubted."""

    def readiness(self, now: float) -> Readiness:
        """When it is to be tried."""
        if now < self._closed_until:
            return Readiness.CLOSED
        if self._doubted_until is None or (now >= self._doubted_until and not self.tested):
            return Readiness.READY
        return Readiness.DOUBTED

    @property
    def doubted(self) -> bool:
        """Whether nothing has gone through since its last failure that counted."""
        return self._doubted_until is not None

    def closed_for(self, now: float) -> float:
        """Seconds until it may be tried again at all."""
        return max(0.0, self._closed_until - now)

    def succeeded(self) -> None:
        """A message went through."""
        self._refusals = 0
        self._doubt = self._login_pause = 0.0
        self._doubted_until = None

    def failed(self, failure: Failure, now: float) -> None:
        """A failure of the provider or of our account there."""
        if failure.kind is FailureKind.RATE_LIMIT:
            self._throttled(now)
            return
        if failure.kind is FailureKind.AUTH:
            self._login_pause = min(max(2 * self._login_pause, _LOGIN_PAUSE), _LOGIN_PAUSE_MOST)
            self._closed_until = max(self._closed_until, now + self._login_pause)
        self._refusals += 1
        if failure.kind in _AT_ONCE or self._refusals >= _REFUSALS or self.doubted:
            self.doubt(now)

    def doubt(self, now: float) -> None:
        """Try the others first for a while, longer each time."""
        if self._doubted_until is not None and now < self._doubted_until:
            return  # what was under way together fails together
        self._doubt = min(max(2 * self._doubt, _DOUBT), _DOUBT_MOST)
        self._doubted_until = now + self._doubt

    def recovered(self) -> None:
        """The agent has seen it work again."""
        self.succeeded()
        self._closed_until = self._throttle = 0.0

    def _throttled(self, now: float) -> None:
        """It wants less: a pause, twice as long when it says so again after the last one."""
        if now < self._closed_until:
            return
        lately = self._throttle and now < self._throttled_at + _THROTTLE_FORGOTTEN
        self._throttle = min(2 * self._throttle, _THROTTLE_MOST) if lately else _THROTTLE
        self._throttled_at = now
        self._closed_until = now + self._throttle
