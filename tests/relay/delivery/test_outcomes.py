"""What sends taught us reaches the agent: tallied each second, a provider's failure at once, our own never."""

from datetime import UTC, datetime, timedelta

from mailover.core.observations import Depth, Failure, FailureKind, Observation, Purpose, Stage
from mailover.relay.delivery.attempt import Attempt
from mailover.relay.delivery.outcomes import Outcomes

START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


class Told:
    def __init__(self) -> None:
        self.heard: list[Observation] = []
        self.now = START
        self.outcomes = Outcomes(self.heard.append, lambda: self.now)

    def wait(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


def failure(kind: FailureKind, stage: Stage = Stage.MAIL, code: int | None = 451) -> Failure:
    return Failure(kind=kind, stage=stage, code=code, replied=code is not None)


def test_successes_are_told_as_one_with_their_number() -> None:
    told = Told()
    for _ in range(7):
        told.outcomes.tell("ses", None, seconds=0.1, domain="example.org")
        told.wait(0.1)
    assert not told.heard
    told.outcomes.flush()
    (seen,) = told.heard
    assert (seen.provider, seen.ok, seen.count, seen.depth) == ("ses", True, 7, Depth.SEND)
    assert (seen.purpose, seen.reporter, seen.recipient_domain) == (Purpose.REPORT, "relay", "example.org")
    assert seen.started_at < seen.finished_at <= told.now
    told.outcomes.flush()
    assert len(told.heard) == 1


def test_a_failure_of_a_provider_is_told_at_once_and_equal_ones_within_a_second_together() -> None:
    told = Told()
    for _ in range(5):
        told.outcomes.tell("ses", failure(FailureKind.TRANSIENT))
    assert [seen.count for seen in told.heard] == [1]
    told.outcomes.tell("ses", failure(FailureKind.TIMEOUT, Stage.CONNECT, None))
    assert [seen.depth for seen in told.heard] == [Depth.ENVELOPE, Depth.PORT]
    told.wait(1)
    told.outcomes.flush()
    assert [seen.count for seen in told.heard] == [1, 1, 4]
    told.wait(1.1)
    told.outcomes.tell("ses", failure(FailureKind.TRANSIENT))
    assert len(told.heard) == 4


def test_what_is_nobodys_fault_waits_for_the_second_to_end() -> None:
    told = Told()
    told.outcomes.tell("ses", failure(FailureKind.RECIPIENT, Stage.RCPT, 550), domain="a.example")
    told.outcomes.tell("ses", failure(FailureKind.RECIPIENT, Stage.RCPT, 550), domain="b.example")
    assert not told.heard
    told.outcomes.flush()
    assert (told.heard[0].count, told.heard[0].recipient_domain) == (2, None)


def test_nobodys_address_is_told_whole() -> None:
    told = Told()
    said = Failure(
        kind=FailureKind.RECIPIENT, stage=Stage.RCPT, code=550, text="<ann.lee@example.org> is unknown", replied=True
    )
    told.outcomes.tell("ses", said, domain="example.org")
    told.outcomes.flush()
    assert told.heard[0].failure is not None
    assert told.heard[0].failure.text == "<a...@example.org> is unknown"


def test_our_own_machine_blames_nobody() -> None:
    told = Told()
    told.outcomes.tell("ses", failure(FailureKind.LOCAL, Stage.RESOLVE, None))
    told.outcomes.flush()
    assert not told.heard


def test_one_message_for_fifty_that_is_turned_away_is_one_send_that_failed() -> None:
    told = Told()
    addresses = [f"{number}@example.org" for number in range(50)]
    told.outcomes.attempted(Attempt(provider="ses", failure=failure(FailureKind.TRANSIENT)), addresses)
    told.outcomes.attempted(Attempt(provider="ses"), addresses)
    told.outcomes.flush()
    assert [(seen.ok, seen.count) for seen in told.heard] == [(False, 1), (True, 50)]


def test_who_was_refused_within_one_message_is_told_apart_from_who_was_taken() -> None:
    told = Told()
    unknown = failure(FailureKind.RECIPIENT, Stage.RCPT, 550)
    blocked = failure(FailureKind.POLICY, Stage.RCPT, 550)
    refused = {"a@a.example": unknown, "b@b.example": unknown, "c@c.example": blocked, "d@c.example": blocked}
    told.outcomes.attempted(Attempt(provider="ses", refused=refused), [*refused, "e@e.example"])
    told.outcomes.flush()
    seen = {(each.failure and each.failure.kind): (each.count, each.recipient_domain) for each in told.heard}
    assert seen == {
        FailureKind.RECIPIENT: (2, None),
        FailureKind.POLICY: (1, "c.example"),
        None: (1, "e.example"),
    }
