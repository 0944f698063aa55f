"""An incident as people follow it, made of events alone."""

from dataclasses import replace
from datetime import timedelta

from happenings import NOON, happening
from hypothesis import given
from hypothesis import strategies as st

from mailover.alerts.slack_blocks import payload
from mailover.alerts.stories import Story, begun, continued, loud, shown
from mailover.core.events import Event, EventType, Severity
from mailover.storage.codec import dumps, loads

OPENED = happening(
    10, EventType.PROVIDER_OPENED, because="postmark is out: 421", provider="postmark", seconds_to_detect=4
)
MOVED = happening(11, stream="mail")
EXHAUSTED = happening(12, EventType.STREAM_EXHAUSTED, severity=Severity.CRITICAL, stream="mail")
SEEN = happening(13, EventType.INCIDENT_ACKNOWLEDGED, severity=Severity.INFO, by="alice")
CLOSED = happening(66, EventType.PROVIDER_CLOSED, severity=Severity.INFO, because="postmark is back")
DISABLED = happening(66, EventType.PROVIDER_DISABLED, severity=Severity.INFO, because="disabled by bob")


def story(*events: Event) -> Story:
    made = begun(events[0], "inc_1")
    for event in events[1:]:
        made = continued(made, event)
    return made


def test_it_begins_with_the_first_failing_signal() -> None:
    assert begun(OPENED, "inc_1").at == NOON + timedelta(seconds=6)


def test_it_is_as_severe_as_its_worst_event() -> None:
    assert shown(story(OPENED, MOVED)).severity is Severity.WARNING
    assert shown(story(OPENED, EXHAUSTED, SEEN)).severity is Severity.CRITICAL


def test_it_tells_where_each_stream_is_now() -> None:
    text = shown(story(OPENED, MOVED, EXHAUSTED)).because
    assert text.splitlines() == [
        "postmark is out: 421",
        "mail: no healthy provider is left",
        "nobody has acknowledged it yet",
    ]
    assert "alice looks after it" in shown(story(OPENED, EXHAUSTED, SEEN)).because


def test_it_ends_green_with_its_length() -> None:
    over = shown(story(OPENED, EXHAUSTED, CLOSED))
    assert (over.good, over.headline) == (True, "over after 1 min: postmark is out")
    assert ("lasted", "1 min") in over.facts
    assert over.about is None


def test_a_provider_that_is_disabled_is_not_well() -> None:
    over = shown(story(OPENED, DISABLED))
    assert (over.good, over.severity) == (False, Severity.INFO)
    assert over.headline == "disabled after 1 min: postmark is out"


def test_blindness_says_itself_how_long_it_lasted() -> None:
    blind = happening(1, EventType.AGENT_BLIND, severity=Severity.CRITICAL, because="nothing answers")
    sighted = happening(500, EventType.AGENT_SIGHTED, severity=Severity.INFO, because="we see", seconds=90.0)
    assert shown(story(blind, sighted)).headline.startswith("over after 1 min 30 s: mailover cannot see")


def test_all_hear_of_the_end_and_of_what_cannot_wait() -> None:
    assert [loud(e) for e in (OPENED, MOVED, EXHAUSTED, SEEN, CLOSED, DISABLED)] == [
        False,
        False,
        True,
        False,
        True,
        True,
    ]


def test_it_survives_the_store() -> None:
    for made in (story(OPENED), story(OPENED, MOVED, EXHAUSTED, SEEN, CLOSED)):
        assert loads(Story, dumps(made)) == made


@given(st.lists(st.tuples(st.text(max_size=300), st.text(max_size=3000)), max_size=60))
def test_it_always_fits_slacks_limits(touched: list[tuple[str, str]]) -> None:
    made = story(OPENED)
    for stream, because in touched:
        made = continued(replace(made, because=because), happening(11, stream=stream, to=because))
    words = payload(shown(made))
    blocks = words["blocks"]
    assert isinstance(blocks, list)
    assert 0 < len(blocks[1]["text"]["text"]) <= 3000
    assert len(dumps(made)) < 200_000
