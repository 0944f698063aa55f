"""A relay that is killed again and again: what it answered with 250 is delivered, and what came twice is on record."""

import re
import signal
import smtplib
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from running.agents import RunningAgent, free_port, until

from mailover.core.mail import Fate, Mail
from mailover.demo.behaviour import Delivered
from mailover.demo.provider import Provider
from mailover.storage.sql import open_store

KILLS = 4
_NUMBER = re.compile(rb"^X-Number: (\d+)", re.MULTILINE)


class Arrivals:
    """What the providers delivered, by number."""

    def __init__(self) -> None:
        self.counts: dict[int, int] = {}
        self._lock = threading.Lock()

    def __call__(self, message: Delivered) -> None:
        found = _NUMBER.search(message.content)
        with self._lock:
            if found is not None:
                self.counts[int(found[1])] = self.counts.get(int(found[1]), 0) + 1


class Sender(threading.Thread):
    """Hands over numbered messages without a pause, and notes which were answered with 250."""

    def __init__(self, port: int) -> None:
        super().__init__(daemon=True)
        self.accepted: set[int] = set()
        self.offered = 0
        self.ending = threading.Event()
        self._port = port

    def run(self) -> None:
        while not self.ending.is_set():
            try:
                with smtplib.SMTP("127.0.0.1", self._port, local_hostname="app.test", timeout=10) as client:
                    while not self.ending.is_set():
                        self._send(client)
            except (OSError, smtplib.SMTPException):
                time.sleep(0.05)

    def _send(self, client: smtplib.SMTP) -> None:
        self.offered += 1
        number = self.offered
        client.sendmail("app@example.com", ["to@example.org"], f"X-Number: {number}\r\n\r\nhello\r\n".encode())
        self.accepted.add(number)


@pytest.fixture
def arrivals() -> Arrivals:
    return Arrivals()


@pytest.fixture
def document(arrivals: Arrivals, ca_file: str) -> Iterator[Mapping[str, object]]:
    names = ("first", "second")
    with Provider(names[0], sink=arrivals) as first, Provider(names[1], sink=arrivals) as second:
        accounts = {
            each.name: {
                "host": each.host,
                "port": each.port,
                "ca_file": ca_file,
                "username": each.username,
                "password": each.password,
                "from": "app@example.com",
            }
            for each in (first, second)
        }
        yield {
            "providers": accounts,
            "streams": {"mail": {"providers": list(names)}},
            "relay": {"listen": f"127.0.0.1:{free_port()}"},
        }


def port_of(document: Mapping[str, object]) -> int:
    relay = document["relay"]
    assert isinstance(relay, Mapping)
    return int(str(relay["listen"]).rpartition(":")[2])


def kept(directory: Path) -> dict[str, Mail]:
    """Every mail that the queue knows of."""
    store = open_store(f"sqlite:///{directory / 'mailover.db'}")
    try:
        found: dict[str, Mail] = {}
        after: str | None = None
        while True:
            page = store.mail.mails(after=after, limit=500)
            found |= {mail.id: mail for mail in page.items}
            after = page.next
            if after is None:
                return found
    finally:
        store.close()


@pytest.mark.timeout(240)
def test_nothing_that_was_accepted_is_lost_over_kills(
    tmp_path: Path, document: Mapping[str, object], arrivals: Arrivals
) -> None:
    with RunningAgent(tmp_path, document) as agent:
        senders = [Sender(port_of(document)) for _ in range(3)]
        for sender in senders:
            sender.offered = senders.index(sender) * 1_000_000
            sender.start()
        for kill in range(KILLS):
            accepted = sum(len(sender.accepted) for sender in senders)
            until(lambda: sum(len(each.accepted) for each in senders) > accepted + 20, "mail to be accepted", 60)  # noqa: B023
            time.sleep(0.07 * kill)
            agent.process.kill()
            agent.wait()
            agent.start()
        until(agent.answers, "the last life", 60)
        for sender in senders:
            sender.ending.set()
            sender.join(20)
        accepted_at_all = set().union(*(sender.accepted for sender in senders))
        until(lambda: accepted_at_all <= arrivals.counts.keys(), "all that was accepted to arrive", 90)
        assert "Traceback" not in agent.words()
    mails = kept(tmp_path)
    assert {fate for mail in mails.values() for fate in (mail.recipients[0].fate,)} <= {Fate.DELIVERED, Fate.AMBIGUOUS}
    twice = sum(count - 1 for count in arrivals.counts.values())
    on_record = sum(mail.handovers for mail in mails.values())
    assert twice <= on_record, "a message came twice, and nothing says that it may have"


@pytest.mark.timeout(120)
def test_a_graceful_end_loses_nothing_and_sends_nothing_twice(
    tmp_path: Path, document: Mapping[str, object], arrivals: Arrivals
) -> None:
    with RunningAgent(tmp_path, document) as agent:
        sender = Sender(port_of(document))
        sender.start()
        until(lambda: len(sender.accepted) > 20, "mail to be accepted", 60)
        agent.process.terminate()
        assert agent.wait(40) == 0
        sender.ending.set()
        sender.join(20)
        agent.start()
        until(agent.answers, "the next life", 60)
        until(lambda: sender.accepted <= arrivals.counts.keys(), "all that was accepted to arrive", 60)
        assert max(arrivals.counts.values()) == 1
        assert "Traceback" not in agent.words()
    assert not any(mail.handovers for mail in kept(tmp_path).values())


@pytest.mark.timeout(120)
def test_a_reload_loses_no_mail_and_cuts_no_session(
    tmp_path: Path, document: Mapping[str, object], arrivals: Arrivals
) -> None:
    with RunningAgent(tmp_path, document) as agent:
        sender = Sender(port_of(document))
        sender.start()
        until(lambda: len(sender.accepted) > 10, "mail to be accepted", 60)
        agent.configure({**document, "streams": {"mail": {"providers": ["first"]}}})
        agent.signal(signal.SIGHUP)
        until(lambda: agent.get("/v1/active-provider")["fallbacks"] == [], "the new order", 30)
        before = len(sender.accepted)
        until(lambda: len(sender.accepted) > before + 10, "more mail to be accepted", 60)
        sender.ending.set()
        sender.join(20)
        until(lambda: sender.accepted <= arrivals.counts.keys(), "all that was accepted to arrive", 60)
        assert len(sender.accepted) == sender.offered
        assert max(arrivals.counts.values()) == 1
