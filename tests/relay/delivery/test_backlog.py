"""Whose turn it is: by priority, fairly among streams, the oldest first, within bounds; nobody keeps others waiting."""

from datetime import UTC, datetime, timedelta
from itertools import count

from mailover.core.mail import Leased, Mail, Recipient
from mailover.relay.delivery.backlog import Backlog
from mailover.relay.delivery.leases import Leases

START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
_NUMBERS = count()


def leased(stream: str = "mail", *, priority: int = 3, age: int = 0, size: int = 100) -> Leased:
    mail = Mail(
        id=f"msg_{next(_NUMBERS)}",
        stream=stream,
        sender="",
        recipients=(Recipient(address="to@example.org"),),
        size=size,
        accepted_at=START - timedelta(seconds=age),
        priority=priority,
        by="app",
    )
    return Leased(mail=mail, content=b"x" * size)


def backlog(slots: int = 8) -> Backlog:
    return Backlog(most_bytes=10_000, most=40, slots=slots)


def order(waiting: Backlog, number: int, now: float = 0.0) -> list[str]:
    found = []
    for _ in range(number):
        one = waiting.next(now)
        found.append(f"{one.mail.stream}{one.mail.priority}" if one is not None else "-")
    return found


def test_the_oldest_of_a_stream_comes_first() -> None:
    waiting = backlog()
    young, old = leased(age=1), leased(age=9)
    waiting.add(young)
    waiting.add(old)
    assert waiting.next(0.0) is old
    assert waiting.next(0.0) is young
    assert waiting.next(0.0) is None


def test_priority_comes_before_age_and_streams_take_turns() -> None:
    waiting = backlog()
    for _ in range(3):
        waiting.add(leased("news", priority=6, age=100))
        waiting.add(leased("orders"))
        waiting.add(leased("logins"))
    assert sorted(order(waiting, 2)) == ["logins3", "orders3"]
    assert sorted(order(waiting, 2)) == ["logins3", "orders3"]


def test_what_can_wait_takes_half_of_the_slots_only() -> None:
    waiting = backlog()
    for _ in range(10):
        waiting.add(leased("news", priority=6))
    assert order(waiting, 5) == ["news6"] * 4 + ["-"]
    waiting.add(leased("orders"))
    assert order(waiting, 1) == ["orders3"]


def test_one_stream_leaves_room_for_another() -> None:
    waiting = backlog()
    for _ in range(10):
        waiting.add(leased("slow"))
    waiting.add(leased("quick"))
    assert order(waiting, 8).count("slow3") == 6


def test_a_stream_that_cannot_go_on_is_left_out_until_its_time() -> None:
    waiting = backlog()
    first = leased("slow", age=1)
    waiting.add(first)
    waiting.add(leased("slow"))
    assert waiting.next(0.0) is first
    waiting.put_back(first, 5.0)
    waiting.ended(first.mail)
    assert order(waiting, 1) == ["-"]
    assert waiting.blocked(0.0) == {"slow"}
    assert waiting.unblocks_at(0.0) == 5.0
    assert waiting.next(5.0) is first
    waiting.block("slow", 100.0)
    waiting.unblock()
    assert order(waiting, 1, 6.0) == ["slow3"]


def test_memory_is_bounded_until_a_mail_is_forgotten() -> None:
    waiting = backlog()
    waiting.add(leased(size=9_000))
    assert waiting.room() == (39, 1_000)
    one = waiting.next(0.0)
    assert one is not None
    waiting.ended(one.mail)
    assert waiting.room() == (40, 1_000)
    waiting.forget(one.mail.size)
    assert waiting.room() == (40, 10_000)


def test_a_stream_with_half_of_the_places_gets_no_more_from_the_queue() -> None:
    waiting = backlog()
    for _ in range(20):
        waiting.add(leased("news"))
    assert waiting.blocked(0.0) == {"news"}
    assert len(list(waiting.empty())) == 20
    assert waiting.room() == (40, 10_000)


def test_a_lease_is_sure_for_three_quarters_of_its_time() -> None:
    leases = Leases(60.0)
    leases.hold("a", 100.0)
    assert leases.sure("a", 144.9)
    assert not leases.sure("a", 145.0)
    leases.renewed(["a"], {"a"}, 140.0)
    assert leases.sure("a", 184.0)


def test_a_mail_that_another_relay_took_is_not_ours_any_more() -> None:
    leases = Leases(60.0)
    leases.hold("a", 100.0)
    leases.hold("b", 100.0)
    leases.renewed(["a", "b"], {"b"}, 110.0)
    assert not leases.sure("a", 110.0)
    assert leases.sure("b", 110.0)
    leases.drop("b")
    assert not leases.sure("b", 110.0)
    assert not leases.sure("never", 0.0)
