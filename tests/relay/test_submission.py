"""The one door: what becomes of a submission, what is refused for ever or for now, what counts as the same."""

import asyncio
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from intakes.house import STREAMS, MemoryQueue, MovedClock

from mailover.core.mail import Mail, Submission
from mailover.errors import RefusedError, StorageError, StorageFullError, TooLargeError, UnavailableError
from mailover.relay.submission import Door, NotNowError, UnacceptableError, inlet, new_id

SUBMISSION = Submission(
    stream="transactional",
    sender="a@example.com",
    recipients=("b@example.org", "c@example.org", "b@example.org"),
    content=b"Message-ID: <1@app.test>\r\nSubject: hello\r\n\r\nhello\r\n",
    by="app",
    client="192.0.2.7",
    hello="app.internal",
    protocol="ESMTPSA",
)


class Doorway:
    """A door with what is behind it."""

    def __init__(self, *, largest: int = 10_000, traced: bool = False) -> None:
        self.queue, self.clock = MemoryQueue(), MovedClock()
        self.accepted: list[tuple[Mail, bytes]] = []
        self.hear: Callable[[Mail, bytes], None] = lambda mail, content: self.accepted.append((mail, content))
        self.door = Door(
            writer=self.queue,
            accepted=self.heard,
            streams=STREAMS,
            clock=self.clock,
            hostname="relay.test",
            largest=largest,
            traced=traced,
        )

    def heard(self, mail: Mail, content: bytes) -> None:
        self.hear(mail, content)

    def take(self, **changed: object) -> str:
        return asyncio.run(self.door.take(replace(SUBMISSION, **changed)))  # type: ignore[arg-type]


@pytest.fixture
def way() -> Doorway:
    return Doorway()


def test_a_submission_becomes_a_mail_with_its_streams_terms(way: Doorway) -> None:
    kept = way.take()
    mail, content = way.queue.only
    assert kept == mail.id
    assert [each.address for each in mail.recipients] == ["b@example.org", "c@example.org"]
    assert (mail.stream, mail.sender, mail.by, mail.priority) == ("transactional", "a@example.com", "app", 1)
    assert mail.accepted_at == way.clock.at
    assert mail.deadline_at == way.clock.at + timedelta(hours=1)
    assert (mail.size, mail.message_id) == (len(content), "<1@app.test>")
    assert not mail.utf8
    assert not mail.eight_bit
    assert way.accepted == [(mail, content)]


def test_a_stream_without_a_deadline_gives_none(way: Doorway) -> None:
    way.take(stream="marketing")
    mail = way.queue.only[0]
    assert (mail.deadline_at, mail.priority) == (None, 6)


def test_the_trace_names_no_client_unless_that_is_wanted(way: Doorway) -> None:
    way.take()
    assert b"app.internal" not in way.queue.only[1]
    assert b"192.0.2.7" not in way.queue.only[1]
    traced = Doorway(traced=True)
    traced.take()
    assert b"from app.internal ([192.0.2.7])" in traced.queue.only[1]


def test_a_message_without_a_name_gets_one_of_the_senders_domain(way: Doorway) -> None:
    kept = way.take(content=b"Subject: x\r\n\r\n")
    assert way.queue.only[0].message_id == f"<{kept}@example.com>"
    assert f"Message-ID: <{kept}@example.com>\r\n".encode() in way.queue.only[1]


def test_a_bounce_gets_one_of_the_relays(way: Doorway) -> None:
    kept = way.take(content=b"Subject: x\r\n\r\n", sender="")
    assert way.queue.only[0].message_id == f"<{kept}@relay.test>"


def test_what_it_needs_of_a_provider_is_on_record(way: Doorway) -> None:
    way.take(content="Subject: x\r\n\r\ngrößer\r\n".encode(), recipients=("用户@example.org",))
    mail = way.queue.only[0]
    assert mail.eight_bit
    assert mail.utf8


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"stream": "nonsense"}, "550 5.7.1"),
        ({"content": 31 * b"Received: x\r\n" + b"\r\n"}, "554 5.4.6"),
    ],
)
def test_what_can_never_be_taken_is_refused_with_its_reason(
    way: Doorway, changed: dict[str, object], says: str
) -> None:
    with pytest.raises(UnacceptableError) as caught:
        way.take(**changed)
    assert f"{caught.value.said.code} {caught.value.said.enhanced}" == says
    assert isinstance(caught.value, RefusedError)
    assert way.queue.mails == {}


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"content": b"Subject: x\nBcc: y\r\n\r\n"}, "550 5.6.11"),
        ({"recipients": ()}, "554 5.5.1"),
        ({"recipients": ("b@example.org", "")}, "553 5.1.3"),
        ({"recipients": ("a@b,c@d",)}, "553 5.1.3"),
        ({"recipients": ("a@example.org>\r\nRCPT TO:<c@d",)}, "553 5.1.3"),
        ({"sender": "a b@example.com"}, "553 5.1.3"),
    ],
)
def test_who_comes_without_a_dialogue_is_looked_at_as_closely(
    way: Doorway, changed: dict[str, object], says: str
) -> None:
    with pytest.raises(UnacceptableError) as caught:
        way.door.check(replace(SUBMISSION, **changed))  # type: ignore[arg-type]
    assert f"{caught.value.said.code} {caught.value.said.enhanced}" == says


def test_what_is_too_large_is_told_how_large_it_may_be(way: Doorway) -> None:
    with pytest.raises(TooLargeError, match="10001 bytes, and 10000 are taken"):
        way.door.check(replace(SUBMISSION, content=b"x" * 10_001))


def test_the_null_sender_is_a_sender(way: Doorway) -> None:
    way.door.check(replace(SUBMISSION, sender=""))


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (StorageError("the store could not be written: secret"), "451 4.3.0"),
        (StorageFullError("the store could not be written: disk full"), "452 4.3.1"),
        (UnavailableError("the writer is stopping"), "451 4.3.0"),
        (KeyError("a defect"), "451 4.3.0"),
    ],
)
def test_a_fault_of_ours_is_never_the_messages_and_tells_nothing(way: Doorway, error: Exception, says: str) -> None:
    async def broken() -> None:
        raise error

    way.queue.before = broken
    with pytest.raises(NotNowError) as caught:
        way.take()
    assert f"{caught.value.said.code} {caught.value.said.enhanced}" == says
    assert "secret" not in str(caught.value)
    assert way.accepted == []


def test_a_defect_of_the_delivery_does_not_unkeep_a_message(way: Doorway, caplog: pytest.LogCaptureFixture) -> None:
    def broken(_mail: Mail, _content: bytes) -> None:
        raise RuntimeError("a defect")

    way.hear = broken
    assert way.take() == way.queue.only[0].id
    assert "is kept, but could not be handed to the delivery at once" in caplog.text


def test_the_same_message_again_is_kept_once_and_handed_over_once(way: Doorway) -> None:
    assert way.take() == way.take()
    assert len(way.accepted) == 1


@pytest.mark.parametrize(
    "changed",
    [
        {"by": "another"},
        {"stream": "marketing"},
        {"sender": "z@example.com"},
        {"recipients": ("d@example.org",)},
        {"content": SUBMISSION.content + b"more\r\n"},
        {"content": SUBMISSION.content.replace(b"<1@", b"<2@")},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_what_differs_in_anything_is_another_message(way: Doorway, changed: dict[str, object]) -> None:
    assert way.take() != way.take(**changed)


def test_a_call_that_is_made_again_is_kept_once_though_its_content_was_composed_anew(way: Doorway) -> None:
    first = way.take(call="invoice-1", content=b"Subject: x\r\n\r\n--boundary-1--\r\n")
    assert way.take(call="invoice-1", content=b"Subject: x\r\n\r\n--boundary-2--\r\n") == first
    assert len(way.accepted) == 1
    assert way.take(call="invoice-2") != first
    assert way.take(call="invoice-1", by="another") != first


def test_two_messages_that_nobody_named_are_two(way: Doorway) -> None:
    """A report that says the same each hour is sent each hour."""
    assert way.take(content=b"Subject: x\r\n\r\n") != way.take(content=b"Subject: x\r\n\r\n")


def test_ids_sort_by_time() -> None:
    clock = MovedClock()
    ids = []
    for _ in range(50):
        clock.at += timedelta(milliseconds=1)
        ids.append(new_id(clock.at))
    assert ids == sorted(set(ids))
    assert all(each.startswith("msg_") for each in ids)


def test_http_comes_through_the_same_door(way: Doorway) -> None:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        submit = inlet(way.door, loop)
        kept = submit(replace(SUBMISSION, protocol="HTTP", client=""))
        assert kept == way.queue.only[0].id
        assert b"with HTTP id" in way.queue.only[1]
        with pytest.raises(RefusedError, match="bare CR or LF"):
            submit(replace(SUBMISSION, content=b"Subject: x\r\nInjected\n\r\n"))
        with pytest.raises(RefusedError, match="circles"):
            submit(replace(SUBMISSION, content=31 * b"Received: x\r\n"))
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def test_a_relay_that_ends_meanwhile_is_a_matter_of_time(way: Doorway) -> None:
    begun, loop = threading.Event(), asyncio.new_event_loop()

    async def cut() -> None:
        begun.set()
        await asyncio.sleep(60)

    async def until_begun() -> None:
        await asyncio.to_thread(begun.wait, 20)

    def run() -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(until_begun())

    way.queue.before = cut
    thread = threading.Thread(target=run)
    thread.start()
    submit = inlet(way.door, loop)
    with pytest.raises(UnavailableError, match="try again later"):
        submit(SUBMISSION)
    thread.join()
    with pytest.raises(UnavailableError, match="try again later"):
        submit(SUBMISSION)


def test_other_rules_hold_from_the_next_message_on(way: Doorway) -> None:
    way.door.use({"news": STREAMS["marketing"]}, hostname="other.test", largest=10)
    with pytest.raises(UnacceptableError):
        way.take()
    way.take(stream="news")
    assert b"by other.test" in way.queue.only[1]
