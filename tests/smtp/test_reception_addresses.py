"""Whom a message is from and for, as MAIL and RCPT say it, and what may be said beside it."""

import pytest
from receiving import ENVELOPE, WITH_LOGIN, answers, arrived, codes, greeted


@pytest.mark.parametrize(
    ("path", "address"),
    [
        (b"<>", ""),
        (b"<a@example.com>", "a@example.com"),
        (b" <a@example.com>", "a@example.com"),
        (b"<A.b+c=d@Example.COM>", "A.b+c=d@Example.COM"),
        (b'<"a b"@example.com>', '"a b"@example.com'),
        (b'<"a>b"@example.com>', '"a>b"@example.com'),
        (b'<"a\\"b"@example.com>', '"a\\"b"@example.com'),
        (b"<a@[192.0.2.1]>", "a@[192.0.2.1]"),
        (b"<" + 65 * b"a" + b"@example.com>", 65 * "a" + "@example.com"),
        (b"<@one.test,@two.test:a@example.com>", "a@example.com"),
        (b'<@one.test:"a b"@example.com>', '"a b"@example.com'),
    ],
)
def test_an_address_is_kept_byte_for_byte(path: bytes, address: str) -> None:
    reception = greeted()
    assert answers(reception, b"MAIL FROM:" + path + b"\r\n") == [250]
    assert answers(reception, b"RCPT TO:" + (path if address else b"<b@example.org>") + b"\r\n") == [250]
    reception.hear(b"DATA\r\n")
    message = arrived(reception.hear(b".\r\n"))
    assert message.sender == address
    assert message.recipients == (address or "b@example.org",)


@pytest.mark.parametrize(
    "path",
    [
        b"a@example.com",
        b"<user>",
        b"<postmaster>",
        b"<a@>",
        b"<@example.com>",
        b"<a\x0b@example.com>",
        b"<a b@example.com>",
        b"<a@b,c@d>",
        b"<a@example.com,b@example.com>",
        b"<<a@example.com>>",
        b"<a@example.com> <b@example.com>",
        b"<a@example.com>b",
        b'<"a@example.com>',
        b'<a"b@example.com>',
        b"<a@exa mple.com>",
        b"<" + 400 * b"a" + b"@example.com>",
        b"<\xff@example.com>",
        b"Name <a@example.com>",
        b"",
    ],
)
def test_what_is_no_address_is_refused(path: bytes) -> None:
    for command in (b"MAIL FROM:" + path, b"MAIL FROM:<a@example.com>\r\nRCPT TO:" + path):
        reception = greeted()
        reception.hear(command + b"\r\n")
        assert codes(reception.say())[-1] in {500, 501, 555}
        assert answers(reception, b"DATA\r\n") == [503]


def test_a_recipient_may_not_be_nobody() -> None:
    assert answers(greeted(), b"MAIL FROM:<>\r\nRCPT TO:<>\r\n") == [250, 501]


@pytest.mark.parametrize("control", ["\x85", "\x9b", "\u2028"])
def test_no_address_holds_a_control_character_from_beyond_ascii(control: str) -> None:
    """An operator's terminal obeys some of them."""
    for address in (f"a{control}b@example.com", f"a@exam{control}ple.com", f'"a{control}b"@example.com'):
        assert answers(greeted(), f"MAIL FROM:<{address}> SMTPUTF8\r\n".encode()) == [501]


def test_an_address_beyond_ascii_needs_smtputf8() -> None:
    reception = greeted()
    assert answers(reception, "MAIL FROM:<jürgen@example.com>\r\n".encode()) == [553]
    assert answers(reception, "MAIL FROM:<jürgen@exämple.com> SMTPUTF8\r\n".encode()) == [250]
    assert answers(reception, "RCPT TO:<用户@例え.jp>\r\n".encode()) == [250]
    reception.hear(b"DATA\r\n")
    message = arrived(reception.hear(b".\r\n"))
    assert (message.sender, message.recipients, message.utf8) == ("jürgen@exämple.com", ("用户@例え.jp",), True)


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        (b"SIZE=10 BODY=8BITMIME SMTPUTF8", 250),
        (b"body=7bit size=0", 250),
        (b"SIZE=x", 501),
        (b"SIZE=10 SIZE=10", 501),
        (b"SIZE", 501),
        (b"BODY=BINARYMIME", 501),
        (b"SMTPUTF8=yes", 501),
        (b"RET=HDRS", 555),
        (b"ENVID=1", 555),
        (b"NOTIFY=NEVER", 555),
        (b"AUTH=<>", 555),
    ],
)
def test_only_what_was_offered_may_be_said(parameters: bytes, code: int) -> None:
    assert answers(greeted(), b"MAIL FROM:<a@example.com> " + parameters + b"\r\n") == [code]


def test_a_recipient_takes_no_parameters() -> None:
    assert answers(greeted(), ENVELOPE.replace(b"b@example.org>", b"b@example.org> NOTIFY=NEVER")) == [250, 555]


def test_who_offers_logins_takes_the_parameter_that_goes_with_them() -> None:
    assert answers(greeted(WITH_LOGIN), b"MAIL FROM:<a@example.com> AUTH=<>\r\n") == [250]


def test_a_recipient_said_twice_gets_one_copy() -> None:
    reception = greeted()
    assert answers(reception, ENVELOPE + b"RCPT TO:<b@example.org>\r\nDATA\r\n") == [250, 250, 250, 354]
    assert arrived(reception.hear(b".\r\n")).recipients == ("b@example.org",)


def test_one_recipient_refused_does_not_refuse_the_others() -> None:
    reception = greeted()
    recipients = b"RCPT TO:<nobody>\r\nRCPT TO:<c@example.org>\r\nDATA\r\n"
    assert answers(reception, ENVELOPE + recipients) == [250, 250, 501, 250, 354]
    assert arrived(reception.hear(b".\r\n")).recipients == ("b@example.org", "c@example.org")
