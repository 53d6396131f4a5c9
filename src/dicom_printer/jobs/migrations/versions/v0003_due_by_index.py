"""What is due is found by index, however many jobs wait."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_WAITING = sa.text("state = 'ready' AND not_before IS NULL")
_SUSPENDED = sa.text("state = 'ready' AND not_before IS NOT NULL")


def upgrade() -> None:
    """Add the indexes, and take the old one away: SQLite would go on using it."""
    op.drop_index("due", "job")
    op.create_index("of_remote", "job", ["remote", "state"])
    op.create_index(
        "waiting",
        "job",
        ["failures", "seq", "remote"],
        sqlite_where=_WAITING,
        postgresql_where=_WAITING,
    )
    op.create_index(
        "suspended",
        "job",
        ["not_before", "give_up_at", "updated", "failures", "seq", "remote"],
        sqlite_where=_SUSPENDED,
        postgresql_where=_SUSPENDED,
    )
