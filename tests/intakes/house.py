"""An intake that runs on loopback, with a small queue in memory behind its door, and a client that says raw bytes."""

import asyncio
import base64
import socket
import ssl
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Self

import uvloop

from mailover.config.fields import Address
from mailover.core.carriage import StreamMail
from mailover.core.mail import Mail
from mailover.relay.intake import Intake
from mailover.relay.intake_plan import Listener, Plan
from mailover.relay.submission import Door
from mailover.relay.writing import QueueWriter
from mailover.smtp.server import Logins, Terms
from mailover.storage.sql import SqlStore

TOKEN = "mlo_" + 40 * "s"
PATIENCE = 20.0
OPEN = Terms(hostname="relay.test", logins=Logins.OPTIONAL, clear_logins=True)
MESSAGE = b"From: a@example.com\r\nSubject: hello\r\n\r\nhello\r\n"
ENVELOPE = b"MAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.org>\r\n"


STREAMS: Mapping[str, StreamMail] = {
    "transactional": StreamMail(deadline=timedelta(hours=1), priority=1),
    "marketing": StreamMail(priority=6),
}


class MovedClock:
    """Instants that a test sets."""

    def __init__(self) -> None:
        self.at = datetime(2026, 11, 28, 10, 0, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at

    def wall(self) -> datetime:
        return self.at


class MemoryQueue:
    """A queue that keeps in memory, each message once; slow or broken when a test says so."""

    def __init__(self) -> None:
        self.mails: dict[str, tuple[Mail, bytes]] = {}
        self._digests: dict[str, str] = {}
        self.before: Callable[[], Awaitable[None]] | None = None

    async def put(self, mail: Mail, content: bytes, digest: str) -> str:
        if self.before is not None:
            await self.before()
        kept = self._digests.setdefault(digest, mail.id)
        if kept == mail.id:
            self.mails[mail.id] = (mail, content)
        return kept

    @property
    def only(self) -> tuple[Mail, bytes]:
        (one,) = self.mails.values()
        return one


@dataclass(kw_only=True)
class IntakeHouse:
    """What a test looks at. Everything of the intake's is touched in its loop, by `call`."""

    loop: asyncio.AbstractEventLoop
    intake: Intake
    queue: MemoryQueue
    clock: MovedClock
    accepted: list[Mail] = field(default_factory=list)
    moved: list[float] = field(default_factory=lambda: [0.0])

    def call(self, work: Callable[[], Any]) -> Any:
        """Do something in the intake's loop."""

        async def done() -> Any:
            found = work()
            return await found if asyncio.iscoroutine(found) else found

        return asyncio.run_coroutine_threadsafe(done(), self.loop).result(PATIENCE)

    def wait(self, seconds: float) -> None:
        """So much time goes by for the intake."""
        self.moved[0] += seconds
        self.call(self.intake.look)

    def wire(self, listener: int = 0, **options: Any) -> "Wire":
        return Wire(self.intake.ports[listener], **options)

    def until(self, holds: Callable[[], bool]) -> None:
        """Wait until something is so."""
        ends = time.monotonic() + PATIENCE
        while not self.call(holds):
            assert time.monotonic() < ends, "it never came to that"
            time.sleep(0.005)


def sender_of(secret: str) -> str | None:
    return "app" if secret == TOKEN else None


def plan(*terms: Terms, **options: Any) -> Plan:
    """A plan with one listener for each terms."""
    listeners = options.pop("listeners", None) or tuple(
        Listener(key=f"relay.listeners.l{n}.listen", address=Address(host="127.0.0.1", port=0), terms=each)
        for n, each in enumerate(terms or (OPEN,))
    )
    return Plan(listeners=listeners, streams=frozenset(STREAMS), default_stream="transactional", **options)


@contextmanager
def intake_house(
    wanted: Plan | None = None, *, plain_loop: bool = False, store: SqlStore | None = None
) -> Iterator[IntakeHouse]:
    """An intake in a thread of its own; what it takes is kept in memory, or in a store."""
    ready = threading.Event()
    built: list[IntakeHouse] = []
    over = asyncio.Event()

    async def run() -> None:
        queue, clock, moved = MemoryQueue(), MovedClock(), [0.0]
        accepted: list[Mail] = []
        writer = (
            None if store is None else QueueWriter(store.mail, holder="r1", lease=timedelta(minutes=5), clock=clock)
        )
        if writer is not None:
            writer.start()
        door = Door(
            writer=writer or queue,
            accepted=lambda mail, _content: accepted.append(mail),
            streams=STREAMS,
            clock=clock,
            hostname="relay.test",
            largest=26_214_400,
        )
        intake = Intake(wanted or plan(), door, sender_of, now=lambda: time.monotonic() + moved[0])
        await intake.start()
        loop = asyncio.get_running_loop()
        built.append(IntakeHouse(loop=loop, intake=intake, queue=queue, clock=clock, accepted=accepted, moved=moved))
        ready.set()
        await over.wait()
        await intake.stop()
        if writer is not None:
            await writer.stop()

    def in_thread() -> None:
        with asyncio.Runner(loop_factory=None if plain_loop else uvloop.new_event_loop) as runner:
            runner.run(run())

    thread = threading.Thread(target=in_thread, name="intake")
    thread.start()
    assert ready.wait(PATIENCE)
    try:
        yield built[0]
    finally:
        built[0].loop.call_soon_threadsafe(over.set)
        thread.join(PATIENCE)
        assert not thread.is_alive()


class Wire:
    """A client that says what it is told to, and hears one reply at a time."""

    def __init__(self, port: int, *, tls: ssl.SSLContext | None = None, greeted: bool = True) -> None:
        self.socket: socket.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        self._heard = b""
        if tls is not None:
            self.secure(tls)
        if greeted:
            assert self.hear().startswith("220 ")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def secure(self, context: ssl.SSLContext) -> None:
        self.socket = context.wrap_socket(self.socket, server_hostname="localhost")

    def say(self, data: bytes) -> Self:
        self.socket.sendall(data)
        return self

    def hear(self) -> str:
        """One reply, all its lines; empty when the server has closed."""
        lines: list[str] = []
        while True:
            while b"\n" not in self._heard:
                try:
                    piece = self.socket.recv(65536)
                except ConnectionError:
                    piece = b""
                if not piece:
                    return ""
                self._heard += piece
            line, self._heard = self._heard.split(b"\n", 1)
            lines.append(line.decode().rstrip("\r"))
            if line[3:4] != b"-":
                return "\n".join(lines)

    def ask(self, data: bytes) -> str:
        """Say something, hear one reply."""
        return self.say(data).hear()

    def rest(self) -> list[str]:
        """Everything until the server closes."""
        found: list[str] = []
        while reply := self.hear():
            found.append(reply)
        return found

    def hello(self) -> Self:
        assert self.ask(b"EHLO app.test\r\n").startswith("250")
        return self

    def log_in(self, username: str = "transactional", password: str = TOKEN) -> str:
        told = base64.b64encode(f"\0{username}\0{password}".encode())
        return self.ask(b"AUTH PLAIN " + told + b"\r\n")

    def begin(self) -> Self:
        """As far as the message."""
        self.say(ENVELOPE + b"DATA\r\n")
        assert [self.hear()[:3] for _ in range(3)] == ["250", "250", "354"]
        return self

    def hand_over(self, message: bytes = MESSAGE) -> str:
        return self.begin().ask(message + b".\r\n")
