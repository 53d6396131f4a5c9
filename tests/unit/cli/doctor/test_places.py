from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dicom_printer.cli import look
from dicom_printer.cli.doctor import places
from dicom_printer.cli.doctor.finding import Finding, Grade
from dicom_printer.config import Config
from dicom_printer.errors import SpoolError
from dicom_printer.jobs.store import Store
from dicom_printer.spool import Spool


def config(spool: Spool, **service: Any) -> Config:
    folders = [spool.root.parent / "scans"]
    service = {"spool": spool.root, "min_free": "1K", **service}
    printer = {"P": {"workflow": "w", "hot_folders": folders}}
    return Config.model_validate({"service": service, "printer": printer})


def wrong(found: Any) -> list[str]:
    return [f.found for f in found if f.grade is Grade.WRONG]


def test_a_spool_in_order(spool: Spool) -> None:
    assert wrong(places.spool(config(spool))) == []


def test_a_spool_that_others_may_enter(spool: Spool) -> None:
    spool.root.chmod(0o755)
    (said,) = wrong(places.spool(config(spool)))
    assert "others may enter it (mode 0755)" in said


def test_a_spool_that_is_full_or_holds_what_was_rejected(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    (spool.root / "rejected" / "x").mkdir()
    monkeypatch.setattr(Spool, "free", lambda _: 1000)
    said = wrong(places.spool(config(spool)))
    assert "less than [service] min_free is left" in said[0]
    assert said[1] == "1 documents were rejected"


def test_a_spool_with_missing_directories(spool: Spool) -> None:
    (spool.root / "tmp").rmdir()
    said = wrong(places.spool(config(spool)))
    assert said[0] == f"{spool.root}: directories are missing"
    assert "cannot be written: No such file" in said[1]


def test_no_spool(tmp_path: Path) -> None:
    with pytest.raises(SpoolError, match="there is no spool"):
        list(places.spool(config(Spool(tmp_path / "none"))))


def test_a_job_table(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    given = config(spool)
    (found,) = places.database(given)
    assert found.found == "is made when the service starts first"
    assert not spool.database.exists(), "looking makes none"
    spool.database.write_bytes(b"no database" * 1000)
    (found,) = places.database(given)
    assert (found.grade, "is damaged" in found.found) == (Grade.WRONG, True)
    assert "dicom-printer recover" in found.remedy
    spool.database.unlink()
    monkeypatch.setattr(places, "needs_polling", lambda _: True)
    assert "lies on a network share" in wrong(places.database(given))[0]


def test_a_service_that_runs_and_one_that_does_not(spool: Spool, store: Store) -> None:
    given = config(spool)
    assert wrong(places.service(given)) == ["does not run: what is printed waits in the spool"]
    with spool.only_service():
        (found,) = places.service(given)
        assert found.found == "runs"


def test_troubles_of_the_service_are_findings(
    spool: Spool, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = ["spool /s: no inodes are left; delete files", "the intake thread died"]
    monkeypatch.setattr(look, "services", lambda *_: (True, [], said))
    with spool.only_service():
        found = list(places.service(config(spool)))
    assert [f.found for f in found] == ["spool /s: no inodes are left", "the intake thread died"]
    assert found[0].remedy == "delete files"
    assert "docs/errors.md" in found[1].remedy


def test_hot_folders(spool: Spool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "scans"

    def only() -> Finding:
        (found,) = places.hot_folder(folder)
        assert found.check == f"hot folder {folder}"
        return found

    assert only().found == "is not there"
    folder.mkdir()
    assert only().grade is Grade.FINE
    (folder / "rejected").mkdir()
    (folder / "rejected" / "a.txt").touch()
    assert wrong(places.hot_folder(folder)) == ["1 files wait in rejected/"]
    monkeypatch.setattr("os.access", lambda *_: False)
    assert "may not take files out" in wrong(places.hot_folder(folder))[0]
