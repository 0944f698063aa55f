"""What each stream's queue holds, kept up as mail moves: asking costs the same with ten mails and with a million."""

from collections.abc import Mapping

import sqlalchemy as sa

from mailover.core.mail import Fate, QueueDepth
from mailover.storage.database import adding
from mailover.storage.hot import HotStatement
from mailover.storage.mail_states import BIT, SETTLED, is_queued
from mailover.storage.tables import mail_streams, mails

_COUNTED = ("queued", "bytes", "ambiguous", "failed")


class Counts:
    """What one transaction changes; written once, at its end and in one order, since others wait for these rows."""

    def __init__(self) -> None:
        """Nothing changed yet."""
        self._changes: dict[str, list[int]] = {}

    def come(self, stream: str, state: int, size: int, fates: int) -> None:
        """A mail is now this."""
        self._add(stream, state, size, fates, 1)

    def go(self, stream: str, state: int, size: int, fates: int) -> None:
        """A mail is no longer this."""
        self._add(stream, state, size, fates, -1)

    def _add(self, stream: str, state: int, size: int, fates: int, sign: int) -> None:
        change = self._changes.setdefault(stream, [0] * len(_COUNTED))
        if state != SETTLED:
            change[0] += sign
            change[1] += sign * size
        change[2] += sign * bool(fates & BIT[Fate.AMBIGUOUS])
        change[3] += sign * bool(fates & BIT[Fate.FAILED])

    def write(self, connection: sa.Connection) -> None:
        """Add the changes to what is stored."""
        changed = [
            {"stream": stream, **dict(zip(_COUNTED, change, strict=True))}
            for stream, change in self._changes.items()
            if any(change)
        ]
        _ADD.run(connection, sorted(changed, key=lambda row: str(row["stream"])))


def recount(connection: sa.Connection) -> None:
    """Count everything anew, after rows were lost."""
    connection.execute(sa.update(mail_streams).values(dict.fromkeys(_COUNTED, 0)))
    counts = Counts()
    for row in connection.execute(sa.select(mails.c.stream, mails.c.state, mails.c.size, mails.c.fates)):
        counts.come(row.stream, row.state, row.size, row.fates)
    counts.write(connection)


def depths(connection: sa.Connection) -> Mapping[str, QueueDepth]:
    """By stream."""
    found = connection.execute(sa.select(mail_streams).order_by(mail_streams.c.stream)).all()
    return {
        row.stream: QueueDepth(
            stream=row.stream,
            queued=row.queued,
            bytes=row.bytes,
            oldest_at=connection.execute(_OLDEST, {"name": row.stream}).scalar_one_or_none() if row.queued else None,
            ambiguous=row.ambiguous,
            failed=row.failed,
            paused=row.paused,
        )
        for row in found
    }


_ADD = HotStatement(lambda dialect: adding(mail_streams, dialect, _COUNTED), ("stream", *_COUNTED))
_OLDEST = (
    sa.select(mails.c.accepted_at)
    .where(is_queued, mails.c.stream == sa.bindparam("name", type_=sa.Text))
    .order_by(mails.c.seq)
    .limit(1)
)
