"""Zero flips in a day of failures that are nobody's fault: bad recipients, bad messages, greylisting, 1 % to 50 %.

A simulated day of three providers, each watched by scheduled probes and round trips and used by two applications that
report every mail. What the servers say is classified as in earnest; not one of it may move the flag.
"""

import os
import time
from concurrent.futures import ProcessPoolExecutor
from itertools import product

from ground.figures import Verdict

from mailover.core.classify import classify
from mailover.core.observations import Owner, Stage
from tests.core.trouble import Trouble
from tests.core.world import Reporter, World, policy_of

SHARES = (0.01, 0.05, 0.2, 0.5)
REPLIES = {
    "recipient": (Stage.RCPT, 550, "5.1.1 The email account that you tried to reach does not exist"),
    "message": (Stage.END_DATA, 552, "5.3.4 Message size exceeds fixed limit"),
    "greylist": (Stage.RCPT, 451, "4.7.1 Greylisting in action, please come back in 5 minutes"),
}
HOURS = 24


def trouble(name: str, share: float) -> Trouble:
    """What a share of all mail is answered, with the kind that mailover gives it."""
    stage, code, text = REPLIES[name]
    kind = classify(stage, code, None, text)
    assert kind.owner is Owner.NOBODY, f"{code} {text} is taken for {kind}"
    return Trouble(stage=stage, kind=kind, code=code, share=share)


def flips(case: tuple[str, float]) -> tuple[str, float, int, int, int]:
    """One day; how often the flag and a breaker moved, and how many probes were made."""
    name, share = case
    world = World(
        seed=int(share * 100),
        policy=policy_of(round_trip=True),
        troubles={provider: (trouble(name, share),) for provider in "abc"},
        reporters=(Reporter(name="shop"), Reporter(name="crm")),
    ).run(hours=HOURS)
    opened = sum(event.type.startswith("provider.opened") for event in world.events)
    return name, share, world.flips, opened, world.probes


def main() -> None:
    """Every kind at every share."""
    verdict = Verdict()
    begun = time.monotonic()
    with ProcessPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        days = list(pool.map(flips, product(REPLIES, SHARES)))
    for name, share, moved, opened, probes in days:
        print(f" {name} {share:.0%}: {moved} flips, {opened} breakers opened, {probes} probes")
    print(f"{len(days)} simulated days of {HOURS} h in {time.monotonic() - begun:.0f} s")
    verdict.at_most("flips", sum(day[2] for day in days), 0)
    verdict.at_most("breakers opened", sum(day[3] for day in days), 0)
    verdict.end()


if __name__ == "__main__":
    main()
