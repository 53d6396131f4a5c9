"""``parse``: take attributes out of the title, the file name or the document's text."""

from __future__ import annotations

import re
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field

from dicom_printer.actions import Job
from dicom_printer.attributes import check_value
from dicom_printer.config import Regex, Step
from dicom_printer.errors import BadValueError, ValueMissingError
from dicom_printer.keywords import keyword


def _groups(pattern: str) -> str:
    names = re.compile(pattern).groupindex
    if not names:
        raise ValueError("has no named group; write (?P<AccessionNumber>...), a DICOM keyword")
    for name in names:
        keyword(name)
    return pattern


class Settings(Step):
    """The keys of a ``parse`` step."""

    verbatim: ClassVar[frozenset[str]] = Step.verbatim | {"from", "pattern"}

    source: Annotated[Literal["title", "filename", "text"], Field(alias="from")] = "title"
    pattern: Annotated[Regex, AfterValidator(_groups)]
    required: bool = False


def run(step: Settings, job: Job) -> str:
    """Search for the pattern; its named groups become attributes.

    An attribute that is known already is never overwritten: where the two differ,
    somebody is wrong about the patient, and a person has to look.
    """
    match = re.search(step.pattern, _text(step, job))
    if match is None:
        if step.required:
            raise ValueMissingError(f"the {_spoken(step)} does not match the pattern of this step")
        return f"no match in the {_spoken(step)}"
    found = {name: text.strip() for name, text in match.groupdict().items() if text}
    for name, text in found.items():
        check_value(name, text)
        if job.attributes.get(name, text) != text:
            raise BadValueError(
                f"{name} in the {_spoken(step)} is not the {name} that the job came with",
                "see which is right, then print again with the right one",
                reason="values contradict",
            )
    job.attributes.update(found)
    return f"found {', '.join(sorted(found))} in the {_spoken(step)}"


def _text(step: Settings, job: Job) -> str:
    if step.source == "text":
        return job.renderer.text(job.document)
    return job.ticket.title if step.source == "title" else job.ticket.filename


def _spoken(step: Settings) -> str:
    return {"title": "title", "filename": "file name", "text": "document's text"}[step.source]
