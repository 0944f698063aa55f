"""The mail queue on SQLAlchemy Core: which transaction each promise of `MailQueue` is kept in.

The statements are in the files named after what they do.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import partial
from typing import TypeVar

import sqlalchemy as sa

from mailover.core.mail import Fate, Leased, Mail, QueueDepth, Settlement, Suppression
from mailover.errors import StorageFullError
from mailover.storage import mail_counts, mail_forgetting, mail_log, mail_taking, suppressed
from mailover.storage.database import Database, adding, storable, upsert
from mailover.storage.hot import HotStatement
from mailover.storage.mail_counts import Counts
from mailover.storage.mail_holding import Holding
from mailover.storage.mail_putting import Numbers, Put, put
from mailover.storage.mail_settling import Known, OutdatedError, settle, settle_known
from mailover.storage.mail_states import hash_of, sender_hash_of
from mailover.storage.reserve import Reserve
from mailover.storage.sealing import Seal
from mailover.storage.store import Page
from mailover.storage.tables import mail_streams, mail_uses

_T = TypeVar("_T")

_ANY = "any"


class MailRows:
    """The `MailQueue` of the house."""

    def __init__(self, database: Database, seal: Seal) -> None:
        """The schema must be up to date."""
        self._database = database
        self._reserve = Reserve(database.file) if database.file is not None else None
        self._seal = seal
        self._numbers = Numbers()
        self._holding = Holding()
        self._asked_for_keys = False

    def reseal(self, seal: Seal) -> None:
        """From now on with these keys; what waited for one of them is due."""
        self._seal = seal
        self._asked_for_keys = False

    # -- the relay ------------------------------------------------------------------------------------------------

    def commit(
        self,
        *,
        puts: Sequence[Put] = (),
        settlements: Sequence[Settlement] = (),
        uses: Mapping[date, Mapping[str, int]] = {},
        holder: str,
        now: datetime,
        until: datetime,
    ) -> tuple[str, ...]:
        """All of it or nothing."""
        if puts and self._reserve is not None:
            self._reserve.check()

        new: list[Known] = []
        known = self._holding.take(settlements)

        def write(connection: sa.Connection) -> tuple[str, ...]:
            nonlocal new
            counts = Counts()
            ids: tuple[str, ...] = ()
            if puts:
                ids, new = put(connection, puts, counts, self._seal, self._numbers, holder=holder, until=until)
            quickly = [each for each in settlements if each.mail in known]
            slowly = [each for each in settlements if each.mail not in known]
            if quickly:
                settle_known(connection, quickly, known, counts, holder=holder, now=now)
            if slowly:
                settle(connection, slowly, counts, holder=holder, now=now)
            _use(connection, uses)
            counts.write(connection)
            return ids

        try:
            ids = self._write(write, into_reserve=not puts)
        except OutdatedError:
            known = {}
            ids = self._write(write, into_reserve=not puts)
        self._holding.add(new)
        return ids

    def put(self, mails: Sequence[Put], *, holder: str, until: datetime) -> tuple[str, ...]:
        """Keep new mails."""
        return self.commit(puts=mails, holder=holder, now=until, until=until)

    def settle(self, settlements: Sequence[Settlement], *, holder: str, now: datetime) -> None:
        """Write what became of recipients."""
        self.commit(settlements=settlements, holder=holder, now=now, until=now)

    def lease(
        self,
        *,
        holder: str,
        now: datetime,
        until: datetime,
        limit: int,
        most_bytes: int,
        without: Collection[str] = (),
    ) -> tuple[Leased, ...]:
        """Take what may be tried now."""

        def take(connection: sa.Connection) -> tuple[tuple[Leased, ...], list[Known]]:
            if not self._asked_for_keys:
                mail_taking.await_keys(connection, self._seal)
            return mail_taking.lease(
                connection,
                self._seal,
                holder=holder,
                now=now,
                until=until,
                limit=limit,
                most_bytes=most_bytes,
                without=without,
            )

        leased, known = self._write(take)
        self._asked_for_keys = True
        self._holding.add(known)
        return leased

    def renew(self, ids: Collection[str], *, holder: str, until: datetime) -> frozenset[str]:
        """Hold them longer."""
        return self._write(lambda connection: mail_taking.renew(connection, ids, holder=holder, until=until))

    def release(self, *, holder: str) -> None:
        """Give everything back."""
        self._write(lambda connection: mail_taking.release(connection, holder=holder))

    def inherit(self) -> int:
        """End every lease."""
        return self._write(mail_taking.inherit)

    def next_due(self, now: datetime, without: Collection[str] = ()) -> datetime | None:
        """When there is something to lease."""
        with self._database.reading() as connection:
            return mail_taking.next_due(connection, now, without)

    def hasten(self, providers: Collection[str], now: datetime, limit: int = 1000) -> int:  # noqa: ARG002 - no instant is stored
        """Make due what waits for one of them."""
        names = [_ANY, *(name for name in providers if storable(name))]
        return self._write(lambda connection: mail_taking.hasten(connection, names, limit))

    # -- operators ------------------------------------------------------------------------------------------------

    def depths(self) -> Mapping[str, QueueDepth]:
        """By stream."""
        with self._database.reading() as connection:
            return mail_counts.depths(connection)

    def mails(
        self,
        *,
        after: str | None = None,
        limit: int = 100,
        stream: str | None = None,
        fate: Fate | None = None,
        recipient: str | None = None,
        newest_first: bool = False,
    ) -> Page[Mail]:
        """A piece of the list."""
        if stream is not None and not storable(stream):
            return Page(items=())
        with self._database.reading() as connection:
            return mail_log.page(
                connection,
                after=after,
                limit=limit,
                stream=stream,
                fate=fate,
                recipient=recipient,
                newest_first=newest_first,
            )

    def mail(self, mail_id: str) -> Mail | None:
        """One mail."""
        if not storable(mail_id):
            return None
        with self._database.reading() as connection:
            return mail_log.one(connection, mail_id)

    def content(self, mail_id: str) -> bytes | None:
        """Its content while it is kept."""
        if not storable(mail_id):
            return None
        with self._database.reading() as connection:
            return mail_log.content(connection, mail_id, self._seal)

    def retry(self, ids: Collection[str], now: datetime) -> int:
        """Queue again what ended badly."""
        return self._write(lambda connection: mail_log.retry(connection, _storable(ids), now))

    def drop(self, ids: Collection[str], now: datetime) -> int:
        """Let it go."""
        return self._write(lambda connection: mail_log.drop(connection, _storable(ids), now))

    def pause(self, stream: str, *, paused: bool) -> None:
        """Accepted, not sent."""
        self._write(lambda connection: upsert(connection, mail_streams, {"stream": stream, "paused": paused}))

    # -- addresses ------------------------------------------------------------------------------------------------

    def suppress(self, suppressions: Sequence[Suppression]) -> None:
        """Remember addresses."""
        self._write(lambda connection: suppressed.add(connection, suppressions))

    def learn(self, told: Mapping[str, Suppression], now: datetime) -> frozenset[str]:
        """Remember what was not told before."""
        return self._write(lambda connection: suppressed.learn(connection, told, now))

    def unsuppress(self, address: str) -> bool:
        """Whether it was remembered."""
        return self._write(lambda connection: suppressed.remove(connection, address))

    def suppressed(self, addresses: Collection[str]) -> Mapping[str, Suppression]:
        """Those that are remembered."""
        with self._database.reading() as connection:
            return suppressed.among(connection, addresses)

    def suppressions(self, *, after: str | None = None, limit: int = 100) -> Page[Suppression]:
        """By address."""
        if after is not None and not storable(after):
            return Page(items=())
        with self._database.reading() as connection:
            return suppressed.page(connection, after=after, limit=limit)

    def erase(self, address: str) -> int:
        """Forget a person, in short steps."""
        erased = 0
        for found_by in (hash_of(address), sender_hash_of(address)):
            after: int | None = 0
            while after is not None:
                step = partial(mail_forgetting.erase, address=address, found_by=found_by, after=after)
                after, some = self._write(step)
                erased += some
        self._database.empty_log()
        return erased

    # -- keeping house --------------------------------------------------------------------------------------------

    def used(self, day: date) -> Mapping[str, int]:
        """What each provider took."""
        with self._database.reading() as connection:
            rows = connection.execute(sa.select(mail_uses).where(mail_uses.c.day == day.isoformat()))
            return {row["provider"]: row["count"] for row in rows.mappings()}

    def use(self, day: date, counts: Mapping[str, int]) -> None:
        """Add to it."""
        self._write(lambda connection: _use(connection, {day: counts}))

    def tidy(self, now: datetime, keep: Mapping[str, timedelta], usual: timedelta) -> bool:
        """One step of forgetting; after the last one nothing of it is left in the file's log."""
        more = self._write(lambda connection: mail_forgetting.tidy(connection, now, keep, usual))
        if not more:
            self._database.empty_log()
        return more

    def _write(self, act: Callable[[sa.Connection], _T], *, into_reserve: bool = True) -> _T:
        """In one transaction; on a full disk with the room that is kept for this, unless new mail would take it."""
        try:
            with self._database.writing() as connection:
                return act(connection)
        except StorageFullError:
            if self._reserve is None or not into_reserve or not self._reserve.let_go():
                raise
        with self._database.writing() as connection:
            return act(connection)


def _use(connection: sa.Connection, uses: Mapping[date, Mapping[str, int]]) -> None:
    rows = [
        {"day": day.isoformat(), "provider": provider, "count": count}
        for day, counts in uses.items()
        for provider, count in counts.items()
    ]
    _ADD_USES.run(connection, sorted(rows, key=lambda row: (row["day"], row["provider"])))


def _storable(ids: Collection[str]) -> list[str]:
    return [each for each in ids if storable(each)]


_ADD_USES = HotStatement(lambda dialect: adding(mail_uses, dialect, ("count",)), ("day", "provider", "count"))
