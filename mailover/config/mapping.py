"""What the settings mean to others: the core's policy, the logs' reach, where and as whom the SMTP client connects."""

from dataclasses import replace

from mailover.config.carriage import PeakHoursSettings
from mailover.config.carrying import pace, stream_mail, weekdays
from mailover.config.feedback import FeedbackSettings
from mailover.config.providers import Auth, ProviderSettings, StreamSettings
from mailover.config.settings import Settings
from mailover.core.policy import AlertPolicy, BreakerPolicy, Policy, ProbePolicy
from mailover.core.providers import PeakHours, Provider, Stream
from mailover.smtp.endpoint import Credentials, Endpoint, Mechanism
from mailover.storage.store import Retention

_MECHANISMS = {
    Auth.AUTO: None,
    Auth.PLAIN: Mechanism.PLAIN,
    Auth.LOGIN: Mechanism.LOGIN,
    Auth.XOAUTH2: Mechanism.XOAUTH2,
}


def policy(settings: Settings) -> Policy:
    """Everything a decision needs, in the core's own values; no credential among them."""
    return Policy(
        providers={name: _provider(name, account) for name, account in settings.providers.items()},
        streams={
            name: replace(_stream(name, stream), mail=stream_mail(settings, stream))
            for name, stream in settings.streams.items()
        },
        breaker=_breaker(settings),
        probes=_probes(settings),
        alerts=_alerts(settings),
    )


def feedback(settings: Settings) -> dict[str, FeedbackSettings]:
    """Which providers may tell of sent mail, and how they prove themselves."""
    told = {name: account.feedback for name, account in settings.providers.items()}
    return {name: table for name, table in told.items() if table is not None}


def retention(settings: Settings) -> Retention:
    """How long the store's logs reach back."""
    storage = settings.storage
    return Retention(observations=storage.keep_observations, history=storage.keep_history)


def endpoint(account: ProviderSettings) -> Endpoint:
    """Where the SMTP client connects."""
    return Endpoint(
        host=account.host,
        port=account.port,
        tls=account.tls,
        ca_file=str(account.ca_file) if account.ca_file else None,
        allow_plaintext=account.allow_plaintext,
        ehlo_name=account.ehlo_name,
    )


def credentials(account: ProviderSettings) -> Credentials | None:
    """As whom it logs in; None where login is not to be probed."""
    if account.username is None or account.password is None:
        return None
    return Credentials(username=account.username, password=account.password, mechanism=_MECHANISMS[account.auth])


def next_credentials(account: ProviderSettings) -> Credentials | None:
    """As whom the next password is rehearsed; None where there is none to come."""
    if account.username is None or account.next_password is None:
        return None
    return Credentials(username=account.username, password=account.next_password, mechanism=_MECHANISMS[account.auth])


def _provider(name: str, account: ProviderSettings) -> Provider:
    return Provider(
        name=name,
        host=account.host,
        port=account.port,
        tls=account.tls,
        sender=account.sender or "",
        enabled=account.enabled,
        shadow=account.shadow,
        quota_resets=account.quota_resets,
        infra=account.infra,
        regions=account.regions,
        pace=pace(account),
    )


def _stream(name: str, stream: StreamSettings) -> Stream:
    return Stream(
        name=name,
        providers=stream.providers,
        mode=stream.mode,
        weights=stream.weights,
        failback=stream.failback,
        when_exhausted=stream.when_exhausted,
        require_dns=stream.require_dns,
        peak_hours=tuple(_peak_hours(hours) for hours in stream.peak_hours),
    )


def _peak_hours(peak: PeakHoursSettings) -> PeakHours:
    return PeakHours(
        start=peak.hours.start,
        end=peak.hours.end,
        zone=peak.zone,
        days=weekdays(peak.days),
        providers=peak.providers,
    )


def _breaker(settings: Settings) -> BreakerPolicy:
    breaker = settings.breaker
    return BreakerPolicy(
        failures=breaker.failures,
        open_for=breaker.open_for,
        open_for_max=breaker.open_for_max,
        auth_open_for=breaker.auth_open_for,
        # An operator who waits longer than the longest default wait means it.
        auth_open_for_max=max(breaker.auth_open_for, BreakerPolicy().auth_open_for_max),
        successes=breaker.successes,
        failback_after=breaker.failback_after,
        failback_max=breaker.failback_max,
        window=breaker.window,
        window_minimum=breaker.window_minimum,
        window_ratio=breaker.window_ratio,
    )


def _probes(settings: Settings) -> ProbePolicy:
    probes, trip = settings.probes, settings.round_trip
    return ProbePolicy(
        deadline=probes.deadline,
        retry_interval=probes.retry_interval,
        auth_pause=probes.auth_pause,
        slow=probes.slow,
        slow_is_failure=probes.slow_is_failure,
        round_trip=trip is not None,
        round_trip_deadline=trip.deadline if trip else ProbePolicy().round_trip_deadline,
    )


def _alerts(settings: Settings) -> AlertPolicy:
    alerts = settings.alerts
    return AlertPolicy(
        failure_rate=alerts.failure_rate,
        latency=alerts.latency,
        window=alerts.window,
        minimum=alerts.minimum,
        complaint_rate=alerts.complaint_rate,
        bounce_rate=alerts.bounce_rate,
        certificate_days=alerts.certificate_days,
        untried_after=alerts.untried_after,
        failovers_a_day=alerts.failovers_a_day,
        remind_every=alerts.remind_every,
        queue_depth=alerts.queue_depth,
        queue_age=alerts.queue_age,
        dns_unknown_after=settings.dns.unknown_after if settings.dns else AlertPolicy().dns_unknown_after,
    )
