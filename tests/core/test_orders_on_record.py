"""Whatever an operator orders is on record: what, by whom, and for which incident."""

from datetime import timedelta

from mailover.core.commands import FailBack, PauseFailback, PinProvider, ResumeFailback
from mailover.core.events import EventType

from .story import START, Story

HOUR = START + timedelta(hours=1)


def test_a_failback_pause_is_told_and_so_is_its_end() -> None:
    story = Story().ordered(PauseFailback(stream="mail", until=HOUR, by="ann"))
    assert (
        story.because(EventType.FAILBACK_PAUSED) == "the fail-back of mail is paused until 2026-01-05T10:00:00Z by ann"
    )
    assert story.said(EventType.FAILBACK_PAUSED)[0].data["by"] == "ann"
    story.ordered(ResumeFailback(stream="mail", by="bob"))
    assert story.because(EventType.FAILBACK_RESUMED) == "the fail-back pause of mail was ended by bob"


def test_a_pause_that_runs_out_is_told() -> None:
    story = Story().sees("a").ordered(PauseFailback(stream="mail", until=HOUR)).later(minutes=61)
    assert story.because(EventType.FAILBACK_RESUMED) == "the fail-back pause of mail is over"


def test_the_same_pause_again_and_a_pause_that_is_none_say_nothing() -> None:
    story = Story().ordered(ResumeFailback(stream="mail"))
    story.ordered(PauseFailback(stream="mail", until=HOUR)).ordered(PauseFailback(stream="mail", until=HOUR))
    assert len(story.said(EventType.FAILBACK_PAUSED)) == 1
    assert story.said(EventType.FAILBACK_RESUMED) == []


def test_an_order_belongs_to_the_open_incident_of_its_stream() -> None:
    story = Story().breaks("a")
    (incident,) = story.fleet.incidents.values()
    story.ordered(PinProvider(stream="mail", provider="b", until=HOUR, by="ann"))
    story.ordered(PauseFailback(stream="mail", until=HOUR, by="ann"))
    for kind in (EventType.STREAM_PINNED, EventType.FAILBACK_PAUSED):
        assert story.said(kind)[0].data["incident"] == incident.id


def test_an_order_may_name_an_incident_that_is_over() -> None:
    story = Story().breaks("a").recovers("a")
    assert not story.fleet.incidents
    story.ordered(FailBack(stream="mail", by="ann", incident="inc_1"))
    (back,) = story.said(EventType.FAILBACK_HAPPENED)
    assert (back.data["by"], back.data["incident"], back.data["to"]) == ("ann", "inc_1", "a")
