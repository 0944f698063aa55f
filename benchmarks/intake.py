"""How fast mail is taken, with nothing behind the door: our server role beside aiosmtpd, told by Postfix's smtp-source.

Messages of 4 KiB from 10 sessions, on connections that are kept and on a new one for each message; both servers in
processes of their own, in turns, each on one core. The store's part is another script's.
"""

import asyncio
import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvloop
from aiosmtpd.controller import UnthreadedController
from ground.figures import Verdict, cpu_seconds, program

from mailover.clock import SystemClock
from mailover.config.fields import Address
from mailover.core.carriage import StreamMail
from mailover.core.mail import Mail
from mailover.relay.intake import Intake
from mailover.relay.intake_limits import Limits
from mailover.relay.intake_plan import Listener, Plan
from mailover.relay.submission import Door
from mailover.smtp.server import Terms

MESSAGES = 5_000
SESSIONS = 10
SIZE = 4096
ROUNDS = 3
WANTED = 3000


# -- the two servers --------------------------------------------------------------------------------------------------


class _Nowhere:
    """Keeps nothing."""

    async def put(self, mail: Mail, content: bytes, digest: str) -> str:
        del content, digest
        return mail.id

    async def handle_DATA(self, server: object, session: object, envelope: object) -> str:  # noqa: N802 - aiosmtpd's name
        del server, session, envelope
        return "250 OK"


async def serve_ours() -> None:
    """Our intake: dialogue, header, digest and all, but no store."""
    terms = Terms(hostname="relay.test")
    door = Door(
        writer=_Nowhere(),
        accepted=lambda _mail, _content: None,
        streams={"mail": StreamMail()},
        clock=SystemClock(),
        hostname="relay.test",
        largest=terms.largest,
    )
    listener = Listener(key="relay.listen", address=Address(host="127.0.0.1", port=0), terms=terms)
    plan = Plan(
        listeners=(listener,), streams=frozenset({"mail"}), default_stream="mail", limits=Limits(per_address=99)
    )
    intake = Intake(plan, door, lambda _secret: None)
    await intake.start()
    await _until_told(intake.ports[0])
    await intake.stop()


async def serve_theirs() -> None:
    """The other one: aiosmtpd with a handler that says yes."""
    controller = UnthreadedController(
        _Nowhere(), hostname="127.0.0.1", port=0, loop=asyncio.get_running_loop(), server_hostname="relay.test"
    )
    server = await asyncio.get_running_loop().create_server(controller._factory_invoker, "127.0.0.1", 0)  # noqa: SLF001
    await _until_told(server.sockets[0].getsockname()[1])
    server.close()


async def _until_told(port: int) -> None:
    over = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, over.set)
    print(port, flush=True)
    await over.wait()


SERVERS = {"mailover": serve_ours, "aiosmtpd": serve_theirs}


# -- the measurement --------------------------------------------------------------------------------------------------


@contextmanager
def running(name: str) -> Iterator[tuple[int, int]]:
    """A server in a process of its own: its port and its process."""
    with subprocess.Popen([sys.executable, __file__, name], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline()), process.pid
        finally:
            process.terminate()


def send(source: str, port: int, pid: int, *options: str) -> tuple[float, float]:
    """Messages a second, and a second of the server's CPU."""
    command = [source, *options, "-s", str(SESSIONS), "-m", str(MESSAGES), "-l", str(SIZE)]
    used, begun = cpu_seconds(pid), time.monotonic()
    subprocess.run(
        [*command, "-f", "a@example.com", "-t", "b@example.org", f"127.0.0.1:{port}"], check=True, timeout=600
    )
    took = time.monotonic() - begun
    return MESSAGES / took, MESSAGES / (cpu_seconds(pid) - used)


def main() -> None:
    """One server, or both in turns."""
    if sys.argv[1:]:
        uvloop.run(SERVERS[sys.argv[1]]())
        return
    source = program("smtp-source", "postfix")
    kept: dict[str, list[tuple[float, float]]] = {name: [] for name in SERVERS}
    fresh: dict[str, list[tuple[float, float]]] = {name: [] for name in SERVERS}
    with running("mailover") as ours, running("aiosmtpd") as theirs:
        for _ in range(ROUNDS):
            for name, (port, pid) in (("mailover", ours), ("aiosmtpd", theirs)):
                kept[name].append(send(source, port, pid, "-d"))
                fresh[name].append(send(source, port, pid))
    verdict = Verdict()
    print(f"load {os.getloadavg()[0]:.1f}; {SESSIONS} sessions, {SIZE} bytes; medians of {ROUNDS}")
    for what, figures in (("connections kept", kept), ("a connection for each message", fresh)):
        middle = {
            name: [statistics.median(column) for column in zip(*each, strict=True)] for name, each in figures.items()
        }
        for name, (wall, cpu) in middle.items():
            print(f"{what}: {name} {wall:.0f} messages/s, {cpu:.0f} per second of CPU")
        if what == "connections kept":
            verdict.at_least("messages per second of CPU", middle["mailover"][1], WANTED)
        verdict.at_least("messages per second of CPU, beside aiosmtpd", middle["mailover"][1], middle["aiosmtpd"][1])
    verdict.end()


if __name__ == "__main__":
    main()
