"""One dialogue as the server holds it. Bytes in, events and replies out.

No socket, clock or TLS here, and no rule of who may send. While an event waits for its answer nothing behind it is
read, so that replies keep the order of commands sent in groups (RFC 2920), however their bytes were cut.
"""

from collections.abc import Callable, Mapping
from typing import ClassVar

from mailover.smtp.server import said
from mailover.smtp.server.content import Content
from mailover.smtp.server.events import Arrived, Ended, Event, Login, Upgrade
from mailover.smtp.server.login import Presented
from mailover.smtp.server.order import AFTER, ANYTIME, DEAF, LACKING, State
from mailover.smtp.server.requests import FOREIGN, VERBS, RequestError, Sender, Verb, has_control, read_mail, read_rcpt
from mailover.smtp.server.said import Said
from mailover.smtp.server.terms import Logins, Terms

LINE_LIMIT = 2048
"""Four times what RFC 5321 section 4.5.3.1.4 asks for, so that every extension and every password fits."""
_LONGEST_HELLO = 255
_TLS_RECORD = b"\x16"
_OUR_FAULT = 500
_NOBODY = Sender(address="")
"""Before MAIL."""


class Reception:
    """One dialogue, seen from the server."""

    def __init__(self, terms: Terms, *, encrypted: bool = False) -> None:
        """Nothing is said until `greet`; `encrypted`: TLS came before the first byte."""
        self.terms = terms
        self.state = State.SILENT
        self.encrypted = encrypted
        self.known = False
        """Whether a login was answered with yes."""
        self.hello = ""
        """What the client calls itself."""
        self.extended = False
        """Whether it said EHLO."""
        self.content: Content | None = None
        """The message that is coming in."""
        self._sender = _NOBODY
        self._recipients: dict[str, None] = {}
        self._presented: Presented | None = None
        self._buffer = bytearray()
        self._said: list[bytes] = []
        self._errors = self._guesses = self._commands = 0

    @property
    def unread(self) -> int:
        """Bytes that wait for an answer from outside, a message's own apart."""
        return len(self._buffer)

    @property
    def announced(self) -> int:
        """How large the client said the message would be, 0 if it did not."""
        return self._sender.size

    @property
    def received(self) -> int:
        """Bytes of the message that is coming in."""
        return 0 if self.content is None else self.content.received

    def say(self) -> bytes:
        """What there is to send; told once."""
        words = self._said[0] if len(self._said) == 1 else b"".join(self._said)
        self._said.clear()
        return words

    def greet(self) -> None:
        """The first word is the server's."""
        self.state = State.GREETED
        self._said.append(f"220 {self.terms.hostname} ESMTP\r\n".encode())

    def hear(self, data: bytes) -> Event | None:
        """More bytes from the client; the event that they come to, if any."""
        if self.state is State.SILENT:
            return self.end(said.EARLY)
        if self.state is State.HANDSHAKE or self.state is State.CLOSED:
            return None
        self._buffer += data
        return self._go_on()

    def secured(self) -> None:
        """TLS has begun; nothing that was said before counts (RFC 3207 section 4.2)."""
        self._forget()
        self.encrypted, self.known, self.extended, self.hello = True, False, False, ""
        self.state = State.GREETED

    def answer(self, reply: Said) -> Event | None:
        """The answer to the event that waits; the next event, if what has come meanwhile amounts to one."""
        if self.state is not State.JUDGED:
            return None
        self._said.append(reply.wire)
        self.state = State.READY
        if self._presented is not None:
            self._presented = None
            self.known = reply.yes
            self._guesses += not reply.yes
            if self._guesses >= self.terms.guesses:
                return self.end(said.TOO_MANY_GUESSES)
        elif reply.yes:
            self._commands = self._errors = 0
        return self._go_on()

    def refuse_content(self, reply: Said) -> None:
        """Keep nothing of the message that is coming in, and say so at its end."""
        if self.content is not None:
            self.content.refuse(reply)

    def end(self, reply: Said) -> Ended:
        """Say why, and take nothing more."""
        self._said.append(reply.wire)
        self._forget()
        self._buffer.clear()
        self.state = State.CLOSED
        return Ended(because=reply.text)

    def _go_on(self) -> Event | None:
        event: Event | None = None
        while event is None and self.state not in DEAF:
            if self.content is not None:
                rest = self.content.hear(self._buffer)
                self._buffer.clear()
                if rest is None:
                    return self.end(said.TOO_LARGE) if self.content.endless else None
                self._buffer += rest
                event = self._arrived(self.content.message())
            else:
                line = self._line()
                if line is None:
                    return self._odd()
                event = self._hear_line(line)
        return event

    def _line(self) -> bytes | None:
        """The next line with its end."""
        buffer = self._buffer
        end = buffer.find(b"\n", 0, LINE_LIMIT)
        if end < 0 or buffer.startswith(_TLS_RECORD):
            return None
        line = bytes(buffer[: end + 1])
        del buffer[: end + 1]
        return line

    def _odd(self) -> Ended | None:
        """Whether no line will ever come."""
        if self._buffer.startswith(_TLS_RECORD):
            return self.end(said.NOT_SMTP)
        return self.end(said.TOO_LONG) if len(self._buffer) > LINE_LIMIT else None

    def _hear_line(self, line: bytes) -> Event | None:
        if line[-2:] != b"\r\n" or has_control(line[:-2]):
            if self._presented is not None:  # whatever is wrong with a login ends it
                self._presented, self.state = None, State.READY
            return self._refuse(said.NOT_A_LINE)
        line = line[:-2]
        try:
            if self._presented is not None:
                return self._challenge(self._presented, line)
            word, _, argument = line.partition(b" ")
            verb = VERBS.get(word.upper())
            if verb is not None:
                return self._obey(verb, argument.strip(b" "))
        except RequestError as error:
            return self._refuse(error.said)
        return self.end(said.NOT_SMTP) if word.upper() in FOREIGN else self._refuse(said.UNKNOWN)

    def _obey(self, verb: Verb, argument: bytes) -> Event | None:
        self._commands += 1
        if self._commands > self.terms.commands:
            return self.end(said.TOO_MANY_COMMANDS)
        if verb in ANYTIME:
            return self._obey_anytime(verb)
        after = AFTER[self.state].get(verb)
        if after is None:
            return self._refuse(LACKING.get(self.state, {}).get(verb, said.OUT_OF_TURN))
        event = self._DOING[verb](self, argument)
        if self.state is not State.JUDGED:
            self.state = after
        return event

    def _obey_anytime(self, verb: Verb) -> Event | None:
        if verb is Verb.QUIT:
            self.end(said.BYE)
            return Ended()
        if verb is Verb.RSET and self.state is not State.GREETED:
            self._forget()
            self.state = State.READY
        self._said.append(ANYTIME[verb].wire)
        return None

    def _ehlo(self, argument: bytes) -> None:
        self._hello(argument, extended=True)
        terms = self.terms
        lines = [f"{terms.hostname} at your service", "PIPELINING", f"SIZE {terms.largest}", "8BITMIME", "SMTPUTF8"]
        if terms.tls_offered and not self.encrypted:
            lines.append("STARTTLS")
        if self._may_log_in and not self.known:
            lines.append("AUTH PLAIN LOGIN")
        self._said.append("".join([*(f"250-{each}\r\n" for each in lines), "250 ENHANCEDSTATUSCODES\r\n"]).encode())

    def _helo(self, argument: bytes) -> None:
        self._hello(argument, extended=False)
        self._said.append(f"250 {self.terms.hostname}\r\n".encode())

    def _hello(self, argument: bytes, *, extended: bool) -> None:
        if not argument or b" " in argument or not argument.isascii() or len(argument) > _LONGEST_HELLO:
            raise RequestError(said.HELLO_NAME_NEEDED)
        self._forget()
        self.hello, self.extended = argument.decode("ascii"), extended

    def _starttls(self, argument: bytes) -> Upgrade:
        if self.encrypted or not self.terms.tls_offered:
            raise RequestError(said.OUT_OF_TURN if self.encrypted else said.NO_TLS)
        if argument:
            raise RequestError(said.NO_PARAMETERS)
        self._said.append(said.BEGIN_TLS.wire)
        self._buffer.clear()  # whatever was sent along may have been said by anybody on the way
        return Upgrade()

    def _auth(self, argument: bytes) -> Login | None:
        if self.terms.logins is Logins.NEVER:
            raise RequestError(said.NO_LOGINS)
        if self.known:
            raise RequestError(said.OUT_OF_TURN)
        if not self._may_log_in:
            raise RequestError(said.LOGIN_NEEDS_TLS)
        presented = Presented(argument)
        return self._challenge(presented, presented.initial)

    def _challenge(self, presented: Presented, line: bytes | None) -> Login | None:
        """One round of a login; whatever is wrong with it ends it."""
        self._presented, self.state = None, State.READY
        question = presented.hear(line)
        self._presented = presented
        if question is not None:
            self._said.append(question.wire)
            self.state = State.CHALLENGED
            return None
        self.state = State.JUDGED
        return Login(username=presented.username, password=presented.password)

    def _mail(self, argument: bytes) -> None:
        if self.terms.tls_required and not self.encrypted:
            raise RequestError(said.TLS_NEEDED)
        if self.terms.logins is Logins.REQUIRED and not self.known:
            raise RequestError(said.LOGIN_NEEDED)
        sender = read_mail(argument, auth=self.terms.logins is not Logins.NEVER)
        if sender.size > self.terms.largest:
            raise RequestError(said.TOO_LARGE)
        self._sender = sender
        self._said.append(said.SENDER_TAKEN.wire)

    def _rcpt(self, argument: bytes) -> None:
        recipient = read_rcpt(argument, utf8=self._sender.utf8)
        if recipient not in self._recipients:
            if len(self._recipients) >= self.terms.recipients:
                raise RequestError(said.TOO_MANY_RECIPIENTS)
            self._recipients[recipient] = None
            self._commands -= 1  # a message may have as many as there is room for
        self._said.append(said.RECIPIENT_TAKEN.wire)

    def _data(self, argument: bytes) -> None:
        if argument:
            raise RequestError(said.NO_PARAMETERS)
        self.content = Content(self.terms.largest)
        self._said.append(said.SEND_CONTENT.wire)

    def _arrived(self, message: bytes | Said) -> Arrived | None:
        sender, recipients = self._sender, tuple(self._recipients)
        self._forget()
        if isinstance(message, Said):
            self._said.append(message.wire)
            self.state = State.READY
            return None
        self.state = State.JUDGED
        return Arrived(sender=sender.address, recipients=recipients, content=message, utf8=sender.utf8)

    def _refuse(self, reply: Said) -> Event | None:
        self._said.append(reply.wire)
        self._errors += reply.code >= _OUR_FAULT
        return self.end(said.TOO_MANY_ERRORS) if self._errors >= self.terms.errors else None

    def _forget(self) -> None:
        """No transaction is open any more."""
        self.content = None
        self._sender = _NOBODY
        self._recipients = {}

    @property
    def _may_log_in(self) -> bool:
        return self.terms.logins is not Logins.NEVER and (self.encrypted or self.terms.clear_logins)

    _DOING: ClassVar[Mapping[Verb, Callable[["Reception", bytes], Event | None]]] = {
        Verb.EHLO: _ehlo,
        Verb.HELO: _helo,
        Verb.STARTTLS: _starttls,
        Verb.AUTH: _auth,
        Verb.MAIL: _mail,
        Verb.RCPT: _rcpt,
        Verb.DATA: _data,
    }
