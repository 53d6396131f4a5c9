from pathlib import Path

import pytest

from dicom_printer.queues import cups_backends, models


def test_where_cups_looks_for_backends(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("stated", "filed", "usual"):
        (tmp_path / name / "backend").mkdir(parents=True)
    monkeypatch.delenv("CUPS_SERVERBIN", raising=False)
    monkeypatch.setattr(models, "_FILES_CONF", tmp_path / "cups-files.conf")
    monkeypatch.setattr(models, "_SERVER_BIN", (tmp_path / "none", tmp_path / "usual"))
    assert cups_backends() == tmp_path / "usual" / "backend"
    (tmp_path / "cups-files.conf").write_text(f"# ServerBin /x\nServerBin {tmp_path}/filed\n")
    assert cups_backends() == tmp_path / "filed" / "backend"
    monkeypatch.setenv("CUPS_SERVERBIN", str(tmp_path / "stated"))
    assert cups_backends() == tmp_path / "stated" / "backend"
    monkeypatch.setenv("CUPS_SERVERBIN", str(tmp_path / "none"))
    assert cups_backends() is None
