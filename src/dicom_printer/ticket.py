"""What was printed: the ticket's schema, read and written.

A ticket is the ``ticket.json`` beside a document in ``spool/incoming/<id>/``. It is a
documented contract (``cups-backend/README.md``): any program that keeps to it can put
jobs into the spool. The CUPS backend writes it without this module, because it starts
as root and may use the standard library only.
"""

from __future__ import annotations

import json
import re
from pathlib import PurePath
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from dicom_printer.errors import TicketError

SCHEMA = 1
FILE_NAME = "ticket.json"
MAX_BYTES = 1_000_000
_ID = re.compile(r"[0-9a-f]{32}")


def _file_name(value: str) -> str:
    if value in {"", ".", "..", FILE_NAME} or PurePath(value).name != value or "\0" in value:
        raise ValueError("must be a plain file name")
    return value


def is_job_id(name: str) -> bool:
    """Tell whether `name` has the form of a job id: 32 hexadecimal digits of a UUID."""
    return _ID.fullmatch(name) is not None


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


def write(ticket: Ticket) -> bytes:
    """Return `ticket` as the bytes of its file."""
    return ticket.model_dump_json(by_alias=True, indent=1).encode()


def read(data: bytes, job_id: str) -> Ticket:
    """Read a ticket's file.

    Parameters
    ----------
    data : bytes
        The file's content.
    job_id : str
        The name of the directory it lies in; the ticket must state the same.

    Raises
    ------
    TicketError
        Naming each field that breaks the contract, never its value.
    """
    if len(data) > MAX_BYTES:
        raise TicketError(f"ticket of job {job_id} is larger than {MAX_BYTES} bytes")
    try:
        found: Any = json.loads(data.decode("utf-8"))
        ticket = Ticket.model_validate(found)
    except ValidationError as error:
        fields = ", ".join(
            f"{'.'.join(map(str, e['loc'])) or 'ticket'} ({e['msg']})" for e in error.errors()[:10]
        )
        raise TicketError(f"ticket of job {job_id} breaks the contract: {fields}") from None
    except (ValueError, RecursionError):
        raise TicketError(f"ticket of job {job_id} is not JSON") from None
    if ticket.id != job_id:
        raise TicketError(f"ticket of job {job_id} belongs to another job")
    return ticket
