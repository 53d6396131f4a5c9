"""``set``: state attributes outright, with placeholders where they are wanted."""

from __future__ import annotations

from dicom_printer.actions import Job
from dicom_printer.attributes import check_value, name_of
from dicom_printer.config import Step
from dicom_printer.keywords import Keyword


class Settings(Step):
    """The keys of a ``set`` step."""

    attributes: dict[Keyword, str]

    def stated(self) -> dict[str, dict[str, str]]:
        """Return the attributes that this step states outright, by its key, to be checked."""
        return {"attributes": self.attributes}


def run(step: Settings, job: Job) -> str:
    """Put the step's attributes into the job, over what is there."""
    for name, text in step.attributes.items():
        check_value(name, text)
    job.attributes.update({name_of(name): text for name, text in step.attributes.items()})
    return f"set {', '.join(sorted(step.attributes))}"
