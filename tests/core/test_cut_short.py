"""A network of ours that goes away cuts every dialogue under way; only a later greeting blames the provider."""

from datetime import UTC, datetime, timedelta

from mailover.core.decide import decide
from mailover.core.fleet import Fleet, found
from mailover.core.observations import Depth, Failure, FailureKind, Observation, ProbeKind, Purpose, Stage
from mailover.core.policy import Policy
from mailover.core.providers import Provider, Stream

START = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
POLICY = Policy(
    providers={name: Provider(name=name, host=f"{name}.example", port=587) for name in ("first", "second")},
    streams={"mail": Stream(name="mail", providers=("first", "second"))},
)
CUT = Failure(kind=FailureKind.TIMEOUT, stage=Stage.STARTTLS, text="no TLS within 10 s", replied=True)


def hear(fleet: Fleet, begun: float, ended: float) -> Fleet:
    """A dialogue with `first` that was greeted and then broke off."""
    at = START + timedelta(seconds=ended)
    seen = Observation(
        provider="first",
        purpose=Purpose.SIGHT,
        probe=ProbeKind.PORT,
        depth=Depth.PORT,
        failure=CUT,
        started_at=START + timedelta(seconds=begun),
        finished_at=at,
    )
    return decide(fleet, (seen,), POLICY, at).fleet


def test_dialogues_that_were_all_under_way_blame_nobody() -> None:
    fleet = found(POLICY, "t", START)
    for begun in (0.1, 0.2, 0.3, 0.4):
        fleet = hear(fleet, begun, begun + 10)
    assert fleet.breakers["first"].closed


def test_a_provider_that_greets_and_hangs_again_and_again_is_left_though_nobody_else_can_tell() -> None:
    fleet = found(POLICY, "t", START)
    for begun in (0.1, 12, 14):
        fleet = hear(fleet, begun, begun + 10)
    assert not fleet.breakers["first"].closed
