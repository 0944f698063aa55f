"""Nothing is asked twice."""

import asyncio

from fake_lookup import FakeLookup

from dns_checks.answers import A, Answer, Found, Kind, R, Trouble, Unknown
from dns_checks.remembered import Remembered


class Gate:
    """A lookup whose answers wait for the gate to open."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.asked = 0
        self.given_up = 0

    async def ask(self, name: str, kind: Kind[R]) -> Answer[R]:
        self.asked += 1
        try:
            await self.open.wait()
        except asyncio.CancelledError:
            self.given_up += 1
            raise
        return Found(records=(), ttl=300.0)


def test_equal_questions_in_the_air_are_one() -> None:
    async def ask() -> int:
        gate = Gate()
        remembered = Remembered(gate)
        names = ["x.example", "X.EXAMPLE", "x.example."]
        asking = [asyncio.create_task(remembered.ask(name, A)) for name in names * 20]
        await asyncio.sleep(0)
        gate.open.set()
        assert len({id(answer) for answer in await asyncio.gather(*asking)}) == 1
        return gate.asked

    assert asyncio.run(ask()) == 1


def test_when_the_asker_gives_up_one_of_those_who_wait_asks_anew() -> None:
    async def ask() -> tuple[int, int]:
        gate = Gate()
        remembered = Remembered(gate)
        impatient, patient = (asyncio.create_task(remembered.ask("x.example", A)) for _ in range(2))
        await asyncio.sleep(0)
        impatient.cancel()
        await asyncio.sleep(0)
        gate.open.set()
        assert isinstance(await patient, Found)
        return gate.asked, gate.given_up

    assert asyncio.run(ask()) == (2, 1)


def test_a_question_that_was_given_up_leaves_nothing_behind() -> None:
    async def ask() -> tuple[int, int]:
        gate = Gate()
        remembered = Remembered(gate)
        impatient = asyncio.create_task(remembered.ask("x.example", A))
        await asyncio.sleep(0.01)
        impatient.cancel()
        await asyncio.gather(impatient, return_exceptions=True)
        gate.open.set()
        assert isinstance(await remembered.ask("x.example", A), Found)
        return gate.asked, gate.given_up

    assert asyncio.run(ask()) == (2, 1)


def test_answers_live_for_their_time_to_live() -> None:
    clock = [0.0]
    fake = FakeLookup({"x.example A": ["192.0.2.1"]})

    async def ask() -> list[int]:
        remembered = Remembered(fake, now=lambda: clock[0])
        counts = []
        for at in (0.0, 299.0, 301.0):
            clock[0] = at
            await remembered.ask("x.example", A)
            counts.append(len(fake.asked))
        return counts

    assert asyncio.run(ask()) == [1, 1, 2]


def test_what_is_unknown_is_asked_again_soon_but_once_in_a_run() -> None:
    clock = [0.0]
    fake = FakeLookup({"x.example A": Unknown(trouble=Trouble.SILENT, because="mute")})

    async def ask(at_least: float) -> int:
        remembered = Remembered(fake, at_least=at_least, now=lambda: clock[0])
        for at in (0.0, 4.0, 6.0, 50.0):
            clock[0] = at
            await remembered.ask("x.example", A)
        return remembered.questions

    assert asyncio.run(ask(5.0)) == 3
    assert asyncio.run(ask(60.0)) == 1
