from __future__ import annotations

import os
from pathlib import Path

import pytest

from dicom_printer.cli import health, known
from dicom_printer.cli.access import Looking
from dicom_printer.config import Config
from dicom_printer.jobs.store import Store
from dicom_printer.spool import TMP, Spool


@pytest.fixture
def access(spool: Spool, store: Store, tmp_path: Path) -> Looking:
    (tmp_path / "scans" / "rejected").mkdir(parents=True)
    printer = {"workflow": "w", "hot_folders": [tmp_path / "scans", tmp_path / "gone"]}
    config = Config.model_validate(
        {"service": {"spool": spool.root, "min_free": "1K"}, "printer": {"P": printer}}
    )
    return Looking(known.of(config), spool, store)


def test_nothing_is_wrong(access: Looking) -> None:
    assert list(health.found(access)) == []


def test_less_room_than_is_wanted(access: Looking, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Spool, "free", lambda _: 1023)
    (found,) = health.found(access)
    assert "less than [service] min_free is left" in found
    monkeypatch.setattr(Spool, "free", lambda _: 1024)
    assert list(health.found(access)) == []


def test_what_a_hot_folder_rejected_waits_for_somebody(access: Looking, tmp_path: Path) -> None:
    rejected = tmp_path / "scans" / "rejected"
    (rejected / "a.txt.reason.txt").write_text("why")
    assert list(health.found(access)) == [], "the reason alone is no file"
    (rejected / "a.txt").write_text("x")
    (found,) = health.found(access)
    assert found.startswith(f"hot folder {tmp_path / 'scans'}: 1 files wait in rejected/; read")
    assert "a.txt" not in found, "the name may be a patient's"


def test_a_link_in_place_of_rejected_is_not_followed(access: Looking, tmp_path: Path) -> None:
    (tmp_path / "scans" / "rejected").rmdir()
    (tmp_path / "scans" / "rejected").symlink_to("/etc")
    assert list(health.found(access)) == []


def test_troubles_of_the_file_system(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    assert list(health.file_system(spool)) == []

    def used_up(_: Path) -> os.statvfs_result:
        return os.statvfs_result((4096, 4096, 9, 0, 0, 1000, 0, 0, 0, 255))

    monkeypatch.setattr(os, "statvfs", used_up)
    (inodes,) = health.file_system(spool)
    assert "no inodes are left" in inodes


def test_spool_that_cannot_be_written_is_a_trouble(spool: Spool) -> None:
    (spool.root / TMP).rmdir()
    (trouble,) = health.file_system(spool)
    assert "cannot be written: No such file" in trouble
