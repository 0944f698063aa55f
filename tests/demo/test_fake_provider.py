"""The fake provider, met as a customer meets it: through the standard library's SMTP client."""

import gc
import logging
import smtplib
import socket
import threading
from collections.abc import Iterator

import pytest

from mailover.core.providers import Tls
from mailover.demo.authority import shared_authority
from mailover.demo.provider import Behaviour, Delivered, Provider

MESSAGE = b"Subject: hello\r\n\r\n.a dot first\r\nand a line\r\n"


@pytest.fixture
def mailbox() -> list[Delivered]:
    return []


@pytest.fixture
def provider(mailbox: list[Delivered]) -> Iterator[Provider]:
    with Provider("postmark", sink=mailbox.append) as provider:
        yield provider


def connect(provider: Provider, timeout: float = 10) -> smtplib.SMTP:
    return smtplib.SMTP(provider.host, provider.port, local_hostname="client.test", timeout=timeout)


def log_in(client: smtplib.SMTP, provider: Provider) -> None:
    client.starttls(context=shared_authority().client_context())
    client.login(provider.username, provider.password)


def send(provider: Provider, recipients: list[str] | None = None) -> dict[str, tuple[int, bytes]]:
    with connect(provider) as client:
        log_in(client, provider)
        return client.sendmail("a@example.com", recipients or ["b@example.com"], MESSAGE)


def test_a_healthy_provider_delivers_what_it_was_given(provider: Provider, mailbox: list[Delivered]) -> None:
    send(provider)
    assert [(one.provider, one.sender, one.recipients, one.content) for one in mailbox] == [
        ("postmark", "a@example.com", ("b@example.com",), MESSAGE)
    ]
    assert (provider.connections, provider.logins, provider.messages) == (1, 1, 1)


@pytest.mark.parametrize("mechanism", ["auth_plain", "auth_login"])
def test_both_mechanisms_log_in(provider: Provider, mechanism: str) -> None:
    with connect(provider) as client:
        client.starttls(context=shared_authority().client_context())
        client.ehlo()
        client.user, client.password = provider.username, provider.password
        code, _ = client.auth(mechanism.removeprefix("auth_").upper(), getattr(client, mechanism))
    assert code == 235


def test_a_login_is_nothing_to_warn_of(provider: Provider, caplog: pytest.LogCaptureFixture) -> None:
    send(provider)
    assert [each for each in caplog.records if each.levelno >= logging.WARNING] == []


def test_a_wrong_password_is_refused_at_once(provider: Provider) -> None:
    with connect(provider) as client:
        client.starttls(context=shared_authority().client_context())
        with pytest.raises(smtplib.SMTPAuthenticationError, match="535"):
            client.login(provider.username, "wrong")
    assert (provider.logins, provider.refused_logins) == (0, 2)


def test_nobody_sends_without_logging_in(provider: Provider) -> None:
    with connect(provider) as client:
        client.starttls(context=shared_authority().client_context())
        with pytest.raises(smtplib.SMTPSenderRefused, match="530"):
            client.sendmail("a@example.com", ["b@example.com"], MESSAGE)


def test_a_refusing_provider_cuts_its_sessions_and_comes_back_on_the_same_port(provider: Provider) -> None:
    port = provider.port
    with connect(provider) as client:
        log_in(client, provider)
        provider.behave(Behaviour.REFUSE)
        with pytest.raises((smtplib.SMTPServerDisconnected, OSError)):
            client.noop()
    with pytest.raises(ConnectionRefusedError):
        connect(provider)
    with socket.socket() as thief, pytest.raises(OSError, match="in use"):
        thief.bind((provider.host, port))
    provider.behave(Behaviour.HEALTHY)
    send(provider)
    assert provider.port == port


def test_a_silent_provider_accepts_and_never_greets(provider: Provider) -> None:
    provider.behave(Behaviour.SILENT)
    with socket.create_connection((provider.host, provider.port), timeout=0.3) as wire, pytest.raises(TimeoutError):
        wire.recv(1)
    assert provider.connections == 1


def test_a_busy_provider_greets_with_421(provider: Provider) -> None:
    provider.behave(Behaviour.BUSY)
    with pytest.raises(smtplib.SMTPConnectError, match="421"):
        connect(provider)


def test_a_changed_password_is_535(provider: Provider) -> None:
    provider.behave(Behaviour.AUTH)
    with pytest.raises(smtplib.SMTPAuthenticationError, match="535"):
        send(provider)


def test_a_throttled_account_is_told_so_after_the_final_dot(provider: Provider, mailbox: list[Delivered]) -> None:
    provider.behave(Behaviour.THROTTLE)
    with pytest.raises(smtplib.SMTPDataError, match="454"):
        send(provider)
    assert mailbox == []


def test_a_suspended_account_may_log_in_but_not_send(provider: Provider) -> None:
    provider.behave(Behaviour.SUSPENDED)
    with pytest.raises(smtplib.SMTPSenderRefused, match="paused"):
        send(provider)
    assert provider.logins == 1


def test_a_losing_provider_accepts_and_delivers_nothing(provider: Provider, mailbox: list[Delivered]) -> None:
    provider.behave(Behaviour.LOSE)
    send(provider)
    assert (provider.messages, mailbox) == (1, [])


def test_a_brown_out_hits_exactly_its_share_of_connections(provider: Provider) -> None:
    provider.behave(Behaviour.BROWN_OUT, share=0.25)
    refused = 0
    for _ in range(12):
        try:
            connect(provider).close()
        except smtplib.SMTPConnectError:
            refused += 1
    assert refused == 3


def test_a_slow_provider_answers_late_but_answers(provider: Provider) -> None:
    provider.behave(Behaviour.SLOW, seconds=0.5)
    with connect(provider, timeout=0.1) as client, pytest.raises((TimeoutError, smtplib.SMTPServerDisconnected)):
        client.ehlo()
    send(provider)
    assert provider.messages == 1


def test_bad_recipients_are_refused_one_by_one(provider: Provider, mailbox: list[Delivered]) -> None:
    provider.behave(Behaviour.RECIPIENT, share=0.5)
    refused = send(provider, ["a@x.test", "b@x.test", "c@x.test", "d@x.test"])
    assert {address: code for address, (code, _) in refused.items()} == {"b@x.test": 550, "d@x.test": 550}
    assert mailbox[0].recipients == ("a@x.test", "c@x.test")


def test_a_mailbox_that_fails_is_our_trouble_told_without_details() -> None:
    def broken(_: Delivered) -> None:
        raise RuntimeError("a secret detail")

    with Provider(sink=broken) as provider, pytest.raises(smtplib.SMTPDataError, match="451") as raised:
        send(provider)
    assert "detail" not in str(raised.value)


def test_implicit_tls_encrypts_from_the_first_byte(mailbox: list[Delivered]) -> None:
    context = shared_authority().client_context()
    with (
        Provider(sink=mailbox.append, tls=Tls.IMPLICIT) as provider,
        smtplib.SMTP_SSL(provider.host, provider.port, local_hostname="x", timeout=10, context=context) as client,
    ):
        client.login(provider.username, provider.password)
        client.sendmail("a@example.com", ["b@example.com"], MESSAGE)
    assert len(mailbox) == 1


def test_without_tls_the_login_works_in_the_clear(mailbox: list[Delivered]) -> None:
    with Provider(sink=mailbox.append, tls=Tls.NONE) as provider, connect(provider) as client:
        client.login(provider.username, provider.password)
        client.sendmail("a@example.com", ["b@example.com"], MESSAGE)
    assert len(mailbox) == 1


def test_a_stopped_provider_leaves_no_thread_and_starts_again_healthy(mailbox: list[Delivered]) -> None:
    provider = Provider("again", sink=mailbox.append)
    for _ in range(2):
        provider.start()
        send(provider)
        client = connect(provider)
        provider.behave(Behaviour.SILENT)
        provider.stop()
        client.close()
    assert len(mailbox) == 2
    assert not [thread for thread in threading.enumerate() if thread.name == "provider-again"]
    with pytest.raises(RuntimeError, match="not running"):
        provider.behave(Behaviour.HEALTHY)


def test_closing_in_the_moment_of_a_connection_loses_no_socket(provider: Provider) -> None:
    for _ in range(40):
        wires = []
        for _ in range(3):
            wire = socket.socket()
            wire.setblocking(False)
            wire.connect_ex((provider.host, provider.port))
            wires.append(wire)
        provider.behave(Behaviour.REFUSE)
        provider.behave(Behaviour.HEALTHY)
        for wire in wires:
            wire.close()
    gc.collect()
    send(provider)
    assert provider.messages == 1
