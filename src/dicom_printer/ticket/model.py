"""The ticket as a model."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from dicom_printer.ticket import is_file_name


def _file_name(value: str) -> str:
    if not is_file_name(value):
        raise ValueError("must be a plain file name")
    return value


class Ticket(BaseModel):
    """One printed document, as its producer saw it.

    Attributes
    ----------
    id : str
        The job's id, and the name of its directory: 32 lower-case hexadecimal digits.
    received : str
        When the document was taken over, ISO 8601 with offset.
    source : str
        The producer: ``cups``, ``hot folder``, ``submit``, or any name of a later one.
    document : str
        The document's file name inside the job's directory.
    size : int
        The document's length in bytes.
    sha256 : str
        The document's digest, 64 hexadecimal digits.
    dedup : str
        Two tickets with the same non-empty text are the same print, handed over twice.
    options : list of pairs of str
        Print options in the order they came; names may repeat.
    attributes : dict of str to str
        DICOM keywords that the producer states outright (``submit --set``).
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    schema_: Annotated[Literal[1], Field(alias="schema")] = 1
    id: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    received: Annotated[str, Field(max_length=64)]
    source: Annotated[str, Field(max_length=64)]
    printer: Annotated[str, Field(max_length=128)]
    document: Annotated[str, AfterValidator(_file_name), Field(max_length=255)]
    size: Annotated[int, Field(ge=0)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    dedup: Annotated[str, Field(max_length=512)] = ""
    title: Annotated[str, Field(max_length=4096)] = ""
    filename: Annotated[str, Field(max_length=1024)] = ""
    user: Annotated[str, Field(max_length=256)] = ""
    host: Annotated[str, Field(max_length=256)] = ""
    copies: Annotated[int, Field(ge=0, le=1_000_000)] = 1
    cups_job_id: int | None = None
    cups_job_uuid: Annotated[str, Field(max_length=256)] = ""
    content_type: Annotated[str, Field(max_length=256)] = ""
    options: Annotated[list[tuple[str, str]], Field(max_length=10_000)] = []
    attributes: dict[str, str] = {}

    def option(self, name: str) -> str | None:
        """Return the last value of the print option `name`, None where it was not given."""
        return next((value for key, value in reversed(self.options) if key == name), None)
