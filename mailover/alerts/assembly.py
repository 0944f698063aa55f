"""From the settings to everything that tells people: which event goes where, and who carries it there."""

from typing import TYPE_CHECKING

from mailover.addresses import reach_of
from mailover.alerts.apprise_channel import AppriseChannel, endpoint_name, installed
from mailover.alerts.commands import HookCommand
from mailover.alerts.courier import Courier
from mailover.alerts.dead_man import DeadMan
from mailover.alerts.messages import worth_following, worth_telling
from mailover.alerts.posting import Poster
from mailover.alerts.runbook import Links
from mailover.alerts.transport import Count, Transport, uncounted
from mailover.clock import Clock
from mailover.config import Settings
from mailover.config.adapters import HookSettings, hook_endpoint
from mailover.core.events import Event
from mailover.core.interest import Interest
from mailover.errors import ConfigError
from mailover.resolve import Resolver
from mailover.service import Service
from mailover.storage.roster import Hook
from mailover.storage.store import Store

if TYPE_CHECKING:
    from mailover.alerts.slack_inlet import SlackInlet

_SLACK = "slack"


def routes(settings: Settings, event: Event) -> tuple[str, ...]:
    """Which outbox rows an event gets, in the same transaction that records it."""
    to: list[str] = []
    if settings.slack is not None:
        lives = settings.slack.webhook_url is None
        to += [_SLACK] if (worth_following(event) if lives else worth_telling(event)) else []
    if worth_telling(event):
        to += [endpoint_name(url) for url in settings.alerts.apprise_urls]
    to += [hook_endpoint(name) for name, hook in settings.adapters.hooks.items() if _wants(hook, event)]
    return tuple(to)


def couriers(settings: Settings, store: Store, clock: Clock, count: Count = uncounted) -> list[Courier]:
    """One for each way of telling people. Raises ConfigError when what it needs is not installed."""
    urls = settings.alerts.apprise_urls
    if urls and not installed():
        raise ConfigError(["alerts.apprise_urls: apprise is not installed: pip install apprise"])
    links = Links(runbook=settings.alerts.runbook_url, home=settings.server.public_url)
    made: list[tuple[str, Transport]] = [(endpoint_name(url), AppriseChannel(url, clock, links=links)) for url in urls]
    source = f"mailover/{settings.server.instance}"
    made += [(hook_endpoint(name), HookCommand(name, hook, source)) for name, hook in settings.adapters.hooks.items()]
    others = [Courier(name, channel, store, clock, count=count) for name, channel in made]
    return [*_slack(settings, store, clock, links, count), *others]


def hooks(settings: Settings) -> tuple[Hook, ...]:
    """The receivers of outgoing webhooks that the config names."""
    return tuple(
        Hook(
            name=name,
            url=each.url,
            secret=each.secret,
            old_secret=each.old_secret,
            interest=Interest(
                events=each.events, streams=each.streams, providers=each.providers, severity=each.severity
            ),
            reach=reach_of(each.url, private=each.allow_private),
            header=each.header,
            timeout=each.timeout,
            max_age=each.max_age,
            latest_only=each.latest_only,
        )
        for name, each in settings.webhooks.items()
    )


def _wants(hook: HookSettings, event: Event) -> bool:
    interest = Interest(events=hook.events, streams=hook.streams, providers=hook.providers, severity=hook.severity)
    return interest.wants(event)


def dead_man(settings: Settings, clock: Clock) -> DeadMan | None:
    """The pings, where they are configured."""
    url = settings.alerts.dead_man_url
    return None if url is None else DeadMan(url, clock)


def slack_inlet(settings: Settings, service: Service) -> "SlackInlet | None":
    """Who hears Slack's buttons and its command, where somebody may press."""
    slack = settings.slack
    if slack is None or not slack.heard:
        return None
    from mailover.alerts.slack_api import SlackApi  # noqa: PLC0415 - Slack's library: only where Slack is told
    from mailover.alerts.slack_desk import SlackDesk  # noqa: PLC0415 - as above
    from mailover.alerts.slack_endpoint import SlackEndpoint  # noqa: PLC0415 - as above
    from mailover.alerts.slack_inlet import SlackInlet  # noqa: PLC0415 - as above
    from mailover.alerts.slack_replies import replying  # noqa: PLC0415 - as above
    from mailover.alerts.slack_signature import SlackSignatures  # noqa: PLC0415 - as above
    from mailover.alerts.slack_socket import SlackSocket  # noqa: PLC0415 - as above

    names = _resolver(settings)
    desk = SlackDesk(service, slack.operators, replying(Poster(resolver=names), slack.api_url))
    socket = endpoint = None
    if slack.app_token:
        api = SlackApi(slack.app_token, service.clock, api_url=slack.api_url, poster=Poster(resolver=names))
        socket = SlackSocket(api, desk, resolver=names)
    if slack.signing_secret:
        endpoint = SlackEndpoint(SlackSignatures(slack.signing_secret, service.clock), desk)
    return SlackInlet(desk, socket, endpoint)


def _resolver(settings: Settings) -> Resolver:
    return Resolver(nameservers=[str(server) for server in settings.resolver.nameservers])


def _slack(settings: Settings, store: Store, clock: Clock, links: Links, count: Count) -> list[Courier]:
    slack = settings.slack
    if slack is None:
        return []
    from mailover.alerts.living import LivingMessages  # noqa: PLC0415 - Slack's library: only where Slack is told
    from mailover.alerts.notebook import Notebook  # noqa: PLC0415 - as above
    from mailover.alerts.slack import PACE, Slack, SlackAccount  # noqa: PLC0415 - as above

    account = SlackAccount(
        token=slack.token, channel=slack.channel, webhook_url=slack.webhook_url, api_url=slack.api_url
    )
    bot, most = account.bot(clock), settings.alerts.posts_an_hour
    if bot is None:
        return [Courier(_SLACK, Slack(account, clock, links=links), store, clock, pace=PACE, count=count)]
    notes = Notebook(store, _SLACK)
    living = LivingMessages(bot, notes, clock, links=links, posts_an_hour=most, pressable=slack.heard)
    return [Courier(_SLACK, living, store, clock, pace=PACE, count=count)]
