"""Who has called too often: one bucket per token for what it changes, one per address for failed logins.

Readers of the flag pass here unasked. A good token is never turned away for what others of its address did.
"""

import ipaddress
import math

from mailover.config.limits import LimitsSettings
from mailover.config.outlets import Scope
from webhooks.answers import Answer, problem
from webhooks.rates import Rates

_AT_ONCE = 6
"""Which part of a minute's calls may come together."""


class Limits:
    """The buckets of one server."""

    def __init__(self, settings: LimitsSettings = LimitsSettings()) -> None:  # noqa: B008 - frozen
        """Every bucket is full."""
        self._settings = settings
        self._begin()

    def use(self, settings: LimitsSettings) -> None:
        """Count by these from now on; what was counted is forgotten when they differ."""
        if settings != self._settings:
            self._settings = settings
            self._begin()

    def refuse(self, scope: Scope | None, caller: str) -> Answer | None:
        """The answer to a caller who did too much; `scope` is what the call needs."""
        rates = {Scope.OPERATE: self._changes, Scope.REPORT: self._reports}.get(scope) if scope is not None else None
        pause = rates.take(caller) if rates is not None else 0.0
        return _later(pause, "Too many calls; put several reports into one.") if pause else None

    def refuse_stranger(self, address: str | None) -> Answer | None:
        """The answer to one more failed login from this address, instead of the usual one."""
        pause = self._strangers.take(_network(address))
        return _later(pause, "Too many calls without a valid token.") if pause else None

    def _begin(self) -> None:
        self._reports = _rates(self._settings.reports_per_minute)
        self._changes = _rates(self._settings.changes_per_minute)
        self._strangers = _rates(self._settings.failed_logins_per_minute)


def _rates(per_minute: int) -> Rates:
    return Rates(per_second=per_minute / 60, burst=max(1, per_minute / _AT_ONCE))


def _later(seconds: float, detail: str) -> Answer:
    return problem(429, detail, headers=[("Retry-After", str(math.ceil(seconds)))])


def _network(address: str | None) -> str:
    """Who is counted together: an IPv4 address; of IPv6 the /64 that one subscriber has."""
    try:
        found = ipaddress.ip_address(address or "")
    except ValueError:
        return ""
    return str(found) if found.version == 4 else str(ipaddress.ip_network((found, 64), strict=False))  # noqa: PLR2004
