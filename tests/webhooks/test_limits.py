"""Who is counted together, and what a reload changes."""

from mailover.config.limits import LimitsSettings
from mailover.config.outlets import Scope
from webhooks.limits import Limits

SIX = LimitsSettings(reports_per_minute=36, changes_per_minute=36, failed_logins_per_minute=36)


def failures(limits: Limits, *addresses: str | None) -> int:
    return sum(limits.refuse_stranger(each) is not None for each in addresses)


def test_an_ipv6_subscriber_is_one_stranger_whatever_address_it_takes() -> None:
    limits = Limits(SIX)
    assert failures(limits, *(f"2001:db8::{n:x}" for n in range(20))) == 14
    assert failures(limits, *(f"2001:db8:0:{n:x}::1" for n in range(1, 20))) == 0
    assert failures(limits, *(f"192.0.2.{n}" for n in range(20))) == 0
    assert failures(limits, *([None, "", "unix:"] * 5)) == 9


def test_each_token_has_its_own_and_reading_has_no_limit() -> None:
    limits = Limits(SIX)
    assert sum(limits.refuse(Scope.OPERATE, "one") is not None for _ in range(10)) == 4
    assert limits.refuse(Scope.OPERATE, "two") is None
    for scope in (None, Scope.READ, Scope.SEND, Scope.METRICS):
        assert not any(limits.refuse(scope, "one") for _ in range(100))


def test_a_reload_with_the_same_limits_forgives_nothing() -> None:
    limits = Limits(SIX)
    assert failures(limits, *["192.0.2.1"] * 10) == 4
    limits.use(SIX.model_copy())
    assert failures(limits, "192.0.2.1") == 1
    limits.use(LimitsSettings())
    assert failures(limits, "192.0.2.1") == 0
