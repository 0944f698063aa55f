"""Which events a receiver asked for."""

from datetime import UTC, datetime

import pytest

from mailover.core.events import Event, EventType, Severity
from mailover.core.interest import Interest


def event(
    kind: EventType = EventType.FAILOVER_HAPPENED,
    subject: str = "stream/mail",
    severity: Severity = Severity.WARNING,
    **data: object,
) -> Event:
    named = {key.rstrip("_"): value for key, value in data.items()}
    at = datetime(2026, 11, 21, tzinfo=UTC)
    return Event(id="evt_1", type=kind, subject=subject, at=at, severity=severity, because="", data=named)


MOVE = event(stream="mail", provider="ses", from_="postmark", to="ses")


def test_nobody_who_asks_for_nothing_special_misses_anything() -> None:
    assert all(Interest().wants(event(kind)) for kind in EventType)


@pytest.mark.parametrize("provider", ["ses", "postmark"])
def test_a_provider_is_named_also_as_what_a_stream_left_or_went_to(provider: str) -> None:
    assert Interest(providers=(provider,)).wants(MOVE)
    assert not Interest(providers=("sendgrid",)).wants(MOVE)


def test_a_subject_names_too() -> None:
    assert Interest(providers=("ses",)).wants(event(EventType.PROVIDER_SLOW, "provider/ses"))
    assert not Interest(streams=("ses",)).wants(event(EventType.PROVIDER_SLOW, "provider/ses"))


def test_who_asks_for_a_stream_hears_of_its_incidents_and_not_of_the_agent() -> None:
    assert Interest(streams=("mail",)).wants(event(EventType.INCIDENT_UNACKNOWLEDGED, "agent", streams=["mail"]))
    assert not Interest(streams=("mail",)).wants(event(EventType.AGENT_STARTED, "agent"))
    assert not Interest(streams=("news",)).wants(MOVE)


def test_a_severity_is_the_least_one() -> None:
    told = [Interest(severity=Severity.WARNING).wants(event(severity=each)) for each in Severity]
    assert told == [False, True, True]


def test_all_parts_must_agree() -> None:
    wanted = Interest(events=(EventType.FAILOVER_HAPPENED,), streams=("mail",), severity=Severity.CRITICAL)
    assert not wanted.wants(MOVE)
