"""What was printed: the ticket's schema, read and written.

A ticket is the ``ticket.json`` beside a document in ``spool/incoming/<id>/``. It is a
documented contract (``cups-backend/README.md``): any program that keeps to it can put
jobs into the spool. The CUPS backend writes it without this package, because it starts
as root and may use the standard library only.

The model is loaded when somebody asks for it: who only looks at the table has no use for it.
"""

from __future__ import annotations

import errno
import json
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, TypeVar

from dicom_printer.errors import SpoolError, TicketError

if TYPE_CHECKING:
    from dicom_printer.ticket.model import Ticket

__all__ = [
    "FILE_NAME",
    "MAX_BYTES",
    "Ticket",
    "Written",
    "as_written",
    "beside_document",
    "is_file_name",
    "is_job_id",
    "read",
    "write",
]

FILE_NAME = "ticket.json"
MAX_BYTES = 1_000_000
_ID = re.compile(r"[0-9a-f]{32}")
_NOT_THERE = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EISDIR, errno.ENAMETOOLONG}


@dataclass(frozen=True)
class Written:
    """A ticket as its file has it: the document's name and length, and all fields."""

    document: str
    size: int
    fields: dict[str, Any]


T = TypeVar("T", "Ticket", Written)


def is_file_name(name: str) -> bool:
    """Tell whether `name` may be that of a document: no path, and not the ticket's own."""
    return (
        name not in {"", ".", "..", FILE_NAME} and PurePath(name).name == name and "\0" not in name
    )


def is_job_id(name: str) -> bool:
    """Tell whether `name` has the form of a job id: 32 hexadecimal digits of a UUID."""
    return _ID.fullmatch(name) is not None


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
    from pydantic import ValidationError

    from dicom_printer.ticket.model import Ticket

    found = _parsed(data, job_id)
    try:
        ticket = Ticket.model_validate(found)
    except ValidationError as error:
        fields = ", ".join(
            f"{'.'.join(map(str, e['loc'])) or 'ticket'} ({e['msg']})" for e in error.errors()[:10]
        )
        raise _broken(job_id, fields) from None
    if ticket.id != job_id:
        raise TicketError(f"ticket of job {job_id} belongs to another job")
    return ticket


def as_written(data: bytes, job_id: str) -> Written:
    """Return what stands in a ticket's file, no more of it checked than is needed to show it.

    Raises
    ------
    TicketError
        Where it is no ticket of this job.
    """
    found = _parsed(data, job_id)
    if not isinstance(found, dict) or found.get("id") != job_id:
        raise TicketError(f"ticket of job {job_id} belongs to another job")
    document, size = found.get("document"), found.get("size")
    if not isinstance(document, str) or not is_file_name(document) or type(size) is not int:
        raise _broken(job_id, "document, size")
    return Written(document, size, found)


def _broken(job_id: str, fields: str) -> TicketError:
    return TicketError(f"ticket of job {job_id} breaks the contract: {fields}")


def _parsed(data: bytes, job_id: str) -> Any:
    if len(data) > MAX_BYTES:
        raise TicketError(f"ticket of job {job_id} is larger than {MAX_BYTES} bytes")
    try:
        return json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError):
        raise TicketError(f"ticket of job {job_id} is not JSON") from None


def beside_document(place: Path, read: Callable[[bytes, str], T]) -> T:
    """Read the ticket in a job's directory, and see that its document lies beside it.

    Parameters
    ----------
    place : Path
        The directory, named by the job's id.
    read : callable
        :func:`read` or :func:`as_written`.

    Raises
    ------
    TicketError
        Where it is missing, breaks the contract, or its document is not beside it.
    SpoolError
        Where it cannot be read now, whatever it is: too many open files, a disk's error.
    """
    job_id = place.name
    if not is_job_id(job_id):
        raise TicketError(f"{place.parent.name}/{job_id!r} is not named by a job id")
    try:
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        with os.fdopen(os.open(place / FILE_NAME, flags), "rb") as file:
            found = read(file.read(MAX_BYTES + 1), job_id)
        size = (place / found.document).lstat().st_size
    except OSError as error:
        if error.errno in _NOT_THERE:
            raise TicketError(f"job {job_id} is not whole: {error.strerror}") from None
        raise SpoolError(f"job {job_id} cannot be read: {error.strerror}") from None
    if size != found.size:
        raise TicketError(f"the document of job {job_id} has not the size its ticket states")
    return found


if not TYPE_CHECKING:  # to mypy, a module with this function has whatever is asked for

    def __getattr__(name: str) -> object:
        """Load the model when it is asked for (PEP 562)."""
        if name != "Ticket":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from dicom_printer.ticket.model import Ticket

        globals()[name] = Ticket
        return Ticket
