import socket
from pathlib import Path

import pytest

from dicom_printer.systemd import StatusLine, notify


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


def test_the_status_line_is_said_after_a_change_and_not_too_often(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, counted = [0.0], ["1 ready"]
    monkeypatch.setattr("dicom_printer.systemd.time.monotonic", lambda: now[0])
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.setblocking(False)
        listener.bind(str(tmp_path / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        line = StatusLine(lambda: counted[0])
        line.turn(False)
        assert listener.recv(100) == b"STATUS=1 ready", "at the start"
        counted[0] = "2 ready"
        line.turn(True)
        now[0] = 1.0
        line.turn(False)
        with pytest.raises(BlockingIOError):
            listener.recv(100)
        now[0] = 2.5
        line.turn(False)
        assert listener.recv(100) == b"STATUS=2 ready", "the change is not forgotten"
        now[0] = 10.0
        line.turn(False)
        line.turn(True)
        with pytest.raises(BlockingIOError):
            listener.recv(100)


def test_without_systemd_nothing_is_counted() -> None:
    StatusLine(lambda: pytest.fail("it was counted")).turn(True)
