"""`queues` against a real CUPS: installed once, never twice, and what is not ours untouched."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from cups_fixtures import make_spool, private_cups, wait_for

from dicom_printer import queues
from dicom_printer.demo.cupsd import PrivateCups
from dicom_printer.errors import QueueError
from dicom_printer.queues import Queue, QueueState

__all__ = ["private_cups"]

WANTED = Queue("DICOM_Printer", "DICOM Drucker „1“", "Röntgen", ("PatientID",), Path("/srv/a b"))


@pytest.fixture
def server(private_cups: PrivateCups) -> str:
    for state in queues.listing(str(private_cups.socket)):
        private_cups.run("lpadmin", "-x", state.name)
    return str(private_cups.socket)


def names(server: str) -> list[str]:
    return [state.name for state in queues.listing(server)]


def changes(cups: PrivateCups) -> int:
    """Return how many requests so far changed a printer: cupsd logs each."""
    path = cups.directory / "log" / "access_log"
    return path.read_text().count(" CUPS-Add-Modify-Printer ") if path.exists() else 0


def test_a_second_install_changes_nothing(private_cups: PrivateCups, server: str) -> None:
    assert queues.install(WANTED, server) == "created"
    before = changes(private_cups)
    assert before > 0
    assert queues.install(WANTED, server) == "unchanged"
    assert changes(private_cups) == before


def test_what_is_installed_is_ready_to_print(server: str) -> None:
    queues.install(WANTED, server)
    assert queues.listing(server) == [
        QueueState(
            name="DICOM_Printer",
            uri="dicom:/srv/a%20b",
            info="DICOM Drucker „1“",
            state="idle",
            message="",
            accepting=True,
            jobs=0,
            ours=True,
        )
    ]
    import cups as pycups

    found = pycups.Connection(server).getPrinterAttributes(WANTED.name)
    assert found["printer-error-policy"] == "stop-printer"
    assert found["printer-op-policy"] == "default"  # this cupsd has no `authenticated`
    assert found["printer-is-shared"] is False
    assert found["printer-location"] == "Röntgen"


@pytest.mark.parametrize(
    "change",
    [
        {"ask": ("PatientID", "AccessionNumber")},
        {"ask": ()},
        {"info": "other"},
        {"location": "elsewhere"},
        {"spool": Path("/srv/other")},
        {"shared": True},
    ],
)
def test_each_change_is_an_update(server: str, change: dict[str, object]) -> None:
    queues.install(WANTED, server)
    changed = replace(WANTED, **change)  # type: ignore[arg-type]
    assert queues.install(changed, server) == "updated"
    assert queues.install(changed, server) == "unchanged"


@pytest.mark.parametrize(
    "command",
    [
        ("cupsdisable", "DICOM_Printer"),
        ("cupsreject", "DICOM_Printer"),
        ("lpadmin", "-p", "DICOM_Printer", "-o", "printer-error-policy=abort-job"),
        ("lpadmin", "-p", "DICOM_Printer", "-o", "printer-is-shared=true"),
        ("lpadmin", "-p", "DICOM_Printer", "-o", "job-sheets-default=standard,none"),
    ],
)
def test_what_others_changed_is_put_right(
    private_cups: PrivateCups, server: str, command: tuple[str, ...]
) -> None:
    queues.install(WANTED, server)
    private_cups.run(*command)
    assert queues.install(WANTED, server) == "updated"
    assert queues.install(WANTED, server) == "unchanged"


def test_a_queue_of_others_is_left_alone(private_cups: PrivateCups, server: str) -> None:
    backend = private_cups.directory / "bin" / "backend" / "http"
    backend.write_text("#!/bin/sh\n")
    backend.chmod(0o755)
    uri = "http://mary:secret@127.0.0.1:9/"
    private_cups.run("lpadmin", "-p", "DICOM_Printer", "-v", uri, "-D", "theirs")
    before = changes(private_cups)
    with pytest.raises(QueueError, match="belongs to another program"):
        queues.install(WANTED, server)
    with pytest.raises(QueueError, match="belongs to another program"):
        queues.remove("DICOM_Printer", server)
    assert changes(private_cups) == before
    (state,) = queues.listing(server)
    assert (state.ours, state.info, state.uri) == (False, "theirs", "http:")


def test_a_class_of_that_name_is_left_alone(private_cups: PrivateCups, server: str) -> None:
    queues.install(replace(WANTED, name="member"), server)
    private_cups.run("lpadmin", "-p", "member", "-c", "DICOM_Printer")
    with pytest.raises(QueueError):
        queues.install(WANTED, server)
    with pytest.raises(QueueError):
        queues.remove("DICOM_Printer", server)
    assert names(server) == ["DICOM_Printer", "member"]
    private_cups.run("lpadmin", "-x", "DICOM_Printer")


def test_remove(server: str) -> None:
    queues.install(WANTED, server)
    queues.remove("DICOM_Printer", server)
    assert names(server) == []
    with pytest.raises(QueueError, match="there is no queue"):
        queues.remove("DICOM_Printer", server)


def test_waiting_jobs_are_counted(private_cups: PrivateCups, server: str, tmp_path: Path) -> None:
    queues.install(WANTED, server)
    private_cups.run("cupsdisable", "-r", "paper is out", "DICOM_Printer")
    (tmp_path / "a").write_text("x")
    private_cups.lp("-d", "DICOM_Printer", str(tmp_path / "a"))
    private_cups.lp("-d", "DICOM_Printer", str(tmp_path / "a"))
    (state,) = queues.listing(server)
    assert (state.jobs, state.state, state.message) == (2, "stopped", "paper is out")


def test_jobs_that_wait_for_a_person_are_named_and_brought_back(
    private_cups: PrivateCups, tmp_path: Path
) -> None:
    """Each by the command that `status` gives for it; the queue is idle all the time."""
    spool = make_spool(tmp_path / "spool")
    server = str(private_cups.socket)
    queues.install(Queue("Waits", "Waits", "", (), spool), server)
    (tmp_path / "a").write_text("x")

    def state() -> QueueState:
        return next(s for s in queues.listing(server) if s.name == "Waits")

    held = private_cups.lp("-d", "Waits", "-H", "hold", str(tmp_path / "a"))
    later = private_cups.lp("-d", "Waits", "-H", "weekend", str(tmp_path / "a"))
    assert (state().state, state().jobs, state().held) == ("idle", 2, (held,)), later
    backend = private_cups.directory / "bin" / "backend" / "dicom"
    content = backend.read_bytes()
    backend.unlink()
    try:
        stopped = private_cups.lp("-d", "Waits", str(tmp_path / "a"))
        wait_for(lambda: state().stopped == (stopped,), "CUPS stops at the job")
    finally:
        backend.write_bytes(content)
        backend.chmod(0o700)
    assert state().state == "idle"
    private_cups.run("lp", "-i", f"Waits-{held}", "-H", "resume")
    private_cups.run("lp", "-i", f"Waits-{stopped}", "-H", "restart")
    wait_for(lambda: state().jobs == 1, "both are printed")
    assert (state().held, state().stopped) == ((), ())
    assert len(list((spool / "incoming").iterdir())) == 2


def test_a_name_that_cups_refuses(server: str) -> None:
    with pytest.raises(QueueError, match="CUPS refused"):
        queues.install(replace(WANTED, name="a/b#c"), server)
    assert names(server) == []


def test_no_cups_there(tmp_path: Path) -> None:
    with pytest.raises(QueueError, match="cannot be reached"):
        queues.listing(str(tmp_path / "socket"))


def test_the_server_of_the_environment(private_cups: PrivateCups, server: str) -> None:
    queues.install(WANTED, server)
    code = "from dicom_printer import queues; print([s.name for s in queues.listing()])"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=private_cups.env,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "['DICOM_Printer']\n"


def test_without_pycups_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cups", None)
    with pytest.raises(QueueError, match=r"pip install 'pycups"):
        queues.listing()


def test_what_a_queue_lacks_is_named(private_cups: PrivateCups, tmp_path: Path) -> None:
    server = str(private_cups.socket)
    wanted = Queue("Compared", "Compared", "", ("PatientID",), tmp_path)
    assert queues.differences(wanted, server) is None
    queues.install(wanted, server)
    assert queues.differences(wanted, server) == []
    other = Queue("Compared", "Other", "", ("StudyID",), tmp_path)
    assert queues.differences(other, server) == ["printer-info", "PPD"]
    private_cups.run("lpadmin", "-p", "Compared", "-o", "printer-error-policy=retry-job")
    assert queues.differences(wanted, server) == ["printer-error-policy"]


def test_the_configuration_of_the_server(private_cups: PrivateCups) -> None:
    text = queues.server_configuration(str(private_cups.socket))
    assert "PreserveJobFiles No" in text.splitlines()
