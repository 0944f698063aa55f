"""Many probes at once: nobody waits for anybody, nothing is lost, and everything ends when it is told to."""

import asyncio
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
from hostile.servers import HostileServer, Peer
from looks import Heard, target_at, target_of, trip_to
from mailboxes import utc_now

from agent.probes import PROBES, Looking, Probe, Seen, Target
from agent.probes.arrivals import Arrivals
from agent.probes.prober import Hear, Prober
from agent.probes.webhook import WebhookMailbox
from mailover.core.decide import ProbeOrder
from mailover.core.observations import (
    Failure,
    FailureKind,
    MailboxSeen,
    Observation,
    Overdue,
    ProbeKind,
    Purpose,
    Stage,
)
from mailover.demo.provider import Behaviour, Provider
from mailover.errors import NotFoundError, RefusedError
from mailover.resolve import Resolver

PORT, LOGIN, ENVELOPE, ROUND_TRIP = ProbeKind.PORT, ProbeKind.LOGIN, ProbeKind.ENVELOPE, ProbeKind.ROUND_TRIP


def order(provider: str, probe: ProbeKind = PORT, purpose: Purpose = Purpose.SCHEDULED) -> ProbeOrder:
    return ProbeOrder(provider=provider, probe=probe, purpose=purpose)


class SteppedClock:
    """A clock that a test sets forward."""

    def __init__(self) -> None:
        self.at = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at


def prober(
    *targets: Target,
    hear: Hear,
    deadline: float = 5.0,
    slow: float = 5.0,
    probes: Mapping[ProbeKind, Probe] = PROBES,
    now: SteppedClock | None = None,
) -> Prober:
    return Prober(
        {target.provider: target for target in targets},
        hear=hear,
        now=now or utc_now,
        resolver=Resolver(),
        deadline=deadline,
        slow=slow,
        probes=probes,
    )


def mute(peer: Peer) -> None:
    peer.mute()


def test_several_providers_and_kinds_at_once_and_a_hanging_one_delays_nobody(ca_file: str) -> None:
    heard = Heard()

    async def go(*targets: Target) -> None:
        probing = prober(*targets, hear=heard, deadline=3.0, slow=10)
        hanging = asyncio.create_task(probing.run(order("hanging")))
        await probing.run(*(order(name, kind) for name in ("one", "two") for kind in (PORT, LOGIN, ENVELOPE)))
        assert not hanging.done()
        assert probing.under_way == 1
        await hanging

    with HostileServer(mute) as server, Provider("one") as one, Provider("two") as two:
        asyncio.run(go(target_of(one, ca_file), target_of(two, ca_file), target_at(server.port, "hanging")))
    good = {(each.provider, each.probe) for each in heard.observations if each.ok}
    assert good == {(name, kind) for name in ("one", "two") for kind in (PORT, LOGIN, ENVELOPE)}
    (hung,) = heard.of("hanging", PORT)
    assert hung.failure is not None
    assert hung.failure.kind is FailureKind.TIMEOUT
    assert heard.observations[-1] is hung


def test_twenty_hanging_providers_take_no_longer_than_one(ca_file: str) -> None:
    heard = Heard()

    async def go(port: int, good: Target) -> float:
        targets = [target_at(port, f"hanging-{number}") for number in range(20)]
        probing = prober(*targets, good, hear=heard, deadline=1.0, slow=10)
        began = time.monotonic()
        await probing.run(*(order(target.provider) for target in targets), order(good.provider))
        return time.monotonic() - began

    with HostileServer(mute) as server, Provider("good") as provider:
        assert asyncio.run(go(server.port, target_of(provider, ca_file))) < 4
    assert heard.observations[0].provider == "good"
    assert len(heard.observations) == 21


def test_a_scheduled_probe_without_an_answer_after_slow_is_overdue_before_its_deadline() -> None:
    heard = Heard()

    async def go(port: int) -> None:
        await prober(target_at(port), hear=heard, deadline=0.8, slow=0.2).run(order("hostile"))

    with HostileServer(mute) as server:
        asyncio.run(go(server.port))
    overdue, seen = heard.all
    assert isinstance(overdue, Overdue)
    assert isinstance(seen, Observation)
    assert (overdue.provider, overdue.probe) == ("hostile", PORT)
    assert overdue.started_at <= seen.started_at
    assert timedelta(seconds=0.15) < overdue.at - overdue.started_at < timedelta(seconds=0.8)


def test_a_quick_answer_and_a_confirmation_are_never_overdue(ca_file: str) -> None:
    heard = Heard()

    async def go(good: Target, port: int) -> None:
        probing = prober(good, target_at(port), hear=heard, deadline=0.6, slow=0.3)
        await probing.run(order("fake"), order("hostile", purpose=Purpose.CONFIRM))
        await asyncio.sleep(0.2)

    with HostileServer(mute) as server, Provider() as provider:
        asyncio.run(go(target_of(provider, ca_file), server.port))
    assert not any(isinstance(each, Overdue) for each in heard.all)
    assert {each.purpose for each in heard.observations} == {Purpose.SCHEDULED, Purpose.CONFIRM}


def test_one_scheduled_probe_of_a_kind_at_a_time_while_confirmations_overlap() -> None:
    heard = Heard()

    async def go(port: int) -> Prober:
        probing = prober(target_at(port), hear=heard, deadline=0.4)
        probing.start(order("hostile"), order("hostile"))
        probing.start(order("hostile"), order("hostile", LOGIN))
        confirm = order("hostile", purpose=Purpose.CONFIRM)
        seen = await probing.run(confirm, confirm, order("hostile"))
        assert len(seen) == 2
        await asyncio.sleep(0.3)
        assert probing.under_way == 0
        assert len(await probing.run(order("hostile"))) == 1
        return probing

    with HostileServer(mute) as server:
        probing = asyncio.run(go(server.port))
    assert probing.skipped == {("hostile", PORT): 3}
    assert len(heard.of("hostile", PORT)) == 4
    assert len(heard.of("hostile", LOGIN)) == 1


def test_stopping_takes_no_second_says_nothing_and_starts_nothing_more() -> None:
    heard = Heard()

    async def go(port: int) -> float:
        probing = prober(target_at(port), hear=heard, deadline=30)
        waiting = asyncio.create_task(probing.run(*[order("hostile", purpose=Purpose.CONFIRM)] * 20))
        await asyncio.sleep(0.1)
        began = time.monotonic()
        await probing.stop()
        took = time.monotonic() - began
        assert await waiting == ()
        with pytest.raises(RefusedError, match="stopping"):
            probing.start(order("hostile"))
        await probing.stop()
        return took

    with HostileServer(mute) as server:
        assert asyncio.run(go(server.port)) < 1.5
    assert heard.all == []


def test_giving_up_a_check_cancels_its_probes() -> None:
    async def go(port: int) -> None:
        probing = prober(target_at(port), hear=Heard(), deadline=30)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await probing.run(order("hostile", purpose=Purpose.MANUAL))
        async with asyncio.timeout(2):
            while probing.under_way:  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    with HostileServer(mute) as server:
        asyncio.run(go(server.port))


def test_an_unknown_provider_or_an_impossible_trip_is_refused_before_anything_starts() -> None:
    async def go() -> None:
        probing = prober(target_at(25), hear=Heard())
        with pytest.raises(NotFoundError, match="sendgrid"):
            probing.start(order("hostile"), order("sendgrid"))
        with pytest.raises(RefusedError, match="round_trip"):
            await probing.run(order("hostile"), order("hostile", ROUND_TRIP))
        assert probing.under_way == 0

    asyncio.run(go())


def test_a_probe_that_breaks_or_never_ends_is_a_local_failure_and_nobody_elses(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("agent.probes.prober._GRACE", 0.1)
    heard = Heard()

    async def breaks(_target: Target, _looking: Looking, /) -> Seen:
        raise RuntimeError("a defect")

    async def never_ends(_target: Target, _looking: Looking, /) -> Seen:
        await asyncio.sleep(60)
        raise AssertionError

    async def go() -> None:
        probing = prober(target_at(25), hear=heard, deadline=0.1, probes={PORT: breaks, LOGIN: never_ends})
        await probing.run(order("hostile"), order("hostile", LOGIN))

    asyncio.run(go())
    kinds = [each.failure.kind for each in heard.observations if each.failure]
    assert kinds == [FailureKind.LOCAL, FailureKind.LOCAL]
    assert "a port probe of hostile ended by a defect" in caplog.text


def test_a_listener_that_breaks_does_not_end_the_probing(caplog: pytest.LogCaptureFixture) -> None:
    def deaf(*_heard: Observation | Overdue | MailboxSeen) -> None:
        raise RuntimeError("deaf")

    async def go(port: int) -> None:
        assert len(await prober(target_at(port), hear=deaf, deadline=0.1).run(order("hostile"))) == 1

    with HostileServer(mute) as server:
        asyncio.run(go(server.port))
    assert "could not be handed over" in caplog.text


def timed_out(target: Target, looking: Looking, started_at: datetime) -> Seen:
    failure = Failure(kind=FailureKind.TIMEOUT, stage=Stage.CONNECT, text="no answer")
    observation = Observation(
        provider=target.provider,
        purpose=looking.purpose,
        probe=PORT,
        depth=failure.depth,
        failure=failure,
        started_at=started_at,
        finished_at=looking.now(),
    )
    return Seen(observation=observation)


@pytest.mark.parametrize(("slept", "kind"), [(60, FailureKind.LOCAL), (0, FailureKind.TIMEOUT)])
def test_a_timeout_noticed_long_after_the_deadline_is_this_machines_own(slept: int, kind: FailureKind) -> None:
    clock, heard = SteppedClock(), Heard()

    async def times_out(target: Target, looking: Looking, /) -> Seen:
        started_at = looking.now()
        clock.at += timedelta(seconds=5 + slept)
        return timed_out(target, looking, started_at)

    async def go() -> None:
        await prober(target_at(25), hear=heard, probes={PORT: times_out}, now=clock).run(order("hostile"))

    asyncio.run(go())
    (failure,) = (each.failure for each in heard.observations)
    assert failure is not None
    assert failure.kind is kind


def test_while_this_process_is_kept_from_running_nobody_is_blamed_and_then_looks_take_more_time() -> None:
    heard = Heard()
    limits: list[float] = []

    async def kept_from_running(target: Target, looking: Looking, /) -> Seen:
        limits.append(looking.deadline)
        began = time.monotonic()
        while time.monotonic() < began + 0.5:  # the loop is not run meanwhile: that is what is tested
            pass
        return timed_out(target, looking, looking.now())

    async def go() -> None:
        probing = prober(target_at(25), hear=heard, deadline=0.5, probes={PORT: kept_from_running})
        for _ in range(9):
            await probing.run(order("hostile"))

    asyncio.run(go())
    kinds = [each.failure.kind for each in heard.observations if each.failure is not None]
    assert (limits[0], limits[-1]) == (0.5, 1.5)
    assert (kinds[0], kinds[-1]) == (FailureKind.LOCAL, FailureKind.TIMEOUT)


def test_a_round_trip_has_its_own_deadline_and_is_never_overdue(ca_file: str) -> None:
    arrivals, heard = Arrivals(utc_now), Heard()
    with Provider("lossy") as provider:
        provider.behave(Behaviour.LOSE)

        async def go(target: Target) -> None:
            probing = Prober(
                {"lossy": target},
                hear=heard,
                now=utc_now,
                resolver=Resolver(),
                deadline=0.5,
                slow=0.1,
                round_trip=trip_to(WebhookMailbox(arrivals), arrivals, deadline=2.0),
            )
            await probing.run(order("lossy", ROUND_TRIP))

        asyncio.run(go(target_of(provider, ca_file)))
    (seen,) = heard.observations
    assert seen.failure is not None
    assert seen.failure.stage is Stage.ARRIVE
    assert seen.seconds > 1.5
    assert not any(isinstance(each, Overdue) for each in heard.all)


@pytest.mark.parametrize(("descriptors", "room"), [(20000, 256), (400, 50), (64, 4), (-1, 256)])
def test_the_number_at_once_fits_the_file_descriptors(
    descriptors: int, room: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.probes.prober.resource.getrlimit", lambda _: (descriptors, descriptors))
    assert prober(target_at(25), hear=Heard())._short._value == room
