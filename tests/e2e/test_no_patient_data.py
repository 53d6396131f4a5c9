"""No patient outside the spool: a run with everything that goes right and wrong, then a search.

The values are unmistakable and made up. What everybody can see is sampled while it runs: the
arguments and the environment of the service and all its children. What it wrote is searched
afterwards: its log at DEBUG, what it told systemd and Prometheus, CUPS's logs, and every file
outside the spool that was not there before.
"""

from __future__ import annotations

import json
import re
import shutil
import signal
import socket
import threading
import time
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import documents
import psutil
import pytest
from cups_fixtures import wait_for
from programs import require
from running_service import RunningService
from scp import ScriptedSCP

from dicom_printer.demo import cupsd
from dicom_printer.demo.cupsd import PrivateCups

NAME, ID, ACCESSION, TITLE = "Zzunmistak^Quilla", "PIDQQ7731", "ACCQQ0815", "Befundtitelqq"
SECRETS = ("zzunmistak", "quilla", ID.lower(), ACCESSION.lower(), TITLE.lower())
CONFIG = """\
[service]
spool = "spool"
settle = "0.2s"
rescan = "0.5s"
metrics = "127.0.0.1:0"
log = "json"

[defaults]
SeriesDescription = "{{job.title}}"

[remote.pacs]
ae_title = "SCRIPTED"
host = "127.0.0.1"
port = {port}

[remote.away]
ae_title = "AWAY"
host = "127.0.0.1"
port = 9

[printer.Good]
workflow = "good"
ask = ["PatientID"]
hot_folders = ["scans"]

[printer.Contradicting]
workflow = "contradicting"

[printer.Away]
workflow = "away"

[printer.Asking]
workflow = "asking"

[printer.Broken]
workflow = "broken"

[[workflow.good]]
action = "parse"
from = "text"
pattern = '(?P<AccessionNumber>ACC\\w+)'

[[workflow.good]]
action = "store"
remote = "pacs"
dpi = 100

[[workflow.contradicting]]
action = "parse"
from = "title"
pattern = '(?P<PatientID>\\w+)'

[[workflow.away]]
action = "store"
remote = "away"

[[workflow.asking]]
action = "query"
remote = "away"
model = "worklist"
keys = {{ AccessionNumber = "{{AccessionNumber}}", PatientID = "{{PatientID}}" }}

[[workflow.broken]]
action = "set"
attributes = {{ PatientComments = "{{PatientName}}" }}
"""
# Breaks one action as a fault in it would: with an exception that quotes what it had in hand.
BREAKING = """\
import logging, warnings
import dicom_printer.actions.set as action
def run(step, job):
    warnings.warn(f"warned of {job.attributes}")
    logging.getLogger("PIL").warning("in %s", job.attributes)
    raise KeyError(job.attributes, job.ticket.title)
action.run = run
"""


class Verbose(RunningService):
    """The service at its most talkative."""

    def start(self) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setitem(self.env, "PYTHONPATH", str(self.directory / "inject"))
            super().start()

    def _command(self, verb: str) -> list[str]:
        return [*super()._command(verb), *(["--verbose"] if verb == "serve" else [])]


@contextmanager
def seen_by_all(service: RunningService) -> Iterator[set[str]]:
    """Collect arguments and environment of the service and its children, as /proc shows them."""
    found: set[str] = set()
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.02):
            with suppress(psutil.Error):
                assert service.process is not None
                top = psutil.Process(service.process.pid)
                for process in (top, *top.children(recursive=True)):
                    for name in ("cmdline", "environ", "comm"):
                        with suppress(OSError):
                            text = Path(f"/proc/{process.pid}/{name}").read_bytes()
                            found.add(f"{name} {text.decode(errors='replace')}")

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield found
    finally:
        over.set()
        thread.join()


@contextmanager
def told_to_systemd(path: Path) -> Iterator[list[str]]:
    told: list[str] = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        s.bind(str(path))
        s.settimeout(0.1)
        over = threading.Event()

        def listen() -> None:
            while not over.is_set():
                with suppress(TimeoutError):
                    told.append(s.recv(4096).decode())

        thread = threading.Thread(target=listen)
        thread.start()
        try:
            yield told
        finally:
            over.set()
            thread.join()


def secrets_in(text: str) -> list[str]:
    return [secret for secret in SECRETS if secret in text.lower()]


def submit(service: RunningService, pdf: Path, printer: str, who: Path) -> str:
    """Submit with every attribute, none of them an argument; the title stands in the file."""
    said = service.cli("submit", str(pdf), "-p", printer, "--set-from", str(who), "-t", TITLE)
    return said.stdout.split()[0]


def broken_ticket(service: RunningService) -> None:
    place = service.spool / "tmp" / uuid.uuid4().hex
    place.mkdir(mode=0o700)
    (place / "document.pdf").write_bytes(b"%PDF-")
    ticket = {"id": place.name, "title": TITLE, "attributes": {"PatientName": [NAME]}, "user": 7}
    (place / "ticket.json").write_text(json.dumps(ticket))
    place.rename(service.spool / "incoming" / place.name)


def kill_a_worker(service: RunningService) -> None:
    assert service.process is not None
    for child in psutil.Process(service.process.pid).children(recursive=True):
        with suppress(psutil.Error):
            child.send_signal(signal.SIGKILL)


def everything(service: RunningService, cups: PrivateCups, scp: ScriptedSCP, place: Path) -> None:
    """Print in every way, and let everything go wrong that can."""
    pdf = documents.report(place / f"{NAME}.pdf", pages=3, title=f"{NAME} {ACCESSION}")
    who = place / "who"
    who.write_text(f"PatientName={NAME}\nPatientID={ID}\nAccessionNumber={ACCESSION}\n")
    scp.statuses = {2: 0xA700, 5: 0xC000}
    cups.lp("-d", "Good", "-t", TITLE, "-o", f"PatientID=Custom.{ID}", str(pdf))
    scans = service.directory / "scans"
    shutil.copy(pdf, scans / f"{NAME} dropped.pdf")
    shutil.copy(documents.truncated(place / f"{ID}.pdf"), scans / f"{ID} damaged.pdf")
    (scans / f"{NAME}.txt").write_text(NAME)
    (scans / f"{TITLE}.pdf").symlink_to(pdf)
    for printer in ("Good", "Contradicting", "Away", "Asking", "Broken"):
        submit(service, pdf, printer, who)
        kill_a_worker(service)
    broken_ticket(service)
    service.wait_until(
        lambda jobs: (
            len(jobs) == 8 and not {job["state"] for job in jobs} & {"incoming", "ready", "running"}
        )
    )
    contradicting, good = (
        next(job["id"] for job in service.jobs() if job["printer"] == printer)
        for printer in ("Contradicting", "Good")
    )
    service.cli("match", contradicting, "--set-from", str(who), "--list", check=False)
    service.cli("preview", good, "-o", str(place / "page.png"), check=False)
    service.cli("hold", "--all", "--reason", "looked at", check=False)
    scp.abort_association = True
    service.cli("retry", "--all", check=False)
    service.wait_until(lambda jobs: not {job["state"] for job in jobs} & {"ready", "running"})
    service.cli("discard", contradicting, "--reason", f"for {NAME}", check=False)


def test_no_value_of_a_patient_leaves_the_spool(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    require("cupsd", "lp", "lpadmin")
    # As Debian has it: at `debug` cupsd itself logs the arguments of every backend.
    conf = cupsd._CUPSD_CONF.replace("LogLevel debug", "LogLevel info\nPageLogFormat")
    monkeypatch.setattr(cupsd, "_CUPSD_CONF", conf)
    run = tmp_path / "run"
    for name in ("scans", "tmp", "inject"):
        (run / name).mkdir(parents=True)
    (run / "inject" / "sitecustomize.py").write_text(BREAKING)
    env = {"TMPDIR": str(run / "tmp"), "NOTIFY_SOCKET": str(tmp_path / "notify")}
    (place := tmp_path / "documents").mkdir()
    with (
        ScriptedSCP() as scp,
        PrivateCups() as cups,
        told_to_systemd(tmp_path / "notify") as told,
        Verbose(
            run,
            CONFIG.format(port=scp.port),
            env | {"CUPS_SERVER": str(cups.socket)},
        ) as service,
        seen_by_all(service) as seen,
    ):
        service.cli("printers", "install", "Good")
        everything(service, cups, scp, place)
        wait_for(lambda: any("held" in text for text in told), "a status line")
        (url,) = re.findall(r"http://[\d.:]+/metrics", service.log.read_text())
        scraped = urllib.request.urlopen(url, timeout=30).read().decode()
        shown = [service.show(job["id"]) for job in service.jobs()]
        time.sleep(0.3)
        logs = {p.name: p.read_text(errors="replace") for p in (cups.directory / "log").iterdir()}
    reasons = {job["reason"] for job in shown}
    assert {"action broke", "document damaged", "discarded by a person"} <= reasons, reasons
    assert any("KeyError" in line for line in service.log.read_text().splitlines())
    assert secrets_in(json.dumps(shown)), "the search finds what is there"
    assert any("dicom_printer.pages.worker" in text for text in seen)
    for where, text in {"systemd": "\n".join(told), "metrics": scraped, **logs}.items():
        assert not secrets_in(text), where
    assert not [text for text in seen if secrets_in(text)]
    ours = [service.spool, run / "scans"]
    for path in run.rglob("*"):
        if path.is_file() and not any(own in path.parents for own in ours):
            assert not secrets_in(path.name), path
            hits = [li for li in path.read_text(errors="replace").splitlines() if secrets_in(li)]
            assert not hits, (path, hits)
