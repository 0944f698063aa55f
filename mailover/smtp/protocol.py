"""The dialogue without a wire: which command may be said when, and which reply answers it. Bytes in, answers out.

No socket, clock or TLS here. The two tables below are the whole state machine; a command out of turn is our own
mistake (`OutOfTurnError`), a reply out of turn the peer's (`ProtocolError`), and neither is ever guessed away.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from mailover.smtp.commands import Command, Verb
from mailover.smtp.replies import CLOSING, ProtocolError, Reply, ReplyReader


class State(StrEnum):
    """Where the dialogue stands when every reply awaited has come."""

    GREETING = "greeting"
    GREETED = "greeted"
    READY = "ready"
    HANDSHAKE = "handshake"
    CHALLENGED = "challenged"
    ENVELOPE = "envelope"
    BODY = "body"
    CLOSED = "closed"


class Meaning(StrEnum):
    """What a reply says to the command it answers."""

    YES = "yes"
    GO_ON = "go_on"
    NO = "no"


class OutOfTurnError(RuntimeError):
    """A command was said in a state that does not allow it: a mistake of this program."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A reply together with what it answers. `verb` None: the server gives up without being asked."""

    verb: Verb | None
    reply: Reply
    meaning: Meaning


_FINE = frozenset(range(250, 260))
_YES: Mapping[Verb, frozenset[int]] = {
    Verb.BANNER: frozenset({220}),
    Verb.EHLO: frozenset({250}),
    Verb.HELO: frozenset({250}),
    Verb.STARTTLS: frozenset({220}),
    Verb.AUTH: frozenset({235}),
    Verb.MAIL: _FINE,
    Verb.RCPT: _FINE,
    Verb.DATA: frozenset({354}),
    Verb.END_DATA: _FINE,
    Verb.RSET: frozenset({250}),
    Verb.QUIT: frozenset({221}),
}

_AFTER: Mapping[tuple[State, Verb, Meaning], State] = {
    (State.GREETING, Verb.BANNER, Meaning.YES): State.GREETED,
    (State.GREETING, Verb.BANNER, Meaning.NO): State.CLOSED,
    (State.GREETED, Verb.EHLO, Meaning.YES): State.READY,
    (State.GREETED, Verb.EHLO, Meaning.NO): State.GREETED,
    (State.GREETED, Verb.HELO, Meaning.YES): State.READY,
    (State.GREETED, Verb.HELO, Meaning.NO): State.GREETED,
    (State.READY, Verb.STARTTLS, Meaning.YES): State.HANDSHAKE,
    (State.READY, Verb.STARTTLS, Meaning.NO): State.READY,
    (State.READY, Verb.AUTH, Meaning.YES): State.READY,
    (State.READY, Verb.AUTH, Meaning.GO_ON): State.CHALLENGED,
    (State.READY, Verb.AUTH, Meaning.NO): State.READY,
    (State.CHALLENGED, Verb.AUTH, Meaning.YES): State.READY,
    (State.CHALLENGED, Verb.AUTH, Meaning.GO_ON): State.CHALLENGED,
    (State.CHALLENGED, Verb.AUTH, Meaning.NO): State.READY,
    (State.READY, Verb.MAIL, Meaning.YES): State.ENVELOPE,
    (State.READY, Verb.MAIL, Meaning.NO): State.READY,
    (State.ENVELOPE, Verb.RCPT, Meaning.YES): State.ENVELOPE,
    (State.ENVELOPE, Verb.RCPT, Meaning.NO): State.ENVELOPE,
    (State.ENVELOPE, Verb.DATA, Meaning.YES): State.BODY,
    (State.ENVELOPE, Verb.DATA, Meaning.NO): State.ENVELOPE,
    # sent in one group behind a MAIL that was refused (RFC 2920): a yes to these is no SMTP
    (State.READY, Verb.RCPT, Meaning.NO): State.READY,
    (State.READY, Verb.DATA, Meaning.NO): State.READY,
    (State.BODY, Verb.END_DATA, Meaning.YES): State.READY,
    (State.BODY, Verb.END_DATA, Meaning.NO): State.READY,
    (State.READY, Verb.RSET, Meaning.YES): State.READY,
    (State.READY, Verb.RSET, Meaning.NO): State.READY,
    (State.ENVELOPE, Verb.RSET, Meaning.YES): State.READY,
    (State.ENVELOPE, Verb.RSET, Meaning.NO): State.ENVELOPE,
    (State.GREETED, Verb.QUIT, Meaning.YES): State.CLOSED,
    (State.GREETED, Verb.QUIT, Meaning.NO): State.CLOSED,
    (State.READY, Verb.QUIT, Meaning.YES): State.CLOSED,
    (State.READY, Verb.QUIT, Meaning.NO): State.CLOSED,
    (State.ENVELOPE, Verb.QUIT, Meaning.YES): State.CLOSED,
    (State.ENVELOPE, Verb.QUIT, Meaning.NO): State.CLOSED,
}
_SAYABLE = frozenset((state, verb) for state, verb, meaning in _AFTER if meaning is Meaning.YES)

_MAY_FOLLOW: Mapping[Verb, frozenset[Verb]] = {
    Verb.RCPT: frozenset({Verb.MAIL, Verb.RCPT}),
    Verb.DATA: frozenset({Verb.RCPT}),
    Verb.QUIT: frozenset({Verb.RSET}),
}
"""Which command may be said behind which other one that is still unanswered."""


class Dialogue:
    """One SMTP dialogue, seen from the client."""

    def __init__(self) -> None:
        self.state = State.GREETING
        self._reader = ReplyReader()
        self._awaited: deque[Verb] = deque([Verb.BANNER])

    @property
    def awaiting(self) -> bool:
        """Whether a reply is due."""
        return bool(self._awaited)

    def say(self, commands: Sequence[Command]) -> bytes:
        """The bytes to send for these commands. Raises OutOfTurnError, or ProtocolError when a reply came too early."""
        if self._reader.waiting:
            raise self._unsolicited()
        for command in commands:
            if self._awaited:
                allowed = self._awaited[-1] in _MAY_FOLLOW.get(command.verb, frozenset())
            else:
                allowed = (self.state, command.verb) in _SAYABLE
            if not allowed:
                raise OutOfTurnError(f"{command.verb.value} cannot be said now ({self.state.value})")
            self._awaited.append(command.verb)
        return b"".join(command.wire for command in commands)

    def hear(self, data: bytes) -> None:
        """More bytes from the peer."""
        self._reader.feed(data)

    def next_answer(self) -> Answer | None:
        """The next answer that is complete, None when more bytes are needed. Raises ProtocolError."""
        if self.state is State.CLOSED:
            return None
        if self.state is State.HANDSHAKE:
            if self._reader.waiting:
                raise ProtocolError("data injected behind the reply to STARTTLS")
            return None
        reply = self._reader.next_reply()
        if reply is not None:
            return self._answer(reply)
        if not self._awaited and not self._may_be_giving_up(self._reader.waiting):
            raise self._unsolicited()
        return None

    def secured(self) -> None:
        """The TLS handshake is done; nothing said before it counts (RFC 3207 section 4.2)."""
        if self.state is not State.HANDSHAKE:
            raise OutOfTurnError(f"no handshake was due ({self.state.value})")
        self.state = State.GREETED
        self._reader = ReplyReader()

    def _answer(self, reply: Reply) -> Answer:
        if reply.code == CLOSING or (self.state is State.BODY and not self._awaited and reply.code > CLOSING):
            verb = self._awaited.popleft() if self._awaited else None
            self._awaited.clear()
            self.state = State.CLOSED
            return Answer(verb=verb, reply=reply, meaning=Meaning.NO)
        if not self._awaited:
            raise ProtocolError(f"unsolicited data: {reply.code} {reply.text}")
        verb = self._awaited.popleft()
        meaning = _meaning(verb, reply)
        after = _AFTER.get((self.state, verb, meaning))
        if after is None:
            raise ProtocolError(f"{reply.code} in answer to {verb.value} makes no sense here")
        self.state = after
        return Answer(verb=verb, reply=reply, meaning=meaning)

    def _may_be_giving_up(self, early: bytes) -> bool:
        """A server may close with 421 at any time, and refuse a message before it has all of it."""
        if self.state is State.BODY:
            return early[:1] in {b"", b"4", b"5"}
        return b"421".startswith(early[:3])

    def _unsolicited(self) -> ProtocolError:
        return ProtocolError(f"unsolicited data: {self._reader.waiting.decode('utf-8', 'backslashreplace')}")


def _meaning(verb: Verb, reply: Reply) -> Meaning:
    if reply.code in _YES[verb]:
        return Meaning.YES
    if verb is Verb.AUTH and reply.code == 334:  # noqa: PLR2004 - the code of a challenge (RFC 4954 section 4)
        return Meaning.GO_ON
    if reply.code >= 400:  # noqa: PLR2004 - the first digit says no (RFC 5321 section 4.2.1)
        return Meaning.NO
    raise ProtocolError(f"{reply.code} is no answer to {verb.value}: {reply.text}")
