"""Which page of the runbook an alert leads to. The pages themselves are docs/woken.md; nothing is rendered here."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from mailover.core.events import EventType

RUNBOOK = "docs/woken.md"

SECTIONS: Mapping[EventType, str] = {
    EventType.FAILOVER_HAPPENED: "A provider is out, and the mail goes through another",
    EventType.FAILBACK_HAPPENED: "The mail goes through the better provider again",
    EventType.PROVIDER_OPENED: "A provider is out, and the mail goes through another",
    EventType.PROVIDER_CLOSED: "The mail goes through the better provider again",
    EventType.STREAM_EXHAUSTED: "No provider is left",
    EventType.STREAM_RECOVERED: "No provider is left",
    EventType.STREAM_NO_SPARE: "A stream has no spare",
    EventType.STREAM_SPARE_READY: "A stream has no spare",
    EventType.PROVIDER_SLOW: "A provider is degraded",
    EventType.PROVIDER_NORMAL: "A provider is degraded",
    EventType.PROVIDER_DEGRADED: "A provider is degraded",
    EventType.PROVIDER_UNTRIED: "A spare has not been tried lately",
    EventType.PROVIDER_REHEARSED: "The next password was tried",
    EventType.PROVIDER_DISABLED: "Taking a provider out by hand",
    EventType.CERTIFICATE_EXPIRING: "A certificate expires",
    EventType.FAILOVERS_EXCESSIVE: "Too many failovers",
    EventType.INCIDENT_ACKNOWLEDGED: "Nobody has acknowledged an incident",
    EventType.INCIDENT_UNACKNOWLEDGED: "Nobody has acknowledged an incident",
    EventType.AGENT_BLIND: "The agent is blind",
    EventType.AGENT_SIGHTED: "The agent is blind",
    EventType.MAILBOX_FAILING: "The mailbox of the test messages fails",
    EventType.MAILBOX_RECOVERED: "The mailbox of the test messages fails",
    EventType.STORAGE_FAILING: "The store cannot be written",
    EventType.STORAGE_RECOVERED: "The store cannot be written",
    EventType.DNS_BROKEN: "DNS is wrong",
    EventType.DNS_REPAIRED: "DNS is wrong",
    EventType.QUEUE_GROWING: "The queue grows",
    EventType.QUEUE_DRAINED: "The queue grows",
    EventType.QUEUE_AMBIGUOUS: "Mail was sent and never answered",
    EventType.RELAY_FAILING: "The relay hangs",
    EventType.RELAY_RECOVERED: "The relay hangs",
}
"""The heading that answers each alert."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """Where the words of an alert lead to."""

    runbook: str | None = None
    """Web address of the runbook, None when it is only a file beside the code."""
    home: str | None = None
    """Web address of this mailover."""


NOWHERE = Links()


def anchor(heading: str) -> str:
    """A heading's name in an address, as code hosts make it."""
    return re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-")


def page(kind: EventType, links: Links) -> str | None:
    """Where to read on: a web address, or a place in the documents; None for an event that asks for nothing."""
    heading = SECTIONS.get(kind)
    return None if heading is None else f"{links.runbook or RUNBOOK}#{anchor(heading)}"
