"""A provider that fails before the final dot is followed by the next one, at once and within the message."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from carrying import CONTENT, delivering
from stand_in import CLOSE, SILENT, StandIn

from mailover.core.mail import Fate
from mailover.core.observations import FailureKind, Stage
from mailover.relay.delivery.accounts import Haste

Way = Callable[[StandIn], Awaitable[None]]


def says(step: str, what: str) -> Way:
    async def breaks(provider: StandIn) -> None:
        provider.says(step, what)

    return breaks


WAYS = {
    "refused": StandIn.refuse,
    "no greeting": says("banner", SILENT),
    "greeted with 421": says("banner", "421 4.3.2 try again later"),
    "greeted with 554": says("banner", "554 5.7.1 go away"),
    "silent at EHLO": says("ehlo", SILENT),
    "hangs up at EHLO": says("ehlo", CLOSE),
    "silent at MAIL": says("mail", SILENT),
    "451 at MAIL": says("mail", "451 4.3.0 not now"),
    "421 at MAIL": says("mail", "421 4.3.2 shutting down"),
    "suspended": says("mail", "554 5.2.0 your account is suspended"),
    "452 at RCPT": says("rcpt", "452 4.3.1 out of space"),
    "blocked at RCPT": says("rcpt", "550 5.7.1 Service unavailable; client host blocked"),
    "silent at RCPT": says("rcpt", SILENT),
    "hangs up at RCPT": says("rcpt", CLOSE),
    "454 at DATA": says("data", "454 4.7.0 Throttling failure: maximum sending rate exceeded"),
    "silent at DATA": says("data", SILENT),
    "hangs up at DATA": says("data", CLOSE),
    "451 at the dot": says("dot", "451 4.3.0 not now"),
    "blocked at the dot": says("dot", "550 5.7.1 our system has blocked your domain for its reputation"),
    "quota at the dot": says("dot", "452 4.5.3 daily sending quota exceeded"),
}


@pytest.mark.parametrize("way", WAYS)
def test_whatever_fails_before_it_is_taken_moves_on_at_once(way: str, tmp_path: Path) -> None:
    async def story() -> None:
        async with StandIn("first") as first, StandIn("second") as second, delivering(tmp_path, first, second) as d:
            await WAYS[way](first)
            began = time.monotonic()
            mail = await d.send("a@example.org", "b@example.org")
            assert time.monotonic() - began < 5
            assert [each.fate for each in mail.recipients] == [Fate.DELIVERED] * 2
            assert {each.provider for each in mail.recipients} == {"second"}
            assert second.messages == [CONTENT]
            assert not first.got

    asyncio.run(story())


def test_who_hangs_up_in_a_long_body_has_not_taken_it(tmp_path: Path) -> None:
    content = CONTENT + b"x" * 78 + b"\r\n"
    content += (b"x" * 78 + b"\r\n") * 100_000

    async def story() -> None:
        async with StandIn("first") as first, StandIn("second") as second, delivering(tmp_path, first, second) as d:
            first.says("body", CLOSE)
            mail = await d.send(content=content)
            assert mail.recipients[0].provider == "second"
            assert second.messages == [content]

    asyncio.run(story())


def test_a_silent_provider_costs_the_first_message_only(tmp_path: Path) -> None:
    async def story() -> None:
        async with StandIn("first") as first, StandIn("second") as second, delivering(tmp_path, first, second) as d:
            first.says("banner", SILENT)
            await d.send()
            for _ in range(5):
                await d.send()
            assert first.connections == 1
            assert len(second.got) == 6

    asyncio.run(story())


def test_a_provider_that_was_silent_is_tried_again_and_first_once_it_answers(tmp_path: Path) -> None:
    async def story() -> None:
        async with StandIn("first") as first, StandIn("second") as second, delivering(tmp_path, first, second) as d:
            first.says("banner", SILENT)
            await d.send()
            first.heals()
            d.pools["first"].standing._doubted_until = 0.0
            mail = await d.send()
            assert mail.recipients[0].provider == "first"
            assert not d.pools["first"].standing.doubted

    asyncio.run(story())


def test_a_connection_that_the_server_closed_meanwhile_is_no_failure_of_it(tmp_path: Path) -> None:
    async def story() -> None:
        async with StandIn("first") as first, StandIn("second") as second, delivering(tmp_path, first, second) as d:
            await d.send()
            for goodbye in ("421 4.4.2 idle for too long", CLOSE):
                once = iter([goodbye])
                first.says("mail", lambda _, once=once: next(once, "250 fine"))
                mail = await d.send()
                assert mail.recipients[0].provider == "first"
            assert not second.connections
            assert all(attempt.failure is None for attempt in d.attempts)

    asyncio.run(story())


def test_connections_are_used_again(tmp_path: Path) -> None:
    async def story() -> None:
        async with StandIn() as provider, delivering(tmp_path, provider, messages=3) as d:
            for _ in range(7):
                await d.send()
            assert len(provider.got) == 7
            assert provider.connections == 3

    asyncio.run(story())


def test_a_refused_login_is_not_repeated(tmp_path: Path) -> None:
    async def story() -> None:
        async with StandIn("first") as first, StandIn("second") as second, delivering(tmp_path, first, second) as d:
            first.says("mail", "535 5.7.8 authentication failed")
            for _ in range(3):
                await d.send()
            assert len(second.got) == 3
            assert first.connections == 1
            assert d.attempts[0].failure is not None
            assert (d.attempts[0].failure.kind, d.attempts[0].failure.stage) == (FailureKind.AUTH, Stage.MAIL)

    asyncio.run(story())


def test_all_that_fail_put_the_mail_back_with_what_was_met(tmp_path: Path) -> None:
    async def story() -> None:
        async with StandIn("first") as first, StandIn("second") as second, delivering(tmp_path, first, second) as d:
            first.says("mail", "451 4.3.0 not now")
            await second.refuse()
            mail = await d.send()
            assert mail.pending
            assert mail.waiting_for == "any"
            assert mail.due_at is not None
            assert mail.recipients[0].failure is not None
            assert mail.recipients[0].failure.kind is FailureKind.CONNECTION
            assert mail.because.startswith("first and second did not take it: connect: ")
            first.heals()
            await d.until(lambda: d.fates(mail.id) == [Fate.DELIVERED])

    asyncio.run(story())


def test_silence_on_a_kept_connection_is_silence_whatever_was_said_before(tmp_path: Path) -> None:
    async def story() -> None:
        unhurried = Haste(move_on_after=1.5)
        async with (
            StandIn("first") as first,
            StandIn("second") as second,
            delivering(tmp_path, first, second, haste=unhurried) as d,
        ):
            await d.send()
            first.says("mail", SILENT)
            await d.send()
            await d.until(lambda: len(second.got) == 1)
            kept = next(done.failure for done in d.attempts if done.failure is not None)
            assert (kept.kind, kept.stage, kept.silent) == (FailureKind.TIMEOUT, Stage.MAIL, True)
            d.pools["first"].standing.recovered()
            await d.send()
            fresh = [done.failure for done in d.attempts if done.failure is not None][-1]
            assert (fresh.kind, fresh.stage, fresh.silent) == (FailureKind.TIMEOUT, Stage.MAIL, False)

    asyncio.run(story())
