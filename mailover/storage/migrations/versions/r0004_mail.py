"""The relay's mail: its queue, contents, addresses, the suppressions, and what each provider took."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_INSTANT = sa.String(32).with_variant(sa.TIMESTAMP(timezone=True), "postgresql")
_SEQUENCE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_INDEXES = (
    ("mails_ready", "state = 0", ("stream", "priority", "seq")),
    ("mails_waiting", "state = 1", ("due_at",)),
    ("mails_waiting_for", "state = 1", ("waiting_for", "priority", "seq")),
    ("mails_held", "state = 2", ("held_until",)),
    ("mails_queued", "state < 3", ("stream", "seq")),
    ("mails_settled", "state = 3", ("stream", "settled_at")),
    ("mails_dead", "fates & 12 <> 0", ("seq",)),
)


def upgrade() -> None:
    """Add; nothing that is there changes."""
    op.create_table(
        "mails",
        sa.Column("seq", _SEQUENCE, primary_key=True, autoincrement=False),
        sa.Column("id", sa.Text, nullable=False, unique=True),
        sa.Column("stream", sa.Text, nullable=False),
        sa.Column("priority", sa.Integer, nullable=False),
        sa.Column("state", sa.Integer, nullable=False),
        sa.Column("fates", sa.Integer, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("accepted_at", _INSTANT, nullable=False),
        sa.Column("due_at", _INSTANT),
        sa.Column("waiting_for", sa.Text),
        sa.Column("holder", sa.Text),
        sa.Column("held_until", _INSTANT),
        sa.Column("handovers", sa.Integer, nullable=False),
        sa.Column("settled_at", _INSTANT),
        sa.Column("body", sa.Text, nullable=False),
    )
    for name, where, columns in _INDEXES:
        only = sa.text(where)
        op.create_index(name, "mails", list(columns), sqlite_where=only, postgresql_where=only)
    op.create_table(
        "mail_contents",
        sa.Column(
            "seq", _SEQUENCE, sa.ForeignKey("mails.seq", ondelete="CASCADE"), primary_key=True, autoincrement=False
        ),
        sa.Column("key", sa.Text),
        sa.Column("content", sa.LargeBinary, nullable=False),
    )
    _create_what_is_known()


def _create_what_is_known() -> None:
    op.create_table(
        "mail_addresses",
        sa.Column("hash", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("mail", sa.BigInteger, primary_key=True, autoincrement=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "mail_digests",
        sa.Column("digest", sa.LargeBinary, primary_key=True),
        sa.Column("mail", sa.Text, nullable=False),
        sa.Column("at", _INSTANT, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("mail_digests_by_time", "mail_digests", ["at"])
    op.create_table(
        "mail_streams",
        sa.Column("stream", sa.Text, primary_key=True),
        sa.Column("paused", sa.Boolean, nullable=False, server_default=sa.false()),
        *(
            sa.Column(name, sa.BigInteger, nullable=False, server_default="0")
            for name in ("queued", "bytes", "ambiguous", "failed")
        ),
    )
    op.create_table(
        "mail_uses",
        sa.Column("day", sa.Text, primary_key=True),
        sa.Column("provider", sa.Text, primary_key=True),
        sa.Column("count", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "suppressions",
        sa.Column("address", sa.Text, primary_key=True),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("reason", "provider", "stream", "text")),
        sa.Column("at", _INSTANT, nullable=False),
    )
