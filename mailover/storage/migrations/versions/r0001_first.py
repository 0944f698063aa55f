"""The first schema. Frozen: what comes later is a revision of its own."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_SEQUENCE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_INSTANT = sa.String(32).with_variant(sa.TIMESTAMP(timezone=True), "postgresql")


def upgrade() -> None:
    """From an empty database."""
    _fleet()
    _logs()
    _outbox()
    _keepsakes()


def _fleet() -> None:
    op.create_table(
        "fleet_head",
        sa.Column("id", sa.Integer, sa.CheckConstraint("id = 1"), primary_key=True, autoincrement=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
    )
    for table, key in (("breakers", "provider"), ("streams", "stream")):
        op.create_table(table, sa.Column(key, sa.Text, primary_key=True), sa.Column("body", sa.Text, nullable=False))


def _logs() -> None:
    op.create_table(
        "events",
        sa.Column("seq", _SEQUENCE, primary_key=True),
        sa.Column("id", sa.Text, nullable=False, unique=True),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("at", _INSTANT, nullable=False),
        sa.Column("provider", sa.Text),
        sa.Column("stream", sa.Text),
        sa.Column("from_provider", sa.Text),
        sa.Column("to_provider", sa.Text),
        sa.Column("body", sa.Text, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("events_by_type", "events", ["type", "seq"])
    op.create_index("events_by_time", "events", ["at"])
    op.create_table(
        "observations",
        sa.Column("seq", _SEQUENCE, primary_key=True),
        sa.Column("provider", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("scheduled", sa.Boolean, nullable=False),
        sa.Column("ok", sa.Boolean, nullable=False),
        sa.Column("count", sa.BigInteger, nullable=False),
        sa.Column("seconds", sa.Float, nullable=False),
        sa.Column("at", _INSTANT, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("observations_by_provider", "observations", ["provider", "seq"])
    op.create_index("observations_by_time", "observations", ["at"])
    op.create_table(
        "incidents",
        sa.Column("seq", _SEQUENCE, primary_key=True),
        sa.Column("id", sa.Text, nullable=False, unique=True),
        sa.Column("closed_at", _INSTANT),
        sa.Column("body", sa.Text, nullable=False),
        sqlite_autoincrement=True,
    )


def _outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column("seq", _SEQUENCE, primary_key=True),
        sa.Column("endpoint", sa.Text, nullable=False),
        sa.Column("event_id", sa.Text, sa.ForeignKey("events.id", ondelete="CASCADE"), nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("due_at", _INSTANT),
        sa.Column("locked_until", _INSTANT),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("last_error", sa.Text),
        sqlite_autoincrement=True,
    )
    op.create_index("outbox_by_endpoint", "outbox", ["state", "endpoint", "seq"])
    op.create_index("outbox_by_event", "outbox", ["event_id"])


def _keepsakes() -> None:
    op.create_table(
        "tokens",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("sha256", sa.Text, nullable=False),
        sa.Column("scopes", sa.Text, nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
    )
    op.create_table(
        "answers",
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("token", sa.Text, primary_key=True),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("status", sa.Integer, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("at", _INSTANT, nullable=False),
    )
    op.create_index("answers_by_time", "answers", ["at"])
    op.create_table("notes", sa.Column("key", sa.Text, primary_key=True), sa.Column("body", sa.Text, nullable=False))
