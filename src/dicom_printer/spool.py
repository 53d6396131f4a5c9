"""The spool's directories: every rename(2) that moves a job is here.

``tmp/<id>/`` is being written, ``incoming/<id>/`` is committed and waits for the service,
``jobs/<id>/`` has been adopted, ``rejected/<id>/`` broke the contract. `spool/README.md`
is the contract on disk; where a job stands in its workflow is in the job table alone.
"""

from __future__ import annotations

import errno
import hashlib
import os
import resource
import shutil
import time
import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dicom_printer import locks
from dicom_printer import ticket as tickets
from dicom_printer.durable import Readable, explained, fsync_directory, write
from dicom_printer.errors import SpoolError, TicketError

if TYPE_CHECKING:
    from dicom_printer.journal import Journal
    from dicom_printer.ticket import Ticket

TMP, INCOMING, JOBS, REJECTED = "tmp", "incoming", "jobs", "rejected"
REASON = "reason.txt"
_ABANDONED_S = 86400.0
_CHUNK = 1 << 20


class Spool:
    """The directories of one spool.

    Parameters
    ----------
    root : Path
        The spool directory; it must exist for everything but :meth:`create`.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    @property
    def database(self) -> Path:
        """The file of the embedded job table."""
        return self.root / "jobs.sqlite3"

    @property
    def journal(self) -> Journal:
        """What is written beside the documents of the adopted jobs."""
        from dicom_printer.journal import Journal  # its lines are models: not for who only looks

        return Journal(self.root / JOBS)

    def create(self) -> None:
        """Make the directories that are missing, for the owner's eyes only.

        Raises
        ------
        SpoolError
            Where the spool is not writable, or its directories lie on several file systems.
        """
        with explained(f"spool {self.root}"):
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            for name in (TMP, INCOMING, JOBS, REJECTED):
                (self.root / name).mkdir(mode=0o700, exist_ok=True)
            # A rename from one to the next is the commit: try one where it counts.
            probe = self.root / TMP / f".probe-{uuid.uuid4().hex}"
            probe.mkdir(mode=0o700)
            for name in (INCOMING, JOBS):
                probe = probe.rename(self.root / name / probe.name)
            probe.rmdir()

    def become_owner(self) -> None:
        """Give up root for the spool's owner, so that no file in it belongs to root.

        A verb called with sudo would otherwise leave files that the service cannot open. What
        this process makes from now on is for its own eyes only, whoever makes it: a library too.
        """
        os.umask(0o077)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core dump would hold pages
        if os.geteuid() != 0 or not self.root.exists():
            return
        owner = self.root.stat()
        if owner.st_uid == 0:
            return
        os.setgroups([])
        os.setgid(owner.st_gid)
        os.setuid(owner.st_uid)

    def only_service(self, node: str = "") -> AbstractContextManager[None]:
        """Hold the lock of :func:`dicom_printer.locks.only_service`."""
        return locks.only_service(self.root, node)

    def service_runs(self) -> bool:
        """Tell whether a service that works alone holds the spool's lock."""
        return locks.service_runs(self.root)

    def commit(
        self, stream: Readable, document: str, still_whole: Callable[[], bool], /, **ticket: Any
    ) -> Ticket:
        """Take a document over: when this returns, it survives a power cut.

        Parameters
        ----------
        stream : binary file
            The document, read to its end.
        document : str
            The file name it gets beside its ticket.
        still_whole : callable
            Asked last before the rename that commits; False throws the copy away.
        **ticket
            The other fields of :class:`~dicom_printer.ticket.Ticket`. ``dedup`` may hold
            ``{sha256}``.

        Raises
        ------
        SpoolError
            The document is as it was. Nothing is left behind, but for a committed job whose
            rename could not be made certain: hand it over again with the same ``dedup``.
        """
        job_id = uuid.uuid4().hex
        tmp = self.root / TMP / job_id
        try:
            with explained(f"document cannot be put into the spool {self.root}"):
                tmp.mkdir(mode=0o700)
                size, sha256 = self._copy(stream, tmp / document)
                ticket["dedup"] = ticket.get("dedup", "").replace("{sha256}", sha256)
                made = tickets.Ticket(
                    id=job_id,
                    received=datetime.now().astimezone().isoformat(timespec="seconds"),
                    document=document,
                    size=size,
                    sha256=sha256,
                    **ticket,
                )
                write(tmp / tickets.FILE_NAME, tickets.write(made))
                fsync_directory(tmp)
                if not still_whole():
                    raise SpoolError("the document changed while it was read", "it is read again")
                tmp.rename(self.root / INCOMING / job_id)
                fsync_directory(self.root / INCOMING)
        except BaseException:
            shutil.rmtree(tmp, ignore_errors=True)
            raise
        return made

    @staticmethod
    def _copy(source: Readable, target: Path) -> tuple[int, str]:
        digest, size = hashlib.sha256(), 0
        with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            while chunk := source.read(_CHUNK):
                digest.update(chunk)
                size += len(chunk)
                out.write(chunk)
            out.flush()
            os.fsync(out.fileno())
        return size, digest.hexdigest()

    def incoming(self) -> list[str]:
        """Return the names in ``incoming``, oldest first."""
        return self._names(INCOMING)

    def adopted(self) -> list[str]:
        """Return the ids that have a directory in ``jobs``, oldest first."""
        return [name for name in self._names(JOBS) if tickets.is_job_id(name)]

    def rejected(self) -> list[str]:
        """Return the names in ``rejected``, oldest first."""
        return self._names(REJECTED)

    def _names(self, directory: str) -> list[str]:
        """Return the names in a directory but the hidden ones, such as another's probe."""
        with explained(f"spool {self.root}"), os.scandir(self.root / directory) as entries:
            found = [(_mtime(e), e.name) for e in entries if not e.name.startswith(".")]
        return [name for _, name in sorted(found)]

    def ticket(self, job_id: str, directory: str = JOBS) -> Ticket:
        """Read the ticket of a job.

        Raises
        ------
        TicketError
            Where it is missing, breaks the contract, or its document is not beside it.
        SpoolError
            Where it cannot be read now, whatever it is: too many open files, a disk's error.
        """
        return tickets.beside_document(self.root / directory / job_id, tickets.read)

    def ticket_as_written(self, job_id: str) -> dict[str, Any]:
        """Return what stands in the ticket of an adopted job, which was read when it came in.

        Raises
        ------
        TicketError, SpoolError
            As :meth:`ticket`, but for the rest of the contract.
        """
        return tickets.beside_document(self.root / JOBS / job_id, tickets.as_written).fields

    def is_adopted(self, job_id: str) -> bool:
        """Tell whether a job has something in ``jobs``, whole or not."""
        return os.path.lexists(self.root / JOBS / job_id)

    def document(self, ticket: Ticket) -> Path:
        """Return where the document of an adopted job lies."""
        return self.root / JOBS / ticket.id / ticket.document

    def adopt(self, job_id: str) -> None:
        """Move a committed job from ``incoming`` to ``jobs``, unless another node has done so.

        Raises
        ------
        TicketError
            Where ``jobs`` has it as well: ``incoming`` came back from a copy.
        """
        with explained(f"job {job_id} cannot be adopted"):
            try:
                (self.root / INCOMING / job_id).rename(self.root / JOBS / job_id)
            except FileNotFoundError:
                pass
            except OSError as error:
                if error.errno not in {errno.ENOTEMPTY, errno.EEXIST}:
                    raise
                raise TicketError(f"job {job_id} is in jobs/ already; it goes on there") from None
            fsync_directory(self.root / JOBS)
            fsync_directory(self.root / INCOMING)

    def reject(self, name: str, reason: str, directory: str = INCOMING) -> Path | None:
        """Move what broke the contract out of the way, its reason beside it.

        Returns
        -------
        Path or None
            Where it is; None where another node took it first.
        """
        target = self.root / REJECTED / name
        if target.exists():
            target = target.with_name(f"{name[:100]}-{uuid.uuid4().hex[:8]}")
        with explained(f"{directory}/{name} cannot be rejected"):
            try:
                (self.root / directory / name).rename(target)
            except FileNotFoundError:
                return None
            fsync_directory(self.root / REJECTED)
            if target.is_dir() and not target.is_symlink():
                (target / REASON).unlink(missing_ok=True)
                write(target / REASON, f"{reason}\n".encode())
        return target

    def remove(self, job_id: str, directory: str = JOBS) -> bool:
        """Delete a job's directory; tell whether it is gone, and stays gone."""
        place = self.root / directory / job_id
        with suppress(OSError):
            # First: half removed, with its journal gone, it must not look like a new job.
            (place / tickets.FILE_NAME).unlink()
        shutil.rmtree(place, ignore_errors=True)
        fsync_directory(place.parent)
        return not os.path.lexists(place)

    def sweep(self) -> None:
        """Delete what a producer began to write a day ago and never committed."""
        for name in self._names(TMP):
            place = self.root / TMP / name
            with suppress(OSError):
                if time.time() - place.lstat().st_mtime > _ABANDONED_S:
                    shutil.rmtree(place, ignore_errors=True)

    def short_of(self, least: int) -> str:
        """Return the trouble where fewer than `least` bytes are free, "" where there is room."""
        if self.free() >= least:
            return ""
        return (
            f"spool {self.root}: less than [service] min_free is left on its file system; make "
            "room there: when it is full, CUPS stops the queues"
        )

    def free(self) -> int:
        """Return the bytes that are free on the spool's file system."""
        with explained(f"spool {self.root}"):
            return shutil.disk_usage(self.root).free


def _mtime(entry: os.DirEntry[str]) -> float:
    try:
        return entry.stat(follow_symlinks=False).st_mtime
    except OSError:  # adopted while it was listed, or for one who reads it to find out
        return 0.0
