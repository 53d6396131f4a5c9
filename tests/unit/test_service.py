import socket
from pathlib import Path

import pytest
from jobs_made import submit

from dicom_printer.jobs.schema import open_database
from dicom_printer.jobs.store import Store
from dicom_printer.service import Changes, notify
from dicom_printer.spool import Spool


def test_systemd_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        notify("READY=1")
        assert listener.recv(100) == b"READY=1"


def test_a_systemd_that_is_gone_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notify("READY=1")
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "gone"))
    notify("READY=1")


def test_another_process_is_noticed(spool: Spool, store: Store) -> None:
    changes = Changes(store.engine)
    changes.seen()
    assert not changes.seen()
    other = open_database(spool.database)
    submit(Store(other))
    assert changes.seen()
    assert not changes.seen()
    other.dispose()
    changes.close()
