"""What the settings about carrying mail mean to the core: paces, hours, geography and identities in its own values."""

from mailover.config.carriage import GeographySettings, HoursSettings, IdentitySettings, Weekday
from mailover.config.providers import ProviderSettings, StreamSettings
from mailover.config.settings import Settings
from mailover.core.carriage import PLAIN, Geography, Identity, Pace, StreamMail
from mailover.core.hours import Hours

_USUAL_PRIORITY = 3
_POSTPONED_PRIORITY = 6
_WEEK = tuple(Weekday)


def pace(account: ProviderSettings) -> Pace:
    """What a provider may be given."""
    return Pace(
        concurrency=account.concurrency,
        rate=account.rate,
        daily_quota=account.daily_quota,
        warm_start=account.warm_start,
        warm_factor=account.warm_factor,
    )


def stream_mail(settings: Settings, stream: StreamSettings) -> StreamMail:
    """What a stream asks for its mail."""
    usual = _POSTPONED_PRIORITY if stream.postpone else _USUAL_PRIORITY
    return StreamMail(
        deadline=stream.deadline,
        priority=usual if stream.priority is None else stream.priority,
        at_least_once=stream.at_least_once,
        suppress=stream.suppress,
        retention=stream.retention,
        hours=tuple(_hours(each) for each in stream.sending_hours),
        postpone=stream.postpone,
        warm_share=stream.warm_share,
        geography=tuple(_geography(each) for each in stream.geography),
        selector=stream.selector or "",
        identities=_identities(settings, stream),
    )


def weekdays(days: tuple[Weekday, ...]) -> frozenset[int]:
    """Weekdays by number, Monday is 0."""
    return frozenset(_WEEK.index(day) for day in days)


def _hours(table: HoursSettings) -> Hours:
    return Hours(start=table.hours.start, end=table.hours.end, zone=table.zone, days=weekdays(table.days))


def _geography(table: GeographySettings) -> Geography:
    return Geography(
        domains=frozenset(each for each in table.recipients if not each.startswith("*")),
        suffixes=tuple(each[1:] for each in table.recipients if each.startswith("*")),
        tags=frozenset(table.tags),
        regions=frozenset(table.regions),
        providers=frozenset(table.providers),
        only=table.only,
    )


def _identities(settings: Settings, stream: StreamSettings) -> dict[str, Identity]:
    """By provider, without those through which nothing is changed."""
    found = {name: _identity(account, stream.identity.get(name)) for name, account in settings.providers.items()}
    return {name: identity for name, identity in found.items() if identity != PLAIN}


def _identity(account: ProviderSettings, here: IdentitySettings | None) -> Identity:
    """The provider's own, and over it the stream's; a header's name is one whatever its case."""
    own = here or IdentitySettings()
    headers = {name.lower(): (name, text) for name, text in (*account.headers.items(), *own.headers.items())}
    return Identity(
        envelope_from=own.envelope_from or account.envelope_from or "",
        header_from=own.header_from or account.header_from or "",
        headers=tuple(headers.values()),
    )
