"""What the dispatcher asks is answered by index, however many jobs wait."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

from dicom_printer.jobs import due
from dicom_printer.jobs.database import open_database

INDEXES = {
    "claim": (due.NEXT, {"waiting"}),
    "coming": (due._COMING, {"waiting"}),
    "next_due": (due.SOONEST, {"due", "given_up", "written"}),
    "wake the due": (due.WAKE[0], {"due"}),
    "wake the given up": (due.WAKE[1], {"given_up"}),
    "wake those of before": (due.WAKE[2], {"written"}),
}


@pytest.mark.parametrize("name", INDEXES)
def test_the_plan_of_sqlite(name: str, tmp_path: Path) -> None:
    statement, indexes = INDEXES[name]
    engine = open_database(tmp_path / "jobs.sqlite3")
    asked = statement.compile(dialect=sqlite.dialect(paramstyle="named"))
    text = str(asked).replace("(__[POSTCOMPILE_full])", "(:full)")
    given = dict.fromkeys(asked.params, 1.0)
    with engine.connect() as c:
        plan = [row[3] for row in c.execute(sa.text(f"EXPLAIN QUERY PLAN {text}"), given)]
    engine.dispose()
    used = {line.split(" INDEX ")[1].split()[0] for line in plan if " job USING" in line
            and " INDEX " in line}  # fmt: skip
    assert used == indexes, plan
    assert not [line for line in plan if line == "SCAN job"], plan
