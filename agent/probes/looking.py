"""What every probe is given and gives back: the target, the circumstances, and what was seen. Values only."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from agent.probes.arrivals import Arrivals, Mailbox
from agent.probes.marks import check_address, check_agent
from mailover.core.observations import MailboxSeen, Observation, Purpose
from mailover.resolve import Resolver
from mailover.smtp import Credentials, Endpoint

Now = Callable[[], datetime]
"""Where instants come from: the steady clock's `now`, aware and in UTC."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One provider as the probes need it."""

    provider: str
    endpoint: Endpoint
    credentials: Credentials | None = None
    """None for a provider that knows us by our address: a login probe then ends before AUTH."""
    next_credentials: Credentials | None = None
    """With the password that is to come; only a rehearsal uses them."""
    sender: str = ""
    """The bare address that test messages come from; without one there is neither an envelope nor a round trip."""

    def __post_init__(self) -> None:
        if self.sender:
            check_address(self.sender)


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundTrip:
    """Where test messages go and where they are looked for."""

    to: str
    """A bare address."""
    mailbox: Mailbox
    arrivals: Arrivals
    """The same that the mailbox reports to."""
    agent: str
    """Eight hex digits that begin every nonce of this agent, see `marks.agent_mark`."""
    deadline: float = 60.0
    """Seconds for the whole trip, from the first packet to the message being found."""
    authserv_id: str | None = None
    """Whose Authentication-Results are believed; None: the topmost header only."""

    def __post_init__(self) -> None:
        check_address(self.to)
        check_agent(self.agent)


@dataclass(frozen=True, slots=True, kw_only=True)
class Looking:
    """The circumstances of one look."""

    purpose: Purpose
    now: Now
    resolver: Resolver
    deadline: float = 10.0
    """Seconds for the whole look; a round trip has its own."""
    round_trip: RoundTrip | None = None
    """None: no round trips are configured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What one look came to."""

    observation: Observation
    mailbox: MailboxSeen | None = None
    """What the look learned about the mailbox of the round trips, if anything."""

    @property
    def heard(self) -> tuple[Observation | MailboxSeen, ...]:
        """All of it, the mailbox first: whether a message is missing depends on whether it could be looked for."""
        return (self.observation,) if self.mailbox is None else (self.mailbox, self.observation)


class Probe(Protocol):
    """The one function type of all probes. Never raises for anything the network does."""

    def __call__(self, target: Target, looking: Looking, /) -> Awaitable[Seen]: ...
