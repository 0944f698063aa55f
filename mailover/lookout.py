"""What the agent looks at, as the settings have it: providers, references, the mailbox of round trips, the DNS.

Values and parts that do not run yet; who starts them is `bootstrap`'s business, or that of a command that probes once.
"""

from collections.abc import Mapping

from agent.dns_watch import DnsWatched
from agent.loop import Rhythm, Watched
from agent.mail_exchangers import reaching
from agent.probes import RoundTrip, Target
from agent.probes.arrivals import Arrivals, Mailbox
from agent.probes.imap import ImapAccount, ImapMailbox
from agent.probes.looking import Now
from agent.probes.marks import agent_mark
from agent.probes.webhook import WebhookMailbox
from agent.self_check import Reference
from agent.sts_policy import fetching
from dns_checks.report import Also
from dns_checks.servers import server_from
from mailover.config import Settings
from mailover.config.dns import Also as AlsoSetting
from mailover.config.dns_needs import provider_needs, sender_domains
from mailover.config.mapping import credentials, endpoint, next_credentials
from mailover.config.watching import ImapSettings, MailboxKind, RoundTripSettings
from mailover.resolve import Resolver
from mailover.smtp import Credentials, Endpoint


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
            next_credentials=next_credentials(account),
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
    trip = settings.round_trip
    return Watched(
        targets=targets(settings),
        references=[Reference(host=peer.host, port=peer.port) for peer in settings.references.tcp],
        round_trip=_round_trip(trip, settings.server.instance, names, now) if trip is not None else None,
        resolver=names,
        dns=_watched_dns(settings, names),
    )


def _watched_dns(settings: Settings, names: Resolver) -> DnsWatched | None:
    dns = settings.dns
    if dns is None:
        return None
    return DnsWatched(
        domains=dns.domains,
        providers=tuple(provider_needs(settings).values()),
        senders=sender_domains(settings),
        also=Also(
            mx=AlsoSetting.MX in dns.also,
            exchangers=dns.mx,
            reach=reaching() if dns.reach else None,
            tls=AlsoSetting.TLS in dns.also,
            fetch=fetching(names),
            addresses=tuple(str(each.network_address) for each in dns.relay_addresses),
        ),
        interval=dns.interval,
        servers=tuple(server_from(str(each)) for each in settings.resolver.nameservers),
        authorities=AlsoSetting.AUTHORITY in dns.also,
    )


def _round_trip(trip: RoundTripSettings, instance: str, names: Resolver, now: Now) -> RoundTrip:
    arrivals = Arrivals(now)
    mark = agent_mark(instance)
    mailbox: Mailbox = WebhookMailbox(arrivals)
    if trip.mailbox is MailboxKind.IMAP and trip.imap is not None:
        mailbox = ImapMailbox(_imap_account(trip.imap), agent=mark, arrivals=arrivals, resolver=names, now=now)
    elif trip.mailbox is MailboxKind.SMTP and trip.smtp is not None:
        from agent.probes.sink import SinkMailbox  # noqa: PLC0415 - a mail server of which few houses need any

        listen = trip.smtp.listen
        mailbox = SinkMailbox(to=trip.to, host=listen.host, port=listen.port, arrivals=arrivals)
    deadline = trip.deadline.total_seconds()
    return RoundTrip(to=trip.to, mailbox=mailbox, arrivals=arrivals, agent=mark, deadline=deadline)


def _imap_account(imap: ImapSettings) -> ImapAccount:
    return ImapAccount(
        endpoint=Endpoint(
            host=imap.host,
            port=imap.port,
            tls=imap.tls,
            ca_file=str(imap.ca_file) if imap.ca_file else None,
            allow_plaintext=imap.allow_plaintext,
        ),
        credentials=Credentials(username=imap.username, password=imap.password),
        folders=imap.folders,
    )
