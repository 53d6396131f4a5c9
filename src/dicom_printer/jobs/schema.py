"""The tables of the job store.

Whoever changes them writes a migration as well: a file in ``migrations/versions``, its name
as ``HEAD`` of ``versions.py``, and the one before it among ``OLDER``.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

metadata = sa.MetaData()


class Words(sa.TypeDecorator[str]):
    """Text of any length from outside, a print's title for example."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Any) -> str | None:
        """Replace what PostgreSQL cannot store in a text."""
        return None if value is None else value.replace("\0", "\N{REPLACEMENT CHARACTER}")


# As text, and in the queries as well: of a parameter no database knows that an index fits.
WAITING = sa.text("state = 'ready' AND not_before IS NULL")
"""Of a job: it can go on at once."""
SUSPENDED = sa.text("state = 'ready' AND not_before IS NOT NULL")
"""Of a job: it can go on at its time."""
CONNECTED = sa.text("state = 'running' AND slot IS NOT NULL")
"""Of a job: it holds an association."""


def _where(condition: sa.TextClause) -> dict[str, Any]:
    return {"sqlite_where": condition, "postgresql_where": condition}


# As Alembic makes it.
alembic_version = sa.Table(
    "alembic_version",
    metadata,
    sa.Column("version_num", sa.String(32), primary_key=True),
)

job = sa.Table(
    "job",
    metadata,
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("id", sa.String(32), nullable=False, unique=True),
    # Two prints with the same text here are one print, handed over twice.
    sa.Column("dedup", Words, unique=True),
    sa.Column("printer", Words, nullable=False),
    sa.Column("title", Words, nullable=False),
    sa.Column("user", Words, nullable=False),
    sa.Column("source", Words, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("reason", Words, nullable=False, default=""),
    sa.Column("error", Words, nullable=False, default=""),
    # The workflow as it was when the job came in: {"defaults": {...}, "steps": [{...}]}.
    sa.Column("snapshot", sa.JSON, nullable=False),
    sa.Column("step", sa.Integer, nullable=False, default=0),
    sa.Column("attributes", sa.JSON, nullable=False),
    # The remote this job waits for (ready) or holds an association of (running).
    sa.Column("remote", sa.String(128)),
    sa.Column("slot", sa.Integer),
    sa.Column("not_before", sa.Float),
    sa.Column("give_up_at", sa.Float),
    sa.Column("failures", sa.Integer, nullable=False, default=0),
    sa.Column("attempt", sa.Integer, nullable=False, default=0),
    sa.Column("crashes", sa.Integer, nullable=False, default=0),
    sa.Column("fence", sa.Integer, nullable=False, default=0),
    # The node that works on it, or was the last to do so.
    sa.Column("owner", Words),
    # What an operator asked of a running job; its worker carries it out.
    sa.Column("request", sa.JSON(none_as_null=True)),
    sa.Column("pages", sa.Integer),
    # Whose its pages are, as a digest, from before the first went out: none may go to another.
    sa.Column("sent_as", sa.String(64)),
    sa.Column("created", sa.Float, nullable=False),
    sa.Column("updated", sa.Float, nullable=False),
    # The limit of a remote, enforced where nothing can get around it.
    sa.Index(
        "one_job_a_slot",
        "remote",
        "slot",
        unique=True,
        **_where(CONNECTED),
    ),
    # Not by state first: SQLite would take it for every question about what is ready.
    sa.Index("of_remote", "remote", "state"),
    # All that the dispatcher asks: what it looks for is found without a look at those rows.
    sa.Index("waiting", "remote", "failures", "seq", **_where(WAITING)),
    sa.Index("due", "not_before", **_where(SUSPENDED)),
    sa.Index("given_up", "give_up_at", **_where(SUSPENDED)),
    sa.Index("written", "updated", **_where(SUSPENDED)),
)

instance = sa.Table(
    "instance",
    metadata,
    sa.Column("job", sa.ForeignKey("job.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("remote", sa.String(128), primary_key=True),
    sa.Column("sop_instance_uid", sa.String(64), primary_key=True),
    sa.Column("page", sa.Integer, nullable=False),
    sa.Column("status", sa.Integer, nullable=False),
    sa.Column("at", sa.Float, nullable=False),
)

film = sa.Table(
    "film",
    metadata,
    sa.Column("job", sa.ForeignKey("job.id", ondelete="CASCADE"), primary_key=True),
    # Which film it is, not a SOP Instance UID: those are made anew for each attempt.
    sa.Column("key", sa.String(64), primary_key=True),
    sa.Column("remote", sa.String(128), nullable=False),
    # Of several print steps for this remote, which; from 0.
    sa.Column("nth", sa.Integer, nullable=False),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("pages", sa.JSON, nullable=False),
    # Written before the request to print goes out; from then on it may have been printed.
    sa.Column("sent", sa.Float, nullable=False),
    # The printer's answer; NULL while it is not known. A failure deletes the row.
    sa.Column("status", sa.Integer),
)

event = sa.Table(
    "event",
    metadata,
    sa.Column("n", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("job", sa.ForeignKey("job.id", ondelete="CASCADE"), index=True, nullable=False),
    sa.Column("at", sa.Float, nullable=False),
    sa.Column("what", sa.String(32), nullable=False),
    sa.Column("detail", Words, nullable=False, default=""),
    sa.Column("user", Words, nullable=False, default=""),
)

remote = sa.Table(
    "remote",
    metadata,
    sa.Column("name", sa.String(128), primary_key=True),
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("down_until", sa.Float, nullable=False),
    sa.Column("since", sa.Float, nullable=False),
    sa.Column("error", Words, nullable=False),
    sa.Column("updated", sa.Float, nullable=False, server_default="0"),
)

node = sa.Table(
    "node",
    metadata,
    sa.Column("name", sa.String(128), primary_key=True),
    # Of one process: its successor of the same name has another.
    sa.Column("token", sa.String(32), nullable=False),
    sa.Column("boot", sa.String(64), nullable=False),
    sa.Column("version", sa.String(32), nullable=False),
    sa.Column("started", sa.Float, nullable=False),
    sa.Column("seen", sa.Float, nullable=False),
    sa.Column("lease", sa.Float, nullable=False),
    sa.Column("troubles", sa.JSON, nullable=False),
)
