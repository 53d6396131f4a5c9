"""The embedded job table for who only looks: through sqlite3 alone.

SQLAlchemy takes longer to load than ``status`` may take in all.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dicom_printer.jobs.versions import HEAD

Rows = Callable[..., list[dict[str, Any]]]
"""Takes a statement and its parameters by name, returns the rows."""


class Embedded:
    """A job table in a file of SQLite, to be read: what `look` wants of a store.

    Parameters
    ----------
    connection : sqlite3.Connection
        Read-only, without transactions of its own making.
    """

    shared = False
    clock = staticmethod(time.time)

    def __init__(self, connection: sqlite3.Connection) -> None:
        connection.row_factory = sqlite3.Row
        self._connection = connection

    @contextmanager
    def snapshot(self) -> Iterator[Rows]:
        """Begin a transaction: what is read in one go belongs together."""
        self._connection.execute("BEGIN")
        try:
            yield lambda statement, **named: [
                dict(row) for row in self._connection.execute(statement, named)
            ]
        finally:
            self._connection.execute("ROLLBACK")


@contextmanager
def embedded(path: Path) -> Iterator[Embedded | None]:
    """Open a job table to be read, for the length of a block.

    Yields
    ------
    Embedded or None
        None where it is not there, cannot be opened so, or has another version: then
        :func:`dicom_printer.jobs.database.open_database` knows what to do or to say.
    """
    try:
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=30, isolation_level=None
        )
    except sqlite3.Error:
        yield None
        return
    try:
        yield Embedded(connection) if _version(connection) == HEAD else None
    finally:
        connection.close()


def _version(connection: sqlite3.Connection) -> str:
    try:
        (found,) = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except (sqlite3.Error, TypeError):
        return ""
    return str(found)
