"""After the final dot nobody knows: it is waited for, kept on record, and sent again only where that is wanted."""

import asyncio
import time
from datetime import timedelta
from pathlib import Path

import pytest
from carrying import delivering
from stand_in import CLOSE, SILENT, StandIn

from mailover.core.carriage import StreamMail
from mailover.core.mail import Fate
from mailover.core.observations import FailureKind
from mailover.relay.delivery.accounts import Patience

IMPATIENT = Patience(usual=0.3, at_least_once=0.3)


@pytest.mark.parametrize("way", [SILENT, CLOSE])
def test_an_unanswered_dot_is_ambiguous_and_sent_nowhere_else(way: str, tmp_path: Path) -> None:
    async def story() -> None:
        async with (
            StandIn("first") as first,
            StandIn("second") as second,
            delivering(tmp_path, first, second, patience=IMPATIENT) as d,
        ):
            first.says("dot", way)
            mail = await d.send("a@example.org", "b@example.org")
            assert [each.fate for each in mail.recipients] == [Fate.AMBIGUOUS] * 2
            assert not second.connections
            assert mail.recipients[0].failure is not None
            assert mail.recipients[0].failure.kind is FailureKind.AMBIGUOUS
            assert d.queue.depths()["mail"].ambiguous == 1
            assert d.queue.content(mail.id) is not None
            d.outcomes.flush()
            assert d.heard[0].failure is not None
            assert d.heard[0].failure.kind is FailureKind.AMBIGUOUS

    asyncio.run(story())


def test_where_twice_is_better_than_late_it_is_sent_again_and_on_record(tmp_path: Path) -> None:
    async def story() -> None:
        async with (
            StandIn("first") as first,
            StandIn("second") as second,
            delivering(tmp_path, first, second, patience=IMPATIENT, mail=StreamMail(at_least_once=True)) as d,
        ):
            first.says("dot", SILENT)
            mail = await d.send()
            (copy,) = mail.recipients
            assert (copy.fate, copy.provider, copy.attempts) == (Fate.DELIVERED, "second", 2)
            assert copy.failure is not None
            assert copy.failure.kind is FailureKind.AMBIGUOUS

    asyncio.run(story())


def test_the_answer_may_take_longer_than_anything_before_it(tmp_path: Path) -> None:
    async def story() -> None:
        async with StandIn("first") as first, StandIn("second") as second, delivering(tmp_path, first, second) as d:
            first.pause = 1.0
            mail = await d.send()
            assert mail.recipients[0].provider == "first"
            assert not d.pools["first"].standing.doubted

    asyncio.run(story())


def test_messages_that_wait_for_an_answer_keep_nobody_else_waiting(tmp_path: Path) -> None:
    async def story() -> None:
        async with (
            StandIn("first") as first,
            StandIn("second") as second,
            delivering(tmp_path, first, second, slots=2, connections=2) as d,
        ):
            first.says("dot", SILENT)
            stuck = [await d.submit() for _ in range(2)]
            await d.until(lambda: d.pools["first"].turns.taken == 2)
            began = time.monotonic()
            mail = await d.send()
            assert mail.recipients[0].provider == "second"
            assert time.monotonic() - began < 8
            assert d.pools["first"].standing.doubted
            assert [d.fates(each) for each in stuck] == [[Fate.QUEUED]] * 2

    asyncio.run(story())


def test_a_provider_that_is_back_is_not_kept_closed_by_answers_that_are_overdue(tmp_path: Path) -> None:
    async def story() -> None:
        hurried = Patience(slow=0.2, overdue=0.4)
        async with StandIn() as provider, delivering(tmp_path, provider, patience=hurried, connections=2) as d:
            provider.says("dot", SILENT)
            stuck = [await d.submit() for _ in range(2)]
            pool = d.pools["stand-in"]
            await d.until(lambda: pool.turns.overdue == 2)
            provider.heals()
            await d.carrier.hasten(["stand-in"], recovered=True)
            mail = await d.send()
            assert mail.recipients[0].fate is Fate.DELIVERED
            assert not pool.standing.doubted
            assert [d.fates(each) for each in stuck] == [[Fate.QUEUED]] * 2
        assert pool.turns.overdue == pool.turns.taken == 0

    asyncio.run(story())


def test_a_test_of_a_doubted_provider_that_hangs_lets_the_next_one_test_it(tmp_path: Path) -> None:
    async def story() -> None:
        hurried = Patience(slow=0.2, overdue=0.4)
        async with StandIn() as provider, delivering(tmp_path, provider, patience=hurried) as d:
            pool = d.pools["stand-in"]
            pool.standing.doubt(time.monotonic())
            dots: list[str] = []

            def hang(line: str) -> str:
                dots.append(line)
                return SILENT

            provider.says("dot", hang)
            await d.submit()
            await d.until(lambda: bool(dots))
            provider.heals()
            mail = await d.send()
            assert mail.recipients[0].fate is Fate.DELIVERED
            assert d.hanging == ["stand-in"]

    asyncio.run(story())


def test_at_the_end_what_is_unanswered_is_ambiguous_and_what_was_not_sent_is_given_back(tmp_path: Path) -> None:
    async def story() -> None:
        async with StandIn() as provider:
            async with delivering(tmp_path, provider) as d:
                provider.says("dot", lambda _: SILENT)
                sent = await d.submit()
                await d.until(lambda: d.carrier.under_way == 1 and provider.open == 1)
                await asyncio.sleep(0.1)
                provider.says("mail", SILENT)
                d.pools["stand-in"].standing.doubt(time.monotonic())
                waiting = await d.submit()
            assert d.fates(sent) == [Fate.AMBIGUOUS]
            provider.heals()
            async with delivering(tmp_path, provider) as again:
                await again.until(lambda: again.fates(waiting) == [Fate.DELIVERED])
                assert again.found(waiting).handovers == 0
                assert again.fates(sent) == [Fate.AMBIGUOUS]

    asyncio.run(story())


def test_a_lease_that_was_lost_ends_the_message_before_its_dot(tmp_path: Path) -> None:
    async def story() -> None:
        async with StandIn() as provider, delivering(tmp_path, provider) as d:

            def lose(_line: str) -> str:
                d.carrier._leases.drop(mail_id)
                return "354 go on"

            provider.says("data", lose)
            mail = d.mail()
            mail_id = mail.id
            await d.writer.put(mail, b"Subject: hello\r\n\r\n", mail.id)
            d.carrier.accept(mail, b"Subject: hello\r\n\r\n")
            await d.until(lambda: not d.carrier.under_way and provider.connections == 1)
            assert not provider.got
            assert d.found(mail.id).pending

    asyncio.run(story())


def test_a_mail_that_came_after_its_deadline_is_not_sent(tmp_path: Path) -> None:
    async def story() -> None:
        async with StandIn() as provider, delivering(tmp_path, provider) as d:
            now = d.clock.now()
            mail = await d.send(accepted_at=now - timedelta(hours=1), deadline_at=now - timedelta(seconds=1))
            assert mail.recipients[0].fate is Fate.EXPIRED
            assert d.expired == [("mail", 1)]
            assert not provider.connections

    asyncio.run(story())


def test_a_mail_whose_deadline_passes_while_nobody_takes_it_expires_then(tmp_path: Path) -> None:
    async def story() -> None:
        async with StandIn() as provider, delivering(tmp_path, provider) as d:
            await provider.refuse()
            deadline_at = d.clock.now() + timedelta(seconds=1.5)
            mail_id = await d.submit(deadline_at=deadline_at)
            await d.until(lambda: d.fates(mail_id) == [Fate.EXPIRED])
            assert d.found(mail_id).recipients[0].failure is not None

    asyncio.run(story())
