"""The relay with providers that nobody here wrote: real Postfix with TLS and a login, and smtp-sink that misbehaves."""

import smtplib
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest
from real_dovecot import Dovecot
from real_postfix import Postfix
from real_sink import Sink
from relaying_house import Account, relaying
from running.agents import until

from mailover.bootstrap import House
from mailover.core.mail import Fate

pytestmark = pytest.mark.peer("postfix", "dovecot")

APP = "app@example.test"
PASSWORD = "correct horse"
MESSAGE = b"From: app@example.test\r\nTo: app@example.test\r\nSubject: %d\r\nMessage-ID: <%d@app.test>\r\n\r\nhello\r\n"
WAYS = {
    "hangs up at once": ("-q", "connect"),
    "hangs up at EHLO": ("-q", "ehlo"),
    "hangs up at MAIL": ("-q", "mail"),
    "hangs up at RCPT": ("-q", "rcpt"),
    "hangs up at DATA": ("-q", "data"),
    "421 at MAIL": ("-Q", "mail"),
    "421 at RCPT": ("-Q", "rcpt"),
    "not now at MAIL": ("-r", "mail"),
    "not now at DATA": ("-r", "data"),
    "not now at the dot": ("-r", "."),
    "never at MAIL": ("-f", "mail"),
    "never at DATA": ("-f", "data"),
}

Running = Callable[[Mapping[str, Account]], House]


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    with ExitStack() as stack:

        def start(accounts: Mapping[str, Account]) -> House:
            return stack.enter_context(relaying(tmp_path, accounts))

        yield start


def plain(sink: Sink) -> Account:
    return {"host": sink.host, "port": sink.port, "tls": "none", "allow_plaintext": True}


def hand_over(house: House, number: int) -> None:
    assert house.relay is not None
    with smtplib.SMTP("127.0.0.1", house.relay.ports[0], local_hostname="app.test", timeout=30) as client:
        client.sendmail(APP, [APP], MESSAGE % (number, number))


@pytest.fixture
def submission(postfix: Postfix, ca_file: str) -> Account:
    """The account at the real Postfix."""
    return {"host": "127.0.0.1", "port": postfix.port, "ca_file": ca_file, "username": "app", "password": PASSWORD}


def settle(path: Path) -> Path:
    path.mkdir()
    return path


def test_mail_goes_through_a_real_postfix_and_over_to_the_sink_when_it_stops(
    tmp_path: Path, postfix: Postfix, dovecot: Dovecot, submission: Account, running: Running
) -> None:
    sink = Sink(settle(tmp_path / "sink"))
    sink.start()
    try:
        house = running({"postfix": submission, "sink": plain(sink)})
        maildir = dovecot.mail / APP / "Maildir" / "new"
        before = len(list(maildir.glob("*"))) if maildir.exists() else 0
        for number in range(3):
            hand_over(house, number)
        until(
            lambda: maildir.exists() and len(list(maildir.glob("*"))) == before + 3, "three messages in the mailbox", 60
        )
        postfix.stop()
        for number in range(3, 6):
            hand_over(house, number)
        until(lambda: sink.taken == 3, "three messages in the sink", 60)
        until(lambda: all(not mail.pending for mail in house.store.mail.mails(limit=10).items), "fates", 30)
        page = house.store.mail.mails(limit=10)
        assert [mail.recipients[0].provider for mail in page.items] == ["postfix"] * 3 + ["sink"] * 3
    finally:
        sink.stop()


@pytest.mark.parametrize("way", WAYS)
def test_a_sink_that_dies_at_a_stage_is_followed_by_the_next(way: str, tmp_path: Path, running: Running) -> None:
    with ExitStack() as stack:
        sick, well = Sink(settle(tmp_path / "sick"), *WAYS[way]), Sink(settle(tmp_path / "well"))
        for each in (sick, well):
            each.start()
            stack.callback(each.stop)
        house = running({"sick": plain(sick), "well": plain(well)})
        for number in range(2):
            hand_over(house, number)
        until(lambda: well.taken == 2, "both messages", 30)
        until(lambda: all(not mail.pending for mail in house.store.mail.mails(limit=10).items), "fates", 30)
        assert {mail.recipients[0].fate for mail in house.store.mail.mails(limit=10).items} == {Fate.DELIVERED}
