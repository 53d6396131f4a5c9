"""What the dispatcher asks is answered by index, however many jobs wait."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from dicom_printer.jobs import table
from dicom_printer.jobs.database import open_database

INDEXES = {
    "claim": (table._NEXT, {"waiting", "suspended"}),
    "next_due": (table._SOONEST, {"suspended"}),
    "wake_overdue": (table._ANY_OVERDUE, {"suspended"}),
}


@pytest.mark.parametrize("name", INDEXES)
def test_the_plan_of_sqlite(name: str, tmp_path: Path) -> None:
    statement, indexes = INDEXES[name]
    asked: Any = statement.params(now=1.0, full=["pacs"]) if name == "claim" else statement
    asked = asked.params(now=1.0) if name == "wake_overdue" else asked
    engine = open_database(tmp_path / "jobs.sqlite3")
    text = str(asked.compile(engine, compile_kwargs={"literal_binds": True}))
    with engine.connect() as c:
        plan = [row[3] for row in c.execute(sa.text(f"EXPLAIN QUERY PLAN {text}"))]
    engine.dispose()
    used = {line.split(" INDEX ")[1].split()[0] for line in plan if " job USING" in line
            and " INDEX " in line}  # fmt: skip
    assert used == indexes, plan
    assert not [line for line in plan if line == "SCAN job"], plan
