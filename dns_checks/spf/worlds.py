"""Addresses on their way through an SPF record, kept apart by what each has cost: values for `walk`, and no rule."""

from dataclasses import dataclass, field
from typing import TypeAlias

from dns_checks.ranges import Ranges
from dns_checks.spf.record import Verdict


@dataclass(frozen=True, slots=True)
class Spent:
    """What one address's evaluation has cost so far."""

    lookups: int = 0
    voids: int = 0


Worlds: TypeAlias = dict[Spent, Ranges]
"""Addresses by what their evaluation has cost: the limits may end some of them and not others."""


@dataclass(slots=True)
class Outcome:
    """What became of the addresses that entered one record."""

    decided: dict[Verdict, Worlds] = field(default_factory=dict)
    undecided: Worlds = field(default_factory=dict)
    own: bool = False
    """Whether it is the domain's own record, or one that it redirects to."""

    def decide(self, verdict: Verdict, worlds: Worlds) -> None:
        """These addresses get this verdict."""
        if worlds:
            join(self.decided.setdefault(verdict, {}), worlds)


def join(into: Worlds, worlds: Worlds) -> None:
    """Add addresses to others, in place."""
    for spent, ranges in worlds.items():
        into[spent] = into[spent] | ranges if spent in into else ranges


def some(worlds: Worlds) -> Worlds:
    """Without those in which no address is."""
    return {spent: ranges for spent, ranges in worlds.items() if ranges}
