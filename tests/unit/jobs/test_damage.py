"""A damaged job table is seen, named, and put aside whole."""

import os
from pathlib import Path

import pytest
from jobs_made import submit

from dicom_printer.errors import SpoolError
from dicom_printer.jobs import damage
from dicom_printer.jobs.database import open_database
from dicom_printer.jobs.store import Store

SQLITE_HEADER = 100


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A job table that was closed in good order, of some pages."""
    path = tmp_path / "jobs.sqlite3"
    engine = open_database(path)
    for number in range(200):
        submit(Store(engine), number, title="t" * 200)
    engine.dispose()
    assert not path.with_name("jobs.sqlite3-wal").exists()
    return path


def overwrite(path: Path, offset: int, content: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(content)


def test_table_in_order(path: Path, tmp_path: Path) -> None:
    assert damage.damage(path) is None
    assert damage.damage(tmp_path / "not there") is None
    damage.refuse_damaged(path)


@pytest.mark.parametrize("how", ["garbage", "header", "pages", "truncated"])
def test_damage_is_seen_and_named(path: Path, how: str) -> None:
    if how == "garbage":
        path.write_bytes(os.urandom(path.stat().st_size))
    elif how == "header":
        overwrite(path, 0, b"\0" * SQLITE_HEADER)
    elif how == "pages":
        overwrite(path, 8192 + 11, os.urandom(30_000))
    else:
        os.truncate(path, path.stat().st_size // 2)
    with pytest.raises(SpoolError, match=r"is damaged: .+; stop the service and run .+recover"):
        damage.refuse_damaged(path)


def test_opening_names_the_way_out(path: Path) -> None:
    path.write_bytes(os.urandom(4096))
    with pytest.raises(SpoolError, match="not a database; stop the service and run"):
        open_database(path)


def test_file_that_cannot_be_opened_is_not_called_damaged(tmp_path: Path) -> None:
    (tmp_path / "jobs.sqlite3").mkdir()
    with pytest.raises(SpoolError, match="cannot be used: unable to open"):
        damage.damage(tmp_path / "jobs.sqlite3")


def test_other_errors_are_no_damage() -> None:
    assert not damage.is_damage(OSError())
    assert not damage.is_damage(None)


def test_put_aside_whole(path: Path) -> None:
    path.with_name("jobs.sqlite3-wal").write_text("wal")
    aside = damage.set_aside(path)
    assert aside.name.startswith("jobs.sqlite3.damaged-")
    assert sorted(p.name for p in path.parent.iterdir()) == [aside.name, f"{aside.name}-wal"]
