"""From a failed send that an application reports to the new flag in a reader that waits for it.

Everything is real and on loopback: the report and the waiting reader speak HTTP to the agent's own server, the two
verifying probes speak SMTP. Scheduled probes are an hour apart, so that reports alone bring the news.
"""

import http.client
import json
import statistics
import threading
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass

from ground.figures import Verdict
from ground.houses import LEADING, PATIENCE, scene

from mailover.demo.authority import Authority
from mailover.demo.behaviour import Behaviour
from mailover.demo.provider import Provider

DEADLINE = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What is wrong with the active provider, and what an application says of it."""

    told: Mapping[str, object]
    behaviour: Behaviour | None = None
    """None: its certificate is another authority's."""
    times: int = 5
    limit: float = DEADLINE + 0.5


FAULTS = {
    "refused": Fault(told={"stage": "connect"}, behaviour=Behaviour.REFUSE, times=25, limit=0.1),
    "silent": Fault(told={"stage": "banner", "text": "timed out"}, behaviour=Behaviour.SILENT),
    "421 banner": Fault(told={"stage": "banner", "code": 421, "text": "4.3.2 too busy"}, behaviour=Behaviour.BUSY),
    "tls broken": Fault(told={"stage": "starttls", "text": "certificate verify failed"}),
    "535 login": Fault(told={"stage": "auth", "code": 535, "enhanced": "5.7.8"}, behaviour=Behaviour.AUTH),
}


def break_first(providers: Mapping[str, Provider], fault: Fault, stack: ExitStack) -> None:
    """From here on the active provider has the fault."""
    first = providers["first"]
    if fault.behaviour is not None:
        first.behave(fault.behaviour)
        return
    first.stop()
    stack.enter_context(Provider("first", port=first.port, authority=Authority()))


def seconds_to_flag(fault: Fault) -> float:
    """One report of the fault; how long until the waiting reader holds a flag that names another provider."""
    rhythm = {"port_interval": "1h", "login_interval": "1h", "deadline": f"{DEADLINE:g}s", "slow": "1s"}
    with scene(rhythm) as shown, ExitStack() as stack:
        break_first(shown.providers, fault, stack)
        address, epoch = shown.address, shown.flag.epoch
        told: list[tuple[float, str]] = []
        reader = threading.Thread(target=_wait, args=(address, epoch, told))
        reader.start()
        until = time.monotonic() + PATIENCE
        while not _parked(address):
            assert time.monotonic() < until, "the reader never waited"
            time.sleep(0.01)
        begun = time.monotonic()
        _report(address, fault)
        reader.join(PATIENCE + 5)
        at, provider = told[0]
        assert provider == "second", f"the flag names {provider}"
        return at - begun


def _wait(address: str, epoch: int, told: list[tuple[float, str]]) -> None:
    connection = http.client.HTTPConnection(address, timeout=PATIENCE + 5)
    connection.request("GET", f"/v1/active-provider?epoch={epoch}&wait={PATIENCE:g}s")
    flag = json.loads(connection.getresponse().read())
    told.append((time.monotonic(), flag["provider"]))
    connection.close()


def _parked(address: str) -> bool:
    """Whether the reader waits, by the agent's own count of them."""
    connection = http.client.HTTPConnection(address, timeout=PATIENCE)
    connection.request("GET", "/metrics")
    lines = connection.getresponse().read().decode().splitlines()
    connection.close()
    return any(line.startswith("mailover_waiting_clients") and float(line.split()[-1]) > 0 for line in lines)


def _report(address: str, fault: Fault) -> None:
    connection = http.client.HTTPConnection(address, timeout=PATIENCE)
    body = json.dumps({"reports": [{"provider": LEADING, "ok": False, **fault.told}]})
    connection.request("POST", "/v1/reports", body, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    assert answer.status == http.HTTPStatus.OK, answer.read()
    connection.close()


def main() -> None:
    """Each fault again and again, each time in a fresh house."""
    verdict = Verdict()
    print(f"from a report to the flag in a waiting reader, probe deadline {DEADLINE:g} s:")
    for name, fault in FAULTS.items():
        taken = [seconds_to_flag(fault) for _ in range(fault.times)]
        print(f" {name}: {len(taken)} times, median {statistics.median(taken):.3f} s, worst {max(taken):.3f} s")
        if fault.limit < DEADLINE:
            verdict.at_most(f"{name}, median", statistics.median(taken), fault.limit, "s")
        verdict.at_most(f"{name}, worst", max(taken), DEADLINE + 0.5, "s")
    verdict.end()


if __name__ == "__main__":
    main()
