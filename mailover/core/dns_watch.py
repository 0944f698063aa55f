"""What the DNS checks' verdicts change: a provider's standing for `require_dns`, and events when mail would suffer.

Silence of the DNS changes nothing until it has lasted; meanwhile the last known verdict holds, with its age.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from mailover.core.draft import Draft
from mailover.core.events import EventType, Severity, rfc3339
from mailover.core.fleet import DnsStanding
from mailover.core.observations import DnsVerdict
from mailover.core.sentences import span_words

UNKNOWN = "unknown"
NONE = "none"
_FORGOTTEN_AFTER = timedelta(days=7)


def hear(draft: Draft, verdict: DnsVerdict) -> None:
    """Take in one verdict."""
    if verdict.provider and verdict.provider not in draft.breakers:
        return
    if verdict.provider and verdict.decides and not verdict.silent:
        _hold_against(draft, verdict.provider, verdict.verdict)
    if not verdict.domain:
        return
    key = f"{verdict.domain}/{verdict.provider}" if verdict.provider else verdict.domain
    before = draft.fleet.dns.get(key)
    standing = _silent(draft, verdict, before) if verdict.silent else _told(draft, verdict, before)
    recent = {name: each for name, each in draft.fleet.dns.items() if each.heard_at > draft.now - _FORGOTTEN_AFTER}
    draft.rewrite(dns={**recent, key: standing})


def _hold_against(draft: Draft, provider: str, verdict: str) -> None:
    breaker = draft.breakers[provider]
    if breaker.dns != verdict:
        draft.put(replace(breaker, dns=verdict))


def _told(draft: Draft, verdict: DnsVerdict, before: DnsStanding | None) -> DnsStanding:
    """The DNS answered: the verdict holds from now on."""
    broken = verdict.verdict == NONE
    was_broken = before is not None and before.broken
    known_broken = before is not None and was_broken and before.verdict == NONE
    if broken and not known_broken:
        severity = Severity.CRITICAL if _matters_now(draft, verdict) else Severity.WARNING
        _emit(draft, EventType.DNS_BROKEN, severity, verdict, verdict.because)
    elif was_broken and not broken:
        _emit(draft, EventType.DNS_REPAIRED, Severity.INFO, verdict, verdict.because)
    return DnsStanding(
        verdict=verdict.verdict,
        because=verdict.because,
        known_at=draft.now,
        heard_at=draft.now,
        broken=broken,
    )


def _silent(draft: Draft, verdict: DnsVerdict, before: DnsStanding | None) -> DnsStanding:
    """The DNS did not answer: nothing is known anew, and after a while that is worth an alert of its own."""
    standing = before or DnsStanding(verdict=UNKNOWN, because=verdict.because, heard_at=draft.now)
    since = standing.silent_since or draft.now
    lasted = draft.now - since >= draft.policy.alerts.dns_unknown_after
    if lasted and not standing.broken:
        known = _last_known(standing, draft.now)
        span = span_words(draft.now - since)
        because = f"for {span} nobody knows the DNS of {verdict.domain}{known}: {verdict.because}"
        _emit(draft, EventType.DNS_BROKEN, Severity.WARNING, verdict, because)
    return replace(standing, silent_since=since, heard_at=draft.now, broken=standing.broken or lasted)


def _last_known(standing: DnsStanding, now: datetime) -> str:
    if standing.known_at is None:
        return ""
    return (
        f" (last known {span_words(now - standing.known_at)} ago, at {rfc3339(standing.known_at)}: {standing.verdict})"
    )


def _matters_now(draft: Draft, verdict: DnsVerdict) -> bool:
    """Whether mail goes that way at this moment, and not only on the day it is needed."""
    return bool(verdict.provider and draft.streams_led_by(verdict.provider))


def _emit(draft: Draft, kind: EventType, severity: Severity, verdict: DnsVerdict, because: str) -> None:
    draft.emit(
        kind,
        f"domain/{verdict.domain}",
        severity,
        because,
        domain=verdict.domain,
        provider=verdict.provider or None,
        verdict=verdict.verdict,
    )
