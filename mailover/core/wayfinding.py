"""The rules about one message: who may carry it, who comes first, and what it waits for when nobody may.

A stream that is halted as a whole never comes here. It is asked for every message: what no rule is about costs little.
"""

from collections.abc import Mapping
from datetime import datetime

from mailover.core.carriage import Geography, Pace
from mailover.core.events import rfc3339
from mailover.core.fleet import Fleet, Mode
from mailover.core.geography import admits, admitted, bound, domain_of, preferred
from mailover.core.hours import quota_resets_at
from mailover.core.letters import ANY, Letter, Route, Spent
from mailover.core.orders import arranged, order_of
from mailover.core.policy import Policy
from mailover.core.sentences import listed, percent
from mailover.core.shares import ranked

_NOTHING = Spent()


def warm_allowance(pace: Pace, spent: Spent) -> int:
    """Recipients that a provider may be given today before it is left out of keeping warm."""
    return max(pace.warm_start, int(spent.most * pace.warm_factor))


class Wayfinding:
    """One message on its way through the rules; lives for one call."""

    __slots__ = (
        "_because",
        "_bound",
        "_domain",
        "_region",
        "_sticky",
        "fleet",
        "letter",
        "now",
        "policy",
        "spent",
        "state",
        "stream",
    )

    def __init__(self, fleet: Fleet, policy: Policy, letter: Letter, now: datetime, spent: Mapping[str, Spent]) -> None:
        """The stream exists, and sends."""
        self.fleet, self.policy, self.letter, self.now, self.spent = fleet, policy, letter, now, spent
        self.stream, self.state = policy.streams[letter.stream], fleet.streams[letter.stream]
        self._because, self._sticky = self.state.flag.because, False
        rules = self.stream.mail.geography
        self._region = letter.region.strip().lower() if letter.region else ""
        self._domain = domain_of(letter.recipient) if rules else ""
        self._bound: tuple[Geography, ...] = bound(rules, self._domain, self._region) if rules else ()

    def route(self, wanted: tuple[str, ...]) -> Route:
        """The route, or why and for what the message waits."""
        flag = self.state.flag
        names = self._may_carry((flag.provider or "", *flag.fallbacks))
        if self._bound:
            names = names or self._may_carry(self._healthy())
            if names and names[0] != flag.provider:
                self._because = f"{names[0]} is the first that {self._whither()} may go through"
        within = tuple(name for name in names if not self._used_up(name))
        if not within:
            return self._wait(names)
        if within[0] != names[0]:
            self._because = f"{names[0]} has taken its {self.policy.providers[names[0]].pace.daily_quota} of today"
        order = self._by_share(within)
        order = self._by_geography(order)
        order = self._by_selector(order, wanted)
        order = self._troubled_last(order)
        apart = any(rule.domains or rule.suffixes or rule.tags for rule in self._bound)
        return Route(
            providers=order, because=self._because, sticky=self._sticky, apart=apart, absent=self._absent(order)
        )

    # -- who may ----------------------------------------------------------------------------------------------------

    def _may_carry(self, names: tuple[str, ...]) -> tuple[str, ...]:
        if self._bound:
            return admitted(self._bound, names, self.policy.providers)
        return names

    def _healthy(self) -> tuple[str, ...]:
        """All of the stream's order that are well, also those that the flag would not fall back on for their DNS."""
        return tuple(name for name in order_of(self.state, self.stream, self.now) if self._well(name))

    def _well(self, name: str) -> bool:
        breaker, provider = self.fleet.breakers.get(name), self.policy.providers.get(name)
        if breaker is None or provider is None:
            return False
        return breaker.closed or (breaker.enabled and provider.shadow)

    def _absent(self, names: tuple[str, ...]) -> tuple[str, ...]:
        order = order_of(self.state, self.stream, self.now)
        if len(names) == len(order):
            return ()
        others = tuple(name for name in order if name not in names and self._enabled(name))
        return self._may_carry(tuple(name for name in others if self._used_up(name) or not self._well(name)))

    def _used_up(self, name: str) -> bool:
        quota = self.policy.providers[name].pace.daily_quota if name in self.policy.providers else None
        return quota is not None and self.spent.get(name, _NOTHING).today >= quota

    # -- who has to wait, and for what --------------------------------------------------------------------------------

    def _wait(self, used_up: tuple[str, ...]) -> Route:
        """Nobody is left. `used_up` could take it, but for their quota."""
        order = order_of(self.state, self.stream, self.now)
        ill = [name for name in self._may_carry(order) if name not in used_up and self._enabled(name)]
        waiting_for = ill[0] if len(ill) == 1 else ANY if ill else ""
        if not used_up:
            nobody = (
                f"nobody that {self._whither()} may go through is well" if ill else f"{self._whither()} may go nowhere"
            )
            return Route(providers=(), because=nobody, waiting_for=waiting_for or ANY)
        resets = min(quota_resets_at(self.now, self.policy.providers[name].quota_resets) for name in used_up)
        taken = f"{listed(used_up)} {'has' if len(used_up) == 1 else 'have'} taken all they may today"
        return Route(providers=(), because=f"{taken}, until {rfc3339(resets)}", waiting_for=waiting_for, wake_at=resets)

    def _enabled(self, name: str) -> bool:
        return name in self.fleet.breakers and self.fleet.breakers[name].enabled

    def _whither(self) -> str:
        """The message in words that tell nobody's address."""
        if self._region:
            return f"mail tagged {self._region}"
        return f"mail for {self._domain}" if self._domain else "this mail"

    # -- in which order -----------------------------------------------------------------------------------------------

    def _by_share(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """Balance, and the part of the mail that keeps backups warm."""
        flag, key = self.state.flag, self.letter.key or self.letter.recipient.lower()
        if not key or not (self.stream.mail.warm_share or flag.mode is Mode.BALANCE):
            return names
        weights = {name: flag.weights[name] for name in names if name in flag.weights}
        if not weights:
            return names
        warm = self._warm(names)
        share = self.stream.mail.warm_share
        cold = 1.0 - share * sum(name not in flag.weights for name in self.stream.providers)
        shares = {name: weight * cold for name, weight in weights.items()} | dict.fromkeys(warm, share)
        if len(shares) < 2:  # noqa: PLR2004 - one alone shares with nobody
            return arranged(tuple(shares), names)
        order = ranked(shares, key)
        self._sticky = True
        if order[0] in warm:
            self._because = f"{order[0]} is kept warm with {percent(share)} of the mail"
            return arranged(order[:1], names)
        if flag.mode is not Mode.BALANCE:
            self._sticky = False
            return names
        self._because = f"{order[0]} by its share of {percent(weights[order[0]])}"
        return arranged(tuple(name for name in order if name not in warm), names)

    def _warm(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """The backups that routine mail keeps in practice: well in every way, and within what they may get today."""
        flag = self.state.flag
        if not self.stream.mail.warm_share or not self.letter.routine or flag.mode not in {Mode.NORMAL, Mode.BALANCE}:
            return ()
        return tuple(name for name in names if name not in flag.weights and self._may_warm(name))

    def _may_warm(self, name: str) -> bool:
        breaker, spent = self.fleet.breakers[name], self.spent.get(name, _NOTHING)
        if not breaker.closed or breaker.runs or breaker.dns == "none" or spent.closed_to_us:
            return False
        return spent.today < warm_allowance(self.policy.providers[name].pace, spent)

    def _by_geography(self, names: tuple[str, ...]) -> tuple[str, ...]:
        rule = preferred(self.stream.mail.geography, self._domain, self._region)
        if rule is None:
            return names
        order = arranged(tuple(name for name in names if admits(rule, self.policy.providers[name])), names)
        if order[0] != names[0]:
            self._because, self._sticky = f"{order[0]} comes first for {self._whither()}", False
        return order

    def _by_selector(self, names: tuple[str, ...], wanted: tuple[str, ...]) -> tuple[str, ...]:
        order = arranged(wanted, names)
        if order[0] != names[0]:
            self._because, self._sticky = f"{order[0]} was chosen by {self.stream.mail.selector or 'a selector'}", False
        return order

    def _troubled_last(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """Who asked us to slow down, and after them whose breaker has just opened; but for the latter, a pin holds."""
        slowed = [name for name in names if self.spent.get(name, _NOTHING).closed_to_us]
        broken = [name for name in names if not self._well(name)] if self._judged else []
        if not slowed and not broken:
            return names
        last = (*(name for name in slowed if name not in broken), *broken)
        order = (*(name for name in names if name not in last), *last)
        if order[0] != names[0]:
            why = "is out" if names[0] in broken else "asked us to slow down"
            self._because, self._sticky = f"{order[0]} goes first: {names[0]} {why}", False
        return order

    @property
    def _judged(self) -> bool:
        """Whether breakers count: not while an operator, blindness or necessity says who carries the mail."""
        return self.state.flag.mode in {Mode.NORMAL, Mode.FAILOVER, Mode.BALANCE}
