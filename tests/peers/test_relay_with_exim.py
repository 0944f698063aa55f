"""The relay with a real Exim as a provider, beside an smtp-sink that takes over when Exim stops."""

import smtplib
from collections.abc import Iterator
from pathlib import Path

import pytest
from real_daemon import settle
from real_exim import Exim
from real_sink import Sink
from relaying_house import relaying
from running.agents import until

from mailover.bootstrap import House

pytestmark = pytest.mark.peer("exim", "postfix")

KEEPING = """
begin routers
everybody:
  driver = accept
  transport = box
begin transports
box:
  driver = appendfile
  file = {mail}/box
begin retry
"""
MESSAGE = b"From: app@example.test\r\nTo: ann@example.test\r\nSubject: %d\r\n\r\n.a dot, and some text\r\n"


@pytest.fixture
def exim(room: Path) -> Iterator[Exim]:
    server = Exim(settle(room, "exim"), KEEPING)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def sink(tmp_path: Path) -> Iterator[Sink]:
    server = Sink(settle(tmp_path, "sink"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def house(tmp_path: Path, exim: Exim, sink: Sink) -> Iterator[House]:
    accounts = {
        name: {"host": "127.0.0.1", "port": each.port, "tls": "none", "allow_plaintext": True}
        for name, each in (("exim", exim), ("sink", sink))
    }
    with relaying(tmp_path, accounts) as built:
        yield built


def hand_over(house: House, number: int) -> None:
    assert house.relay is not None
    with smtplib.SMTP("127.0.0.1", house.relay.ports[0], local_hostname="app.test", timeout=30) as client:
        client.sendmail("app@example.test", ["ann@example.test"], MESSAGE % number)


def test_exim_has_every_message_as_it_was_and_the_next_one_takes_over_when_it_stops(house: House, exim: Exim) -> None:
    box = exim.mail / "box"
    for number in range(5):
        hand_over(house, number)
    until(lambda: box.exists() and box.read_text().count("Subject: ") == 5)
    assert box.read_text().count("\n.a dot, and some text\n") == 5
    exim.stop()
    hand_over(house, 5)
    mails = house.store.mail.mails
    until(lambda: [each.provider for mail in mails().items for each in mail.recipients] == ["exim"] * 5 + ["sink"])
