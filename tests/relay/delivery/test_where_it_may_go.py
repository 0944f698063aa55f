"""Routing in a real delivery: a region is never left, keys stick, and nobody reads what was said to us alone."""

import asyncio
from dataclasses import replace
from pathlib import Path

from carrying import CONTENT, Delivery, delivering
from stand_in import StandIn

from mailover.core.carriage import Geography, StreamMail
from mailover.core.fleet import Mode, found
from mailover.core.mail import Fate
from mailover.core.policy import Policy
from mailover.core.providers import Provider, Stream
from mailover.core.routing import route

EU_ONLY = StreamMail(
    geography=(Geography(suffixes=(".de",), tags=frozenset({"eu"}), regions=frozenset({"eu"}), only=True),)
)


def routed(delivery: Delivery, stream: Stream, shared: dict[str, float] | None = None) -> None:
    """Have the rules say where messages go; the second provider is in the EU."""
    providers = {
        name: Provider(name=name, host="127.0.0.1", port=25, regions=("eu",) if name == "second" else ())
        for name in ("first", "second")
    }
    policy = Policy(providers=providers, streams={"mail": stream})
    fleet = found(policy, "test", delivery.clock.now())
    if shared is not None:
        state = fleet.streams["mail"]
        flag = replace(state.flag, mode=Mode.BALANCE, weights=shared)
        fleet = replace(fleet, streams={"mail": replace(state, flag=flag)})
    delivery.route = lambda letter: route(fleet, policy, letter, delivery.clock.now())


def test_mail_for_the_region_goes_through_the_region_and_other_mail_as_ever(tmp_path: Path) -> None:
    async def story() -> None:
        async with StandIn("first") as first, StandIn("second") as second, delivering(tmp_path, first, second) as d:
            routed(d, Stream(name="mail", providers=("first", "second"), mail=EU_ONLY))
            await d.send("ann@example.de", "bob@example.com")
            assert [each.recipients for each in second.got] == [("ann@example.de",)]
            assert [each.recipients for each in first.got] == [("bob@example.com",)]

    asyncio.run(story())


def test_a_tag_keeps_it_there_and_is_read_by_nobody_else(tmp_path: Path) -> None:
    async def story() -> None:
        async with StandIn("first") as first, StandIn("second") as second, delivering(tmp_path, first, second) as d:
            routed(d, Stream(name="mail", providers=("first", "second"), mail=EU_ONLY))
            await d.send("bob@example.com", content=b"X-Mailover-Region: eu\r\n" + CONTENT)
            assert not first.connections
            assert [each.content for each in second.got] == [CONTENT]

    asyncio.run(story())


def test_when_the_region_is_down_it_waits_though_another_provider_is_well(tmp_path: Path) -> None:
    async def story() -> None:
        async with StandIn("first") as first, StandIn("second") as second, delivering(tmp_path, first, second) as d:
            routed(d, Stream(name="mail", providers=("first", "second"), mail=EU_ONLY))
            second.says("mail", "421 4.3.2 going down")
            mail = await d.send("ann@example.de")
            assert [each.fate for each in mail.recipients] == [Fate.QUEUED]
            assert not first.connections

    asyncio.run(story())


def test_the_same_key_goes_the_same_way_and_others_another(tmp_path: Path) -> None:
    async def story() -> None:
        async with StandIn("first") as first, StandIn("second") as second, delivering(tmp_path, first, second) as d:
            routed(d, Stream(name="mail", providers=("first", "second")), shared={"first": 0.5, "second": 0.5})
            for n in range(12):
                await d.send(f"{n}@example.com", content=b"X-Mailover-Key: customer-7\r\n" + CONTENT)
            assert {len(first.got), len(second.got)} == {0, 12}
            for n in range(12):
                await d.send("a@example.com", content=f"X-Mailover-Key: customer-{n}\r\n".encode() + CONTENT)
            assert min(len(first.got), len(second.got)) > 0

    asyncio.run(story())
