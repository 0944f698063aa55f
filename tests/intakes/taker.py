"""A process that takes mail into an SQLite file until it is killed: `taker.py FILE`; tells its port."""

import asyncio
import sys
from datetime import timedelta

import uvloop

from mailover.clock import SystemClock
from mailover.config.fields import Address
from mailover.core.carriage import StreamMail
from mailover.relay.intake import Intake
from mailover.relay.intake_plan import Listener, Plan
from mailover.relay.submission import Door
from mailover.relay.writing import QueueWriter
from mailover.smtp.server import Terms
from mailover.storage.sql import open_store


async def take(file: str) -> None:
    store, clock = open_store(f"sqlite:///{file}"), SystemClock()
    writer = QueueWriter(store.mail, holder="taker", lease=timedelta(minutes=5), clock=clock)
    writer.start()
    door = Door(
        writer=writer,
        accepted=lambda _mail, _content: None,
        streams={"mail": StreamMail()},
        clock=clock,
        hostname="relay.test",
        largest=10_000_000,
    )
    listener = Listener(key="one", address=Address(host="127.0.0.1", port=0), terms=Terms(hostname="relay.test"))
    plan = Plan(listeners=(listener,), streams=frozenset({"mail"}), default_stream="mail")
    intake = Intake(plan, door, lambda _secret: None)
    await intake.start()
    sys.stdout.write(f"{intake.ports[0]}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(take(sys.argv[1]))
