"""An action for the tests of the workflow: it does what the test scripted, and notes it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dicom_printer.actions import Job
from dicom_printer.config import RemoteStep, Step

script: list[Callable[[Any, Job], str]] = []
"""What the next runs do; an empty script succeeds."""
ran: list[Any] = []
"""The settings of every run."""


class Settings(Step):
    """Of the action ``scripted``."""

    text: str = ""


def run(step: Step, job: Job) -> str:
    """Do what is scripted."""
    ran.append(step)
    return script.pop(0)(step, job) if script else "fine"


class Remote:
    """The same as an action that talks to a remote."""

    class Settings(RemoteStep):
        """Of the action ``scripted_remote``."""

        text: str = ""

    run = staticmethod(run)
