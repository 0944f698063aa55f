"""The store on SQLAlchemy Core, for SQLite and PostgreSQL alike: which transaction each promise of `Store` is kept in.

The statements themselves are in the files named after what they touch.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from mailover.core.events import Event, EventType
from mailover.core.fleet import Fleet, Incident
from mailover.core.observations import Observation
from mailover.errors import StorageError, StorageFullError
from mailover.storage import fleet_rows, keepsakes, logs, outbox, rollups, schema
from mailover.storage.database import Database, storable
from mailover.storage.hook_rows import HookRows
from mailover.storage.mail_rows import MailRows
from mailover.storage.reserve import Reserve
from mailover.storage.salvage import salvage
from mailover.storage.sealing import Seal
from mailover.storage.setting_aside import set_aside_if_damaged
from mailover.storage.store import (
    Backlog,
    Delivery,
    Failover,
    Page,
    Remembered,
    Retention,
    Routing,
    StoredToken,
    Tally,
    nowhere,
)
from mailover.storage.tallies import tallies


class SqlStore:
    """The `Store` of the house."""

    def __init__(self, database: Database, seal: Seal | None = None) -> None:
        """The schema must be up to date; `open_store` sees to it."""
        self._database = database
        self.hooks = HookRows(database)
        self.mail = MailRows(database, seal or Seal())

    @property
    def damage(self) -> str | None:
        """What was set aside."""
        aside = self._database.aside
        return None if aside is None else f"it was damaged and is set aside as {aside.name}; a new one begins"

    # -- the fleet ------------------------------------------------------------------------------------------------

    def load(self) -> Fleet | None:
        """The latest fleet."""
        with self._database.reading() as connection:
            return fleet_rows.load(connection)

    def commit(
        self,
        fleet: Fleet,
        previous: Fleet | None,
        *,
        events: Sequence[Event] = (),
        observations: Sequence[Observation] = (),
        incidents: Sequence[Incident] = (),
        endpoints: Routing = nowhere,
    ) -> None:
        """All of it or nothing."""
        with self._database.writing() as connection:
            fleet_rows.save(connection, fleet, previous)
            logs.append_events(connection, events)
            logs.append_observations(connection, observations)
            logs.save_incidents(connection, incidents)
            for event in events:
                outbox.put(connection, event, endpoints(event))

    # -- the logs -------------------------------------------------------------------------------------------------

    def events(
        self,
        *,
        after: str | None = None,
        limit: int = 100,
        types: Iterable[EventType] = (),
        provider: str | None = None,
        stream: str | None = None,
        newest_first: bool = False,
    ) -> Page[Event]:
        """A piece of the event log."""
        if not _storable(provider, stream):
            return Page(items=())
        with self._database.reading() as connection:
            return logs.page_of_events(
                connection,
                after=after,
                limit=limit,
                types=tuple(types),
                provider=provider,
                stream=stream,
                newest_first=newest_first,
            )

    def event(self, event_id: str) -> Event | None:
        """One event."""
        if not _storable(event_id):
            return None
        with self._database.reading() as connection:
            return logs.one_event(connection, event_id)

    def failovers(
        self, *, after: str | None = None, limit: int = 100, stream: str | None = None, newest_first: bool = False
    ) -> Page[Failover]:
        """A piece of the failover log."""
        if not _storable(stream):
            return Page(items=())
        with self._database.reading() as connection:
            return logs.page_of_failovers(
                connection, after=after, limit=limit, stream=stream, newest_first=newest_first
            )

    def observations(
        self,
        *,
        after: str | None = None,
        limit: int = 100,
        provider: str | None = None,
        kind: str | None = None,
        newest_first: bool = False,
    ) -> Page[Observation]:
        """A piece of the health log."""
        if not _storable(provider, kind):
            return Page(items=())
        with self._database.reading() as connection:
            return logs.page_of_observations(
                connection, after=after, limit=limit, provider=provider, kind=kind, newest_first=newest_first
            )

    def incidents(
        self, *, open_only: bool = False, after: str | None = None, limit: int = 100, newest_first: bool = False
    ) -> Page[Incident]:
        """A piece of the list of incidents."""
        with self._database.reading() as connection:
            return logs.page_of_incidents(
                connection, open_only=open_only, after=after, limit=limit, newest_first=newest_first
            )

    def incident(self, incident_id: str) -> Incident | None:
        """One incident."""
        if not _storable(incident_id):
            return None
        with self._database.reading() as connection:
            return logs.one_incident(connection, incident_id)

    def tallies(self, since: datetime) -> Mapping[str, Tally]:
        """Counts per provider."""
        with self._database.reading() as connection:
            return tallies(connection, since)

    def tidy(self, now: datetime, keep: Retention) -> bool:
        """One step of forgetting."""
        with self._database.writing() as connection:
            return rollups.tidy(connection, now, keep)

    # -- the outbox -----------------------------------------------------------------------------------------------

    def outbox_due(self, endpoint: str | None, *, now: datetime, limit: int, lease: timedelta) -> tuple[Delivery, ...]:
        """Lease what may be tried now."""
        with self._database.writing() as connection:
            named = None if endpoint is None else (endpoint,)
            return outbox.lease_due(connection, named, now=now, limit=limit, lease=lease)

    def outbox_next_due(self, endpoint: str) -> datetime | None:
        """When there is something to try."""
        with self._database.reading() as connection:
            return outbox.next_due(connection, endpoint)

    def backlogs(self) -> tuple[Backlog, ...]:
        """What waits."""
        with self._database.reading() as connection:
            return outbox.backlogs(connection)

    # -- kept by name ---------------------------------------------------------------------------------------------

    def tokens(self) -> tuple[StoredToken, ...]:
        """All of them."""
        with self._database.reading() as connection:
            return keepsakes.all_tokens(connection)

    def add_token(self, name: str, sha256: str, scopes: Iterable[str], created_at: datetime) -> None:
        """Refused when the name is taken."""
        token = StoredToken(name=name, sha256=sha256, scopes=tuple(scopes), created_at=created_at)
        with self._database.writing() as connection:
            keepsakes.add_token(connection, token)

    def revoke_token(self, name: str) -> bool:
        """Whether there was one."""
        with self._database.writing() as connection:
            return keepsakes.revoke_token(connection, name)

    def remember(self, key: str, token: str, answer: Remembered, at: datetime) -> None:
        """The first answer stays."""
        with self._database.writing() as connection:
            keepsakes.remember(connection, key, token, answer, at)

    def recall(self, key: str, token: str, now: datetime) -> Remembered | None:
        """The answer kept."""
        with self._database.reading() as connection:
            return keepsakes.recall(connection, key, token, now)

    def note(self, key: str) -> object:
        """A note."""
        with self._database.reading() as connection:
            return keepsakes.note(connection, key)

    def set_note(self, key: str, value: object) -> None:
        """Replace it."""
        with self._database.writing() as connection:
            keepsakes.set_note(connection, key, value)

    # -- life -----------------------------------------------------------------------------------------------------

    def writable(self) -> bool:
        """Takes the writer's place and gives it back, having really changed and unchanged a row."""
        try:
            with self._database.writing() as connection, connection.begin_nested() as trial:
                keepsakes.set_note(connection, "writable", value=True)
                trial.rollback()
        except StorageError:
            return False
        return True

    def close(self) -> None:
        """Let go of every connection."""
        self._database.close()


def open_store(url: str, seal: Seal | None = None) -> SqlStore:
    """The store at this URL, its schema brought up to date; mail is sealed by `seal`. Raises StorageError."""
    database = Database(url)
    try:
        try:
            _prepare(database)
        except StorageFullError:  # opening needs some room, too
            if database.file is None or not Reserve(database.file).let_go():
                raise
            _prepare(database)
    except BaseException:
        database.close()
        raise
    return SqlStore(database, seal)


def _prepare(database: Database) -> None:
    with set_aside_if_damaged(database) as aside:
        schema.upgrade(database)
        if aside is not None:
            salvage(aside, database)


def _storable(*names: str | None) -> bool:
    return all(name is None or storable(name) for name in names)
