"""The service and its producers with the power cut at any moment: what is lost.

`print_everything` records a run: documents handed over with `submit`, with the CUPS backend and
in a hot folder, with the service down and with it running; a store that notes each page as it
comes; a job that a person discards. `losses` looks at what a disk would hold at some moments of
it, after ``dicom-printer recover``, and says what is not there that had been promised.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import re
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import documents
from running_service import RunningService
from scp import ScriptedSCP

from chaos.power import Recorder
from dicom_printer.cli import main
from dicom_printer.cli.access import opened
from dicom_printer.cli.parser import parser
from dicom_printer.errors import DicomPrinterError
from dicom_printer.jobs import look
from dicom_printer.ppd import backend_directory
from dicom_printer.spool import INCOMING, JOBS, Spool

BACKEND = backend_directory() / "dicom"
_CONFIG = """
[service]
spool = "spool"
settle = "0.1s"
rescan = "0.5s"
render_workers = 1

[remote.pacs]
ae_title = "PACS"
host = "127.0.0.1"
port = {port}

[remote.stranger]
ae_title = "STRANGER"
host = "127.0.0.1"
port = {stranger}

[printer.P]
workflow = "to_pacs"
hot_folders = ["inbox"]

[printer.Stranger]
workflow = "to_stranger"

[[workflow.to_pacs]]
action = "set"
attributes = {{ Modality = "OT" }}

[[workflow.to_pacs]]
action = "store"
remote = "pacs"
dpi = 36

[[workflow.to_stranger]]
action = "store"
remote = "stranger"
dpi = 36
"""
_PAGES = 3


class NotingSCP(ScriptedSCP):
    """A store that notes each page in the record before it answers."""

    recorder: Recorder | None = None

    def _store(self, event: Any) -> int:
        if self.recorder is not None:
            self.recorder.note(f"got {event.request.AffectedSOPInstanceUID}")
        return super()._store(event)


@dataclass
class Promised:
    """What was promised up to a moment.

    Attributes
    ----------
    accepted : list of str
        Ids of jobs whose producer was told that they are safe.
    got : list of str
        SOP Instance UIDs in the order in which the store got them.
    discarded : list of str
        Ids of jobs that a person was told are discarded.
    """

    accepted: list[str] = field(default_factory=list)
    got: list[str] = field(default_factory=list)
    discarded: list[str] = field(default_factory=list)

    def add(self, note: str) -> None:
        """Take a note into account."""
        what, _, which = note.partition(" ")
        getattr(self, what).append(which)


@dataclass
class Run:
    """A recorded run.

    Attributes
    ----------
    site : Path
        Where the service worked: its configuration, spool, and the hot folder ``inbox``.
    python : list of str
        How the command line is called; a sabotage stands there.
    backend : Path
        The CUPS backend.
    """

    site: Path
    python: list[str] = field(default_factory=lambda: ["-m", "dicom_printer"])
    backend: Path = BACKEND
    recorder: Recorder = field(init=False)
    scp: NotingSCP = field(init=False)
    dropped: set[str] = field(default_factory=set)
    """The SHA-256 of what was put into the hot folder."""

    def print_everything(self, scp: NotingSCP, stranger: ScriptedSCP) -> None:
        """Hand documents over, and record what the processes do."""
        self.prepare(scp.port, stranger.port)
        self.submit("P")
        self.hand_to_backend()
        self.hand_to_backend()
        scp.recorder = self.recorder
        with self.service() as service:
            self.submit("P")
            self.hand_to_backend()
            refused = self.submit("Stranger")
            service.wait_until(lambda jobs: _states(jobs, refused) == ["held"], timeout=120)
            service.cli("discard", refused, "--reason", "a test")
            self.recorder.note(f"discarded {refused}")
            service.wait_until(lambda jobs: len(jobs) == 8 and _ended(jobs), timeout=120)
        scp.recorder = None

    def prepare(self, port: int, stranger: int) -> None:
        """Make the site, and begin to record."""
        inbox = self.site / "inbox"
        inbox.mkdir(parents=True)
        for name in ("one", "two"):
            pdf = documents.report(inbox / f"{name}.pdf", _PAGES, title=name)
            self.dropped.add(hashlib.sha256(pdf.read_bytes()).hexdigest())
        documents.report(self.site / "document.pdf", _PAGES)
        (self.site / "dicom-printer.toml").write_text(_CONFIG.format(port=port, stranger=stranger))
        Spool(self.site / "spool").create()
        self.recorder = Recorder(self.site.with_name("record"), self.site)

    def service(self) -> RunningService:
        """Return the service, to be started in a ``with``."""
        config = (self.site / "dicom-printer.toml").read_text()
        made = Sabotaged(self.site, config)
        made.env |= self.recorder.env
        made.arguments = self.python
        return made

    def submit(self, printer: str) -> str:
        """Print with ``submit``, and return the job's id."""
        config = str(self.site / "dicom-printer.toml")
        command = [sys.executable, *self.python, "submit", "-c", config, "-p", printer]
        done = subprocess.run(
            [*command, "document.pdf"], cwd=self.site, env=os.environ | self.recorder.env,
            stdout=subprocess.PIPE, check=True, timeout=60, encoding="utf-8",
        )  # fmt: skip
        job_id = done.stdout.strip()
        self.recorder.note(f"accepted {job_id}")
        return job_id

    def hand_to_backend(self) -> None:
        """Print with the CUPS backend, as cupsd calls it."""
        env = {
            "PATH": os.defpath, "PRINTER": "P", "DEVICE_URI": f"dicom:{self.site / 'spool'}",
            "CONTENT_TYPE": "application/pdf", **self.recorder.env,
        }  # fmt: skip
        with (self.site / "document.pdf").open("rb") as document:
            done = subprocess.run(
                ["/usr/bin/python3", "-IS", self.backend, "7", "mary", "title", "1", ""],
                stdin=document, env=env, stderr=subprocess.PIPE, check=True, timeout=60,
                encoding="utf-8",
            )  # fmt: skip
        found = re.search(r"Handed over to DICOM Printer as (\w+)", done.stderr)
        assert found is not None, done.stderr
        self.recorder.note(f"accepted {found[1]}")

    def moments(self) -> list[tuple[int, str]]:
        """Return the moments worth a cut, by number of the act: each sync, and each note."""
        acts = enumerate(self.recorder.acts(), 1)
        return [(at, act.kind) for at, act in acts if act.kind in "BEN"]

    def losses(self, cuts: Iterable[int], work: Path, *, left_over: bool = False) -> list[str]:
        """Cut the power at each of these moments, recover, and return what is missing.

        Parameters
        ----------
        left_over : bool
            Some of what was not synced is there as well.
        """
        wanted, promised, found = set(cuts), Promised(), list[str]()
        disk = self.recorder.before()
        for at, act in enumerate(self.recorder.acts(), 1):
            disk.replay(act)
            if act.kind == "N":
                promised.add(act.data.decode())
            if at in wanted:
                after = work / f"after-{at}{'-more' if left_over else ''}"
                disk.write_to(after, at if left_over else None)
                found += [f"cut at {at}: {text}" for text in self.missing(after, promised)]
        return found

    def missing(self, after: Path, promised: Promised) -> list[str]:
        """Return what of the promises a disk does not keep, once it is recovered."""
        config = str(after / "dicom-printer.toml")
        said = io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            code = main(["recover", "--config", config])
        if code != 0:
            return [f"recover ended with {code}: {said.getvalue()}"]
        with opened(parser().parse_args(["status", "--config", config])) as access:
            jobs = {job["id"]: job for job in look.listing(access.store)}
            shown = [look.show(access.store, job_id)["instances"] for job_id in jobs]
        known = {i["sop_instance_uid"] for instances in shown for i in instances}
        spool = Spool(after / "spool")
        contents = dict(_contents(spool, jobs))
        here = {_sha256(path) for path in (after / "inbox").rglob("*.pdf")} | set(contents.values())
        return [
            *(f"job {j} is lost" for j in promised.accepted if j not in contents),
            *(f"job {j} is not whole" for j, digest in contents.items() if not digest),
            # While one page is on its way, all the others have been recorded.
            *(f"{uid} would be sent again" for uid in promised.got[:-1] if uid not in known),
            *(f"job {j} is not discarded" for j in promised.discarded
              if jobs.get(j, {}).get("state") != "discarded"),
            *("a file of the hot folder is lost" for each in self.dropped if each not in here),
        ]  # fmt: skip


class Sabotaged(RunningService):
    """The service, called in another way."""

    arguments: list[str]

    def _command(self, verb: str) -> list[str]:
        return [self.python, *self.arguments, verb, "--config", str(self.config)]


def _contents(spool: Spool, jobs: Iterable[str]) -> Iterable[tuple[str, str]]:
    """Return each job with the digest of its document; empty where that is not its ticket's."""
    for place, ids in ((INCOMING, spool.incoming()), (JOBS, jobs)):
        for job_id in ids:
            try:
                ticket = spool.ticket(job_id, place)
            except DicomPrinterError:
                yield job_id, ""
                continue
            digest = _sha256(spool.root / place / job_id / ticket.document)
            yield job_id, digest if digest == ticket.sha256 else ""


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _states(jobs: list[dict[str, Any]], job_id: str) -> list[str]:
    return [job["state"] for job in jobs if job["id"] == job_id]


def _ended(jobs: list[dict[str, Any]]) -> bool:
    return all(job["state"] in {"done", "discarded"} for job in jobs)
