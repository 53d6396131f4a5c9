"""The tables as they were before they had versions, in SQLite's files of user_version 1 and 2."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_RUNNING = sa.text("state = 'running' AND slot IS NOT NULL")


def upgrade() -> None:
    """Make what is missing; a file of user_version 1 lacks the films."""
    there = set(sa.inspect(op.get_bind()).get_table_names())
    for name, make in _TABLES.items():
        if name not in there:
            make()


def _job() -> None:
    op.create_table(
        "job",
        sa.Column("seq", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("id", sa.String(32), nullable=False, unique=True),
        sa.Column("dedup", sa.Text, unique=True),
        sa.Column("printer", sa.Text, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("user", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("error", sa.Text, nullable=False),
        sa.Column("snapshot", sa.JSON, nullable=False),
        sa.Column("step", sa.Integer, nullable=False),
        sa.Column("attributes", sa.JSON, nullable=False),
        sa.Column("remote", sa.String(128)),
        sa.Column("slot", sa.Integer),
        sa.Column("not_before", sa.Float),
        sa.Column("give_up_at", sa.Float),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("crashes", sa.Integer, nullable=False),
        sa.Column("fence", sa.Integer, nullable=False),
        sa.Column("request", sa.JSON),
        sa.Column("pages", sa.Integer),
        sa.Column("sent_as", sa.String(64)),
        sa.Column("created", sa.Float, nullable=False),
        sa.Column("updated", sa.Float, nullable=False),
    )
    op.create_index(
        "one_job_a_slot", "job", ["remote", "slot"], unique=True,
        sqlite_where=_RUNNING, postgresql_where=_RUNNING,
    )  # fmt: skip
    op.create_index("due", "job", ["state", "remote", "failures", "seq"])


def _instance() -> None:
    op.create_table(
        "instance",
        sa.Column(
            "job", sa.String(32), sa.ForeignKey("job.id", ondelete="CASCADE"), primary_key=True
        ),
        sa.Column("remote", sa.String(128), primary_key=True),
        sa.Column("sop_instance_uid", sa.String(64), primary_key=True),
        sa.Column("page", sa.Integer, nullable=False),
        sa.Column("status", sa.Integer, nullable=False),
        sa.Column("at", sa.Float, nullable=False),
    )


def _film() -> None:
    op.create_table(
        "film",
        sa.Column(
            "job", sa.String(32), sa.ForeignKey("job.id", ondelete="CASCADE"), primary_key=True
        ),
        sa.Column("key", sa.String(64), primary_key=True),
        sa.Column("remote", sa.String(128), nullable=False),
        sa.Column("nth", sa.Integer, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("pages", sa.JSON, nullable=False),
        sa.Column("sent", sa.Float, nullable=False),
        sa.Column("status", sa.Integer),
    )


def _event() -> None:
    op.create_table(
        "event",
        sa.Column("n", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column(
            "job", sa.String(32), sa.ForeignKey("job.id", ondelete="CASCADE"), nullable=False
        ),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("what", sa.String(32), nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("user", sa.Text, nullable=False),
    )
    op.create_index("ix_event_job", "event", ["job"])


def _remote() -> None:
    op.create_table(
        "remote",
        sa.Column("name", sa.String(128), primary_key=True),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("down_until", sa.Float, nullable=False),
        sa.Column("since", sa.Float, nullable=False),
        sa.Column("error", sa.Text, nullable=False),
    )


def _node() -> None:
    op.create_table(
        "node",
        sa.Column("name", sa.String(128), primary_key=True),
        sa.Column("started", sa.Float, nullable=False),
        sa.Column("version", sa.String(32), nullable=False),
        sa.Column("troubles", sa.JSON, nullable=False),
    )


_TABLES = {
    "job": _job, "instance": _instance, "film": _film, "event": _event, "remote": _remote,
    "node": _node,
}  # fmt: skip
