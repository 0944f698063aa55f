"""How many messages a second a provider is given: as configured, and less for a while when it asks for less.

What it can bear is found by trying: at a throttling reply, two thirds of what it has just been given, then a tenth more
each second. The time is passed in, in monotonic seconds.
"""

_BURST_SECONDS = 1.0
_EASED_TO = 2 / 3
_SLOWEST = 0.5
_GROWTH_A_SECOND = 1.1
_FORGOTTEN_AT = 8.0
"""Times what it was given when it complained: then it is no longer held back."""
_MEASURED_SECONDS = 2.0


class Pace:
    """One provider's allowance."""

    def __init__(self, rate: float | None) -> None:
        """`rate` in messages a second; up to a second's worth may go at once, and always one. None: no limit."""
        self._configured = rate
        self._eased: float | None = None
        self._forgotten_at = 0.0
        self._tokens = max(1.0, rate or 0.0)
        self._at = 0.0
        self._went: list[float] = []

    @property
    def rate(self) -> float | None:
        """Messages a second at present."""
        rates = [rate for rate in (self._configured, self._eased) if rate is not None]
        return min(rates, default=None)

    def wait(self, now: float) -> float:
        """Seconds until the next message may go; 0 when it may now."""
        self._grow(now)
        rate = self.rate
        if rate is None:
            return 0.0
        self._tokens = min(max(1.0, rate * _BURST_SECONDS), self._tokens + (now - self._at) * rate)
        self._at = now
        return max(0.0, (1.0 - self._tokens) / rate)

    def take(self, now: float) -> None:
        """A message goes, at once or when its wait is over; whoever asks next waits behind it."""
        if self.rate is not None:
            self._tokens -= 1.0
        self._went.append(now)
        if self._went[0] < now - 2 * _MEASURED_SECONDS:
            self._went = [at for at in self._went if at > now - _MEASURED_SECONDS]

    def ease(self, now: float) -> None:
        """The provider asks for less."""
        lately = sum(at > now - _MEASURED_SECONDS for at in self._went) / _MEASURED_SECONDS
        measured = min(lately, self.rate or lately)
        self._eased = max(_SLOWEST, measured * _EASED_TO)
        self._forgotten_at = max(self._forgotten_at, measured * _FORGOTTEN_AT)
        self._tokens = min(self._tokens, 0.0)
        self._at = now

    def _grow(self, now: float) -> None:
        if self._eased is None:
            return
        self._eased *= _GROWTH_A_SECOND ** (now - self._at)
        if self._eased > self._forgotten_at:
            self._eased, self._forgotten_at = None, 0.0
