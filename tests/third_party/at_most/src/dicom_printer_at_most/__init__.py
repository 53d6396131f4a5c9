"""``at_most``: refuse a job that has more pages than anybody means to archive."""

from __future__ import annotations

from dicom_printer.actions import Job
from dicom_printer.config import Step
from dicom_printer.errors import DocumentError


class Settings(Step):
    """The keys of an ``at_most`` step."""

    pages: int


def run(step: Settings, job: Job) -> str:
    """Count the pages that were asked for; the text goes into the job's history."""
    count = len(job.numbers())
    if count > step.pages:
        message = f"the job has {count} pages, and this printer takes {step.pages}"
        raise DocumentError(message, "print fewer pages, then discard it", reason="too many pages")
    return f"{count} pages"
