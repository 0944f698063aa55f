"""The next password is tried before you rotate: reported when it is news, and never the provider's fault."""

from datetime import UTC, datetime, timedelta

from mailover.core.decide import decide, may_rehearse
from mailover.core.events import EventType
from mailover.core.fleet import Fleet, found
from mailover.core.observations import Depth, Failure, FailureKind, Observation, ProbeKind, Purpose, Stage
from mailover.core.policy import Policy
from mailover.core.providers import Provider, Stream

START = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
POLICY = Policy(
    providers={name: Provider(name=name, host=f"{name}.example", port=587) for name in ("first", "second")},
    streams={"mail": Stream(name="mail", providers=("first", "second"))},
)
REFUSED = Failure(kind=FailureKind.AUTH, stage=Stage.AUTH, code=535, text="5.7.8 no", replied=True)
SILENT = Failure(kind=FailureKind.TIMEOUT, stage=Stage.CONNECT)


def rehearse(fleet: Fleet, seconds: float, failure: Failure | None = None) -> tuple[Fleet, list[tuple[EventType, str]]]:
    at = START + timedelta(seconds=seconds)
    seen = Observation(
        provider="first",
        purpose=Purpose.REHEARSAL,
        probe=ProbeKind.LOGIN,
        depth=Depth.LOGIN if failure is None else failure.depth,
        failure=failure,
        started_at=at,
        finished_at=at,
    )
    decision = decide(fleet, (seen,), POLICY, at)
    return decision.fleet, [(event.type, event.because) for event in decision.events]


def test_a_next_password_that_works_is_reported_once() -> None:
    fleet, told = rehearse(found(POLICY, "t", START), 1)
    assert told == [(EventType.PROVIDER_REHEARSED, "the next password of first works: it can be rotated")]
    assert rehearse(fleet, 2)[1] == []
    assert may_rehearse(fleet, "first")


def test_a_refused_one_is_a_warning_and_is_not_tried_again() -> None:
    fleet, told = rehearse(found(POLICY, "t", START), 1, REFUSED)
    sentence = "the next password of first is refused (auth: 535 5.7.8 no): rotating now would stop its mail"
    assert told == [(EventType.PROVIDER_REHEARSED, sentence)]
    assert not may_rehearse(fleet, "first")
    assert may_rehearse(fleet, "second")


def test_a_rehearsal_blames_no_provider() -> None:
    fleet = found(POLICY, "t", START)
    for seconds in range(1, 30):
        fleet, _ = rehearse(fleet, seconds, REFUSED)
    breaker = fleet.breakers["first"]
    assert breaker.closed
    assert not breaker.runs
    assert fleet.streams["mail"].flag.epoch == 1


def test_silence_says_nothing_of_a_password() -> None:
    fleet = found(POLICY, "t", START)
    assert rehearse(fleet, 1, SILENT)[1] == []
    assert may_rehearse(fleet, "first")
