"""The intake: what is committed becomes a row once, and what breaks the contract is named."""

import errno
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from jobs_made import commit, ticket
from real_peers import wait_until

from dicom_printer import checks
from dicom_printer.config import Config
from dicom_printer.errors import SpoolError
from dicom_printer.hotfolder import HotFolder
from dicom_printer.intake import Intake, attributes, snapshot
from dicom_printer.jobs import look, table
from dicom_printer.jobs.store import Store
from dicom_printer.journal import FILE_NAME
from dicom_printer.spool import INCOMING, JOBS, REJECTED, Spool

CONFIG = """
[service]
spool = "spool"
settle = "0.1s"
rescan = "0.2s"

[defaults]
Modality = "OT"

[remote.pacs]
ae_title = "PACS"
host = "127.0.0.1"
port = 104

[printer.DICOM_Printer]
workflow = "w"
hot_folders = ["inbox"]

[printer.Asks]
workflow = "w"
ask = ["PatientID", "AccessionNumber"]

[[workflow.w]]
action = "store"
remote = "pacs"
"""


@pytest.fixture
def config(tmp_path: Path) -> Config:
    (tmp_path / "inbox").mkdir()
    (tmp_path / "dicom-printer.toml").write_text(CONFIG)
    return checks.load(tmp_path / "dicom-printer.toml")


@pytest.fixture
def arrivals() -> list[str]:
    return []


@pytest.fixture
def intake(config: Config, spool: Spool, store: Store, arrivals: list[str]) -> Iterator[Intake]:
    made = Intake(config, spool, store, lambda: arrivals.append("a job"))
    yield made
    if made.is_alive():
        made.stop()


def only(store: Store) -> dict[str, Any]:
    (job,) = look.listing(store)
    return look.show(store, job["id"])


def test_snapshot_of_a_printer(config: Config) -> None:
    found = snapshot(config, "Asks")
    assert found == {
        "defaults": {"Modality": "OT"},
        "steps": [{"action": "store", "remote": "pacs"}],
    }
    assert snapshot(config, "Nobody") is None


def test_committed_job_is_adopted_once(intake: Intake, spool: Spool, store: Store) -> None:
    ticket = commit(spool, title="Report", user="anna", attributes={"PatientID": " 4711 "})
    assert intake.adopt() == 1
    assert intake.adopt() == 0
    job = only(store)
    assert (job["id"], job["state"], job["printer"]) == (ticket.id, "ready", "DICOM_Printer")
    assert (job["title"], job["user"], job["source"]) == ("Report", "anna", "test")
    assert job["attributes"] == {"PatientID": "4711"}
    assert spool.document(ticket).exists()
    assert spool.incoming() == []


def test_jobs_are_adopted_in_the_order_they_came(
    intake: Intake, spool: Spool, store: Store
) -> None:
    made = [commit(spool).id for _ in range(5)]
    for age, job_id in enumerate(reversed(made)):
        os.utime(spool.root / INCOMING / job_id, (1e9 - age, 1e9 - age))
    assert intake.adopt() == 5
    assert [job["id"] for job in look.listing(store)] == made


def test_adopted_job_without_a_row_is_mended(intake: Intake, spool: Spool, store: Store) -> None:
    ticket = commit(spool)
    spool.adopt(ticket.id)
    intake.mend()
    intake.mend()
    assert only(store)["id"] == ticket.id


def test_job_whose_journal_cannot_be_read_at_all_is_held_and_not_begun_anew(
    intake: Intake, spool: Spool, store: Store
) -> None:
    ticket = commit(spool)
    spool.adopt(ticket.id)
    (spool.root / JOBS / ticket.id / FILE_NAME).write_bytes(b'{"v": 1, \xff}\n')
    intake.mend()
    job = only(store)
    assert (job["state"], job["reason"]) == ("held", "journal damaged")


def test_job_that_came_back_to_incoming_from_a_copy_is_rejected_and_goes_on_in_jobs(
    intake: Intake, spool: Spool, store: Store
) -> None:
    ticket = commit(spool)
    shutil.copytree(spool.root / INCOMING / ticket.id, spool.root / "copy")
    assert intake.adopt() == 1
    (spool.root / "copy").rename(spool.root / INCOMING / ticket.id)
    assert intake.adopt() == 0
    assert (intake.troubles, spool.incoming()) == ([], [])
    assert "is in jobs/ already" in reason(spool)
    assert spool.document(ticket).exists()
    assert only(store)["state"] == "ready"


def test_same_print_handed_over_twice_is_one_job(
    intake: Intake, spool: Spool, store: Store
) -> None:
    first, second = commit(spool, dedup="cups:1"), commit(spool, dedup="cups:1")
    assert intake.adopt() == 1
    job = only(store)
    assert spool.adopted() == [job["id"]]
    assert job["id"] in {first.id, second.id}
    assert [e["what"] for e in job["events"]] == ["accepted", "repeated"]


def reason(spool: Spool) -> str:
    (name,) = spool.rejected()
    return (spool.root / REJECTED / name / "reason.txt").read_text()


BROKEN: dict[str, tuple[Callable[[Path], object], str]] = {
    "no ticket": (lambda d: (d / "ticket.json").unlink(), "is not whole"),
    "no document": (lambda d: (d / "document.pdf").unlink(), "is not whole"),
    "not JSON": (lambda d: (d / "ticket.json").write_text("{"), "is not JSON"),
    "a field missing": (
        lambda d: (d / "ticket.json").write_text('{"schema": 1}'),
        "breaks the contract: id (Field required)",
    ),
    "another's": (
        lambda d: (d / "ticket.json").write_text(
            (d / "ticket.json").read_text().replace(d.name, "0" * 32)
        ),
        "belongs to another job",
    ),
    "a short document": (lambda d: (d / "document.pdf").write_bytes(b""), "has not the size"),
}


@pytest.mark.parametrize("directory", [INCOMING, JOBS])
@pytest.mark.parametrize("what", BROKEN)
def test_broken_job_is_rejected_with_its_reason(
    intake: Intake, spool: Spool, store: Store, what: str, directory: str
) -> None:
    breaks, expected = BROKEN[what]
    broken, good = commit(spool), commit(spool)
    if directory == JOBS:
        spool.adopt(broken.id)
    breaks(spool.root / directory / broken.id)
    intake.mend()
    assert intake.adopt() == 1
    assert expected in reason(spool)
    assert only(store)["id"] == good.id
    assert spool.incoming() == []


def test_stray_name_is_rejected_and_a_hidden_one_is_let_alone(
    intake: Intake, spool: Spool, store: Store
) -> None:
    (spool.root / INCOMING / "stray").mkdir()
    (spool.root / INCOMING / ".probe-1").mkdir()
    assert intake.adopt() == 0
    assert "is not named by a job id" in reason(spool)
    assert (spool.root / INCOMING / ".probe-1").exists()
    assert look.listing(store) == []


def test_job_of_an_unknown_printer_is_held(intake: Intake, spool: Spool, store: Store) -> None:
    commit(spool, printer="Renamed")
    assert intake.adopt() == 1
    job = only(store)
    assert (job["state"], job["reason"]) == ("held", "printer unknown")
    assert "dicom-printer retry --fresh JOB" in job["error"]


@pytest.mark.parametrize(
    ("printer", "expected"),
    [("Asks", {"PatientID": "4711"}), ("DICOM_Printer", {})],
)
def test_typed_options_count_only_where_they_are_asked_for(
    intake: Intake, spool: Spool, store: Store, printer: str, expected: dict[str, str]
) -> None:
    options = [("PatientID", "Custom.4711"), ("AccessionNumber", " "), ("PatientName", "X")]
    commit(spool, printer=printer, options=options)
    intake.adopt()
    assert only(store)["attributes"] == expected


def test_stated_attribute_goes_before_a_typed_one(
    intake: Intake, spool: Spool, store: Store
) -> None:
    commit(
        spool,
        printer="Asks",
        options=[("PatientID", "Custom.typed")],
        attributes={"PatientID": "stated"},
    )
    intake.adopt()
    assert only(store)["attributes"] == {"PatientID": "stated"}


def test_thread_takes_in_what_is_committed_and_what_is_dropped(
    intake: Intake, spool: Spool, store: Store, arrivals: list[str], tmp_path: Path
) -> None:
    intake.start()
    commit(spool)
    wait_until(lambda: len(look.listing(store)) == 1, "the committed job")
    (tmp_path / "inbox" / "a.pdf").write_bytes(b"%PDF-1.4")
    wait_until(lambda: len(look.listing(store)) == 2, "the dropped job")
    wait_until(lambda: len(arrivals) >= 2, "the call")
    assert intake.troubles == []


def test_job_table_that_cannot_be_written_costs_no_job(
    intake: Intake, spool: Spool, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise sa.exc.OperationalError("INSERT", {}, Exception("database or disk is full"))

    intake.start()
    with monkeypatch.context() as patch:
        patch.setattr(table, "submit", full)
        first = commit(spool)
        wait_until(lambda: bool(intake.troubles), "the trouble")
        assert "the job table cannot be written" in intake.troubles[0]
        assert spool.adopted() == [first.id]
    assert intake.is_alive()
    second = commit(spool)
    wait_until(lambda: len(look.listing(store)) == 2, "both jobs")
    wait_until(lambda: intake.troubles == [], "the end of the trouble")
    assert {job["id"] for job in look.listing(store)} == {first.id, second.id}


def test_folder_that_appears_later_is_served(intake: Intake, store: Store, tmp_path: Path) -> None:
    (tmp_path / "inbox").rmdir()
    intake.start()
    wait_until(lambda: bool(intake.troubles), "the trouble")
    assert "not there" in intake.troubles[0]
    (tmp_path / "inbox").mkdir()
    (tmp_path / "inbox" / "a.pdf").write_bytes(b"%PDF-1.4")
    wait_until(lambda: len(look.listing(store)) == 1, "the job")
    wait_until(lambda: intake.troubles == [], "the end of the trouble")


def test_an_attribute_that_came_as_a_tag_has_its_keyword(config: Config) -> None:
    made = ticket(attributes={"(0010,0020)": "4711", "(0009,1001)": "x", "Nonsense": "y"})
    found = attributes(config, made)
    assert found == {"PatientID": "4711", "(0009,1001)": "x", "Nonsense": "y"}


def test_ticket_that_cannot_be_read_for_a_moment_is_no_broken_one(
    intake: Intake, spool: Spool, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> int:
        raise OSError(errno.EMFILE, "Too many open files")

    ticket = commit(spool)
    with monkeypatch.context() as patch:
        patch.setattr("dicom_printer.spool.tickets.read", fail)
        assert intake.adopt() == 0
    assert spool.rejected() == []
    assert intake.adopt() == 1
    assert only(store)["id"] == ticket.id


def test_entry_that_can_be_neither_adopted_nor_rejected_stops_no_other(
    intake: Intake, spool: Spool, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise SpoolError("incoming/stray cannot be rejected: Operation not permitted")

    (spool.root / INCOMING / "stray").mkdir()
    os.utime(spool.root / INCOMING / "stray", (1, 1))
    monkeypatch.setattr(spool, "reject", refuse)
    ticket = commit(spool)
    intake.start()
    wait_until(lambda: len(look.listing(store)) == 1, "the newer job")
    assert only(store)["id"] == ticket.id
    wait_until(lambda: bool(intake.troubles), "the trouble")
    assert "incoming/stray cannot be rejected" in intake.troubles[0]


def test_many_entries_that_fail_are_a_short_trouble(
    intake: Intake, spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(name: str, _: str) -> None:
        raise SpoolError(f"job {name} cannot be read", "")

    monkeypatch.setattr(spool, "ticket", fail)
    for _ in range(10):
        commit(spool)
    intake.start()
    wait_until(lambda: len(intake.troubles) == 4, "the trouble")
    assert intake.troubles[-1] == "7 more like these"


def test_job_whose_adoption_was_not_certain_gets_its_row_without_a_restart(
    intake: Intake, spool: Spool, store: Store, arrivals: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Spool.adopt

    def fail_behind_the_rename(self: Spool, job_id: str) -> None:
        monkeypatch.setattr(Spool, "adopt", whole)
        whole(self, job_id)
        raise SpoolError("Input/output error")

    monkeypatch.setattr(Spool, "adopt", fail_behind_the_rename)
    ticket = commit(spool)
    intake.start()
    wait_until(lambda: len(look.listing(store)) == 1, "the job")
    assert only(store)["id"] == ticket.id
    wait_until(lambda: bool(arrivals), "the call")
    wait_until(lambda: intake.troubles == [], "the end of the trouble")


def test_job_that_a_person_took_away_before_it_had_a_row_is_forgotten(
    intake: Intake, spool: Spool, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise SpoolError("it cannot be read", "")

    ticket = commit(spool)
    spool.adopt(ticket.id)
    with monkeypatch.context() as patch:
        patch.setattr(spool, "ticket", fail)
        intake.mend()
    spool.remove(ticket.id)
    intake.start()
    commit(spool)
    wait_until(lambda: len(look.listing(store)) == 1, "the other job")
    assert (intake.troubles, spool.rejected()) == ([], [])


@pytest.mark.parametrize("error", [OSError(errno.EIO, "Input/output error"), SpoolError("x", "")])
def test_error_of_a_folder_is_trouble_and_ends_no_thread(
    intake: Intake, spool: Spool, store: Store, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_: object) -> int:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(HotFolder, "collect", fail)
        intake.start()
        wait_until(lambda: bool(intake.troubles), "the trouble")
        assert intake.troubles[0].startswith("hot folder ")
        commit(spool)
        wait_until(lambda: len(look.listing(store)) == 1, "the job")
    wait_until(lambda: intake.troubles == [], "the end of the trouble")
    assert intake.is_alive()


def test_error_of_incoming_is_trouble_and_ends_no_thread(
    intake: Intake, spool: Spool, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Spool) -> list[str]:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(Spool, "incoming", fail)
        intake.start()
        wait_until(lambda: intake.troubles == ["Input/output error"], "the trouble")
    commit(spool)
    wait_until(lambda: len(look.listing(store)) == 1, "the job")
    assert intake.is_alive()


def test_folder_whose_file_system_hangs_stops_nobody_else(
    intake: Intake, spool: Spool, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    hangs, goes_on = threading.Event(), threading.Event()

    def hang(*_: object) -> int:
        hangs.set()
        goes_on.wait(60)
        return 0

    monkeypatch.setattr(HotFolder, "collect", hang)
    monkeypatch.setattr("dicom_printer.rounds.STUCK_S", 0.2)
    monkeypatch.setattr("dicom_printer.intake._STOP_S", 0.2)
    intake.start()
    assert hangs.wait(10)
    commit(spool)
    wait_until(lambda: len(look.listing(store)) == 1, "the job of the queue")
    wait_until(lambda: bool(intake.troubles), "the trouble")
    assert "its file system does not answer; see its mount" in intake.troubles[0]
    began = time.monotonic()
    intake.stop()
    assert time.monotonic() - began < 10
    goes_on.set()
    wait_until(lambda: not any(c.rounds.is_alive() for c in intake._collectors), "the thread's end")


def test_copy_ends_when_the_service_stops(
    intake: Intake, spool: Spool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    reading = threading.Event()

    def endless(source: Any, _: Path) -> tuple[int, str]:
        while True:
            source.read(1)
            reading.set()

    monkeypatch.setattr(Spool, "_copy", staticmethod(endless))
    (tmp_path / "inbox" / "a.pdf").write_bytes(b"x")
    intake.start()
    assert reading.wait(10)
    began = time.monotonic()
    intake.stop()
    assert time.monotonic() - began < 5
    assert spool.incoming() == []
    assert (tmp_path / "inbox" / "a.pdf").exists()


def test_two_nodes_take_the_same_jobs_in_and_each_is_one(
    config: Config, spool: Spool, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = (Intake(config, spool, store, lambda: None) for _ in "ab")
    first, repeated = commit(spool, dedup="x"), commit(spool, dedup="x")
    (spool.root / INCOMING / "stray").mkdir()
    names = spool.incoming()
    assert one.adopt() == 1
    # The other one listed the directory before, and comes to each a moment too late.
    monkeypatch.setattr(spool, "incoming", lambda: names)
    assert other.adopt() == 0
    other.mend()
    assert other.troubles == []
    assert {job["id"] for job in look.listing(store)} <= {first.id, repeated.id}
    assert len(look.listing(store)) == 1
    assert len(spool.rejected()) == 1


def test_job_whose_node_died_before_its_row_is_made_by_another(
    intake: Intake, spool: Spool, store: Store
) -> None:
    intake.start()
    ticket = commit(spool)
    spool.adopt(ticket.id)  # and then it died
    intake.mend_soon()
    wait_until(lambda: [j["id"] for j in look.listing(store)] == [ticket.id], "the row")
