"""An operator's choice, which automation may not undo; and who looks at an incident."""

from datetime import timedelta

import pytest

from mailover.core.commands import (
    AcknowledgeIncident,
    Command,
    DisableProvider,
    FailBack,
    PauseFailback,
    PinProvider,
    Unpin,
)
from mailover.core.events import EventType
from mailover.core.fleet import Mode
from mailover.core.operators import refusal

from .story import START, Story


def pin(provider: str = "b", minutes: float = 60, **fields: str) -> PinProvider:
    return PinProvider(stream="mail", provider=provider, until=START + timedelta(minutes=minutes), **fields)


def test_a_pin_outranks_everything_until_it_expires() -> None:
    story = Story().ordered(pin(reason="migration", by="ann"))
    assert (story.flag.provider, story.flag.mode) == ("b", Mode.PINNED)
    assert story.flag.because == "pinned to b until 2026-01-05T10:00:00Z: migration"
    assert story.because(EventType.STREAM_PINNED) == "mail is pinned to b until 2026-01-05T10:00:00Z by ann: migration"
    assert story.sees("a").later(minutes=59).flag.provider == "b"


def test_when_a_pin_expires_the_flag_returns_by_the_rules() -> None:
    story = Story().sees("a").ordered(pin()).later(minutes=60)
    assert (story.flag.provider, story.flag.mode) == ("a", Mode.NORMAL)
    assert story.because(EventType.STREAM_UNPINNED) == "the pin of mail to b has expired"


def test_a_pin_can_be_ended_early() -> None:
    story = Story().later(minutes=6).sees("a").ordered(pin()).ordered(Unpin(stream="mail", by="ann"))
    assert story.flag.provider == "a"
    assert story.because(EventType.STREAM_UNPINNED) == "mail was unpinned by ann"


def test_if_the_pinned_provider_opens_the_pin_stays_and_the_alert_is_critical() -> None:
    story = Story().ordered(pin()).breaks("b")
    assert (story.flag.provider, story.flag.fallbacks) == ("b", ("a", "c"))
    opened = story.said(EventType.PROVIDER_OPENED)[0]
    assert opened.severity == "critical"
    assert opened.because == "b is out: 3 port probes failed in a row (banner: 421 too busy); mail stays pinned to it"


def test_disabling_the_pinned_provider_ends_the_pin_in_the_same_decision() -> None:
    story = Story().ordered(pin()).ordered(DisableProvider(provider="b", by="ann"))
    assert story.flag.provider == "a"
    assert story.because(EventType.STREAM_UNPINNED) == "the pin of mail ended: b was disabled by ann"


@pytest.mark.parametrize(
    ("command", "because", "unknown"),
    [
        (pin("x"), "'x' is not a provider of mail: a, b and c are", False),
        (pin(minutes=-1), "the pin would have ended already, at 2026-01-05T08:59:00Z", False),
        (
            PauseFailback(stream="mail", until=START),
            "the pause would have ended already, at 2026-01-05T09:00:00Z",
            False,
        ),
        (Unpin(stream="post"), "no stream is called 'post'", True),
        (DisableProvider(provider="x"), "no provider is called 'x'", True),
        (AcknowledgeIncident(incident="inc_1"), "no open incident has the id 'inc_1'", True),
    ],
)
def test_what_cannot_be_carried_out_is_refused_with_the_reason(command: Command, because: str, unknown: bool) -> None:
    story = Story()
    refused = refusal(story.fleet, story.policy, command, story.now)
    assert refused is not None
    assert (refused.because, refused.unknown) == (because, unknown)


def test_a_pin_to_a_disabled_provider_is_refused() -> None:
    story = Story().ordered(DisableProvider(provider="b"))
    refused = refusal(story.fleet, story.policy, pin(), story.now)
    assert refused is not None
    assert refused.because == "b is disabled: enable it first"


def test_failing_back_a_pinned_stream_is_refused() -> None:
    story = Story().ordered(pin())
    refused = refusal(story.fleet, story.policy, FailBack(stream="mail"), story.now)
    assert refused is not None
    assert refused.because == "mail is pinned to b: unpin it first"


def test_an_acknowledged_incident_notes_who_looks_at_it() -> None:
    story = Story().breaks("a")
    incident = story.fleet.incidents["provider/a"]
    story.later(30).ordered(AcknowledgeIncident(incident=incident.id, by="ann"))
    acknowledged = story.last.incidents[0]
    assert (acknowledged.acknowledged_by, acknowledged.acknowledged_at) == ("ann", story.now)
    assert acknowledged.body()["subject"] == "provider/a"


def test_an_incident_closes_with_its_provider() -> None:
    story = Story().breaks("a").recovers("a")
    closed = story.last.incidents[0]
    assert closed.closed_at == story.now
    assert story.fleet.incidents == {}
