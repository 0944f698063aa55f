"""History that stays small: hours rolled up, and whether an observation is a fair sample of its provider."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_INSTANT = sa.String(32).with_variant(sa.TIMESTAMP(timezone=True), "postgresql")


def upgrade() -> None:
    """Add; nothing that is there changes."""
    op.create_table(
        "hours",
        sa.Column("provider", sa.Text, primary_key=True),
        sa.Column("kind", sa.Text, primary_key=True),
        sa.Column("hour", _INSTANT, primary_key=True),
        sa.Column("tries", sa.BigInteger, nullable=False),
        sa.Column("ok", sa.BigInteger, nullable=False),
        sa.Column("seconds", sa.Float, nullable=False),
        sa.Column("steps", sa.Text, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("hours_by_time", "hours", ["hour"])
    op.add_column("observations", sa.Column("fair", sa.Boolean, nullable=False, server_default=sa.true()))
