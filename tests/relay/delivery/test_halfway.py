"""A round that is cut off, or meets a defect of ours, when some were reached already: what was sent stays sent."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from carrying import CONTENT, Delivery, account_of, delivering
from stand_in import SILENT, StandIn

from mailover.core.mail import Fate, Mail
from mailover.core.observations import FailureKind
from mailover.core.routing import Route
from mailover.relay.delivery.accounts import Haste
from mailover.relay.delivery.attempt import attempt
from mailover.relay.delivery.pool import Line, Pool
from mailover.resolve import Resolver
from mailover.smtp import Envelope

PATIENT = Haste(move_on_after=20)


def turning_away(address: str) -> Callable[[str], str]:
    """A refusal that is the provider's own, so that this copy goes to the next one."""
    return lambda line: "550 5.7.1 blocked for its reputation" if f"<{address}>" in line else "250 fine"


def hanging(provider: StandIn) -> list[str]:
    """It never answers a final dot; each is noted."""
    dots: list[str] = []

    def hang(line: str) -> str:
        dots.append(line)
        return SILENT

    provider.says("dot", hang)
    return dots


def test_what_was_taken_before_the_end_is_not_sent_again(tmp_path: Path) -> None:
    async def story() -> None:
        async with StandIn("first") as first, StandIn("second") as second:
            first.says("rcpt", turning_away("b@example.org"))
            second.says("banner", SILENT)
            async with delivering(tmp_path, first, second, haste=PATIENT) as d:
                mail_id = await d.submit("a@example.org", "b@example.org")
                await d.until(lambda: bool(first.got) and second.open == 1)
            assert d.fates(mail_id) == [Fate.DELIVERED, Fate.QUEUED]
            for each in (first, second):
                each.heals()
            async with delivering(tmp_path, first, second) as again:
                await again.until(lambda: again.fates(mail_id) == [Fate.DELIVERED] * 2)
                assert again.found(mail_id).handovers == 0
            assert [got.recipients for got in first.got] == [("a@example.org",), ("b@example.org",)]

    asyncio.run(story())


def test_the_end_begins_no_other_part_of_a_message_that_was_cut_off(tmp_path: Path) -> None:
    async def story() -> None:
        async with StandIn() as provider:
            async with delivering(tmp_path, provider, recipients=1, haste=PATIENT) as d:
                dots = hanging(provider)
                mail_id = await d.submit("a@example.org", "b@example.org")
                await d.until(lambda: bool(dots))
                d.outcomes.flush()
                d.heard.clear()
            assert d.fates(mail_id) == [Fate.AMBIGUOUS, Fate.QUEUED]
            assert provider.connections == 1
            d.outcomes.flush()
            assert not d.heard, "that we end says nothing of the provider"

    asyncio.run(story())


def failing_at(provider: str) -> Callable[[Mail, str, bytes], tuple[str, bytes]]:
    def dress(mail: Mail, name: str, content: bytes) -> tuple[str, bytes]:
        if name == provider:
            raise ZeroDivisionError
        return mail.sender, content

    return dress


def test_a_defect_half_way_sends_nothing_twice(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        async with StandIn("first") as first, StandIn("second") as second, delivering(tmp_path, first, second) as d:
            first.says("rcpt", turning_away("b@example.org"))
            usual, d.dress = d.dress, failing_at("second")
            mail = await d.send("a@example.org", "b@example.org")
            assert [each.fate for each in mail.recipients] == [Fate.DELIVERED, Fate.QUEUED]
            assert mail.because == "the relay itself failed at it; its log says why"
            d.dress = usual
            await again(d, mail.id)
            assert d.fates(mail.id) == [Fate.DELIVERED] * 2
            assert [got.recipients for got in first.got] == [("a@example.org",)]

    asyncio.run(story())
    assert "met a defect of the relay half-way" in caplog.text


async def again(d: Delivery, mail_id: str) -> None:
    d.queue.retry([mail_id], d.clock.now())
    d.carrier.look()
    await d.until(lambda: not d.found(mail_id).pending)


class Defective:
    """A session that sends a message, and fails at reading the answer."""

    recipients = ()
    usable = False

    def begin(self, deadline: float, limits: object, *, kept: bool) -> None:
        pass

    async def send(self, envelope: Envelope, content: bytes, *, patience: float, still: Callable[[], bool]) -> None:
        assert still()
        raise ZeroDivisionError

    def close(self) -> None:
        pass

    def is_alive(self) -> bool:
        return True

    async def take_leave(self) -> None:
        pass


def test_a_defect_behind_the_final_dot_is_an_answer_that_nobody_knows(caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        pool = Pool(account_of(SimpleNamespace(name="first", port=25)), Resolver())  # type: ignore[arg-type]
        pool._idle.append(Line(session=Defective(), carried=1))  # type: ignore[arg-type]
        envelope = Envelope(sender="a@example.com", recipients=("b@example.org",))
        done = await attempt(pool, envelope, CONTENT, haste=PATIENT, patience=1.0, still=lambda: True)
        assert done.failure is not None
        assert done.failure.kind is FailureKind.AMBIGUOUS
        assert done.cut_short
        await pool.close()

    asyncio.run(story())
    assert "a defect of the relay, after a final dot" in caplog.text


def routed_apart(d: Delivery) -> None:
    """Each domain goes through the provider of its name, and through no other."""
    d.route = lambda letter: Route(
        providers=(letter.recipient.partition("@")[2].partition(".")[0],), because="by its domain", apart=True
    )


def test_groups_of_recipients_do_not_wait_for_each_others_provider(tmp_path: Path) -> None:
    async def story() -> None:
        async with (
            StandIn("first") as first,
            StandIn("second") as second,
            delivering(tmp_path, first, second, haste=PATIENT) as d,
        ):
            routed_apart(d)
            dots = hanging(first)
            mail_id = await d.submit("a@first.example", "b@second.example")
            await d.until(lambda: len(second.got) == len(dots) == 1)
            assert second.got[0].recipients == ("b@second.example",)
            assert d.found(mail_id).pending
        assert d.fates(mail_id) == [Fate.AMBIGUOUS, Fate.DELIVERED]

    asyncio.run(story())


def test_recipients_that_share_their_providers_share_a_message_whatever_the_reason(tmp_path: Path) -> None:
    async def story() -> None:
        async with StandIn("first") as first, delivering(tmp_path, first) as d:
            usual = d.route
            d.route = lambda letter: replace(usual(letter), because=f"first is for {letter.recipient}")
            await d.send("a@one.example", "b@two.example")
            assert [got.recipients for got in first.got] == [("a@one.example", "b@two.example")]

    asyncio.run(story())
