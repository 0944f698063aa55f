"""Taking mail by SMTP: the listening sockets, who may come in, who may send, and an end that cuts nothing short.

What is said is `smtp.server`'s business, what becomes of a message the door's (`submission`).
"""

import asyncio
import contextlib
import logging
import socket
import ssl
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from mailover.config.listening import not_listening
from mailover.core.mail import Submission
from mailover.errors import ConfigError
from mailover.relay.intake_limits import Crowd, Guesses, Limits, Room
from mailover.relay.intake_plan import Listener, Plan
from mailover.relay.intake_session import Session
from mailover.relay.submission import LATER, Door, NotNowError, UnacceptableError
from mailover.smtp.server import Login, Said, said

_log = logging.getLogger("mailover.relay")

_BACKLOG = 1024
_LOOK_EVERY = 1.0

SenderOf = Callable[[str], str | None]
"""The name of the token with scope `send` that this is, looked for in constant time; None: it is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Coming:
    """Who and what has come since the start, and who is here now."""

    sessions: int = 0
    """At this moment, those included whose client has left while its message is being kept."""
    taken: int = 0
    """Messages that were answered with 250."""
    refused: int = 0
    """Messages that can never be taken."""
    deferred: int = 0
    """Messages that could not be kept when they came."""
    unheard: int = 0
    """Messages that are kept though nobody was there any more to hear so; their clients may send them again."""
    turned_away: int = 0
    """Connections that were one too many."""
    failed_logins: int = 0


class Intake:
    """All listeners. Lives in one event loop; `figures` may be read from anywhere."""

    def __init__(
        self, plan: Plan, door: Door, sender_of: SenderOf, *, now: Callable[[], float] = time.monotonic
    ) -> None:
        """The sockets listen at once, nobody is answered before `start`. Raises ConfigError when a port is taken."""
        self.now = now
        self.room = Room(plan.limits.memory)
        self._door = door
        self._sender_of = sender_of
        self._counts: Counter[str] = Counter()
        self._crowd = Crowd()
        self._guesses = Guesses()
        self._sessions: set[Session] = set()
        self._keeping: set[asyncio.Task[None]] = set()
        self._servers: list[asyncio.Server] = []
        self._stopping = False
        self._empty = asyncio.Event()
        self._use(plan)
        self._sockets = _bound(plan)
        self.ports: tuple[int, ...] = tuple(each.getsockname()[1] for each in self._sockets)
        """Where it listens, in the plan's order."""
        self._looking: asyncio.TimerHandle | None = None

    @property
    def figures(self) -> Coming:
        """What has happened so far."""
        return Coming(sessions=len(self._sessions), **self._counts)

    async def start(self) -> None:
        """Take mail from now on."""
        loop = asyncio.get_running_loop()
        for key, each in zip(self._listeners, self._sockets, strict=True):
            server = await loop.create_server(self._factory(key), sock=each, backlog=_BACKLOG)
            self._servers.append(server)
        self._looking = loop.call_later(_LOOK_EVERY, self._look_again)

    async def stop(self) -> None:
        """Take nothing new, let what is under way come to its end, and return when nothing is."""
        self._stopping = True
        for server in self._servers:
            server.close()
        for each in self._sockets:
            each.close()
        if self._looking is not None:
            self._looking.cancel()
        for session in tuple(self._sessions):
            session.stop()
        try:
            async with asyncio.timeout(self.limits.stopping):
                while self._sessions:
                    self._empty.clear()
                    await self._empty.wait()
        except TimeoutError:
            _log.warning("%d sessions were cut: the relay stops", len(self._sessions))
        for session in tuple(self._sessions):
            session.cut()
        if self._keeping:
            await asyncio.wait(self._keeping)

    def check(self, plan: Plan) -> None:
        """Raise ConfigError where it cannot go on by this plan."""
        if [(each.key, each.address) for each in plan.listeners] != [
            (each.key, each.address) for each in self._listeners.values()
        ]:
            raise ConfigError(["relay.listen: no listener can change while mailover runs; restart it"])

    def reload(self, plan: Plan) -> None:
        """Go on by another plan; sessions that are open keep their terms. Raises ConfigError and stays as it was."""
        self.check(plan)
        self.room.resize(plan.limits.memory - self.limits.memory)
        self._use(plan)

    def look(self) -> None:
        """Send away whose time has run out."""
        now = self.now()
        for session in tuple(self._sessions):
            session.look(now)

    # -- asked by sessions

    def enter(self, session: Session) -> Said | None:
        """One more; why it cannot stay, if so."""
        refusal = self._refusal(session.place)
        if refusal is not None:
            self._counts["turned_away"] += 1
            _log.warning("a connection from %s was turned away: %s", session.client, refusal.text)
            return refusal
        self._crowd.enter(session.place)
        self._sessions.add(session)
        return None

    def leave(self, session: Session) -> None:
        """One less."""
        self._crowd.leave(session.place)
        self._sessions.discard(session)
        if not self._sessions:
            self._empty.set()

    def judge(self, login: Login, listener: Listener, place: str) -> tuple[Said, str]:
        """Who it is, empty if nobody, and what to answer: the same whether the username or the password is wrong.

        A good token is never turned away for what others of its address did: many applications share one.
        """
        name = self._sender_of(login.password.reveal())
        if name is not None and (listener.stream is not None or login.username in self._streams):
            return said.LOGGED_IN, name
        self._counts["failed_logins"] += 1
        now = self.now()
        if self._guesses.paused(place, now):
            return said.LOGIN_LATER, ""
        count = self._guesses.failed(place, now)
        _log.warning("a login from %s was refused, the %d. within ten minutes", place, count)
        return said.LOGIN_REFUSED, ""

    def keep(self, session: Session, submission: Submission) -> None:
        """Keep a message, then tell its session. Nothing but its own end breaks that off."""
        task = asyncio.get_running_loop().create_task(self._keep(session, submission))
        self._keeping.add(task)
        task.add_done_callback(self._keeping.discard)

    async def _keep(self, session: Session, submission: Submission) -> None:
        try:
            mail_id = await self._door.take(submission)
        except UnacceptableError as error:
            reply = error.said
            self._counts["refused"] += 1
        except NotNowError as error:
            reply = error.said
            self._counts["deferred"] += 1
        except Exception:  # noqa: BLE001 - whatever it is, the client must hear 4xx and may try again
            _log.exception("a message could not be taken")
            reply = LATER
            self._counts["deferred"] += 1
        else:
            reply = Said(250, "2.0.0", f"Ok: queued as {mail_id}")
            self._counts["taken"] += 1
            self._counts["unheard"] += not session.open
        session.kept(reply)

    def _refusal(self, place: str) -> Said | None:
        if self._stopping:
            return said.STOPPING
        if self._crowd.total >= self.limits.connections:
            return said.TOO_MANY_SESSIONS
        return said.TOO_MANY_FROM_YOU if self._crowd.at(place) >= self.limits.per_address else None

    def _factory(self, key: str) -> Callable[[], Session]:
        return lambda: Session(self, self._listeners[key])

    def _use(self, plan: Plan) -> None:
        self.limits: Limits = plan.limits
        self.context: ssl.SSLContext | None = plan.context
        self.default_stream = plan.default_stream
        self._streams = plan.streams
        self._listeners = {each.key: each for each in plan.listeners}

    def _look_again(self) -> None:
        self._looking = asyncio.get_running_loop().call_later(_LOOK_EVERY, self._look_again)
        self.look()


def _bound(plan: Plan) -> list[socket.socket]:
    """A listening socket for each listener, or none at all."""
    with contextlib.ExitStack() as undone:
        bound = [undone.enter_context(_listening(listener)) for listener in plan.listeners]
        undone.pop_all()
    return bound


def _listening(listener: Listener) -> socket.socket:
    host, port = listener.address.host, listener.address.port
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise not_listening(listener.key, listener.address, error) from error
