"""A hot folder of the running service: everything once, and nothing for ever."""

import os
import shutil
import threading
import time
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import documents
import pytest
from real_peers import wait_until
from running_service import RunningService
from scp import ScriptedSCP

from dicom_printer.taking import REJECTED

SETTLE_S = 1.0
MANY = 200
CONFIG = """
[service]
spool = "spool"
settle = "1s"

[remote.pacs]
ae_title = "PACS"
host = "127.0.0.1"
port = {port}
associations = 2

[printer.P]
workflow = "w"
hot_folders = ["inbox"]

[[workflow.w]]
action = "store"
remote = "pacs"
dpi = 36
"""


@pytest.fixture
def scp() -> Iterator[ScriptedSCP]:
    with ScriptedSCP() as made:
        yield made


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    made = tmp_path / "service" / "inbox"
    made.mkdir(parents=True)
    return made


@pytest.fixture
def service(tmp_path: Path, inbox: Path, scp: ScriptedSCP) -> Iterator[RunningService]:
    with RunningService(inbox.parent, CONFIG.format(port=scp.port)) as running:
        yield running


def small(path: Path, number: int) -> None:
    """Write a PDF of one small page, of another width for each number."""
    path.write_bytes(documents.raw_pdf([f"/MediaBox [0 0 {200 + number} 200]"]))


def write_slowly(path: Path, content: bytes, pieces: int = 26) -> None:
    """Append piece by piece, opening anew for each, over ten seconds and more."""
    size = len(content) // pieces + 1
    for start in range(0, len(content), size):
        with path.open("ab") as file:
            file.write(content[start : start + size])
        time.sleep(0.4 * SETTLE_S)


def test_200_files_at_once_and_one_written_slowly(
    service: RunningService, scp: ScriptedSCP, inbox: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    for number in range(MANY):
        small(outside / f"{number}.pdf", number)
    slow = documents.report(tmp_path / "slow.pdf", pages=2).read_bytes()
    writer = threading.Thread(target=write_slowly, args=(inbox / "slow.pdf", slow))
    writer.start()
    for number in range(MANY):
        if number % 2:
            shutil.copy(outside / f"{number}.pdf", inbox)
        else:
            (outside / f"{number}.pdf").rename(inbox / f"{number}.pdf")
    writer.join()
    jobs = service.wait_until(
        lambda jobs: len(jobs) > MANY and all(job["state"] == "done" for job in jobs),
        timeout=240,
    )
    titles = Counter(job["title"] for job in jobs)
    assert titles == Counter([*(str(number) for number in range(MANY)), "slow"])
    assert [job["pages"] for job in jobs if job["title"] == "slow"] == [2]
    wait_until(lambda: list(inbox.iterdir()) == [], "the removal of what was taken")
    assert len(scp.stores) == len(set(scp.stored_uids)) == MANY + 2


def taken_but(inbox: Path, left: int) -> bool:
    return len(list(inbox.iterdir())) <= left


def test_kill_while_files_are_taken(
    service: RunningService, scp: ScriptedSCP, inbox: Path, tmp_path: Path
) -> None:
    for number in range(60):
        small(tmp_path / f"{number}.pdf", number)
    for number in range(60):
        (tmp_path / f"{number}.pdf").rename(inbox / f"{number}.pdf")
    for left in (40, 20):
        wait_until(partial(taken_but, inbox, left), "files that are taken", 120)
        assert service.process is not None and service.process.poll() is None
        service.kill9()
        service.start()
    jobs = service.wait_until(
        lambda jobs: len(jobs) == 60 and all(job["state"] == "done" for job in jobs)
    )
    assert {job["title"] for job in jobs} == {str(number) for number in range(60)}
    wait_until(lambda: list(inbox.iterdir()) == [], "the removal of what a kill left")
    assert len(service.jobs()) == 60
    assert len(set(scp.stored_uids)) == 60


def test_what_does_not_belong_there(
    service: RunningService, scp: ScriptedSCP, inbox: Path, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    documents.report(elsewhere / "secret.pdf", pages=1)
    (inbox / "link.pdf").symlink_to(elsewhere / "secret.pdf")
    (inbox / "linked").symlink_to(elsewhere)
    os.mkfifo(inbox / "pipe.pdf")
    (inbox / "letter.docx").write_bytes(b"PK")
    left = {"hidden": inbox / ".hidden.pdf", "part": inbox / "growing.pdf.part"}
    for path in left.values():
        documents.report(path, pages=1)
    (inbox / "Ward 3").mkdir()
    documents.report(inbox / "Ward 3" / "UPPER.PDF", pages=1)

    unwanted = ("link.pdf", "linked", "pipe.pdf", "letter.docx")
    rejected = inbox / REJECTED
    wait_until(
        lambda: all((rejected / f"{name}.reason.txt").exists() for name in unwanted), "rejections"
    )
    service.wait_until(lambda jobs: [(j["title"], j["state"]) for j in jobs] == [("UPPER", "done")])
    left["part"].rename(inbox / "growing.pdf")  # finished now, so it goes at once
    service.wait_until(lambda jobs: [j["state"] for j in jobs] == ["done", "done"])
    assert {job["title"] for job in service.jobs()} == {"UPPER", "growing"}
    stay = {REJECTED, "Ward 3", ".hidden.pdf"}
    wait_until(lambda: {path.name for path in inbox.iterdir()} == stay, "the removal of the taken")
    assert {path.name for path in rejected.iterdir()} == {
        *unwanted, *(f"{name}.reason.txt" for name in unwanted)
    }  # fmt: skip
    assert service.log.read_text().count("a file was rejected") == len(unwanted)
    assert (elsewhere / "secret.pdf").exists()
    assert len(scp.stores) == 2


def test_file_that_came_while_the_service_was_off(
    service: RunningService, scp: ScriptedSCP, inbox: Path
) -> None:
    service.kill9()
    documents.report(inbox / "a.pdf", pages=1)
    service.start()
    service.wait_until(lambda jobs: [job["state"] for job in jobs] == ["done"])
    assert len(scp.stores) == 1


def test_writer_that_rests_longer_than_the_folder_waits(
    service: RunningService, scp: ScriptedSCP, inbox: Path
) -> None:
    content = documents.report(inbox.parent / "a.pdf", pages=1).read_bytes()
    with (inbox / "slow.pdf").open("wb") as file:
        file.write(content[:1000])
        file.flush()
        documents.report(inbox / "other.pdf", pages=1)
        service.wait_until(lambda jobs: [job["state"] for job in jobs] == ["done"])
        time.sleep(SETTLE_S)  # the rest that is longer than `settle`
        file.write(content[1000:])
    service.wait_until(lambda jobs: [job["state"] for job in jobs] == ["done", "done"])
    assert [job["title"] for job in service.jobs()] == ["other", "slow"]
    assert len(scp.stores) == 2


def test_scanner_that_gives_every_document_the_same_name(
    service: RunningService, scp: ScriptedSCP, inbox: Path, tmp_path: Path
) -> None:
    for number in range(40):
        small(tmp_path / "scan.pdf", number)
        while (inbox / "scan.pdf").exists():
            time.sleep(0.0005)
        (tmp_path / "scan.pdf").rename(inbox / "scan.pdf")
    jobs = service.wait_until(
        lambda jobs: len(jobs) >= 40 and all(job["state"] == "done" for job in jobs)
    )
    assert [job["title"] for job in jobs] == ["scan"] * 40
    wait_until(lambda: list(inbox.iterdir()) == [], "the removal of what was taken")
    assert len(set(scp.stored_uids)) == 40


def test_file_that_a_crash_left_under_its_hidden_name(
    service: RunningService, scp: ScriptedSCP, inbox: Path
) -> None:
    service.kill9()
    documents.report(inbox / ".taking-0123456789abcdef-Befund.pdf", pages=1)
    service.start()
    service.wait_until(
        lambda jobs: [(j["title"], j["state"]) for j in jobs] == [("Befund", "done")]
    )
    wait_until(lambda: list(inbox.iterdir()) == [], "the removal of what was taken")
    assert len(scp.stores) == 1
