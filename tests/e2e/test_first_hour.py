"""An administrator's first hour: ``init`` by flags, a page with ``lp``, then things break.

A private cupsd with the real backend, and Orthanc as the PACS; ``doctor`` has to name each fault.
"""

from __future__ import annotations

import getpass
import itertools
import json
import os
import select
import socket
import socketserver
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import documents
import pytest
from programs import require
from real_peers import Orthanc
from running_service import RunningService

from dicom_printer.demo.cupsd import PrivateCups

_PATIENCE_S = 240.0


@dataclass
class Site:
    """Everything that runs, and what ``init`` said."""

    cups: PrivateCups
    pacs: Orthanc
    service: RunningService
    said: str

    @property
    def backend(self) -> Path:
        return self.cups.directory / "bin" / "backend" / "dicom"

    def examined(self) -> list[dict[str, str]]:
        """Return all that ``doctor`` finds."""
        done = self.service.cli("doctor", "--json", check=False, timeout=_PATIENCE_S)
        found: list[dict[str, str]] = json.loads(done.stdout)
        assert all(f["remedy"] for f in found if f["grade"] != "fine")
        wrong = any(f["grade"] == "wrong" for f in found)
        assert done.returncode == (1 if wrong else 0), done.stderr
        return found

    def wrong(self) -> list[tuple[str, str]]:
        """Return what ``doctor`` finds wrong: what it looked at, and what it found."""
        return [(f["check"], f["found"]) for f in self.examined() if f["grade"] == "wrong"]

    def one_wrong(self) -> tuple[str, str]:
        """Return the one thing that is wrong."""
        (found,) = self.wrong()
        return found

    @contextmanager
    def configured(self, old: str, new: str) -> Iterator[None]:
        """Edit the configuration for the length of a block."""
        text = self.service.config.read_text()
        assert old in text
        self.service.config.write_text(text.replace(old, new, 1))
        try:
            yield
        finally:
            self.service.config.write_text(text)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Go from nothing to a service that runs."""
    require("cupsd", "lp", "cupsdisable", "cupsenable", "Orthanc", "pdftoppm")
    directory = tmp_path_factory.mktemp("site")
    config = directory / "dicom-printer.toml"
    with Orthanc(directory / "orthanc") as pacs, PrivateCups() as cups:
        env = {"CUPS_SERVER": str(cups.socket), "CUPS_SERVERBIN": str(cups.directory / "bin")}
        flags = ["--pacs-host", "127.0.0.1", "--pacs-port", str(pacs.port), "--pacs-ae-title"]
        flags += ["ORTHANC", "--spool", "spool", "--user", getpass.getuser(), "--yes"]
        done = subprocess.run(
            [sys.executable, "-m", "dicom_printer", "init", "--config", str(config), *flags],
            env=os.environ | env, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=_PATIENCE_S, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        with RunningService(directory, config.read_text(), env) as service:
            if os.geteuid() != 0:
                service.cli("printers", "install")
            yield Site(cups, pacs, service, done.stdout)


def test_from_nothing_to_the_first_page(site: Site, tmp_path: Path) -> None:
    assert "PACS: answers a C-ECHO" in site.said
    assert os.geteuid() != 0 or "queue DICOM_Printer: created" in site.said
    assert "in order" in site.service.cli("check").stdout
    site.cups.lp("-d", "DICOM_Printer", str(documents.report(tmp_path / "report.pdf", pages=1)))
    site.service.wait_until(lambda jobs: [job["state"] for job in jobs] == ["done"])
    assert len(site.pacs.instances()) == 1
    assert site.wrong() == []
    shown = site.service.cli("doctor", timeout=_PATIENCE_S).stdout
    assert "remote pacs: answers within" in shown
    assert "queue DICOM_Printer: idle, as the configuration has it" in shown


def test_a_backend_of_another_mode_or_version(site: Site) -> None:
    site.backend.chmod(0o755)
    check, found = site.one_wrong()
    assert (check, "has the mode 0755, not 0700" in found) == (f"backend {site.backend}", True)
    site.backend.chmod(0o700)
    content = site.backend.read_bytes()
    site.backend.write_bytes(content + b"# older\n")
    assert "is of another version" in site.one_wrong()[1]
    site.backend.write_bytes(content)
    assert site.wrong() == []


def test_a_queue_that_is_older_than_the_configuration_or_stopped(site: Site) -> None:
    with site.configured('ask = ["PatientID", ', 'ask = ["StudyID", "PatientID", '):
        check, found = site.one_wrong()
    assert (check, "the fields of its print dialog (PPD)" in found) == ("queue DICOM_Printer", True)
    with site.configured("[printer.DICOM_Printer]", "[printer.Other]"):
        assert site.one_wrong() == ("queue Other", "is not installed in CUPS")
    site.cups.run("cupsdisable", "DICOM_Printer")
    assert "CUPS has stopped it" in site.one_wrong()[1]
    site.cups.run("cupsenable", "DICOM_Printer")
    assert site.wrong() == []


@contextmanager
def silent_after(most: int, there: Path) -> Iterator[Path]:
    """Stand between a program and CUPS: so many connections go through, the next say nothing."""
    count, over = itertools.count(1), threading.Event()

    class Between(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            if next(count) > most:
                over.wait()
                return
            with socket.socket(socket.AF_UNIX) as cups:
                cups.connect(str(there))
                ends = {self.request: cups, cups: self.request}
                while True:
                    for ready in select.select(list(ends), [], [])[0]:
                        if not (data := ready.recv(65536)):
                            return
                        ends[ready].sendall(data)

    class Server(socketserver.ThreadingUnixStreamServer):
        daemon_threads = True

    # Not below the test's directory: the name of a socket has 107 bytes.
    with tempfile.TemporaryDirectory(prefix="cups-") as directory:
        here = Path(directory) / "s"
        with Server(str(here), Between) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            try:
                yield here
            finally:
                over.set()
                server.shutdown()


def test_a_cups_that_falls_silent_in_the_middle(site: Site) -> None:
    """The rest is looked at all the same, and what did not end is named."""
    with silent_after(1, site.cups.socket) as here:
        site.service.env["CUPS_SERVER"] = str(here)
        try:
            found = site.examined()
        finally:
            site.service.env["CUPS_SERVER"] = str(site.cups.socket)
    wrong = {f["check"]: f["found"] for f in found if f["grade"] == "wrong"}
    assert wrong == {
        "queue DICOM_Printer": "CUPS did not answer within 2 s",
        "CUPS's privacy": "the look at it did not end within 20 s",
    }
    fine = {f["check"] for f in found if f["grade"] == "fine"}
    assert {"CUPS", "job table", "remote pacs"} <= fine


def test_a_pacs_that_is_switched_off(site: Site) -> None:
    site.pacs.kill()
    check, found = site.one_wrong()
    assert (check, "does not answer" in found) == ("remote pacs", True)
    site.pacs.start()
    assert site.wrong() == []


def test_a_spool_that_is_full_or_cannot_be_written(site: Site) -> None:
    with site.configured("[service]\n", '[service]\nmin_free = "9000000G"\n'):
        assert "less than [service] min_free is left" in site.one_wrong()[1]
    tmp = site.service.spool / "tmp"
    tmp.rmdir()
    try:
        found = site.wrong()
    finally:
        tmp.mkdir(mode=0o700)
    assert {check for check, _ in found} == {"spool"}
    assert [True for _, text in found if "cannot be written" in text] == [True]


def test_a_mistake_and_a_service_that_is_down(site: Site) -> None:
    with site.configured("[service]\n", '[service]\nae_titel = "X"\n'):
        check, found = site.one_wrong()
    assert (check, "unknown key" in found) == ("configuration", True)
    site.service.terminate()
    assert site.one_wrong()[0] == "service"
