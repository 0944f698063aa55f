"""The real servers themselves, through the standard library: what the other tests here stand on."""

import imaplib
import smtplib
import time

import pytest
from real_dovecot import Dovecot
from real_postfix import Postfix

from mailover.demo.authority import Authority

PROBE = "probe@example.test"
PASSWORD = "correct horse"


def send(postfix: Postfix, authority: Authority, subject: str, password: str = PASSWORD) -> None:
    with smtplib.SMTP(postfix.host, postfix.port, local_hostname="client.test", timeout=10) as client:
        client.starttls(context=authority.client_context())
        client.login("app", password)
        client.sendmail("app@example.test", [PROBE], f"Subject: {subject}\r\n\r\nbody\r\n".encode())


def found(dovecot: Dovecot, authority: Authority, subject: str) -> bool:
    with imaplib.IMAP4_SSL(dovecot.host, dovecot.port, ssl_context=authority.client_context(), timeout=10) as mailbox:
        mailbox.login(PROBE, PASSWORD)
        mailbox.select("INBOX", readonly=True)
        _, numbers = mailbox.search(None, "SUBJECT", subject)
        return bool(numbers[0])


@pytest.mark.peer("postfix", "dovecot")
def test_a_message_travels_from_postfix_to_the_mailbox(
    postfix: Postfix, dovecot: Dovecot, authority: Authority
) -> None:
    send(postfix, authority, "travels")
    until = time.monotonic() + 20
    while not found(dovecot, authority, "travels"):
        assert time.monotonic() < until, postfix.story()
        time.sleep(0.05)


@pytest.mark.peer("postfix", "dovecot")
def test_postfix_refuses_a_wrong_password(postfix: Postfix, authority: Authority) -> None:
    with pytest.raises(smtplib.SMTPAuthenticationError, match="535"):
        send(postfix, authority, "never", password="wrong")


@pytest.mark.peer("postfix", "dovecot")
def test_a_stopped_postfix_comes_back_on_its_port(postfix: Postfix, authority: Authority) -> None:
    postfix.stop()
    with pytest.raises(ConnectionRefusedError):
        send(postfix, authority, "never")
    postfix.start()
    send(postfix, authority, "again")


@pytest.mark.peer("dovecot")
def test_dovecot_offers_starttls_and_keeps_a_junk_folder(dovecot: Dovecot, authority: Authority) -> None:
    with imaplib.IMAP4(dovecot.host, dovecot.starttls_port, timeout=10) as mailbox:
        mailbox.starttls(authority.client_context())
        mailbox.login(PROBE, PASSWORD)
        assert mailbox.select("Junk")[0] == "OK"


@pytest.mark.peer("postfix", "dovecot")
def test_a_stopped_mailbox_does_not_keep_postfix_from_taking_mail(
    postfix: Postfix, dovecot: Dovecot, authority: Authority
) -> None:
    dovecot.stop()
    with pytest.raises(ConnectionRefusedError):
        found(dovecot, authority, "anything")
    send(postfix, authority, "meanwhile")
