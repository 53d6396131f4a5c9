"""Who may do what: modes of everything that was written, and verbs of somebody else's."""

from __future__ import annotations

import os
import pwd
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import documents
import pytest
from cups_fixtures import wait_for
from running_service import RunningService

from dicom_printer.ppd import backend_directory

CONFIG = """\
[service]
spool = "spool"
settle = "0.1s"
rescan = "0.5s"

[remote.nowhere]
ae_title = "NOWHERE"
host = "127.0.0.1"
port = 9

[printer.Printer]
workflow = "suspended"
hot_folders = ["scans"]

[[workflow.suspended]]
action = "store"
remote = "nowhere"
"""
NAME = "Doe^Unmistakable"
OTHERS = stat.S_IRWXG | stat.S_IRWXO
NOBODY = pwd.getpwnam("nobody")


@pytest.fixture(scope="module")
def stopped() -> Iterator[RunningService]:
    """A service that has a job, where others may pass through: not in tmp_path."""
    made = Path(tempfile.mkdtemp(prefix="dicom-who-"))
    made.chmod(0o755)
    pdf = documents.report(made / "a.pdf")
    with RunningService(made, CONFIG) as service:
        service.cli("submit", str(pdf), "-p", "Printer", "--set", f"PatientName={NAME}")
        service.wait_until(lambda jobs: [j["state"] for j in jobs] == ["suspended"])
    yield service
    shutil.rmtree(made)


@pytest.mark.parametrize("owner", [os.getuid(), NOBODY.pw_uid])
def test_all_that_a_run_writes_is_its_owners_alone_whatever_the_umask(
    owner: int, request: pytest.FixtureRequest
) -> None:
    if os.getuid() not in {0, owner}:
        pytest.skip("only root can be somebody else")
    others = owner != os.getuid()
    python = request.getfixturevalue("python_for_others") if others else sys.executable
    place = Path(tempfile.mkdtemp(prefix="dicom-who-"))
    try:
        place.chmod(0o755)
        # Called by root, the service and the verbs become the spool's owner.
        service = RunningService(place / "run", CONFIG, python=python)
        _all_is_the_owners(service, owner)
    finally:
        shutil.rmtree(place)


def _all_is_the_owners(service: RunningService, owner: int) -> None:
    pdf = documents.report(service.directory.parent / "a.pdf")
    scans = service.directory / "scans"
    for path in (scans, service.spool):
        path.mkdir()
        os.chown(path, owner, -1)
    service.spool.chmod(0o700)
    before = set(service.directory.rglob("*"))
    was = os.umask(0)
    try:
        with service:
            shutil.copy(pdf, scans / "dropped.pdf")
            (scans / "no document.txt").write_text("x")
            (job,) = service.wait_until(
                lambda jobs: (
                    [job["state"] for job in jobs] == ["suspended"]
                    and (scans / "rejected" / "no document.txt").exists()
                )
            )
            service.cli("submit", str(pdf), "-p", "Printer")
            service.wait_until(
                lambda jobs: [j["state"] for j in jobs] == ["suspended", "suspended"]
            )
            service.cli("hold", job["id"], check=False)
            service.cli("preview", job["id"])
            # While it runs: the job table's -wal and -shm are gone when nobody has it open.
            now = set(service.directory.rglob("*"))
            found = {path: path.lstat() for path in now - before}
    finally:
        os.umask(was)
    (scans / "rejected" / "no document.txt").chmod(0o600)  # it came with the mode it has
    names = {path.name for path in found}
    assert {"jobs.sqlite3-wal", "jobs.sqlite3-shm", "service.lock", "ticket.json"} <= names
    assert {"rejected", "no document.txt.reason.txt"} <= names
    ours = {p: s for p, s in found.items() if p != service.log and p.name != "no document.txt"}
    wide = [str(p) for p, s in ours.items() if s.st_mode & OTHERS and not stat.S_ISLNK(s.st_mode)]
    assert wide == []
    strangers = [p for p, s in found.items() if service.spool in p.parents and s.st_uid != owner]
    assert strangers == []


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be somebody else")
@pytest.mark.parametrize(
    "verb",
    [
        ["status", "--json"],
        ["jobs"],
        ["show", "{job}"],
        ["preview", "{job}", "-o", "-"],
        ["match", "{job}"],
    ]
    + [[v, "{job}"] for v in ("hold", "release", "retry", "cancel")]
    + [["discard", "--all", "--reason", "x"], ["submit", "{pdf}", "-p", "Printer"]],
    ids=lambda verb: verb[0],
)
def test_somebody_else_is_told_so_and_learns_nothing(
    verb: list[str], stopped: RunningService, python_for_others: str
) -> None:
    service, pdf = stopped, stopped.directory / "a.pdf"
    (before,) = service.jobs()
    words = [word.format(job=before["id"], pdf=pdf) for word in verb]
    command = [python_for_others, "-m", "dicom_printer", words[0], "-c", str(service.config)]
    done = subprocess.run(
        [*command, *words[1:]], capture_output=True, text=True, timeout=60, check=False,
        user=NOBODY.pw_uid, group=NOBODY.pw_gid, extra_groups=[], cwd="/",
        env={**service.env, "PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip
    assert done.returncode == 3, done.stderr
    assert "Permission denied; run this as the spool's owner, or as root" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert NAME not in done.stderr
    assert service.jobs() == [before]


def status_of(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}


@pytest.mark.skipif(os.getuid() != 0, reason="only root has something to give up")
@pytest.mark.parametrize("by_name", [False, True], ids=["stdin", "file"])
def test_the_backend_is_nobody_special_when_it_reads_the_first_byte(by_name: bool) -> None:
    place = Path(tempfile.mkdtemp(prefix="dicom-who-"))
    place.chmod(0o755)
    try:
        spool = place / "spool"
        for path in (spool, spool / "tmp", spool / "incoming"):
            path.mkdir(mode=0o700)
            os.chown(path, NOBODY.pw_uid, NOBODY.pw_gid)
        os.mkfifo(place / "document", 0o600)  # root's, as CUPS's own files are
        # Read and write: to open a FIFO for reading alone waits for the other end.
        end = os.open(place / "document", os.O_RDWR)
        command = ["/usr/bin/python3", "-IS", str(backend_directory() / "dicom")]
        arguments = ["7", "mary", "title", "1", "", *([str(place / "document")] if by_name else [])]
        process = subprocess.Popen(
            [*command, *arguments],
            stdin=end,
            stderr=subprocess.PIPE,
            extra_groups=[0, 7],
            env={"DEVICE_URI": f"dicom:{spool}", "PRINTER": "P", "PATH": os.defpath},
        )
        try:
            begun = status_of(process.pid)
            # A FIFO that is not written to: it stands in the first read of the document.
            wait_for(lambda: _reads(process.pid, place / "document"), "the first read", 30)
            found = status_of(process.pid)
            os.write(end, b"%PDF-1.4\n" + b"x" * 3000 + b"\n%%EOF\n")
        finally:
            os.close(end)
            process.kill()
            process.communicate(timeout=20)
        assert begun["Uid"].split()[0] == "0"
        assert found["Uid"].split() == [str(NOBODY.pw_uid)] * 4, "real, effective, saved, fs"
        assert found["Gid"].split() == [str(NOBODY.pw_gid)] * 4
        assert found["Groups"] == ""
        for kind in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
            assert int(found[kind], 16) == 0, kind
    finally:
        shutil.rmtree(place)


def _reads(pid: int, path: Path) -> bool:
    """Tell whether a process has opened a FIFO and sleeps in a read of it."""
    is_open = any(fd.readlink() == path for fd in Path(f"/proc/{pid}/fd").iterdir())
    waits = Path(f"/proc/{pid}/wchan").read_text()  # 0 where the kernel does not tell
    return is_open and status_of(pid)["State"].startswith("S") and ("pipe" in waits or waits == "0")
