"""How the dispatcher learns that another process, or another node, wrote to the job table."""

from __future__ import annotations

import math
import select
import sqlite3
import time
from typing import Any, Protocol

import sqlalchemy as sa

from dicom_printer.jobs.store import BELL, Store

POLL_S = 20.0
"""How often to look on PostgreSQL if nobody rang: a doorbell may be lost, a listing is not."""


class Changes(Protocol):
    """Tells whether somebody wrote to the job table."""

    def seen(self) -> bool:
        """Return True where the table may have changed since this was last asked."""

    def close(self) -> None:
        """Let go of the connection."""


def watch(store: Store) -> Changes:
    """Begin to watch a job table."""
    return _Doorbell(store.engine) if store.shared else _DataVersion(store.engine)


class _DataVersion:
    """SQLite counts the writes of other connections, and says so without looking at the disk."""

    def __init__(self, engine: sa.Engine) -> None:
        # The driver's own: asked twice a second for ever, SQLAlchemy's transaction around
        # the question would be all that a service at rest does.
        self._connection = engine.raw_connection()
        self._version: object = None

    def seen(self) -> bool:
        driver: Any = self._connection.driver_connection
        try:
            (version,) = driver.execute("PRAGMA data_version").fetchone()
        except sqlite3.Error:
            return True  # who looks now gets to know what is wrong
        changed = bool(version != self._version)
        self._version = version
        return changed

    def close(self) -> None:
        self._connection.close()


class _Doorbell:
    """PostgreSQL's LISTEN, on a connection that is opened again where it was lost."""

    def __init__(self, engine: sa.Engine) -> None:
        # Outside any transaction: the server would end one that stands idle.
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._connection: sa.Connection | None = None
        self._looked = -math.inf

    def seen(self) -> bool:
        now = time.monotonic()
        if self._rang() or now - self._looked >= POLL_S:
            self._looked = now
            return True
        return False

    def _rang(self) -> bool:
        if self._connection is None:
            self._connection = self._engine.connect()
            self._connection.exec_driver_sql(f"LISTEN {BELL}")
            return True  # what rang before is not known
        driver: Any = self._connection.connection.driver_connection
        try:
            socket = select.poll()
            socket.register(driver.fileno(), select.POLLIN)
            # Twice a second for ever: the driver takes much longer to find nothing.
            if not socket.poll(0):
                return False
            return bool(list(driver.notifies(timeout=0)))
        except self._engine.dialect.loaded_dbapi.Error:
            self.close()
            return True  # who looks now gets to know what is wrong

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.invalidate()  # nobody else shall have one that listens
            connection.close()
