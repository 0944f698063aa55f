"""Exim's readsocket: the hosts for one recipient as `route_data` of a manualroute router takes them, in order.

Exim tries them in turn, so it moves on by itself. What cannot be answered is told a host that is never found, since
nothing at all would have Exim bounce the message; with `host_find_failed = defer` it waits.
"""

from datetime import datetime

from mailover.core.providers import Provider, Tls
from mailover.service import Snapshot
from webhooks.adapters.choice import places, way_of
from webhooks.adapters.wonder import Wonder

HELD = "held-by-mailover.invalid"


def hosts(snapshot: Snapshot, now: datetime, question: str, wonder: Wonder) -> str:
    """The answer to `route ADDRESS` or `route ADDRESS STREAM`: `host::port:host::port`."""
    verb, _, about = question.partition(" ")
    local, at, rest = about.rpartition("@")
    domain, _, name = rest.partition(" ")
    stream = name or snapshot.default_stream
    if stream not in snapshot.flags:
        wonder.at(stream)
    if verb != "route" or not (local and at and domain) or stream not in snapshot.flags:
        return HELD
    ways = places(snapshot, way_of(snapshot, now, stream=stream, recipient=f"{local}@{domain}".lower()))
    wrapped = bool(ways) and ways[0].tls is Tls.IMPLICIT  # one transport speaks one kind of TLS
    listed = (_item(each) for each in ways if (each.tls is Tls.IMPLICIT) == wrapped)
    return ":".join(listed) or HELD


def _item(provider: Provider) -> str:
    """A host with its port, every colon doubled: a single one parts hosts. An IPv6 address is in brackets."""
    host = f"[{provider.host}]" if ":" in provider.host else provider.host
    return f"{host}:{provider.port}".replace(":", "::")
