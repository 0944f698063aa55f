"""What providers told of sent mail, so that it counts once over restarts and for all agents of one store."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_INSTANT = sa.String(32).with_variant(sa.TIMESTAMP(timezone=True), "postgresql")


def upgrade() -> None:
    """Add; nothing that is there changes."""
    op.create_table(
        "feedback_events",
        sa.Column("digest", sa.LargeBinary, primary_key=True),
        sa.Column("at", _INSTANT, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("feedback_events_by_time", "feedback_events", ["at"])
