"""Probes of fake providers on loopback: targets, circumstances, and a board of what was heard."""

from dataclasses import dataclass, field

from mailboxes import AGENT, utc_now

from agent.probes import Looking, RoundTrip, Target
from agent.probes.arrivals import Arrivals, Mailbox
from mailover.core.observations import MailboxSeen, Observation, Overdue, ProbeKind, Purpose
from mailover.core.providers import Tls
from mailover.demo.provider import Provider
from mailover.resolve import Resolver
from mailover.secrets import Secret
from mailover.smtp import Credentials, Endpoint

TO = "probe@example.com"


def target_of(provider: Provider, ca_file: str, *, sender: str = "noreply@example.com", password: str = "") -> Target:
    credentials = Credentials(username=provider.username, password=Secret(password or provider.password))
    endpoint = Endpoint(host="localhost", port=provider.port, tls=provider.tls, ca_file=ca_file)
    return Target(provider=provider.name, endpoint=endpoint, credentials=credentials, sender=sender)


def target_at(port: int, name: str = "hostile") -> Target:
    """A provider without TLS and login: a script that plays one."""
    endpoint = Endpoint(host="localhost", port=port, tls=Tls.NONE)
    return Target(provider=name, endpoint=endpoint, sender="noreply@example.com")


def trip_to(
    mailbox: Mailbox, arrivals: Arrivals, *, deadline: float = 5.0, authserv_id: str | None = None
) -> RoundTrip:
    return RoundTrip(to=TO, mailbox=mailbox, arrivals=arrivals, agent=AGENT, deadline=deadline, authserv_id=authserv_id)


def looking(
    *, round_trip: RoundTrip | None = None, deadline: float = 5.0, purpose: Purpose = Purpose.SCHEDULED
) -> Looking:
    return Looking(purpose=purpose, now=utc_now, resolver=Resolver(), deadline=deadline, round_trip=round_trip)


@dataclass
class Heard:
    """Collects what a prober tells."""

    all: list[Observation | Overdue | MailboxSeen] = field(default_factory=list)

    def __call__(self, *heard: Observation | Overdue | MailboxSeen) -> None:
        self.all.extend(heard)

    @property
    def observations(self) -> list[Observation]:
        return [each for each in self.all if isinstance(each, Observation)]

    def of(self, provider: str, probe: ProbeKind) -> list[Observation]:
        return [each for each in self.observations if (each.provider, each.probe) == (provider, probe)]
