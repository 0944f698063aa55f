"""Accepting and delivering, durably, beside Postfix in the same run.

smtp-source with 10 sessions, 4 KiB messages, to smtp-sink. Both begin with an empty queue; the clock stops when the
sink has the last message.
"""

import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

from ground.figures import Verdict, cpu_seconds
from ground.mail_peers import Sink, postfix, relay, sink, source

MESSAGES = 3000
SESSIONS = 10
SIZE = 4096
ROUNDS = 3
_PATIENCE = 120.0


def throughput(port: int, into: Sink, messages: int = MESSAGES) -> float:
    """Messages a second from the first connection to the last message in the sink."""
    before, began = into.taken(), time.monotonic()
    sending = source(port, messages, sessions=SESSIONS, size=SIZE)
    while into.taken() - before < messages:
        assert time.monotonic() - began < _PATIENCE, f"{into.taken() - before} of {messages} arrived"
        time.sleep(0.005)
    seconds = time.monotonic() - began
    sending.wait()
    return messages / seconds


def main() -> None:
    """Alternately, so that what else the machine does meets both."""
    verdict = Verdict()
    with tempfile.TemporaryDirectory() as folder, sink() as into:
        root = Path(folder)
        root.chmod(0o755)
        with postfix(root / "postfix", into.port) as theirs, relay(root / "relay", {"sink": into.port}) as ours:
            for port in (theirs, ours.port):
                throughput(port, into, 200)
            beside, own, spent = [], [], 0.0
            for _ in range(ROUNDS):
                beside.append(throughput(theirs, into))
                before = cpu_seconds(ours.pid)
                own.append(throughput(ours.port, into))
                spent += cpu_seconds(ours.pid) - before
            direct = throughput(into.port, into)
    print(f"load {os.getloadavg()[0]:.1f}; source to sink without a relay: {direct:.0f} messages/s")
    print(f"Postfix: {', '.join(f'{each:.0f}' for each in beside)} messages/s")
    print(f"relay:   {', '.join(f'{each:.0f}' for each in own)} messages/s")
    print(f"relay's CPU: {spent / ROUNDS / MESSAGES * 1e3:.2f} ms a message")
    verdict.at_least("accept and deliver, ratio to Postfix", statistics.median(own) / statistics.median(beside), 1.0)
    verdict.end()


if __name__ == "__main__":
    sys.exit(main())
