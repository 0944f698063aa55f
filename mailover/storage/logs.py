"""The logs: events, the failover log read from them, observations, incidents; appended and paged in one order.

Counting what they hold is `tallies`; the rows of the outbox are its own file.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import sqlalchemy as sa

from mailover.core.events import Event, EventType
from mailover.core.fleet import Incident
from mailover.core.observations import Observation, Purpose
from mailover.errors import NotFoundError, StorageError
from mailover.storage.codec import dumps, loads
from mailover.storage.database import storable
from mailover.storage.rollups import REPORT
from mailover.storage.store import Failover, Page
from mailover.storage.tables import events, incidents, observations

_log = logging.getLogger("mailover.storage")
_Item = TypeVar("_Item")

_MOST = 1000
_LONGEST_CURSOR = 18
"""Digits of a number that every database can compare with."""

FAILOVER_STATUS: Mapping[EventType, str] = {
    EventType.FAILOVER_HAPPENED: "failed over",
    EventType.FAILBACK_HAPPENED: "failed back",
    EventType.STREAM_PINNED: "pinned",
    EventType.STREAM_UNPINNED: "unpinned",
    EventType.STREAM_EXHAUSTED: "exhausted",
    EventType.STREAM_RECOVERED: "recovered",
}
"""The events that may change a stream's provider, and the failover log's word for each."""


def append_events(connection: sa.Connection, happened: Sequence[Event]) -> None:
    """Add to the event log, in this order."""
    for event in happened:
        connection.execute(sa.insert(events).values(**_event_row(event)))


def _event_row(event: Event) -> dict[str, Any]:
    kind, _, name = event.subject.partition("/")
    named = {kind: name} | {key: value for key, value in event.data.items() if isinstance(value, str)}
    return {
        "id": event.id,
        "type": event.type.value,
        "at": event.at,
        "provider": named.get("provider"),
        "stream": named.get("stream"),
        "from_provider": named.get("from"),
        "to_provider": named.get("to"),
        "body": dumps(event),
    }


def append_observations(connection: sa.Connection, seen: Sequence[Observation]) -> None:
    """Add to the health log, in this order."""
    rows = [
        {
            "provider": o.provider,
            "kind": REPORT if o.purpose is Purpose.REPORT or o.probe is None else o.probe.value,
            "scheduled": o.purpose is Purpose.SCHEDULED,
            "ok": o.ok,
            "fair": o.failure is None or o.failure.kind.moves_breaker,
            "count": o.count,
            "seconds": o.seconds,
            "at": o.finished_at,
            "body": dumps(replace(o, stages=tuple((stage, round(seconds, 6)) for stage, seconds in o.stages))),
        }
        for o in seen
    ]
    if rows:
        connection.execute(sa.insert(observations), rows)


def save_incidents(connection: sa.Connection, changed: Sequence[Incident]) -> None:
    """Add new incidents, rewrite known ones."""
    for incident in changed:
        values = {"closed_at": incident.closed_at, "body": dumps(incident)}
        known = connection.execute(sa.update(incidents).where(incidents.c.id == incident.id).values(**values)).rowcount
        if not known:
            connection.execute(sa.insert(incidents).values(id=incident.id, **values))


def page_of_events(
    connection: sa.Connection,
    *,
    after: str | None,
    limit: int,
    types: Iterable[EventType],
    provider: str | None,
    stream: str | None,
    newest_first: bool,
) -> Page[Event]:
    """A piece of the event log. A provider is named by an event also as what a stream left or went to."""
    c = events.c
    wanted: list[sa.ColumnElement[bool]] = [c.type.in_([t.value for t in types])] if (types := tuple(types)) else []
    if provider is not None:
        wanted.append(sa.or_(c.provider == provider, c.from_provider == provider, c.to_provider == provider))
    if stream is not None:
        wanted.append(c.stream == stream)
    place = _place_of_id(connection, events, after)
    rows = _rows(connection, events, wanted, place, limit, newest_first=newest_first)
    return _page(rows, limit, lambda row: loads(Event, row.body), lambda row: str(row.id))


def one_event(connection: sa.Connection, event_id: str) -> Event | None:
    """The event of this id."""
    body = connection.execute(sa.select(events.c.body).where(events.c.id == event_id)).scalar_one_or_none()
    return None if body is None else loads(Event, body)


def page_of_failovers(
    connection: sa.Connection, *, after: str | None, limit: int, stream: str | None, newest_first: bool
) -> Page[Failover]:
    """A piece of the failover log."""
    wanted = [
        events.c.type.in_([t.value for t in FAILOVER_STATUS]),
        events.c.from_provider.is_distinct_from(events.c.to_provider),
        sa.or_(
            events.c.type.not_in([EventType.STREAM_EXHAUSTED.value, EventType.STREAM_RECOVERED.value]),
            events.c.from_provider.is_(None),  # a move between two providers has an event of its own
            events.c.to_provider.is_(None),
        ),
    ]
    if stream is not None:
        wanted.append(events.c.stream == stream)
    place = _place_of_id(connection, events, after)
    rows = _rows(connection, events, wanted, place, limit, newest_first=newest_first)
    return _page(rows, limit, _failover, lambda row: str(row.id))


def _failover(row: Any) -> Failover:
    event = loads(Event, row.body)
    seconds = event.data.get("seconds_to_detect")
    return Failover(
        event=event.id,
        at=event.at,
        stream=row.stream or "",
        from_provider=row.from_provider,
        to_provider=row.to_provider,
        reason=event.because,
        status=FAILOVER_STATUS[event.type],
        seconds=float(seconds) if isinstance(seconds, int | float) else None,
    )


def page_of_observations(
    connection: sa.Connection,
    *,
    after: str | None,
    limit: int,
    provider: str | None,
    kind: str | None,
    newest_first: bool,
) -> Page[Observation]:
    """A piece of the health log."""
    wanted = [] if provider is None else [observations.c.provider == provider]
    if kind is not None:
        wanted.append(observations.c.kind == kind)
    rows = _rows(connection, observations, wanted, _place_of_number(after), limit, newest_first=newest_first)
    return _page(rows, limit, lambda row: loads(Observation, row.body), lambda row: str(row.seq))


def page_of_incidents(
    connection: sa.Connection, *, open_only: bool, after: str | None, limit: int, newest_first: bool
) -> Page[Incident]:
    """A piece of the list of incidents."""
    wanted = [incidents.c.closed_at.is_(None)] if open_only else []
    place = _place_of_id(connection, incidents, after)
    rows = _rows(connection, incidents, wanted, place, limit, newest_first=newest_first)
    return _page(rows, limit, lambda row: loads(Incident, row.body), lambda row: str(row.id))


def one_incident(connection: sa.Connection, incident_id: str) -> Incident | None:
    """The incident of this id."""
    body = connection.execute(sa.select(incidents.c.body).where(incidents.c.id == incident_id)).scalar_one_or_none()
    return None if body is None else loads(Incident, body)


# -- paging -----------------------------------------------------------------------------------------------------------


def _place_of_id(connection: sa.Connection, table: sa.Table, after: str | None) -> int | None:
    """Where in the order a cursor stands that is a row's id."""
    if after is None:
        return None
    found = None
    if storable(after):
        found = connection.execute(sa.select(table.c.seq).where(table.c.id == after)).scalar_one_or_none()
    if found is None:
        raise NotFoundError(f"the list of {table.name} knows no {after!r} to go on from")
    return int(found)


def _place_of_number(after: str | None) -> int | None:
    """Where in the order a cursor stands that is the place itself."""
    if after is None:
        return None
    if not (after.isascii() and after.isdecimal() and len(after) <= _LONGEST_CURSOR):
        raise NotFoundError(f"the list of observations knows no {after!r} to go on from")
    return int(after)


def _rows(
    connection: sa.Connection,
    table: sa.Table,
    wanted: Sequence[sa.ColumnElement[bool]],
    place: int | None,
    limit: int,
    *,
    newest_first: bool,
) -> Sequence[Any]:
    """One row more than the limit, if there is one: it tells whether the list goes on."""
    seq = table.c.seq
    query = sa.select(table).where(*wanted).order_by(seq.desc() if newest_first else seq)
    if place is not None:
        query = query.where(seq < place if newest_first else seq > place)
    return connection.execute(query.limit(_bounded(limit) + 1)).all()


def _page(rows: Sequence[Any], limit: int, read: Callable[[Any], _Item], cursor: Callable[[Any], str]) -> Page[_Item]:
    kept = rows[: _bounded(limit)]
    return Page(items=tuple(_readable(kept, read)), next=cursor(kept[-1]) if len(rows) > len(kept) else None)


def _bounded(limit: int) -> int:
    return max(1, min(limit, _MOST))


def _readable(rows: Iterable[Any], read: Callable[[Any], _Item]) -> Iterator[_Item]:
    """What can be read: one damaged row must not hide all the others."""
    for row in rows:
        try:
            yield read(row)
        except StorageError as error:
            _log.warning("a row of a log is left out: %s", error)
