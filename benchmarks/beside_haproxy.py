"""Active probing alone, beside HAProxy's SMTP check in the same run: how long until a broken provider is left.

Five accounts of the agent and twenty servers in each of two HAProxys meet the same fault at the same moment, all at
their own phases: one HAProxy is as cautious as the agent (fall 3), one has no caution (fall 1). Then what HAProxy does
not see: a silent server within its bound, a password that is refused; and healthy probing without a false alarm, for
a minute, with `--hour` for an hour.
"""

import csv
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from ground.figures import Verdict, program
from ground.houses import Scene, scene

from mailover.core.events import EventType
from mailover.demo.behaviour import Behaviour

TIMES = 20
ACCOUNTS = 5
SERVERS = 20
DEADLINE = 2.0
PORT_ALONE = {
    "port_interval": "1s",
    "login_interval": "1h",
    "retry_interval": "50ms",
    "deadline": f"{DEADLINE:g}s",
    "slow": "1s",
    "auth_pause": "500ms",
}
WITH_LOGINS = {**PORT_ALONE, "login_interval": "2s"}
FALLS = (3, 1)
PATIENCE = 20.0

CONFIG = """
global
    stats socket {control}
defaults
    mode tcp
    timeout connect {deadline:g}s
    timeout client 10s
    timeout server 10s
    timeout check {deadline:g}s
backend watched
    option smtpchk EHLO bench.test
    default-server inter 1s fall {fall} rise 1
{servers}
"""


# -- HAProxy ----------------------------------------------------------------------------------------------------------


@contextmanager
def haproxy(port: int, fall: int) -> Iterator[Path]:
    """HAProxy watching a port; its statistics socket, once every server is up.

    A process for each caution, since HAProxy spreads the phases of all its checks over one interval.
    """
    with tempfile.TemporaryDirectory() as folder:
        config, control = Path(folder) / "haproxy.cfg", Path(folder) / "control"
        servers = "".join(f"    server s{n} 127.0.0.1:{port} check\n" for n in range(SERVERS))
        config.write_text(CONFIG.format(control=control, deadline=DEADLINE, fall=fall, servers=servers))
        with subprocess.Popen([program("haproxy", "haproxy"), "-db", "-q", "-f", str(config)]) as process:
            try:
                _await_checks(control)
                yield control
            finally:
                process.terminate()


def _await_checks(control: Path) -> None:
    until = time.monotonic() + PATIENCE
    while not control.exists() or not all(row["check_status"].startswith("L7OK") for row in _servers(control)):
        assert time.monotonic() < until, "HAProxy never found its servers up"
        time.sleep(0.05)


def _servers(control: Path) -> list[dict[str, str]]:
    """The statistics of every server."""
    with socket.socket(socket.AF_UNIX) as asking:
        asking.connect(str(control))
        asking.sendall(b"show stat\n")
        told = b"".join(iter(lambda: asking.recv(65536), b"")).decode()
    rows = csv.DictReader(told.strip().removeprefix("# ").splitlines())
    return [row for row in rows if row["svname"].startswith("s")]


def watch_haproxy(controls: Mapping[int, Path], begun: float) -> dict[int, list[float]]:
    """When each server was down, by the caution of its HAProxy."""
    down: dict[tuple[int, str], float] = {}
    while len(down) < len(controls) * SERVERS:
        assert time.monotonic() - begun < PATIENCE, "HAProxy does not notice"
        for fall, control in controls.items():
            for row in _servers(control):
                if row["status"].startswith("DOWN"):
                    down.setdefault((fall, row["svname"]), time.monotonic() - begun)
        time.sleep(0.02)
    return {fall: [at for (caution, _), at in down.items() if caution == fall] for fall in controls}


# -- one fault, three watchers ----------------------------------------------------------------------------------------


def break_once(behaviour: Behaviour) -> tuple[list[float], dict[int, list[float]]]:
    """Seconds until each account's flag had left, and until each of HAProxy's servers was down."""
    with scene(PORT_ALONE, ACCOUNTS) as shown, ExitStack() as stack:
        port = shown.providers["first"].port
        controls = {fall: stack.enter_context(haproxy(port, fall)) for fall in FALLS}
        time.sleep(random.uniform(1.0, 2.0))
        left = shown.departures()
        begun = time.monotonic()
        shown.providers["first"].behave(behaviour)
        theirs = watch_haproxy(controls, begun)
        assert len(left) == ACCOUNTS, f"{ACCOUNTS - len(left)} streams never left"
        return [at - begun for at in left.values()], theirs


def race(verdict: Verdict) -> None:
    """Faults that are noticed at once when looked at."""
    for behaviour in (Behaviour.REFUSE, Behaviour.BUSY):
        runs = [break_once(behaviour) for _ in range(TIMES)]
        ours = statistics.median(seconds for run, _ in runs for seconds in run)
        cautious, careless = (statistics.median(at for _, run in runs for at in run[fall]) for fall in FALLS)
        print(
            f"{behaviour}, port probe every 1 s, {TIMES} times, medians: "
            f"mailover {ours:.3f} s, HAProxy fall 3 {cautious:.3f} s, fall 1 {careless:.3f} s"
        )
        verdict.at_most("of HAProxy with the same caution", ours / cautious, 0.25)
        verdict.at_most("of HAProxy with none", ours / careless, 1.25)


def alone(verdict: Verdict) -> None:
    """What takes as long as a deadline, and what HAProxy never sees."""
    silent = [_seconds(Behaviour.SILENT) for _ in range(5)]
    print(f"silent, deadline {DEADLINE:g} s: median {statistics.median(silent):.2f} s, worst {max(silent):.2f} s")
    verdict.at_most("silent, worst", max(silent), 2 * DEADLINE + 0.5, "s")
    refused = [_seconds(Behaviour.AUTH) for _ in range(5)]
    print(f"535, login probe every 2 s: median {statistics.median(refused):.2f} s, worst {max(refused):.2f} s")
    verdict.at_most("535, worst", max(refused), 2 * 1.2 + 0.5 + 0.5, "s")


def _seconds(behaviour: Behaviour) -> float:
    with scene(WITH_LOGINS) as shown:
        time.sleep(random.uniform(1.0, 2.0))
        left = shown.departures()
        begun = time.monotonic()
        shown.providers["first"].behave(behaviour)
        while not left:
            assert time.monotonic() - begun < PATIENCE, "the flag never left"
            time.sleep(0.01)
        return next(iter(left.values())) - begun


def keep_watch(verdict: Verdict, minutes: int) -> None:
    """Healthy probing, as quick as in the race: every opening would be a false alarm."""
    with scene(WITH_LOGINS) as shown:
        time.sleep(60 * minutes)
        alarms = _alarms(shown)
    print(f"{minutes} minutes of healthy probing: {alarms} false alarms")
    verdict.at_most("false alarms", alarms, 0)


def _alarms(shown: Scene) -> int:
    kinds = (EventType.PROVIDER_OPENED, EventType.AGENT_BLIND, EventType.FAILOVER_HAPPENED)
    return len(shown.house.store.events(types=kinds).items)


def main() -> None:
    """The race, what is run alone, and the watch."""
    verdict = Verdict()
    race(verdict)
    alone(verdict)
    keep_watch(verdict, 60 if "--hour" in sys.argv else 1)
    verdict.end()


if __name__ == "__main__":
    main()
