"""The words people read at night."""

from datetime import timedelta

import pytest
from happenings import NOON, happening
from hypothesis import given
from hypothesis import strategies as st

from mailover.alerts.messages import Message, message, span, worth_telling
from mailover.alerts.slack_blocks import escaped, payload
from mailover.core.events import Event, EventType, Severity


@pytest.mark.parametrize(
    ("kind", "headline"),
    [
        (EventType.FAILOVER_HAPPENED, "s1: mail now goes through ses instead of postmark"),
        (EventType.FAILBACK_HAPPENED, "s1: mail goes through ses again (it was postmark)"),
        (EventType.STREAM_EXHAUSTED, "s1: no healthy provider is left"),
        (EventType.STREAM_RECOVERED, "s1: a healthy provider carries it again"),
        (EventType.AGENT_BLIND, "mailover cannot see: nothing answers, so it changes nothing by itself"),
        (EventType.AGENT_SIGHTED, "mailover sees again and decides by itself"),
    ],
)
def test_a_headline_says_what_happened(kind: EventType, headline: str) -> None:
    assert message(happening(1, kind), NOON).headline == headline


@pytest.mark.parametrize("kind", EventType)
def test_every_event_has_words_even_when_it_names_nothing(kind: EventType) -> None:
    bare = Event(id="evt_1", type=kind, subject="agent", at=NOON, severity=Severity.INFO, because="")
    words = message(bare, NOON)
    assert words.headline
    assert "{" not in words.headline
    assert payload(words)["blocks"]


def test_a_message_gives_the_reason_and_the_facts() -> None:
    event = happening(1, failure_kind="auth", owner="account", seconds_to_detect=6.5, incident="inc_abc_000001")
    words = message(event, NOON)
    assert words.because == "postmark is out: logins fail"
    assert words.facts == (
        ("failure", "auth"),
        ("to be mended by", "us: it is our account there"),
        ("noticed within", "6.5 s"),
        ("incident", "inc_abc_000001"),
        ("happened", "2026-11-21T12:00:01Z"),
    )


def test_exhaustion_says_what_becomes_of_the_mail() -> None:
    held = message(happening(1, EventType.STREAM_EXHAUSTED, sending=False), NOON)
    assert ("mail", "is held back until a provider is healthy") in held.facts
    kept = message(happening(1, EventType.STREAM_EXHAUSTED, sending=True), NOON)
    assert ("mail", "goes on with what is left") in kept.facts


def test_old_news_says_that_it_is_late() -> None:
    words = message(happening(0), NOON + timedelta(hours=2, minutes=5))
    assert words.facts[-1] == ("told late by", "2 h 5 min")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (6.54, "6.5 s"), (60, "1 min"), (90.2, "1 min 30 s"), (3600, "1 h"), (7500, "2 h 5 min")],
)
def test_a_span_is_said_in_one_or_two_units(seconds: float, words: str) -> None:
    assert span(seconds) == words


def test_people_are_told_of_what_moves_mail_and_of_anything_critical() -> None:
    assert worth_telling(happening(1))
    assert not worth_telling(happening(1, EventType.PROVIDER_SLOW))
    assert worth_telling(happening(1, EventType.PROVIDER_OPENED, severity=Severity.CRITICAL))


def test_a_peers_words_mean_nothing_to_slack() -> None:
    because = "550 <!channel> <https://evil.example|click> @here *bold* & \x1b[31mred\x1b[0m"
    text = str(payload(message(happening(1, because=because), NOON)))
    assert "<" not in text
    assert "@here" not in text
    assert "\x1b" not in text
    assert "&lt;!channel&gt;" in text
    assert "'mrkdwn': False" in text


@given(st.text(max_size=400), st.integers(1, 200))
def test_escaped_text_is_short_and_harmless(text: str, limit: int) -> None:
    shown = escaped(text, limit)
    assert len(shown) <= limit
    assert "<" not in shown
    assert ">" not in shown
    assert all(shown[i:].startswith(("&amp;", "&lt;", "&gt;")) for i, c in enumerate(shown) if c == "&")


@given(st.text(), st.text())
def test_any_message_fits_slacks_limits(because: str, stream: str) -> None:
    words = payload(message(happening(1, because=because * 50, stream=stream * 50), NOON))
    blocks = words["blocks"]
    assert isinstance(blocks, list)
    header, section, context = blocks
    assert 0 < len(header["text"]["text"]) <= 150
    assert 0 < len(section["text"]["text"]) <= 3000
    assert all(0 < len(e["text"]) <= 3000 for e in context["elements"])


@pytest.mark.parametrize(
    ("headline", "because", "told"),
    [
        ("ses is out", "ses is out: 3 port probes failed", "ses is out: 3 port probes failed"),
        ("over after 9 s: ses is out", "ses is out: silent", "over after 9 s: ses is out: silent"),
        ("s1: pinned to ses", "ses is out: silent", "s1: pinned to ses: ses is out: silent"),
        ("ses is out", "", "ses is out: "),
    ],
)
def test_a_phone_is_not_told_twice_that_a_provider_is_out(headline: str, because: str, told: str) -> None:
    words = Message(severity=Severity.WARNING, good=False, headline=headline, because=because)
    assert str(payload(words)["text"])[2:] == told
