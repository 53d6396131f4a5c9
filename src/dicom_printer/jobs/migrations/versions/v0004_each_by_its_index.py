"""What is due, and what a free remote comes to next: none of the others is looked at."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_WAITING = sa.text("state = 'ready' AND not_before IS NULL")
_SUSPENDED = sa.text("state = 'ready' AND not_before IS NOT NULL")


def upgrade() -> None:
    """Replace the indexes of the dispatcher."""
    for name in ("waiting", "suspended"):
        op.drop_index(name, "job")
    for name, columns, where in (
        ("waiting", ["remote", "failures", "seq"], _WAITING),
        ("due", ["not_before"], _SUSPENDED),
        ("given_up", ["give_up_at"], _SUSPENDED),
        ("written", ["updated"], _SUSPENDED),
    ):
        op.create_index(name, "job", columns, sqlite_where=where, postgresql_where=where)
