"""A server's side of a dialogue as the tests lead it: terms, a greeting, words and the codes that answer them."""

import base64

from mailover.smtp.server import Arrived, Event, Login, Logins, Reception, Terms, said

OPEN = Terms(hostname="relay.test")
WITH_LOGIN = Terms(hostname="relay.test", logins=Logins.OPTIONAL, clear_logins=True)
PUBLIC = Terms(hostname="relay.test", tls_offered=True, tls_required=True, logins=Logins.REQUIRED)
ENVELOPE = b"MAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.org>\r\n"
TAKEN = said.Said(250, "2.0.0", "Taken")


def greeted(terms: Terms = OPEN, *, encrypted: bool = False) -> Reception:
    reception = Reception(terms, encrypted=encrypted)
    reception.greet()
    reception.hear(b"EHLO app.test\r\n")
    reception.say()
    return reception


def codes(words: bytes) -> list[int]:
    """The codes of the replies, one for each."""
    return [int(line[:3]) for line in words.splitlines() if line[3:4] == b" "]


def answers(reception: Reception, data: bytes) -> list[int]:
    reception.hear(data)
    return codes(reception.say())


def arrived(event: Event | None) -> Arrived:
    assert isinstance(event, Arrived)
    return event


def plain(username: str, password: str) -> bytes:
    return base64.b64encode(f"\0{username}\0{password}".encode())


def offers(reception: Reception) -> bytes:
    reception.greet()
    reception.hear(b"EHLO app.test\r\n")
    return reception.say()


def presented(event: Event | None) -> tuple[str, str]:
    assert isinstance(event, Login)
    assert event.password.reveal() not in repr(event)
    return event.username, event.password.reveal()
