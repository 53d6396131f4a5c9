"""Several nodes: whose a running job is, when a node and a remote were last heard of."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add what is new; what a service said of itself it says anew when it starts."""
    op.add_column("job", sa.Column("owner", sa.Text))
    op.add_column("remote", sa.Column("updated", sa.Float, nullable=False, server_default="0"))
    op.drop_table("node")
    op.create_table(
        "node",
        sa.Column("name", sa.String(128), primary_key=True),
        sa.Column("token", sa.String(32), nullable=False),
        sa.Column("boot", sa.String(64), nullable=False),
        sa.Column("version", sa.String(32), nullable=False),
        sa.Column("started", sa.Float, nullable=False),
        sa.Column("seen", sa.Float, nullable=False),
        sa.Column("lease", sa.Float, nullable=False),
        sa.Column("troubles", sa.JSON, nullable=False),
    )
