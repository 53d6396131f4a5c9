"""Disks and databases that fail: a clear state, nothing lost, and it goes on by itself."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any

import documents
import pytest
from failing_disk import FailingDisk
from gated_scp import GatedSCP
from real_peers import wait_until
from running_service import RunningService, all_done

CONFIG = """
[service]
spool = "spool"
settle = "0.1s"
rescan = "1s"
render_workers = 1
min_free = "1M"

[remote.pacs]
ae_title = "PACS"
host = "127.0.0.1"
port = {port}

[printer.P]
workflow = "w"
hot_folders = ["inbox"]

[[workflow.w]]
action = "store"
remote = "pacs"
dpi = 36
retry = {{ first = "1s", longest = "1s" }}
"""
PAGES = 4
Fault = Callable[[], AbstractContextManager[None]]


@pytest.fixture
def scp() -> Iterator[GatedSCP]:
    with GatedSCP() as made:
        yield made


@pytest.fixture
def service(tmp_path: Path, scp: GatedSCP) -> Iterator[RunningService]:
    directory = tmp_path / "service"
    (directory / "inbox").mkdir(parents=True)
    made = RunningService(directory, CONFIG.format(port=scp.port))
    yield made
    made.kill9()


def submit(service: RunningService, title: str, *, check: bool = True) -> Any:
    pdf = documents.report(service.directory / f"{title}.pdf", PAGES)
    return service.cli("submit", "-p", "P", "-t", title, str(pdf), check=check)


def states(service: RunningService) -> dict[str, str]:
    return {job["title"]: job["state"] for job in service.jobs()}


# -- the database --


def begun(service: RunningService, scp: GatedSCP) -> None:
    """One job is done, one is at its third page when the service is killed."""
    service.start()
    submit(service, "done")
    service.wait_until(all_done(1))
    scp.hold_back(PAGES + 3)
    submit(service, "begun")
    scp.wait()


def lose(spool: Path, _copy: Path) -> None:
    for part in spool.glob("jobs.sqlite3*"):
        part.unlink()


def lose_the_log(spool: Path, _copy: Path) -> None:
    (spool / "jobs.sqlite3-wal").unlink()


def make_older(spool: Path, copy: Path) -> None:
    lose(spool, copy)
    shutil.copy(copy, spool / "jobs.sqlite3")


def empty(spool: Path, _copy: Path) -> None:
    lose(spool, _copy)
    (spool / "jobs.sqlite3").touch()


@pytest.mark.parametrize("harm", [lose, lose_the_log, make_older, empty])
def test_database_that_knows_less_is_brought_up_to_date_at_start(
    service: RunningService, scp: GatedSCP, tmp_path: Path, harm: Callable[[Path, Path], None]
) -> None:
    with service:
        service.terminate()
        copy = tmp_path / "copy"
        shutil.copy(service.spool / "jobs.sqlite3", copy)
        begun(service, scp)
        service.kill9()
        harm(service.spool, copy)
        scp.gate.set()
        service.start()
        service.wait_until(all_done(2))
        requests = scp.requests_by_uid()
        assert len(requests) == 2 * PAGES
        # The page that was on its way, and nothing that had been acknowledged.
        assert sum(requests.values()) == 2 * PAGES + 1
        # A file that was taken before comes again: it is the same print.
        shutil.copy(service.directory / "done.pdf", service.directory / "inbox" / "new.pdf")
        service.wait_until(all_done(3))


def test_database_damaged_while_the_service_runs(service: RunningService, scp: GatedSCP) -> None:
    begun(service, scp)
    size = (service.spool / "jobs.sqlite3").stat().st_size
    for part in service.spool.glob("jobs.sqlite3*"):
        if part.name != "jobs.sqlite3-shm":
            part.write_bytes(os.urandom(max(size, part.stat().st_size)))
    scp.gate.set()
    process = service.process
    assert process is not None
    more = 0
    while process.poll() is None:
        # What SQLite has in memory serves on: only new work makes it read the damage.
        more += 1
        assert more < 30, service.tail()
        submit(service, f"more-{more}")
        with suppress(subprocess.TimeoutExpired):
            process.wait(2)
    assert process.returncode == 3, service.tail()
    assert "dicom-printer recover" in service.tail()
    assert "Traceback" not in service.tail().partition("is damaged")[2]
    service.process = None
    looked = service.cli("status", check=False)
    assert looked.returncode == 3
    assert "dicom-printer recover" in looked.stderr
    said = service.cli("recover").stdout
    assert "is damaged" in said
    assert re.search(r"rebuilt: [1-9]\d* done", said), said
    service.start()
    service.wait_until(all_done(2 + more))
    assert len(scp.requests_by_uid()) == (2 + more) * PAGES
    assert sum(scp.requests_by_uid().values()) == (2 + more) * PAGES


def test_service_does_not_start_on_a_damaged_database(
    service: RunningService, scp: GatedSCP
) -> None:
    service.start()
    submit(service, "done")
    service.wait_until(all_done(1))
    assert service.terminate() == 0
    database = service.spool / "jobs.sqlite3"
    os.truncate(database, database.stat().st_size // 2)
    done = service.cli("serve", check=False)
    assert (done.returncode, "dicom-printer recover" in done.stderr) == (3, True), done.stderr
    service.cli("recover")
    service.start()
    service.wait_until(all_done(1))
    assert sum(scp.requests_by_uid().values()) == PAGES


def test_spool_restored_from_an_older_copy(
    service: RunningService, scp: GatedSCP, tmp_path: Path
) -> None:
    scp.hold_back(1)
    service.start()
    submit(service, "early")
    scp.wait()
    service.kill9()
    scp.gate.set()
    older = tmp_path / "older"
    shutil.copytree(service.spool, older)
    service.start()
    service.wait_until(all_done(1))
    submit(service, "late")
    service.wait_until(all_done(2))
    service.terminate()
    shutil.rmtree(service.spool)
    shutil.copytree(older, service.spool)
    service.start()
    service.wait_until(all_done(1))
    # What ended after the copy goes out again, under the same SOP Instance UIDs.
    assert states(service) == {"early": "done"}
    assert len(scp.requests_by_uid()) == 2 * PAGES


def test_row_without_its_directory_is_held_and_goes_on_when_it_is_back(
    service: RunningService, scp: GatedSCP, tmp_path: Path
) -> None:
    scp.hold_back(1)
    service.start()
    submit(service, "job")
    scp.wait()
    service.kill9()
    scp.gate.set()
    (job,) = service.jobs()
    place = service.spool / "jobs" / job["id"]
    shutil.move(place, tmp_path / "away")
    service.start()
    (job,) = service.wait_until(lambda jobs: [job["state"] for job in jobs] == ["held"])
    assert job["reason"] == "spool damaged"
    shutil.move(tmp_path / "away", place)
    service.cli("retry", job["id"])
    service.wait_until(all_done(1))


# -- the disk --


def healthy(service: RunningService) -> bool:
    return service.cli("status", "--check", check=False).returncode == 0


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EIO], ids=errno.errorcode.get)
def test_disk_that_takes_nothing_for_a_while(
    service: RunningService, scp: GatedSCP, tmp_path: Path, code: int
) -> None:
    disk = FailingDisk(tmp_path, service.spool.parent)
    service.env |= disk.env
    begun(service, scp)
    with disk.fails(code):
        scp.gate.set()
        refused = submit(service, "refused", check=False)
        assert refused.returncode == 3
        assert os.strerror(code) in refused.stderr
        pdf = documents.report(tmp_path / "dropped.pdf", PAGES)
        pdf.rename(service.directory / "inbox" / "dropped.pdf")
        wait_until(lambda: "cannot be written" in service.tail(), "a word in the log", 60)
        assert not healthy(service)
        assert service.process is not None
        assert service.process.poll() is None
    # Nobody does anything: it goes on by itself.
    service.wait_until(all_done(3), timeout=120)
    assert states(service) == {"done": "done", "begun": "done", "dropped": "done"}
    requests = scp.requests_by_uid()
    assert len(requests) == 3 * PAGES
    # The page whose answer came while nothing could be written may come again.
    assert sum(requests.values()) <= 3 * PAGES + 1
    wait_until(lambda: healthy(service), "a healthy status", 60)


@contextmanager
def file_system(place: Path, options: str) -> Iterator[None]:
    place.mkdir(parents=True, exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("file systems cannot be mounted here")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


@pytest.mark.parametrize(
    ("options", "said"),
    [("size=48m", "min_free is left"), ("size=256m,nr_inodes=400", "no inodes are left")],
    ids=["bytes", "inodes"],
)
def test_real_file_system_that_is_used_up(
    service: RunningService, scp: GatedSCP, options: str, said: str
) -> None:
    with file_system(service.spool, options):
        begun(service, scp)
        used = service.spool / "used"
        used.mkdir()
        with pytest.raises(OSError, match="No space left"):
            for number in range(10**6):
                (used / str(number)).write_bytes(b"" if "inodes" in options else bytes(1 << 14))
        scp.gate.set()
        refused = submit(service, "refused", check=False)
        assert refused.returncode == 3
        assert "No space left" in refused.stderr
        status = json.loads(service.cli("status", "--json", check=False).stdout)
        assert any(said in trouble for trouble in status["troubles"])
        assert not healthy(service)
        shutil.rmtree(used)
        service.wait_until(all_done(2), timeout=120)
        assert len(scp.requests_by_uid()) == 2 * PAGES
        assert sum(scp.requests_by_uid().values()) <= 2 * PAGES + 1
        service.kill9()
