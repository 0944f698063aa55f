"""The composition root: settings in, a running house out. Every part is built here; no rule lives here."""

import logging
from collections.abc import Mapping

from agent.loop import Rhythm, Watched
from agent.probes import RoundTrip, Target
from agent.probes.arrivals import Arrivals, Mailbox
from agent.probes.imap import ImapAccount, ImapMailbox
from agent.probes.looking import Now
from agent.probes.marks import agent_mark
from agent.probes.sink import SinkMailbox
from agent.probes.webhook import WebhookMailbox
from agent.self_check import Reference
from mailover.config import Settings
from mailover.config.mapping import credentials, endpoint
from mailover.config.watching import ImapSettings, MailboxKind, RoundTripSettings
from mailover.resolve import Resolver
from mailover.service import MailboxInlet
from mailover.smtp import Credentials, Endpoint
from mailover.smtp.endpoint import TlsMode

_log = logging.getLogger("mailover.bootstrap")


def resolver(settings: Settings) -> Resolver:
    """The one resolver of the process."""
    return Resolver(nameservers=[str(server) for server in settings.resolver.nameservers])


def targets(settings: Settings) -> Mapping[str, Target]:
    """Every provider as the probes need it."""
    return {
        name: Target(
            provider=name,
            endpoint=endpoint(account),
            credentials=credentials(account),
            sender=account.envelope_from or account.sender or "",
        )
        for name, account in settings.providers.items()
    }


def rhythm(settings: Settings) -> Rhythm:
    """How often the agent looks."""
    probes = settings.probes
    return Rhythm(
        port=probes.port_interval,
        login=probes.login_interval,
        round_trip=probes.round_trip_interval,
        deadline=probes.deadline,
        slow=probes.slow,
    )


def watched(settings: Settings, names: Resolver, now: Now) -> Watched:
    """Everything the agent looks at."""
    trip, inlet = None, None
    if settings.round_trip is not None:
        trip, inlet = _round_trip(settings.round_trip, settings.server.instance, names, now)
    return Watched(
        targets=targets(settings),
        references=[Reference(host=peer.host, port=peer.port) for peer in settings.references.tcp],
        round_trip=trip,
        inlet=inlet,
        resolver=names,
    )


def _round_trip(trip: RoundTripSettings, instance: str, names: Resolver, now: Now) -> tuple[RoundTrip, MailboxInlet]:
    arrivals = Arrivals(now)
    told = WebhookMailbox(arrivals)
    mark = agent_mark(instance)
    mailbox: Mailbox = told
    if trip.mailbox is MailboxKind.IMAP and trip.imap is not None:
        mailbox = ImapMailbox(_imap_account(trip.imap), agent=mark, arrivals=arrivals, resolver=names, now=now)
    elif trip.mailbox is MailboxKind.SMTP and trip.smtp is not None:
        listen = trip.smtp.listen
        mailbox = SinkMailbox(to=trip.to, host=listen.host, port=listen.port, arrivals=arrivals)
    round_trip = RoundTrip(
        to=trip.to, mailbox=mailbox, arrivals=arrivals, agent=mark, deadline=trip.deadline.total_seconds()
    )
    return round_trip, told.arrived


def _imap_account(imap: ImapSettings) -> ImapAccount:
    return ImapAccount(
        endpoint=Endpoint(
            host=imap.host,
            port=imap.port,
            tls=TlsMode(imap.tls.value),
            ca_file=str(imap.ca_file) if imap.ca_file else None,
            allow_plaintext=imap.allow_plaintext,
        ),
        credentials=Credentials(username=imap.username, password=imap.password),
        folders=imap.folders,
    )
