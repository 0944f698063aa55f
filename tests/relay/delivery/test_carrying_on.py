"""The life of a delivery: what is handed over, what is found in the queue, leases, recoveries, holding, test mode."""

import asyncio
import logging
import time
from collections.abc import Collection, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from carrying import CONTENT, Delivery, delivering
from stand_in import SILENT, StandIn

from mailover.core.carriage import StreamMail
from mailover.core.mail import Fate
from mailover.core.observations import Failure, FailureKind, Stage
from mailover.core.routing import Letter, Route
from mailover.errors import StorageError
from mailover.relay.delivery.accounts import Haste
from mailover.relay.writing import QueueWriter

UNHURRIED = Haste(move_on_after=10)


def held(because: str = "nobody is well", **fields: object) -> Route:
    return Route(providers=(), because=because, **fields)  # type: ignore[arg-type]


def test_mail_that_another_life_accepted_is_found_in_the_queue(tmp_path: Path) -> None:
    async def story() -> None:
        async with StandIn() as provider:
            async with delivering(tmp_path, provider) as d:
                d.route = lambda _: held(waiting_for="any")
                ids = [await d.submit() for _ in range(5)]
                await d.until(lambda: all(d.found(each).attempts for each in ids))
            async with delivering(tmp_path, provider) as again:
                await again.carrier.hasten(["stand-in"], recovered=True)
                await again.until(lambda: all(again.fates(each) == [Fate.DELIVERED] for each in ids))
                assert len(provider.got) == 5

    asyncio.run(story())


def test_a_recovery_makes_what_waited_due_at_once_and_begins_slowly(tmp_path: Path) -> None:
    async def story() -> None:
        async with StandIn() as provider, delivering(tmp_path, provider) as d:
            d.route = lambda _: held(waiting_for="stand-in")
            ids = [await d.submit() for _ in range(30)]
            await d.until(lambda: all(d.found(each).attempts for each in ids))
            provider.pause = 0.05
            d.route = lambda _: Route(providers=("stand-in",), because="it is back")
            began = time.monotonic()
            await d.carrier.hasten(["stand-in"], recovered=True)
            await d.until(lambda: len(provider.got) == 30)
            assert time.monotonic() - began < 10
            first, second, *_ = sorted(got.at for got in provider.got)
            assert second - first > 0.04

    asyncio.run(story())


def test_mail_on_hold_says_why_and_when_it_is_looked_at_again(tmp_path: Path) -> None:
    async def story() -> None:
        async with StandIn() as provider, delivering(tmp_path, provider) as d:
            opens_at = d.clock.now() + timedelta(hours=3)
            d.route = lambda _: held("mail is not sent at this hour", wake_at=opens_at)
            mail = await d.send()
            assert mail.pending
            assert mail.due_at is not None
            assert abs(mail.due_at - opens_at) < timedelta(seconds=1)
            assert mail.because == "mail is not sent at this hour"
            d.route = lambda _: held("every provider is out", waiting_for="any")
            mail = await d.send()
            assert mail.waiting_for == "any"
            assert not provider.connections

    asyncio.run(story())


def test_test_mode_logs_headers_and_never_a_body(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        async with StandIn() as provider, delivering(tmp_path, provider) as d:
            d.route = lambda _: Route(providers=(), test=True, because="every provider is out")
            mail = await d.send(content=b"From: app@example.com\r\nTo: secret.person@example.org\r\n\r\nthe body\r\n")
            assert mail.recipients[0].fate is Fate.LOGGED
            assert not provider.connections

    with caplog.at_level(logging.WARNING, "mailover.relay"):
        asyncio.run(story())
    assert "TEST MODE" in caplog.text
    assert "From: a...@example.com" in caplog.text
    assert "the body" not in caplog.text
    assert "secret.person" not in caplog.text


def test_mail_of_a_stream_that_an_operator_paused_goes_back_to_the_queue(tmp_path: Path) -> None:
    async def story() -> None:
        async with StandIn() as provider, delivering(tmp_path, provider) as d:
            d.queue.pause("mail", paused=True)
            d.carrier.pause({"mail"})
            mail_id = await d.submit()
            await d.until(lambda: not d.carrier.under_way)
            assert d.found(mail_id).pending
            assert d.found(mail_id).attempts == 0
            assert not provider.connections
            d.queue.pause("mail", paused=False)
            d.carrier.pause(())
            d.carrier.look()
            await d.until(lambda: d.fates(mail_id) == [Fate.DELIVERED])

    asyncio.run(story())


def test_more_than_fits_into_memory_waits_in_the_queue_and_is_delivered(tmp_path: Path) -> None:
    async def story() -> None:
        async with StandIn() as provider, delivering(tmp_path, provider) as d:
            d.carrier._backlog._most_bytes = 5 * len(CONTENT)
            ids = [await d.submit() for _ in range(30)]
            await d.until(lambda: all(d.fates(each) == [Fate.DELIVERED] for each in ids))
            assert len(provider.got) == 30

    asyncio.run(story())


def test_a_defect_at_one_mail_stops_no_other(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        async with StandIn() as provider, delivering(tmp_path, provider) as d:
            usual = d.route

            def sick(letter: object) -> Route:
                if "bad@" in str(letter):
                    raise ZeroDivisionError
                return usual(letter)  # type: ignore[arg-type]

            d.route = sick
            bad = await d.send("bad@example.org")
            good = await d.send()
            assert good.recipients[0].fate is Fate.DELIVERED
            assert bad.pending
            assert bad.because == "the relay itself failed at it; its log says why"

    asyncio.run(story())
    assert "met a defect of the relay" in caplog.text


def test_a_lease_is_renewed_while_a_mail_is_worked_on(tmp_path: Path) -> None:
    async def story() -> None:
        short = timedelta(seconds=1.5)
        async with StandIn() as provider, delivering(tmp_path, provider, lease=short) as d:
            provider.pause = 3.5
            mail_id = await d.submit()
            other = QueueWriter(d.queue, holder="relay-2", lease=short, clock=d.clock)
            other.start()
            while not provider.got:
                assert not await other.lease(limit=10, most_bytes=10**6)
                await asyncio.sleep(0.3)
            await d.until(lambda: d.fates(mail_id) == [Fate.DELIVERED])
            assert d.found(mail_id).handovers == 0
            await other.stop()

    asyncio.run(story())


def test_a_relay_that_was_away_for_too_long_sends_nothing_that_another_one_took(tmp_path: Path) -> None:
    async def story() -> None:
        short = timedelta(seconds=1)
        async with StandIn() as provider, delivering(tmp_path, provider, lease=short) as d:
            mail = d.mail()
            await d.writer.put(mail, CONTENT, mail.id)
            time.sleep(1.2)  # noqa: ASYNC251 - the whole process was away
            other = QueueWriter(d.queue, holder="relay-2", lease=timedelta(seconds=60), clock=d.clock)
            other.start()
            (taken,) = await other.lease(limit=10, most_bytes=10**6)
            assert (taken.mail.id, taken.mail.handovers) == (mail.id, 1)
            d.carrier._leases.hold(mail.id, time.monotonic() - 1.2)
            d.carrier._backlog.add(taken)
            d.carrier._pump()
            await d.until(lambda: not d.carrier.under_way)
            assert not provider.connections
            await other.stop()

    asyncio.run(story())


def test_all_providers_silent_costs_one_test_at_a_time_and_keeps_the_rest_fresh(tmp_path: Path) -> None:
    async def story() -> None:
        async with StandIn("first") as first, StandIn("second") as second, delivering(tmp_path, first, second) as d:
            for each in (first, second):
                each.says("banner", SILENT)
            ids = [await d.submit() for _ in range(40)]
            await asyncio.sleep(3)
            tried = [each for each in ids if d.found(each).attempts]
            assert 0 < len(tried) < 30
            first.heals()
            await d.carrier.hasten(["first"], recovered=True)
            await d.until(lambda: len(first.got) == 40)
            assert len({got.content for got in first.got}) == 1

    asyncio.run(story())


def test_a_throttling_provider_is_spared_and_the_next_one_carries_the_rest(tmp_path: Path) -> None:
    async def story() -> None:
        async with StandIn("first") as first, StandIn("second") as second, delivering(tmp_path, first, second) as d:
            for _ in range(5):
                await d.send()
            first.says("mail", "421 4.7.0 Too many messages, slow down")
            await d.send()
            first.heals()
            mail = await d.send()
            assert mail.recipients[0].provider == "second"
            assert d.pools["first"].pace.rate is not None
            assert not d.pools["first"].standing.doubted
            await asyncio.sleep(1.1)
            ids = [await d.submit() for _ in range(10)]
            await d.until(lambda: all(d.fates(each) == [Fate.DELIVERED] for each in ids))
            assert shares(d, ids)["second"] > 0
            assert shares(d, ids)["first"] > 0

    asyncio.run(story())


def test_a_configured_rate_is_kept_and_the_rest_goes_elsewhere(tmp_path: Path) -> None:
    async def story() -> None:
        async with StandIn("first") as first, StandIn("second") as second, delivering(tmp_path, first, second) as d:
            d.pools["first"].pace._configured = 2.0
            ids = [await d.submit() for _ in range(12)]
            await d.until(lambda: all(d.fates(each) == [Fate.DELIVERED] for each in ids))
            assert len(first.got) < 8
            assert len(first.got) + len(second.got) == 12

    asyncio.run(story())


def test_mail_that_may_go_nowhere_else_keeps_no_other_mail_of_its_stream_waiting(tmp_path: Path) -> None:
    async def story() -> None:
        async with (
            StandIn("first") as first,
            StandIn("second") as second,
            delivering(tmp_path, first, second, haste=UNHURRIED) as d,
        ):
            refused = Failure(kind=FailureKind.AUTH, stage=Stage.AUTH, code=535, replied=True)
            d.pools["second"].standing.failed(refused, time.monotonic())
            usual = d.route

            def route(letter: Letter) -> Route:
                bound = letter.recipient.endswith(".de")
                return Route(providers=("second",), because="by region", apart=True) if bound else usual(letter)

            d.route = route
            bound = [await d.submit("ann@example.de") for _ in range(3)]
            await d.until(lambda: all(d.found(each).because for each in bound))
            for _ in range(3):
                assert (await d.send()).recipients[0].provider == "first"
            waiting = d.found(bound[0])
            assert (waiting.waiting_for, waiting.attempts) == ("second", 0)
            assert waiting.because == "it may go through second only, which cannot be asked just now"
            await d.carrier.hasten(["second"], recovered=True)
            await d.until(lambda: all(d.fates(each) == [Fate.DELIVERED] for each in bound))
            assert len(second.got) == 3

    asyncio.run(story())


def test_mail_that_fails_while_its_provider_comes_back_is_tried_at_once(tmp_path: Path) -> None:
    async def story() -> None:
        short = Haste(move_on_after=0.05)
        async with StandIn() as provider, delivering(tmp_path, provider, haste=short) as d:
            provider.says("banner", SILENT)
            mail_id = await d.submit(attempts=9)
            await d.until(lambda: provider.open == 1)
            provider.heals()
            await d.carrier.hasten(["stand-in"], recovered=False)
            await d.until(lambda: d.fates(mail_id) == [Fate.DELIVERED])
            assert [done.failure is None for done in d.attempts] == [False, True]

    asyncio.run(story())


def test_a_quota_is_not_exceeded_by_what_is_under_way(tmp_path: Path) -> None:
    async def story() -> None:
        async with (
            StandIn("first") as first,
            StandIn("second") as second,
            delivering(tmp_path, first, second, haste=UNHURRIED) as d,
        ):
            first.pause = 0.3
            d.room["first"] = 3
            ids = [await d.submit() for _ in range(8)]
            ids.append(await d.submit("a@example.org", "b@example.org", "c@example.org", "d@example.org"))
            await d.until(lambda: all(not d.found(each).pending for each in ids))
            assert sum(len(got.recipients) for got in first.got) == 3
            assert sum(len(got.recipients) for got in second.got) == 9

    asyncio.run(story())


def test_a_message_for_more_than_a_quota_has_room_for_is_shared_out(tmp_path: Path) -> None:
    async def story() -> None:
        async with (
            StandIn("first") as first,
            StandIn("second") as second,
            delivering(tmp_path, first, second, haste=UNHURRIED) as d,
        ):
            d.room["first"] = 2
            mail = await d.send("a@example.org", "b@example.org", "c@example.org")
            assert {each.fate for each in mail.recipients} == {Fate.DELIVERED}
            assert [got.recipients for got in first.got] == [("a@example.org", "b@example.org")]
            assert [got.recipients for got in second.got] == [("c@example.org",)]

    asyncio.run(story())


def test_a_lease_lasts_no_longer_for_having_taken_long_to_write(tmp_path: Path) -> None:
    async def story() -> None:
        short = timedelta(seconds=1)
        async with StandIn() as provider, delivering(tmp_path, provider, lease=short) as d:
            mail = d.mail()
            await d.writer.put(mail, CONTENT, mail.id)
            time.sleep(1.2)  # noqa: ASYNC251 - the answer of the store was long on its way
            other = QueueWriter(d.queue, holder="relay-2", lease=timedelta(seconds=60), clock=d.clock)
            other.start()
            assert len(await other.lease(limit=10, most_bytes=10**6)) == 1
            d.carrier.accept(mail, CONTENT)
            await d.until(lambda: not d.carrier.under_way)
            assert not provider.connections
            await other.stop()

    asyncio.run(story())


class Forgetful:
    """A queue that cannot say once who is suppressed."""

    def __init__(self, queue: Any) -> None:
        self._queue = queue
        self.failed = False

    def suppressed(self, addresses: Collection[str]) -> object:
        if not self.failed:
            self.failed = True
            raise StorageError("the disk is away")
        return self._queue.suppressed(addresses)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._queue, name)


def test_a_store_that_cannot_be_read_for_a_moment_is_no_defect_of_the_relay(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def story() -> None:
        suppressing = StreamMail(suppress=True)
        async with StandIn() as provider, delivering(tmp_path, provider, mail=suppressing) as d:
            d.writer.queue = Forgetful(d.queue)  # type: ignore[assignment]
            mail_id = await d.submit()
            await d.until(lambda: d.found(mail_id).because == "the store could not be read")
            await d.until(lambda: d.fates(mail_id) == [Fate.DELIVERED])
            assert d.found(mail_id).attempts == 1

    asyncio.run(story())
    assert "defect" not in caplog.text


def test_mail_that_was_held_for_days_moves_on_as_soon(tmp_path: Path) -> None:
    async def story() -> None:
        short = Haste(move_on_after=0.05)
        async with (
            StandIn("first") as first,
            StandIn("second") as second,
            delivering(tmp_path, first, second, haste=short) as d,
        ):
            first.says("banner", SILENT)
            began = time.monotonic()
            mail_id = await d.submit(attempts=1000)
            await d.until(lambda: d.fates(mail_id) == [Fate.DELIVERED])
            assert d.found(mail_id).recipients[0].provider == "second"
            assert time.monotonic() - began < 10

    asyncio.run(story())


def shares(d: Delivery, ids: Sequence[str]) -> dict[str, int]:
    by = [d.found(each).recipients[0].provider for each in ids]
    return {name: by.count(name) for name in d.pools}
