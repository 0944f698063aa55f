"""The tables, the same on both databases. Values live in JSON bodies; a column is made only of what a query asks for.

The migrations are what creates them; a test compares the two.
"""

from datetime import UTC, datetime

import sqlalchemy as sa

SCHEMA = "0005"
"""The revision of the migrations that these tables describe."""


class Instant(sa.TypeDecorator[datetime]):
    """An aware instant in UTC. SQLite, which has no such type, gets text of fixed width that sorts like time."""

    impl = sa.String(32)
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> sa.types.TypeEngine[datetime] | sa.types.TypeEngine[str]:
        """The database's own type where there is one."""
        if dialect.name == "postgresql":
            return dialect.type_descriptor(sa.TIMESTAMP(timezone=True))
        return dialect.type_descriptor(sa.String(32))

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> object:
        """To the database."""
        if value is None:
            return None
        utc = value.astimezone(UTC)
        return utc if dialect.name == "postgresql" else utc.isoformat(timespec="microseconds")

    def process_result_value(self, value: object, dialect: sa.Dialect) -> datetime | None:  # noqa: ARG002 - its hook
        """From the database."""
        if value is None:
            return None
        return (value if isinstance(value, datetime) else datetime.fromisoformat(str(value))).astimezone(UTC)


metadata = sa.MetaData()
_sequence = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

fleet_head = sa.Table(
    "fleet_head",
    metadata,
    sa.Column("id", sa.Integer, sa.CheckConstraint("id = 1"), primary_key=True, autoincrement=False),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
)

breakers = sa.Table(
    "breakers",
    metadata,
    sa.Column("provider", sa.Text, primary_key=True),
    sa.Column("body", sa.Text, nullable=False),
)

streams = sa.Table(
    "streams",
    metadata,
    sa.Column("stream", sa.Text, primary_key=True),
    sa.Column("body", sa.Text, nullable=False),
)

events = sa.Table(
    "events",
    metadata,
    sa.Column("seq", _sequence, primary_key=True),
    sa.Column("id", sa.Text, nullable=False, unique=True),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("at", Instant, nullable=False),
    sa.Column("provider", sa.Text),
    sa.Column("stream", sa.Text),
    sa.Column("from_provider", sa.Text),
    sa.Column("to_provider", sa.Text),
    sa.Column("body", sa.Text, nullable=False),
    sa.Index("events_by_type", "type", "seq"),
    sa.Index("events_by_time", "at"),
    sqlite_autoincrement=True,
)

observations = sa.Table(
    "observations",
    metadata,
    sa.Column("seq", _sequence, primary_key=True),
    sa.Column("provider", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("scheduled", sa.Boolean, nullable=False),
    sa.Column("ok", sa.Boolean, nullable=False),
    sa.Column("fair", sa.Boolean, nullable=False, server_default=sa.true()),
    sa.Column("count", sa.BigInteger, nullable=False),
    sa.Column("seconds", sa.Float, nullable=False),
    sa.Column("at", Instant, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Index("observations_by_provider", "provider", "seq"),
    sa.Index("observations_by_time", "at"),
    sqlite_autoincrement=True,
)

hours = sa.Table(
    "hours",
    metadata,
    sa.Column("provider", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("hour", Instant, primary_key=True),
    sa.Column("tries", sa.BigInteger, nullable=False),
    sa.Column("ok", sa.BigInteger, nullable=False),
    sa.Column("seconds", sa.Float, nullable=False),
    sa.Column("steps", sa.Text, nullable=False),
    sa.Index("hours_by_time", "hour"),
    sqlite_with_rowid=False,
)

incidents = sa.Table(
    "incidents",
    metadata,
    sa.Column("seq", _sequence, primary_key=True),
    sa.Column("id", sa.Text, nullable=False, unique=True),
    sa.Column("closed_at", Instant),
    sa.Column("body", sa.Text, nullable=False),
    sqlite_autoincrement=True,
)

outbox = sa.Table(
    "outbox",
    metadata,
    sa.Column("seq", _sequence, primary_key=True),
    sa.Column("endpoint", sa.Text, nullable=False),
    sa.Column("event_id", sa.Text, sa.ForeignKey("events.id", ondelete="CASCADE"), nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("due_at", Instant),
    sa.Column("locked_until", Instant),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("last_error", sa.Text),
    sa.Column("tried_at", Instant),
    sa.Column("status", sa.Integer),
    sa.Column("replayed_at", Instant),
    sa.Index("outbox_by_endpoint", "state", "endpoint", "seq"),
    sa.Index("outbox_by_event", "event_id"),
    sqlite_autoincrement=True,
)

subscriptions = sa.Table(
    "subscriptions",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("key", sa.Text, nullable=False, unique=True),
    sa.Column("secret", sa.Text, nullable=False),
    sa.Column("old_secret", sa.Text),
    sa.Column("old_secret_until", Instant),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
)

silenced = sa.Table(
    "silenced",
    metadata,
    sa.Column("endpoint", sa.Text, primary_key=True),
    sa.Column("at", Instant, nullable=False),
    sa.Column("because", sa.Text, nullable=False),
)

tokens = sa.Table(
    "tokens",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("sha256", sa.Text, nullable=False),
    sa.Column("scopes", sa.Text, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
)

answers = sa.Table(
    "answers",
    metadata,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("token", sa.Text, primary_key=True),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("status", sa.Integer, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Column("at", Instant, nullable=False),
    sa.Index("answers_by_time", "at"),
)

notes = sa.Table(
    "notes",
    metadata,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("body", sa.Text, nullable=False),
)

# -- mail -------------------------------------------------------------------------------------------------------------

mails = sa.Table(
    "mails",
    metadata,
    sa.Column("seq", _sequence, primary_key=True, autoincrement=False),
    sa.Column("id", sa.Text, nullable=False, unique=True),
    sa.Column("stream", sa.Text, nullable=False),
    sa.Column("priority", sa.Integer, nullable=False),
    sa.Column("state", sa.Integer, nullable=False),
    sa.Column("fates", sa.Integer, nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("accepted_at", Instant, nullable=False),
    sa.Column("due_at", Instant),
    sa.Column("waiting_for", sa.Text),
    sa.Column("holder", sa.Text),
    sa.Column("held_until", Instant),
    sa.Column("handovers", sa.Integer, nullable=False),
    sa.Column("settled_at", Instant),
    sa.Column("body", sa.Text, nullable=False),
    *(
        sa.Index(name, *columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where))
        for name, where, *columns in (
            ("mails_ready", "state = 0", "stream", "priority", "seq"),
            ("mails_waiting", "state = 1", "due_at"),
            ("mails_waiting_for", "state = 1", "waiting_for", "priority", "seq"),
            ("mails_held", "state = 2", "held_until"),
            ("mails_queued", "state < 3", "stream", "seq"),
            ("mails_settled", "state = 3", "stream", "settled_at"),
            ("mails_dead", "fates & 12 <> 0", "seq"),
        )
    ),
)
"""The numbers in `state` and `fates` are explained in `mail_states`. Each index holds what one question asks for."""

mail_contents = sa.Table(
    "mail_contents",
    metadata,
    sa.Column("seq", _sequence, sa.ForeignKey("mails.seq", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    sa.Column("key", sa.Text),
    sa.Column("content", sa.LargeBinary, nullable=False),
)
"""Apart from `mails`, which stays small enough to be looked through."""

mail_addresses = sa.Table(
    "mail_addresses",
    metadata,
    sa.Column("hash", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("mail", sa.BigInteger, primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)
"""Which mails a recipient has a copy of, and which somebody sent; the address itself is in the mail's body."""

mail_digests = sa.Table(
    "mail_digests",
    metadata,
    sa.Column("digest", sa.LargeBinary, primary_key=True),
    sa.Column("mail", sa.Text, nullable=False),
    sa.Column("at", Instant, nullable=False),
    sa.Index("mail_digests_by_time", "at"),
    sqlite_with_rowid=False,
)

mail_streams = sa.Table(
    "mail_streams",
    metadata,
    sa.Column("stream", sa.Text, primary_key=True),
    sa.Column("paused", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("queued", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("bytes", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("ambiguous", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("failed", sa.BigInteger, nullable=False, server_default="0"),
)
"""What `mails` would answer by being counted: kept up in the same transactions."""

mail_uses = sa.Table(
    "mail_uses",
    metadata,
    sa.Column("day", sa.Text, primary_key=True),
    sa.Column("provider", sa.Text, primary_key=True),
    sa.Column("count", sa.BigInteger, nullable=False),
)

suppressions = sa.Table(
    "suppressions",
    metadata,
    sa.Column("address", sa.Text, primary_key=True),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("provider", sa.Text, nullable=False),
    sa.Column("stream", sa.Text, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("at", Instant, nullable=False),
)

feedback_events = sa.Table(
    "feedback_events",
    metadata,
    sa.Column("digest", sa.LargeBinary, primary_key=True),
    sa.Column("at", Instant, nullable=False),
    sa.Index("feedback_events_by_time", "at"),
    sqlite_with_rowid=False,
)
"""What providers told of sent mail, so that it counts once however often it is told."""
