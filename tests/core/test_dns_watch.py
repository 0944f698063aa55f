"""DNS verdicts: told before they hurt, silent ones only when silence has lasted."""

from dataclasses import replace
from datetime import datetime, timedelta

from mailover.core.decide import Decision, decide
from mailover.core.events import Event, EventType, Severity
from mailover.core.fleet import found
from mailover.core.observations import DnsVerdict

from .world import START, policy_of

HOUR = timedelta(hours=1)


class House:
    """A fleet that hears of the DNS alone."""

    def __init__(self, **stream: object) -> None:
        self.policy = policy_of("ab", **stream)
        self.fleet = found(self.policy, "dns", START)
        self.now: datetime = START
        self.events: list[Event] = []

    def hear(self, verdict: str, provider: str = "b", after: timedelta = HOUR, **more: object) -> Decision:
        self.now += after
        told = DnsVerdict(provider=provider, verdict=verdict, at=self.now, domain="d.example", because="it is so")
        decision = decide(self.fleet, (replace(told, **more),), self.policy, self.now)  # type: ignore[arg-type]
        self.fleet = decision.fleet
        self.events += [each for each in decision.events if each.type.startswith("dns.")]
        return decision

    @property
    def said(self) -> list[tuple[EventType, Severity]]:
        return [(each.type, each.severity) for each in self.events]


def test_a_spare_that_would_fail_is_told_once_and_its_repair_too() -> None:
    house = House()
    for verdict in ("both", "none", "none", "spf_only", "both"):
        house.hear(verdict)
    assert house.said == [(EventType.DNS_BROKEN, Severity.WARNING), (EventType.DNS_REPAIRED, Severity.INFO)]
    broken = house.events[0]
    assert broken.subject == "domain/d.example"
    assert broken.data == {"domain": "d.example", "provider": "b", "verdict": "none"}


def test_the_active_provider_without_dns_is_critical_and_stays() -> None:
    house = House(require_dns=True)
    house.hear("none", "a")
    assert house.said == [(EventType.DNS_BROKEN, Severity.CRITICAL)]
    assert house.fleet.streams["mail"].flag.provider == "a"


def test_a_spare_without_dns_is_no_target_unless_it_is_the_last_one() -> None:
    house = House(require_dns=True)
    house.hear("none")
    assert house.fleet.streams["mail"].flag.fallbacks == ()
    house.hear("none", "a")
    assert house.fleet.streams["mail"].flag.provider == "a"
    assert house.fleet.streams["mail"].flag.fallbacks == ("b",)


def test_silence_keeps_the_last_known_verdict_and_is_told_when_it_has_lasted() -> None:
    house = House(require_dns=True)
    house.hear("none")
    house.events.clear()
    house.hear("unknown", silent=True)
    assert house.fleet.breakers["b"].dns == "none"
    house.hear("both")
    house.events.clear()
    for _ in range(6):
        house.hear("unknown", silent=True)
    assert house.said == []
    for _ in range(3):
        house.hear("unknown", silent=True)
    assert house.said == [(EventType.DNS_BROKEN, Severity.WARNING)]
    assert "last known 7 h ago" in house.events[0].because
    assert ": both)" in house.events[0].because
    assert house.fleet.breakers["b"].dns == "both"
    house.hear("both")
    assert house.said[-1] == (EventType.DNS_REPAIRED, Severity.INFO)


def test_silence_that_turns_out_to_be_a_broken_record_is_told_again() -> None:
    house = House()
    for _ in range(8):
        house.hear("unknown", silent=True)
    house.hear("none")
    assert [kind for kind, _ in house.said] == [EventType.DNS_BROKEN] * 2


def test_what_was_never_told_alarms_nobody() -> None:
    house = House()
    for _ in range(48):
        house.hear("unknown")
    assert house.said == []


def test_another_domain_than_the_senders_does_not_decide_over_the_flag() -> None:
    house = House(require_dns=True)
    house.hear("both")
    house.hear("none", decides=False, domain="other.example")
    assert house.fleet.breakers["b"].dns == "both"
    assert house.said == [(EventType.DNS_BROKEN, Severity.WARNING)]


def test_a_domains_own_trouble_names_no_provider() -> None:
    house = House()
    house.hear("none", "")
    assert house.events[0].severity is Severity.WARNING
    assert house.events[0].data == {"domain": "d.example", "verdict": "none"}


def test_what_is_no_longer_checked_is_forgotten_in_the_end() -> None:
    house = House()
    house.hear("both")
    house.hear("both", domain="new.example", after=timedelta(days=8))
    assert set(house.fleet.dns) == {"new.example/b"}


def test_a_provider_that_left_the_config_is_passed_over() -> None:
    house = House()
    house.hear("none", "gone")
    assert house.said == []
    assert not house.fleet.dns
