"""The queue's async face: grouped, never cancelled, never blocked by a bad mail, never forgetting what was sent."""

import asyncio
import sqlite3
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import NoneType
from typing import Any

import pytest

from mailover.core.mail import Fate, Mail, Recipient, Settlement
from mailover.errors import StorageError
from mailover.relay.writing import QueueWriter
from mailover.storage.mail_rows import MailRows
from mailover.storage.sql import SqlStore, open_store

NOON = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)
LEASE = timedelta(seconds=60)
DEADLINE = 30


class HandClock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.at = NOON

    def now(self) -> datetime:
        return self.at

    def wall(self) -> datetime:
        return self.at


class Gate:
    """A real queue before which the writer's thread waits, so that a test sees what comes together."""

    def __init__(self, queue: MailRows) -> None:
        self.queue = queue
        self.open = threading.Event()
        self.open.set()
        self.commits: list[int] = []
        self.failing = 0
        self.bad: set[str] = set()
        """Mails of which nothing can be written."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self.queue, name)

    def commit(self, **wanted: Any) -> Sequence[str]:
        assert self.open.wait(DEADLINE)
        if self.failing:
            self.failing -= 1
            raise StorageError("the store could not be written: disk I/O error")
        if any(each.mail in self.bad for each in wanted["settlements"]):
            raise StorageError("the queue could not be written: a defect")
        ids = self.queue.commit(**wanted)
        self.commits.append(len(wanted["puts"]) + len(wanted["settlements"]))
        return ids


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    opened = open_store(f"sqlite:///{tmp_path}/mailover.db")
    yield opened
    opened.close()


@pytest.fixture
def gate(store: SqlStore) -> Gate:
    return Gate(store.mail)


Story = Callable[[QueueWriter], Awaitable[None]]


def play(gate: Gate, story: Story, *, clock: HandClock | None = None, most_waiting: int = 10**6) -> None:
    async def run() -> None:
        writer = QueueWriter(gate, holder="us", lease=LEASE, clock=clock or HandClock(), most_waiting=most_waiting)
        writer.start()
        try:
            async with asyncio.timeout(DEADLINE):
                await story(writer)
        finally:
            gate.open.set()
            await writer.stop()

    asyncio.run(run())


def mail(number: int, **more: Any) -> Mail:
    known: dict[str, Any] = {
        "id": f"msg_{number:06d}",
        "stream": "transactional",
        "sender": "app@example.com",
        "recipients": (Recipient(address=f"user{number}@example.net"),),
        "size": 4,
        "accepted_at": NOON,
        "by": "app",
    }
    return Mail(**(known | more))


def delivered(m: Mail) -> Settlement:
    (recipient,) = m.recipients
    return Settlement(mail=m.id, recipients=(Recipient(address=recipient.address, fate=Fate.DELIVERED),))


async def put(writer: QueueWriter, m: Mail) -> str:
    return await writer.put(m, b"1234", m.id)


async def until(condition: Callable[[], object]) -> None:
    while not condition():  # noqa: ASYNC110 - the other side is a thread
        await asyncio.sleep(0.01)


def test_a_mail_is_durable_and_held_when_its_put_returns(store: SqlStore, gate: Gate) -> None:
    async def story(writer: QueueWriter) -> None:
        assert await put(writer, mail(1)) == "msg_000001"
        assert store.mail.content("msg_000001") == b"1234"
        assert await writer.lease(limit=10, most_bytes=100) == ()
        assert await writer.renew(["msg_000001"]) == {"msg_000001"}

    play(gate, story)


def test_what_many_wish_while_one_transaction_is_under_way_is_one_more(gate: Gate) -> None:
    async def story(writer: QueueWriter) -> None:
        gate.open.clear()
        first = asyncio.create_task(put(writer, mail(1)))
        await asyncio.sleep(0)
        await until(writer._wishes.empty)
        rest = [asyncio.create_task(put(writer, mail(n))) for n in range(2, 20)]
        rest.append(asyncio.create_task(writer.settle(delivered(mail(1)))))
        await asyncio.sleep(0)
        gate.open.set()
        await asyncio.gather(first, *rest)

    play(gate, story)
    assert gate.commits == [1, 19]


def test_a_mail_that_cannot_be_kept_takes_nobody_with_it(store: SqlStore, gate: Gate) -> None:
    async def story(writer: QueueWriter) -> None:
        await put(writer, mail(1))
        twin = mail(1, sender="twin@example.com")
        wishes = [put(writer, mail(2)), writer.put(twin, b"5678", "other"), put(writer, mail(3))]
        first, refused, third = await asyncio.gather(*wishes, return_exceptions=True)
        assert (first, third) == ("msg_000002", "msg_000003")
        assert isinstance(refused, StorageError)

    play(gate, story)
    assert store.mail.depths()["transactional"].queued == 3


def test_an_error_that_nobody_foresaw_is_told_and_the_writer_lives_on(gate: Gate) -> None:
    async def story(writer: QueueWriter) -> None:
        with pytest.raises(StorageError, match="OverflowError"):
            await put(writer, mail(1, priority=2**70))
        with pytest.raises(ZeroDivisionError):
            await writer.ask(lambda: 1 // 0)
        assert await put(writer, mail(2)) == "msg_000002"

    play(gate, story)


def test_when_the_store_fails_everybody_hears_soon(gate: Gate) -> None:
    async def story(writer: QueueWriter) -> None:
        gate.failing = 10**6
        tried = await asyncio.gather(*(put(writer, mail(n)) for n in range(1, 300)), return_exceptions=True)
        assert all(isinstance(each, StorageError) for each in tried)
        spent = 10**6 - gate.failing
        assert spent < 30
        gate.failing = 0
        assert await put(writer, mail(400)) == "msg_000400"

    play(gate, story)


def test_what_was_sent_and_could_not_be_written_is_owed_and_written_first(store: SqlStore, gate: Gate) -> None:
    day = NOON.date()

    async def story(writer: QueueWriter) -> None:
        await put(writer, mail(1))
        await put(writer, mail(2))
        gate.failing = 3
        with pytest.raises(StorageError):
            await writer.settle(delivered(mail(1)))
        with pytest.raises(StorageError):
            await writer.use(day, {"ses": 1})
        assert await writer.lease(limit=10, most_bytes=100) == ()
        found = store.mail.mail("msg_000001")
        assert found is not None
        assert found.pending == ()
        assert store.mail.used(day) == {"ses": 1}

    play(gate, story)


def test_what_is_owed_is_tried_again_without_being_asked(store: SqlStore, gate: Gate) -> None:
    async def story(writer: QueueWriter) -> None:
        await put(writer, mail(1))
        gate.failing = 3
        with pytest.raises(StorageError):
            await writer.settle(delivered(mail(1)))
        await until(lambda: store.mail.content("msg_000001") is None)

    play(gate, story)


def test_what_can_never_be_written_keeps_nothing_else_from_it(store: SqlStore, gate: Gate) -> None:
    async def story(writer: QueueWriter) -> None:
        for number in range(1, 5):
            await put(writer, mail(number))
        gate.bad = {"msg_000002"}
        gate.open.clear()
        wishes = [asyncio.create_task(writer.settle(delivered(mail(number)))) for number in (1, 2, 3)]
        await asyncio.sleep(0)
        gate.open.set()
        told = await asyncio.gather(*wishes, return_exceptions=True)
        assert [type(each) for each in told] == [NoneType, StorageError, NoneType]
        gate.failing = 2
        with pytest.raises(StorageError):
            await writer.settle(delivered(mail(4)))
        await until(lambda: store.mail.content("msg_000004") is None)
        assert store.mail.content("msg_000002") is not None

    play(gate, story)


def test_settlements_are_written_even_where_no_new_mail_can_be(store: SqlStore, gate: Gate) -> None:
    async def story(writer: QueueWriter) -> None:
        await put(writer, mail(1))
        twin = mail(1, sender="twin@example.com")
        settled, refused = await asyncio.gather(
            writer.settle(delivered(mail(1))), writer.put(twin, b"5678", "other"), return_exceptions=True
        )
        assert settled is None
        assert isinstance(refused, StorageError)
        assert store.mail.content("msg_000001") is None

    play(gate, story)


def test_a_mail_whose_sender_went_away_is_kept_and_given_back(store: SqlStore, gate: Gate) -> None:
    async def story(writer: QueueWriter) -> None:
        gate.open.clear()
        gone = asyncio.create_task(put(writer, mail(1)))
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.wait([gone])
        gate.open.set()
        await until(lambda: store.mail.next_due(NOON) == NOON)
        (leased,) = await writer.lease(limit=10, most_bytes=100)
        assert (leased.mail.id, leased.mail.attempts, leased.mail.handovers) == ("msg_000001", 0, 0)

    play(gate, story)


def test_what_nobody_waits_for_any_more_is_not_held(store: SqlStore, gate: Gate) -> None:
    async def story(writer: QueueWriter) -> None:
        await put(writer, mail(1))
        await writer.release()
        gate.open.clear()
        blocker = asyncio.create_task(put(writer, mail(2)))
        await asyncio.sleep(0)
        gone = asyncio.create_task(writer.lease(limit=10, most_bytes=100))
        await asyncio.sleep(0)
        gone.cancel()
        gate.open.set()
        await blocker
        await until(lambda: store.mail.next_due(NOON) == NOON)
        assert len(await writer.lease(limit=10, most_bytes=100)) == 1

    play(gate, story)


def test_who_brings_more_than_may_wait_waits_outside(gate: Gate) -> None:
    async def story(writer: QueueWriter) -> None:
        gate.open.clear()
        tasks = [asyncio.create_task(put(writer, mail(n))) for n in range(1, 11)]
        await asyncio.sleep(0.05)
        assert writer._waiting <= 12
        tasks[-1].cancel()
        gate.open.set()
        await asyncio.gather(*tasks[:-1])
        assert writer._waiting == 0

    play(gate, story, most_waiting=10)


def test_a_backlog_is_hastened_in_steps(store: SqlStore, gate: Gate) -> None:
    async def story(writer: QueueWriter) -> None:
        many = [mail(n) for n in range(1, 1203)]
        await asyncio.gather(*(put(writer, m) for m in many))
        later = NOON + timedelta(hours=1)
        waits = [Settlement(mail=m.id, due_at=later, waiting_for="ses") for m in many]
        await asyncio.gather(*(writer.settle(each) for each in waits))
        assert await writer.next_due() == later
        assert await writer.hasten(["ses"]) == 1202
        assert await writer.next_due() == NOON

    play(gate, story)


def test_a_lease_ends_when_its_time_is_over(gate: Gate) -> None:
    clock = HandClock()

    async def story(writer: QueueWriter) -> None:
        await put(writer, mail(1))
        clock.at = NOON + LEASE / 2
        assert await writer.renew(["msg_000001"]) == {"msg_000001"}
        clock.at = NOON + LEASE
        assert await writer.lease(limit=10, most_bytes=100) == ()
        clock.at = NOON + 2 * LEASE
        (again,) = await writer.lease(limit=10, most_bytes=100)
        assert again.mail.handovers == 1

    play(gate, story, clock=clock)


def test_stopping_writes_what_was_wished_and_gives_back_what_is_held(store: SqlStore, gate: Gate) -> None:
    async def story(writer: QueueWriter) -> None:
        gate.open.clear()
        tasks = [asyncio.create_task(put(writer, mail(n))) for n in range(1, 5)]
        await asyncio.sleep(0)
        stopping = asyncio.create_task(writer.stop())
        await asyncio.sleep(0)
        gate.open.set()
        assert len(await asyncio.gather(*tasks)) == 4
        await stopping
        with pytest.raises(StorageError, match="not open"):
            await put(writer, mail(9))
        with pytest.raises(StorageError, match="not open"):
            await writer.settle(delivered(mail(1)))

    play(gate, story)
    leased = store.mail.lease(holder="next", now=NOON, until=NOON + LEASE, limit=10, most_bytes=100)
    assert [each.mail.handovers for each in leased] == [0, 0, 0, 0]


def test_whoever_goes_away_while_it_stops_leaves_the_others_their_answer(gate: Gate) -> None:
    async def story(writer: QueueWriter) -> None:
        gate.open.clear()
        first, gone, other = (asyncio.create_task(put(writer, mail(number))) for number in (1, 2, 3))
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.wait([gone])
        stopping = asyncio.create_task(writer.stop())
        await asyncio.sleep(0)
        gate.open.set()
        assert (await first, await other) == ("msg_000001", "msg_000003")
        await stopping

    play(gate, story)


def test_a_locked_store_is_told_in_time_and_loses_nothing(store: SqlStore, gate: Gate, tmp_path: Path) -> None:
    async def story(writer: QueueWriter) -> None:
        await put(writer, mail(1))
        with closing(sqlite3.connect(tmp_path / "mailover.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            began = time.monotonic()
            refused, owed = await asyncio.gather(
                put(writer, mail(2)), writer.settle(delivered(mail(1))), return_exceptions=True
            )
            assert time.monotonic() - began < 20
            assert isinstance(refused, StorageError)
            assert "locked" in str(refused)
            assert isinstance(owed, StorageError)
        assert await put(writer, mail(3)) == "msg_000003"
        assert store.mail.content("msg_000001") is None

    play(gate, story)
