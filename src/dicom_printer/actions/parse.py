"""``parse``: take attributes out of the title, the file name or the document's text."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field

from dicom_printer import expressions
from dicom_printer.actions import Job
from dicom_printer.attributes import check_value, name_of
from dicom_printer.config import Regex, Step
from dicom_printer.errors import BadValueError, ValueMissingError
from dicom_printer.keywords import keyword


def _groups(pattern: str) -> str:
    names = expressions.compiled(pattern).groupindex
    if not names:
        raise ValueError("has no named group; write (?P<AccessionNumber>...), a DICOM keyword")
    for name in names:
        keyword(name)
        try:
            name_of(name)
        except BadValueError as error:
            raise ValueError(error.message) from None
    return pattern


class Settings(Step):
    """The keys of a ``parse`` step."""

    verbatim: ClassVar[frozenset[str]] = Step.verbatim | {"from", "pattern"}

    source: Annotated[Literal["title", "filename", "text"], Field(alias="from")] = "title"
    pattern: Annotated[Regex, AfterValidator(_groups)]
    required: bool = False


def run(step: Settings, job: Job) -> str:
    """Search for the pattern, everywhere; its named groups become attributes.

    An attribute that is known already is never overwritten, and none is chosen where there
    are two: somebody is wrong about the patient then, and a person has to look.
    """
    found: dict[str, str] = {}
    matched = False
    for match in expressions.matches(step.pattern, _text(step, job)):
        matched = True
        for name, text in match.groupdict().items():
            if text and found.setdefault(name, text.strip()) != text.strip():
                raise _contradiction(f"the {_spoken(step)} has more than one {name}")
    if not matched:
        if step.required:
            raise ValueMissingError(f"the {_spoken(step)} does not match the pattern of this step")
        return f"no match in the {_spoken(step)}"
    for name, text in found.items():
        check_value(name, text)
        if job.attributes.get(name, text) != text:
            raise _contradiction(
                f"{name} in the {_spoken(step)} is not the {name} that the job came with"
            )
    job.attributes.update(found)
    return f"found {', '.join(sorted(found))} in the {_spoken(step)}"


def _contradiction(message: str) -> BadValueError:
    return BadValueError(
        message,
        "see which is right, then print again with the right one and discard this job",
        reason="values contradict",
    )


def _text(step: Settings, job: Job) -> str:
    if step.source == "text":
        return job.renderer.text(job.document)
    return job.ticket.title if step.source == "title" else job.ticket.filename


def _spoken(step: Settings) -> str:
    return {"title": "title", "filename": "file name", "text": "document's text"}[step.source]
