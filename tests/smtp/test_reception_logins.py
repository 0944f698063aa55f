"""STARTTLS and AUTH on the server's side of a dialogue."""

import base64

import pytest
from receiving import ENVELOPE, PUBLIC, WITH_LOGIN, answers, codes, greeted, plain, presented

from mailover.smtp.server import Ended, Event, Upgrade, said


def test_what_is_sent_along_with_starttls_is_forgotten() -> None:
    reception = greeted(PUBLIC)
    event = reception.hear(b"STARTTLS\r\nEHLO evil\r\n" + ENVELOPE)
    assert isinstance(event, Upgrade)
    assert codes(reception.say()) == [220]
    assert reception.hear(b"NOOP\r\n") is None
    reception.secured()
    assert reception.unread == 0
    assert (reception.hello, reception.encrypted) == ("", True)
    assert answers(reception, b"MAIL FROM:<a@example.com>\r\n") == [503]


def test_nothing_is_taken_in_the_clear_where_tls_is_required() -> None:
    reception = greeted(PUBLIC)
    assert answers(reception, b"MAIL FROM:<a@example.com>\r\n") == [530]
    assert answers(reception, b"AUTH PLAIN " + plain("s", "p") + b"\r\n") == [538]
    reception.hear(b"STARTTLS\r\n")
    reception.secured()
    reception.hear(b"EHLO app.test\r\n")
    reception.say()
    assert answers(reception, b"STARTTLS\r\n") == [503]
    assert answers(reception, b"MAIL FROM:<a@example.com>\r\n") == [530]


def test_plain_in_one_line_and_in_two() -> None:
    reception = greeted(WITH_LOGIN)
    assert presented(reception.hear(b"AUTH PLAIN " + plain("news", "a-pass") + b"\r\n")) == ("news", "a-pass")
    reception.answer(said.LOGIN_REFUSED)
    assert answers(reception, b"auth plain\r\n") == [535, 334]
    assert presented(reception.hear(plain("news", "a-pass") + b"\r\n")) == ("news", "a-pass")
    reception.answer(said.LOGGED_IN)
    assert codes(reception.say()) == [235]
    assert reception.known


def test_login_in_two_lines_and_in_three() -> None:
    reception = greeted(WITH_LOGIN)
    name, word = base64.b64encode(b"news"), base64.b64encode(b"a-pass")
    assert answers(reception, b"AUTH LOGIN " + name + b"\r\n") == [334]
    assert presented(reception.hear(word + b"\r\n")) == ("news", "a-pass")
    reception.answer(said.LOGIN_REFUSED)
    assert answers(reception, b"AUTH LOGIN\r\n" + name + b"\r\n") == [535, 334, 334]
    assert presented(reception.hear(word + b"\r\n")) == ("news", "a-pass")


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        (b"AUTH CRAM-MD5\r\n", 504),
        (b"AUTH\r\n", 504),
        (b"AUTH PLAIN !!!\r\n", 501),
        (b"AUTH PLAIN =\r\n", 501),
        (b"AUTH PLAIN " + base64.b64encode(b"only\0two") + b"\r\n", 501),
        (b"AUTH PLAIN " + base64.b64encode(b"other\0news\0pass") + b"\r\n", 535),
        (b"AUTH PLAIN " + base64.b64encode(b"\0\xff\0pass") + b"\r\n", 501),
        (b"AUTH LOGIN\r\n*\r\n", 501),
        (b"AUTH LOGIN\r\nNOOP hello\r\n", 501),
        (b"AUTH LOGIN\r\nbmV3cw==\n", 500),
    ],
)
def test_a_login_that_makes_no_sense_is_over_and_the_dialogue_goes_on(lines: bytes, code: int) -> None:
    reception = greeted(WITH_LOGIN)
    assert answers(reception, lines)[-1] == code
    assert answers(reception, b"NOOP\r\n") == [250]


def test_who_has_logged_in_does_not_do_so_again() -> None:
    reception = greeted(WITH_LOGIN)
    reception.hear(b"AUTH PLAIN " + plain("news", "a-pass") + b"\r\n")
    reception.answer(said.LOGGED_IN)
    reception.say()
    assert answers(reception, b"AUTH PLAIN " + plain("news", "a-pass") + b"\r\n") == [503]
    reception.hear(b"EHLO app.test\r\n")
    assert b"AUTH" not in reception.say()


def test_three_refused_logins_end_the_dialogue() -> None:
    reception = greeted(WITH_LOGIN)
    event: Event | None = None
    for _ in range(3):
        assert event is None
        presented(reception.hear(b"AUTH PLAIN " + plain("news", "a-guess") + b"\r\n"))
        event = reception.answer(said.LOGIN_REFUSED)
    assert isinstance(event, Ended)
    assert codes(reception.say()) == [535, 535, 535, 421]
