"""Each recipient's copy has a fate of its own: refused, put off, taken, or carried by somebody who can."""

import asyncio
from datetime import timedelta
from pathlib import Path

from carrying import CONTENT, delivering
from stand_in import StandIn

from mailover.core.carriage import StreamMail
from mailover.core.mail import Fate, Suppression
from mailover.core.observations import FailureKind
from mailover.core.routing import Route

SUPPRESSING = StreamMail(suppress=True)


def refusing(address: str, reply: str) -> object:
    return lambda line: reply if f"<{address}>" in line else "250 fine"


def test_one_refused_of_three_fails_alone(tmp_path: Path) -> None:
    async def story() -> None:
        async with StandIn("first") as first, StandIn("second") as second, delivering(tmp_path, first, second) as d:
            first.says("rcpt", refusing("b@example.org", "550 5.1.1 no such user"))
            mail = await d.send("a@example.org", "b@example.org", "c@example.org")
            assert [each.fate for each in mail.recipients] == [Fate.DELIVERED, Fate.FAILED, Fate.DELIVERED]
            assert mail.recipients[1].failure is not None
            assert mail.recipients[1].failure.code == 550
            assert first.got[0].recipients == ("a@example.org", "c@example.org")
            assert not second.connections
            assert d.queue.content(mail.id) == CONTENT
            assert not d.remembered

    asyncio.run(story())


def test_a_greylisted_one_is_tried_again_later_and_nowhere_else(tmp_path: Path) -> None:
    async def story() -> None:
        async with StandIn("first") as first, StandIn("second") as second, delivering(tmp_path, first, second) as d:
            first.says("rcpt", refusing("b@example.org", "450 4.2.0 Greylisted, try again later"))
            mail = await d.send("a@example.org", "b@example.org")
            assert [each.fate for each in mail.recipients] == [Fate.DELIVERED, Fate.QUEUED]
            assert mail.due_at is not None
            assert (mail.due_at - d.clock.now()).total_seconds() > 30
            assert mail.because.startswith("example.org wants it later, as first says (rcpt: 450")
            assert not mail.waiting_for
            assert not second.connections
            first.heals()
            d.queue.retry([mail.id], d.clock.now())
            d.carrier.look()
            await d.until(lambda: d.fates(mail.id) == [Fate.DELIVERED] * 2)
            assert [got.recipients for got in first.got] == [("a@example.org",), ("b@example.org",)]

    asyncio.run(story())


def test_a_refusal_that_is_the_providers_own_bounces_nobody(tmp_path: Path) -> None:
    async def story() -> None:
        async with StandIn("first") as first, StandIn("second") as second, delivering(tmp_path, first, second) as d:
            first.says("rcpt", refusing("b@example.org", "550 5.7.1 blocked: your IP has a poor reputation"))
            mail = await d.send("a@example.org", "b@example.org")
            assert [each.fate for each in mail.recipients] == [Fate.DELIVERED] * 2
            assert [each.provider for each in mail.recipients] == ["first", "second"]

    asyncio.run(story())


def test_recipients_beyond_what_a_provider_takes_at_once_come_in_the_next_message(tmp_path: Path) -> None:
    async def story() -> None:
        taken = 0

        def at_most_three(_line: str) -> str:
            nonlocal taken
            taken += 1
            return "250 fine" if taken <= 3 else "452 4.5.3 Too many recipients"

        def begin(_line: str) -> str:
            nonlocal taken
            taken = 0
            return "250 fine"

        async with StandIn() as provider, delivering(tmp_path, provider) as d:
            provider.says("mail", begin)
            provider.says("rcpt", at_most_three)
            to = [f"{number}@example.org" for number in range(7)]
            mail = await d.send(*to)
            assert {each.fate for each in mail.recipients} == {Fate.DELIVERED}
            assert [len(got.recipients) for got in provider.got] == [3, 3, 1]

    asyncio.run(story())


def test_a_whole_message_that_is_refused_for_one_recipient_reaches_the_others(tmp_path: Path) -> None:
    async def story() -> None:
        asked: list[str] = []

        def begin(_line: str) -> str:
            asked.clear()
            return "250 fine"

        def note(line: str) -> str:
            asked.append(line)
            return "250 fine"

        def judge(_line: str) -> str:
            return "550 5.1.1 a recipient is inactive" if any("<b@" in line for line in asked) else "250 taken"

        async with (
            StandIn("first") as first,
            StandIn("second") as second,
            delivering(tmp_path, first, second, mail=SUPPRESSING) as d,
        ):
            for step, says in (("mail", begin), ("rcpt", note), ("dot", judge)):
                first.says(step, says)
            mail = await d.send("a@example.org", "b@example.org", "c@example.org")
            assert [each.fate for each in mail.recipients] == [Fate.DELIVERED, Fate.FAILED, Fate.DELIVERED]
            assert [got.recipients for got in first.got] == [("a@example.org",), ("c@example.org",)]
            assert [known.address for known in d.remembered] == ["b@example.org"]
            assert not second.connections

    asyncio.run(story())


def test_the_parts_of_a_large_message_keep_the_providers_rate(tmp_path: Path) -> None:
    async def story() -> None:
        async with StandIn() as provider, delivering(tmp_path, provider, recipients=1, rate=4.0) as d:
            mail = await d.send(*(f"{number}@example.org" for number in range(6)))
            assert {each.fate for each in mail.recipients} == {Fate.DELIVERED}
            assert provider.got[-1].at - provider.got[0].at > 0.4

    asyncio.run(story())


def test_an_address_that_does_not_exist_is_remembered_where_the_stream_wants_it(tmp_path: Path) -> None:
    async def story() -> None:
        async with StandIn() as provider, delivering(tmp_path, provider, mail=SUPPRESSING) as d:
            provider.says("rcpt", refusing("B@example.org", "550 5.1.1 no such user"))
            await d.send("a@example.org", "B@example.org")
            (known,) = d.remembered
            assert (known.address, known.reason, known.provider) == ("b@example.org", "bounce", "stand-in")
            provider.says("rcpt", refusing("b@example.org", "552 5.2.2 mailbox full"))
            await d.send("b@example.org")
            assert len(d.remembered) == 1

    asyncio.run(story())


def test_who_is_suppressed_is_not_tried(tmp_path: Path) -> None:
    async def story() -> None:
        async with StandIn() as provider, delivering(tmp_path, provider, mail=SUPPRESSING) as d:
            d.queue.suppress([Suppression(address="b@example.org", reason="complaint", at=d.clock.now())])
            mail = await d.send("a@example.org", "B@example.org")
            assert [each.fate for each in mail.recipients] == [Fate.DELIVERED, Fate.SUPPRESSED]
            assert provider.got[0].recipients == ("a@example.org",)
            d.terms = StreamMail()
            mail = await d.send("b@example.org")
            assert mail.recipients[0].fate is Fate.DELIVERED

    asyncio.run(story())


def test_eight_bits_go_to_a_provider_that_can_carry_them(tmp_path: Path) -> None:
    async def story() -> None:
        content = CONTENT + "grüße\r\n".encode()
        async with (
            StandIn("first", offers=("PIPELINING",)) as first,
            StandIn("second") as second,
            delivering(tmp_path, first, second) as d,
        ):
            mail = await d.send(content=content)
            assert mail.recipients[0].provider == "second"
            assert second.messages == [content]
            assert not d.pools["first"].standing.doubted

    asyncio.run(story())


def test_a_message_that_nobody_can_carry_fails_with_the_reason(tmp_path: Path) -> None:
    async def story() -> None:
        async with (
            StandIn("first", offers=("SIZE 2000",)) as first,
            StandIn("second", offers=("SIZE 1000",)) as second,
            delivering(tmp_path, first, second) as d,
        ):
            mail = await d.send(content=CONTENT + b"x\r\n" * 1000)
            assert mail.recipients[0].fate is Fate.FAILED
            assert mail.recipients[0].failure is not None
            assert mail.recipients[0].failure.kind is FailureKind.MESSAGE
            assert "the server takes 1000" in mail.recipients[0].failure.text
            assert d.found(mail.id).attempts == 1

    asyncio.run(story())


def test_a_message_that_one_cannot_carry_waits_for_the_one_that_is_away(tmp_path: Path) -> None:
    async def story() -> None:
        async with (
            StandIn("first", offers=()) as first,
            StandIn("second", offers=("SMTPUTF8",)) as second,
            delivering(tmp_path, first, second) as d,
        ):
            await second.refuse()
            mail = await d.send("jörg@example.org", utf8=True)
            assert mail.pending
            await second.listen()
            await d.until(lambda: d.fates(mail.id) == [Fate.DELIVERED])
            assert second.got[0].recipients == ("jörg@example.org",)

    asyncio.run(story())


def test_a_message_that_the_active_one_cannot_carry_waits_for_one_that_is_out(tmp_path: Path) -> None:
    async def story() -> None:
        async with (
            StandIn("first", offers=("SIZE 2000",)) as first,
            StandIn("second") as second,
            delivering(tmp_path, first, second) as d,
        ):
            both = d.route
            d.route = lambda _: Route(providers=("first",), because="second is out", absent=("second",))
            mail = await d.send(content=CONTENT + b"x\r\n" * 1000)
            assert [each.fate for each in mail.recipients] == [Fate.QUEUED]
            assert mail.waiting_for == "any"
            assert mail.due_at is not None
            assert mail.due_at - d.clock.now() > timedelta(minutes=4)
            d.route = both
            await d.carrier.hasten(["second"], recovered=True)
            await d.until(lambda: d.fates(mail.id) == [Fate.DELIVERED])
            assert len(second.got) == 1

    asyncio.run(story())


def test_headers_beyond_ascii_need_smtputf8_too(tmp_path: Path) -> None:
    async def story() -> None:
        async with StandIn() as provider, delivering(tmp_path, provider) as d:
            mail = await d.send(content="Subject: grüße\r\n\r\n".encode(), utf8=True)
            assert mail.recipients[0].fate is Fate.FAILED
            assert mail.recipients[0].failure is not None
            assert "SMTPUTF8" in mail.recipients[0].failure.text

    asyncio.run(story())
