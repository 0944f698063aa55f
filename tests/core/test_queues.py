"""The relay's queue as people hear of it: growing, worked off, ambiguous; never while it waits on purpose."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

from mailover.core.carriage import StreamMail
from mailover.core.decide import decide
from mailover.core.events import EventType, Severity
from mailover.core.fleet import Fleet, found
from mailover.core.hours import Hours
from mailover.core.mail import QueueDepth
from mailover.core.policy import Policy
from mailover.core.providers import Provider, Stream
from mailover.core.queues import QueueSeen

START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


class Watched:
    """A fleet that looks at its queue each five seconds."""

    def __init__(self, mail: StreamMail = StreamMail()) -> None:  # noqa: B008 - frozen
        stream = Stream(name="mail", providers=("a",), mail=mail)
        self.policy = Policy(providers={"a": Provider(name="a", host="a.example", port=587)}, streams={"mail": stream})
        self.now = START
        self.fleet: Fleet = found(self.policy, "test", START)
        self.told: list[str] = []

    def look(self, seconds: int, queued: int, *, age: float = 0.0, ambiguous: int = 0, shrinks_by: int = 0) -> None:
        for _ in range(0, seconds, 5):
            self.now += timedelta(seconds=5)
            oldest_at = self.now - timedelta(seconds=age) if queued else None
            depth = QueueDepth(stream="mail", queued=queued, oldest_at=oldest_at, ambiguous=ambiguous)
            decision = decide(self.fleet, [QueueSeen(depth=depth, at=self.now)], self.policy, self.now)
            self.fleet = decision.fleet
            self.told += [event.type for event in decision.events]
            self.because = decision.because
            queued = max(0, queued - shrinks_by)


def test_too_many_that_do_not_become_fewer_are_told_once_and_then_that_it_is_over() -> None:
    seen = Watched()
    seen.look(55, 1000)
    assert not seen.told
    seen.look(600, 1000)
    assert seen.told == [EventType.QUEUE_GROWING]
    seen.look(60, 999)
    assert seen.told == [EventType.QUEUE_GROWING, EventType.QUEUE_DRAINED]


def test_a_few_that_wait_too_long_are_told() -> None:
    seen = Watched()
    seen.look(70, 2, age=301)
    assert seen.told == [EventType.QUEUE_GROWING]


def test_the_sentence_says_how_much_how_long_and_why() -> None:
    seen = Watched()
    seen.look(60, 2000, age=400)
    assert not seen.told
    seen.look(5, 2000, age=400)
    assert seen.because.startswith("2000 mails of mail wait, the oldest for 7 min, and they do not become fewer: a is")


def test_a_backlog_that_is_worked_off_worries_nobody() -> None:
    seen = Watched()
    seen.look(600, 100_000, age=3600, shrinks_by=1000)
    assert not seen.told


def test_mail_that_waits_for_its_hours_worries_nobody() -> None:
    night = Hours(start=time(20, 0), end=time(22, 0), zone=UTC)
    seen = Watched(StreamMail(hours=(night,)))
    seen.look(600, 100_000, age=7200)
    assert not seen.told


def test_an_idle_queue_changes_nothing() -> None:
    seen = Watched()
    before = seen.fleet
    seen.look(60, 0)
    assert seen.fleet is before


def test_more_ambiguous_mail_is_told_each_time_and_less_is_not() -> None:
    seen = Watched()
    seen.look(20, 0, ambiguous=1)
    seen.look(20, 0, ambiguous=3)
    seen.look(20, 0, ambiguous=2)
    assert seen.told == [EventType.QUEUE_AMBIGUOUS] * 2


def test_these_events_are_about_the_stream_and_warn() -> None:
    seen = Watched()
    depth = QueueDepth(stream="mail", ambiguous=1)
    decision = decide(seen.fleet, [QueueSeen(depth=depth, at=START)], seen.policy, START)
    (event,) = decision.events
    assert (event.subject, event.severity, event.data["ambiguous"]) == ("stream/mail", Severity.WARNING, 1)


def test_a_stream_that_left_the_config_is_forgotten() -> None:
    seen = Watched()
    seen.look(10, 0, ambiguous=1)
    other = replace(seen.policy, streams={"news": Stream(name="news", providers=("a",))})
    depth = QueueDepth(stream="news", ambiguous=1)
    decision = decide(seen.fleet, [QueueSeen(depth=depth, at=seen.now)], other, seen.now)
    assert list(decision.fleet.queues) == ["news"]
