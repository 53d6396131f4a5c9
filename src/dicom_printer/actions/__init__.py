"""The actions a workflow is made of, and what an action is.

An action is a module with two names: ``Settings``, a model of the step's keys derived
from :class:`~dicom_printer.config.Step` (or ``RemoteStep``, where it talks to a remote),
and ``run(step, job)``. One of this package may have a third, ``begin(step, ticket, document,
renderer)``: called by the dispatcher while the job still waits for its remote, so that it finds
done what takes long. It returns at once, and nothing may come of it that anybody sees, for the job
may be held or cancelled yet.

To add one: write ``actions/NAME.py``, name it in :data:`ACTIONS`, test it. A package of its own
registers the module under the entry-point group ``dicom_printer.actions``; it is loaded only where
the configuration names it.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Protocol, cast

from dicom_printer import placeholders
from dicom_printer.attributes import Value
from dicom_printer.config import Remote, Step
from dicom_printer.jobs.running import Running
from dicom_printer.kept import Place
from dicom_printer.pages import Renderer
from dicom_printer.pages.selection import selected
from dicom_printer.ticket import Ticket

ACTIONS = {
    "parse": "dicom_printer.actions.parse",
    "query": "dicom_printer.actions.query",
    "set": "dicom_printer.actions.set",
    "store": "dicom_printer.actions.store",
    "print": "dicom_printer.actions.print",
}
ENTRY_POINTS = "dicom_printer.actions"


@dataclass(frozen=True)
class Job:
    """What an action may know of its job, and do with it.

    Attributes
    ----------
    ticket : Ticket
        What was printed, by whom, how.
    document : Path
        The document itself.
    running : Running
        The job's row: its attributes, and the instances that a remote has accepted.
    defaults : mapping of str to str
        Attributes of every dataset where the job knows nothing better.
    remotes : mapping of str to Remote
        By logical name.
    renderer : Renderer
        Turns the document into page images, or text.
    place : Place
        Opens an association with the step's remote, or goes on with one that was kept.
    interruption : callable
        To be called between pages; raises where the job must not go on now.
    """

    ticket: Ticket
    document: Path
    running: Running
    defaults: Mapping[str, str]
    remotes: Mapping[str, Remote]
    renderer: Renderer
    place: Place
    interruption: Callable[[], None]

    @property
    def id(self) -> str:
        """The job's id."""
        return self.ticket.id

    @property
    def attributes(self) -> dict[str, Value]:
        """What is known for the datasets, by DICOM keyword; an action may add to it."""
        return self.running.attributes

    @property
    def values(self) -> dict[str, str]:
        """What placeholders may name."""
        return placeholders.values(self.ticket, self.attributes)

    @property
    def created(self) -> datetime:
        """When the job came in, local time."""
        return datetime.fromtimestamp(self.running.created).astimezone()

    def numbers(self) -> list[int]:
        """Return the pages that were asked for in the print dialog, ascending from 1."""
        count = self.renderer.count(self.document)
        return selected(count, self.ticket.option("page-ranges"), self.ticket.option("page-set"))


class Action(Protocol):
    """A module in this package, or one that an entry point names."""

    Settings: type[Step]

    def run(self, step: Any, job: Job) -> str:
        """Carry the step out.

        Returns
        -------
        str
            What was done, for the job's history; never a value of the patient's.

        Raises
        ------
        StepError
            With the verdict by which ``on_error`` decides.
        """


def names() -> list[str]:
    """Return the names of all actions, those of installed packages included."""
    return sorted({*ACTIONS, *entry_points(group=ENTRY_POINTS).names})


def find(name: str) -> Action | None:
    """Return the action `name`, None where there is none; nothing else is loaded."""
    if name in ACTIONS:
        return cast("Action", importlib.import_module(ACTIONS[name]))
    for found in entry_points(group=ENTRY_POINTS, name=name):
        return cast("Action", found.load())
    return None
