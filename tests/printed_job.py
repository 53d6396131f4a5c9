"""A job with a ``print`` step, taken through the workflow with the real job table."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jobs_made import commit

from dicom_printer.config import Remote
from dicom_printer.jobs import look, table
from dicom_printer.jobs.store import Snapshot, Store
from dicom_printer.kept import Kept
from dicom_printer.pages import Renderer
from dicom_printer.spool import Spool
from dicom_printer.workflow import Workflow


def imager(port: int, ae_title: str = "PRINTER", **more: Any) -> Remote:
    """A film printer's address, with time-outs that a test can wait for."""
    values = {"name": "imager", "ae_title": ae_title, "host": "127.0.0.1", "port": port}
    times = {"association_timeout": "5s", "dimse_timeout": "20s"}
    return Remote.model_validate({**values, **times, **more})


def step(**settings: Any) -> dict[str, Any]:
    return {"action": "print", "remote": "imager", "dpi": 36, **settings}


@dataclass
class PrintedJob:
    """A job on its way; each :meth:`run` is an attempt."""

    spool: Spool
    store: Store
    renderer: Renderer
    remote: Remote
    id: str = ""

    def add(self, document: Path, *steps: dict[str, Any], **attributes: str) -> None:
        ticket = commit(self.spool, document.read_bytes())
        self.spool.adopt(ticket.id)
        snapshot = Snapshot(defaults={}, steps=list(steps))
        table.submit(self.store, ticket, snapshot, attributes)
        self.id = ticket.id

    def run(self) -> dict[str, Any]:
        """Carry the job on, if it is due, and return what is known of it then."""
        workflow = Workflow(
            self.spool, {"imager": self.remote}, self.renderer, Kept(keeps=False), lambda: False
        )
        running = table.claim(self.store)
        if running is not None:
            workflow.carry_on(running)
        return self.shown()

    def shown(self) -> dict[str, Any]:
        return look.show(self.store, self.id)
