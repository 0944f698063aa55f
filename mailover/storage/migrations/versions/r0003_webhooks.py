"""Outgoing webhooks: subscriptions made at run time, endpoints that are switched off, and what each attempt met."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_INSTANT = sa.String(32).with_variant(sa.TIMESTAMP(timezone=True), "postgresql")


def upgrade() -> None:
    """Add; nothing that is there changes."""
    op.create_table(
        "subscriptions",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("key", sa.Text, nullable=False, unique=True),
        sa.Column("secret", sa.Text, nullable=False),
        sa.Column("old_secret", sa.Text),
        sa.Column("old_secret_until", _INSTANT),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_table(
        "silenced",
        sa.Column("endpoint", sa.Text, primary_key=True),
        sa.Column("at", _INSTANT, nullable=False),
        sa.Column("because", sa.Text, nullable=False),
    )
    op.add_column("outbox", sa.Column("tried_at", _INSTANT))
    op.add_column("outbox", sa.Column("status", sa.Integer))
    op.add_column("outbox", sa.Column("replayed_at", _INSTANT))
