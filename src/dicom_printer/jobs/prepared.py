"""Statements of every page, made once as the text that the database's driver takes.

SQLAlchemy takes longer to carry out a statement of its own than SQLite does. Transactions,
connections and errors stay SQLAlchemy's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite


class Prepared:
    """A statement whose values, and what it returns, are numbers and texts and nothing else.

    Parameters
    ----------
    statement : sqlalchemy.UpdateBase
        Nothing is done to its values or to its rows: types with a conversion of their own do
        not belong here.
    """

    def __init__(self, statement: sa.UpdateBase) -> None:
        self._statement = statement
        self._made: dict[str, tuple[str, dict[str, Any]]] = {}

    def execute(self, c: sa.Connection, values: Mapping[str, Any]) -> sa.CursorResult[Any]:
        """Carry it out with values by the names of its parameters."""
        made = self._made.get(c.dialect.name)
        if made is None:
            # sqlite3 takes names as well; SQLAlchemy would count places.
            named = sqlite.dialect(paramstyle="named") if c.dialect.name == "sqlite" else c.dialect
            compiled = self._statement.compile(dialect=named)
            made = self._made[c.dialect.name] = str(compiled), dict(compiled.params)
        text, known = made
        return c.exec_driver_sql(text, {**known, **values})
