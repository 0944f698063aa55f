"""What the route of one message costs: CPU microseconds of `core.routing.route`, with no rule and with every rule.

The relay asks it for every message; 50 microseconds are a fortieth of what it has for one at 500 messages a second.
"""

import time
import timeit
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

from ground.figures import Verdict

from mailover.core.carriage import Geography, Pace, StreamMail
from mailover.core.fleet import Fleet, Mode, found
from mailover.core.policy import Policy
from mailover.core.providers import Provider, Stream
from mailover.core.routing import Letter, Spent, route

NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)
LETTER = Letter(stream="mail", recipient="somebody@example.de", key="customer-7")
EU_ONLY = Geography(suffixes=(".de", ".fr", ".it"), tags=frozenset({"eu"}), regions=frozenset({"eu"}), only=True)
SPENT = {name: Spent(today=400, most=2000) for name in "abcde"}
TIMES, ROUNDS, LIMIT = 20_000, 5, 50.0


def house(mail: StreamMail, weights: Mapping[str, float]) -> tuple[Fleet, Policy]:
    """Five providers, all well."""
    providers = {
        name: Provider(name=name, host=name, port=587, regions=("eu",) * (name in "bcd"), pace=Pace(daily_quota=9000))
        for name in "abcde"
    }
    policy = Policy(providers=providers, streams={"mail": Stream(name="mail", providers=tuple("abcde"), mail=mail)})
    fleet = found(policy, "bench", NOW)
    if weights:
        state = fleet.streams["mail"]
        flag = replace(state.flag, mode=Mode.BALANCE, weights=weights)
        fleet = replace(fleet, streams={"mail": replace(state, flag=flag)})
    return fleet, policy


def microseconds(mail: StreamMail, weights: Mapping[str, float]) -> float:
    """CPU time of one route, the best of some rounds."""
    fleet, policy = house(mail, weights)
    timer = timeit.Timer(lambda: route(fleet, policy, LETTER, NOW, SPENT), timer=time.process_time)
    return min(timer.repeat(ROUNDS, TIMES)) / TIMES * 1e6


def main() -> None:
    """Measure and judge."""
    shared = {"a": 0.6, "b": 0.3, "c": 0.1}
    cases: dict[str, tuple[StreamMail, Mapping[str, float]]] = {
        "no rule": (StreamMail(), {}),
        "shared by ratio": (StreamMail(), shared),
        "warm backups": (StreamMail(warm_share=0.05), {}),
        "EU only": (StreamMail(geography=(EU_ONLY,)), {}),
        "everything": (StreamMail(warm_share=0.05, geography=(replace(EU_ONLY, only=False),) * 5), shared),
    }
    verdict = Verdict()
    for name, (mail, weights) in cases.items():
        verdict.at_most(name, microseconds(mail, weights), LIMIT, "us of CPU a message")
    verdict.end()


if __name__ == "__main__":
    main()
