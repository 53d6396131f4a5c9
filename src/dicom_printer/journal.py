"""What happened to a job, written beside its document: the job table can be rebuilt from it.

``jobs/<id>/journal`` holds one JSON object a line and is only ever appended to. A job without
one is a job to which nothing has happened yet. A line that a power cut has torn is the last
one; it is left out, and cut off before the next line is written.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from dicom_printer.durable import explained, fsync_directory

FILE_NAME = "journal"
_LOCK_S = 3.0
"""Waited for within a transaction, which PostgreSQL ends when it stands idle for 5 s."""
_BLOCK = 1 << 16


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True)


class State(_Model):
    """The columns of a job's row that its table is rebuilt with."""

    printer: str
    title: str
    user: str
    source: str
    dedup: str | None = None
    state: Literal["ready", "running", "held", "done", "discarded"]
    reason: str
    error: str
    snapshot: dict[str, Any]
    step: int
    attributes: dict[str, Any]
    remote: str | None = None
    pages: int | None = None
    sent_as: str | None = None
    attempt: int
    failures: int
    give_up_at: float | None = None
    request: dict[str, str] | None = None
    created: float
    updated: float


class Accepted(_Model):
    """An instance that a remote has acknowledged; page 0 is the document itself."""

    remote: str
    sop_instance_uid: str
    page: int
    status: int
    at: float


class OnFilm(_Model):
    """A film that was sent; its status is None while the printer's answer is not known."""

    remote: str
    nth: int
    number: int
    pages: list[int]
    sent: float
    status: int | None = None


class Event(_Model):
    """A line of the job's history."""

    at: float
    what: str
    detail: str = ""
    user: str = ""


class Line(_Model):
    """A line of the journal; each part stands there where it changed.

    Attributes
    ----------
    fence : int
        Of the claim under which it was written. A state or a film with a lower one than an
        earlier line was written by a service that had lost the job, and does not count.
    films : dict
        By key; None for one that is known not to have been printed.
    """

    v: Literal[1] = 1
    fence: int = 0
    job: State | None = None
    films: dict[str, OnFilm | None] = {}
    accepted: list[Accepted] = []
    event: Event | None = None


@dataclass
class History:
    """What a journal says, its lines taken together.

    Attributes
    ----------
    damaged : list of int
        The numbers of the lines that cannot be read, from 1.
    """

    job: State | None = None
    fence: int = 0
    films: dict[str, OnFilm] = field(default_factory=dict)
    accepted: dict[tuple[str, str], Accepted] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    damaged: list[int] = field(default_factory=list)

    def add(self, line: Line) -> None:
        """Take the next line into account."""
        for each in line.accepted:  # whoever wrote it, the remote has it
            self.accepted.setdefault((each.remote, each.sop_instance_uid), each)
        if line.job is None or line.fence < self.fence:
            return
        self.fence, self.job = line.fence, line.job
        for key, film in line.films.items():
            if film is None:
                self.films.pop(key, None)
            else:
                self.films[key] = film
        if line.event is not None:
            self.events.append(line.event)


class Journal:
    """The journals of a spool.

    Parameters
    ----------
    jobs : Path
        The directory with the adopted jobs, ``jobs/`` of the spool.
    """

    def __init__(self, jobs: Path) -> None:
        self._jobs = jobs

    def written(self, job_id: str) -> float | None:
        """Return when a job's journal was last written, in seconds since the epoch.

        None where it has none.
        """
        try:
            found = (self._jobs / job_id / FILE_NAME).lstat()
        except OSError:
            return None
        return found.st_mtime if found.st_size else None

    def append(self, job_id: str, *lines: Line, durable: bool = True) -> None:
        """Write lines, unless the job's directory is gone: then there is nothing to rebuild.

        Parameters
        ----------
        durable : bool
            True: they are on disk when this returns. False: they are with the next one that is.

        Raises
        ------
        SpoolError
            Where it cannot be written.
        """
        place = self._jobs / job_id / FILE_NAME
        made = (json.dumps(each.model_dump(exclude_unset=True) | {"v": each.v}) for each in lines)
        data = "".join(f"{each}\n" for each in made).encode()
        with explained(f"the journal of job {job_id[:8]} cannot be written"):
            flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
            try:
                descriptor = os.open(place, flags, 0o600)
            except FileNotFoundError:
                return
            try:
                _lock(descriptor)
                begun = _cut_torn(descriptor)
                _write(descriptor, data, begun)
                if durable:
                    os.fdatasync(descriptor)
                if not begun:
                    fsync_directory(place.parent)
            finally:
                os.close(descriptor)

    def read(self, job_id: str) -> History | None:
        """Return what a job's journal says, None where it has none.

        Raises
        ------
        SpoolError
            Where it cannot be read now.
        """
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        with explained(f"the journal of job {job_id[:8]} cannot be read"):
            try:
                with os.fdopen(os.open(self._jobs / job_id / FILE_NAME, flags), "rb") as file:
                    *lines, _torn = file.read().split(b"\n")
            except (FileNotFoundError, NotADirectoryError):
                return None
        found = History()
        for number, line in enumerate(lines, 1):
            try:
                found.add(Line.model_validate(json.loads(line)))
            except (ValueError, ValidationError, RecursionError):
                found.damaged.append(number)
        return found


def _lock(descriptor: int) -> None:
    """Wait for the others that write this journal; a node that was stopped keeps it locked."""
    end = time.monotonic() + _LOCK_S
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > end:
                raise OSError(errno.ETIMEDOUT, "another process keeps it locked") from None
            time.sleep(0.01)
        else:
            return


def _cut_torn(descriptor: int) -> int:
    """Cut off what stands behind the last whole line; return how long the journal is."""
    size = end = os.fstat(descriptor).st_size
    while end:
        start = max(0, end - _BLOCK)
        newline = os.pread(descriptor, end - start, start).rfind(b"\n")
        if newline >= 0:
            end = start + newline + 1
            break
        end = start
    if end < size:
        os.ftruncate(descriptor, end)
    return end


def _write(descriptor: int, data: bytes, begun: int) -> None:
    """Write the lines whole or not at all."""
    try:
        while data:
            data = data[os.write(descriptor, data) :]
    except OSError:
        os.ftruncate(descriptor, begun)
        raise
