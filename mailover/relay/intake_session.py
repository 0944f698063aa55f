"""One client's connection: bytes between its socket, TLS and the dialogue, and what becomes of the events.

It starts no timer that lasts: the intake looks at all sessions each second. Whether a message can be kept is asked of
the intake; once that has begun it goes on without the client too.
"""

import asyncio
import logging
import ssl
from typing import Protocol, cast

from mailover.core.mail import Submission
from mailover.relay.intake_limits import Limits, Room, home
from mailover.relay.intake_patience import Patience
from mailover.relay.intake_plan import Listener
from mailover.smtp.server import Arrived, Ended, Event, Login, Reception, Said, Secured, Upgrade, said

_log = logging.getLogger("mailover.relay")

_GREET_AFTER = 0.001
"""Seconds in which what was said too early arrives: a browser does not wait for the greeting."""
_SMALL = 131_072
"""A message up to this size needs no place of its own in the room."""
_UNREAD_LIMIT = 65_536
_MORE_THAN_ANNOUNCED = 4096
ANONYMOUS = "anonymous"
"""Who has not logged in."""


class Desk(Protocol):
    """What a session asks of whom it belongs to."""

    limits: Limits
    room: Room
    context: ssl.SSLContext | None
    default_stream: str

    def now(self) -> float:
        """Seconds of a clock that only grows."""

    def enter(self, session: "Session") -> Said | None:
        """One more; why it cannot stay, if so."""

    def leave(self, session: "Session") -> None:
        """One less."""

    def judge(self, login: Login, listener: Listener, place: str) -> tuple[Said, str]:
        """Who it is, empty if nobody, and what to answer."""

    def keep(self, session: "Session", submission: Submission) -> None:
        """Keep a message, then call `kept`, come what may."""


class Session(asyncio.Protocol):
    """One connection."""

    def __init__(self, desk: Desk, listener: Listener) -> None:
        """Nothing is known of the client yet."""
        self.client = self.place = ""
        """Its address, and what counts as one with it."""
        self.open = False
        """Whether it can still hear an answer."""
        self._desk = desk
        self._listener = listener
        self._reception = Reception(listener.terms, encrypted=listener.implicit)
        self._secured: Secured | None = None
        self._transport: asyncio.Transport
        self._by = ANONYMOUS
        self._stream = listener.stream or desk.default_stream
        self._keeping = self._counted = self._stopping = self._silent = self._gone = False
        self._silenced: set[str] = set()
        self._place_size = 0
        self._asked_at: float | None = None
        self._patience = Patience(desk.now())

    # -- called by the event loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet, or turn away at once whoever is one too many."""
        self._transport = cast("asyncio.Transport", transport)
        peer = transport.get_extra_info("peername")
        self.client = str(peer[0]) if isinstance(peer, tuple) else ""
        self.place = home(self.client)
        refusal = self._desk.enter(self)
        if refusal is not None:
            if not self._listener.implicit:
                self._transport.write(refusal.wire)
            self._transport.close()
            return
        self.open = self._counted = True
        if self._listener.implicit:
            self._begin_tls()
        else:
            asyncio.get_running_loop().call_later(_GREET_AFTER, self._greet)

    def data_received(self, data: bytes) -> None:
        """Whatever it is, it is answered."""
        reception = self._reception
        now = self._desk.now()
        self._patience.heard(now, afresh=not reception.unread and not self._handshaking)
        if self._secured is not None:
            data = self._decrypted(self._secured, data)
        if not data or not self.open:
            return
        before = reception.content
        self._react(reception.hear(data))
        content = reception.content
        if content is not None:
            if content is not before:
                self._patience.receives(now)
            if content.held > _SMALL:
                self._find_room(now)
        elif self._place_size and not self._keeping:
            self._leave_room()

    def eof_received(self) -> bool:
        """It says nothing more, but may still listen for what becomes of its message."""
        self._silent = True
        return self._keeping

    def connection_lost(self, exc: Exception | None) -> None:
        """Gone. What it has handed over is kept all the same, and takes its place until it is."""
        del exc
        self.open, self._gone = False, True
        if not self._keeping:
            self._leave()

    def pause_writing(self) -> None:
        """Who does not read replies is not read either."""
        self._silence("replies")

    def resume_writing(self) -> None:
        """It reads again."""
        self._listen("replies")

    # -- called by the desk

    def look(self, now: float) -> None:
        """Whether the client's time has run out."""
        limits, reception = self._desk.limits, self._reception
        if self._keeping:
            return
        if not self.open:
            if self._patience.forsaken(now, limits):
                self._transport.abort()
            return
        if self._asked_at is not None:
            if now > self._asked_at + limits.command:
                self._refuse_for_room()
            return
        received = None if reception.content is None else reception.content.received
        half_said = bool(reception.unread) or self._handshaking
        reason = self._patience.over(now, limits, received=received, half_said=half_said)
        if reason is not None:
            self._end(reason)

    def kept(self, reply: Said) -> None:
        """What became of the message."""
        self._keeping = False
        self._leave_room()
        if self._gone:
            self._leave()
        if not self.open:
            return
        self._patience.served(self._desk.now(), fruitful=reply.yes)
        self._react(self._reception.answer(reply))
        self._listen("answer")
        if self._stopping:
            self.stop()
        elif self._silent and self.open and not self._keeping:
            self._hang_up(Ended())

    def stop(self) -> None:
        """Take nothing new; what is under way may come to its end."""
        self._stopping = True
        if self.open and not self._keeping and self._reception.content is None:
            self._end(said.STOPPING)

    def cut(self) -> None:
        """The time for that is over. A message that is being kept gets no answer any more."""
        if self.open and not self._keeping:
            self._end(said.STOPPING)
        elif self.open:
            self._transport.abort()

    # -- the dialogue

    def _greet(self) -> None:
        if self.open:
            self._reception.greet()
            self._flush()

    def _react(self, event: Event | None) -> None:
        """Act upon events until one has to wait, or none is left."""
        while isinstance(event, Login):
            event = self._reception.answer(self._log_in(event))
        if isinstance(event, Arrived):
            self._keep(event)
        self._flush()
        if isinstance(event, Upgrade):
            self._begin_tls()
        elif isinstance(event, Ended):
            self._hang_up(event)
        elif self._reception.unread > _UNREAD_LIMIT:
            self._silence("answer")

    def _log_in(self, login: Login) -> Said:
        reply, name = self._desk.judge(login, self._listener, self.place)
        if reply.yes:
            self._by, self._stream = name, self._listener.stream or login.username
        return reply

    def _keep(self, arrived: Arrived) -> None:
        self._keeping = True
        submission = Submission(
            stream=self._stream,
            sender=arrived.sender,
            recipients=arrived.recipients,
            content=arrived.content,
            by=self._by,
            client=self.client,
            protocol=_form(self._reception, arrived),
            hello=self._reception.hello,
            utf8=arrived.utf8,
        )
        self._desk.keep(self, submission)

    def _leave(self) -> None:
        self._leave_room()
        if self._counted:
            self._counted = False
            self._desk.leave(self)

    def _end(self, reply: Said) -> None:
        ended = self._reception.end(reply)
        self._flush()
        self._hang_up(ended)

    def _hang_up(self, ended: Ended) -> None:
        if ended.because:
            _log.info("the session of %s was ended: %s", self.client, ended.because)
        self.open = False
        self._patience.left(self._desk.now())
        if self._secured is not None:
            self._transport.write(self._secured.leave())
        self._transport.close()

    def _flush(self) -> None:
        words = self._reception.say()
        if words and self._secured is not None:
            words = self._secured.say(words)
        if words:
            self._transport.write(words)

    # -- TLS

    @property
    def _handshaking(self) -> bool:
        return self._secured is not None and not self._secured.done

    def _begin_tls(self) -> None:
        context = self._desk.context
        if context is None:
            self._transport.abort()
            return
        self._secured = Secured(context)
        self._patience.heard(self._desk.now(), afresh=True)

    def _decrypted(self, secured: Secured, data: bytes) -> bytes:
        """The text in it; with the end of the handshake the dialogue begins, or begins anew."""
        before = secured.done
        try:
            text = secured.hear(data)
        except ssl.SSLError as error:
            _log.info("the session of %s was ended: TLS (%s)", self.client, error.reason or type(error).__name__)
            self._transport.write(secured.say())
            self.open = False
            self._transport.close()
            return b""
        if answer := secured.say():
            self._transport.write(answer)
        if secured.done and not before:
            if not self._listener.implicit:
                self._reception.secured()
                self._by, self._stream = ANONYMOUS, self._listener.stream or self._desk.default_stream
            elif not text:
                self._greet()
        return text

    # -- memory

    def _find_room(self, now: float) -> None:
        """A large message goes on when there is room for all of it."""
        content = self._reception.content
        if content is None or content.refused is not None or self._asked_at is not None:
            return
        largest, room = self._listener.terms.largest, self._desk.room
        if not self._place_size:
            announced = self._reception.announced
            self._place_size = min(announced + _MORE_THAN_ANNOUNCED, largest) if announced else largest
            if not room.ask(self, self._place_size, self._found_room):
                self._asked_at = now
                self._silence("room")
        elif content.held > self._place_size < largest:
            self._place_size = largest
            if not room.widen(self, largest):
                self._refuse_for_room()

    def _found_room(self) -> None:
        self._asked_at = None
        self._patience.receives(self._desk.now(), self._reception.received)
        self._listen("room")

    def _refuse_for_room(self) -> None:
        self._reception.refuse_content(said.NO_ROOM)
        self._leave_room()
        self._found_room()

    def _leave_room(self) -> None:
        self._place_size = 0
        self._desk.room.leave(self)

    def _silence(self, reason: str) -> None:
        """Read nothing more, for one reason or for several."""
        if not self._silenced and not self._transport.is_closing():
            self._transport.pause_reading()
        self._silenced.add(reason)

    def _listen(self, reason: str) -> None:
        if reason in self._silenced:
            self._silenced.remove(reason)
            if not self._silenced and not self._transport.is_closing():
                self._transport.resume_reading()


def _form(reception: Reception, arrived: Arrived) -> str:
    """How it came, in the words of RFC 3848 and RFC 6531."""
    if not reception.extended:
        return "SMTP"
    form = "UTF8SMTP" if arrived.utf8 else "ESMTP"
    return form + ("S" if reception.encrypted else "") + ("A" if reception.known else "")
