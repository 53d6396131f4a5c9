"""The spool's directories: every rename(2) and fsync of the service is here.

``tmp/<id>/`` is being written, ``incoming/<id>/`` is committed and waits for the service,
``jobs/<id>/`` has been adopted, ``rejected/<id>/`` broke the contract. `spool/README.md`
is the contract on disk; where a job stands in its workflow is in the job table alone.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

from dicom_printer import ticket as tickets
from dicom_printer.errors import SpoolError, TicketError
from dicom_printer.ticket import Ticket

TMP, INCOMING, JOBS, REJECTED = "tmp", "incoming", "jobs", "rejected"
REASON = "reason.txt"
_ABANDONED_S = 86400.0
_CHUNK = 1 << 20


def _fsync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _explained(what: str) -> Iterator[None]:
    """Turn an operating system's error into ours, with what it means for a spool."""
    try:
        yield
    except OSError as error:
        remedy = {
            errno.ENOSPC: "make room on the spool's file system; nothing was lost",
            errno.EDQUOT: "raise the quota of the service's user; nothing was lost",
            errno.EROFS: "the spool's file system is read-only; see the kernel's log",
            errno.EACCES: "run this as the spool's owner, or as root",
            errno.EXDEV: "the spool's directories must lie on one file system",
        }.get(error.errno or 0)
        raise SpoolError(f"{what}: {error.strerror or error}", remedy) from None


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

    def create(self) -> None:
        """Make the directories that are missing, for the owner's eyes only.

        Raises
        ------
        SpoolError
            Where the spool is not writable, or its directories lie on several file systems.
        """
        with _explained(f"spool {self.root}"):
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            for name in (TMP, INCOMING, JOBS, REJECTED):
                (self.root / name).mkdir(mode=0o700, exist_ok=True)
            # A rename from one to the next is the commit: try one where it counts.
            probe = self.root / TMP / f".probe-{uuid.uuid4().hex}"
            probe.mkdir()
            for name in (INCOMING, JOBS):
                probe = probe.rename(self.root / name / probe.name)
            probe.rmdir()

    def become_owner(self) -> None:
        """Give up root for the spool's owner, so that no file in it belongs to root.

        A verb called with sudo would otherwise leave files that the service cannot open.
        """
        if os.geteuid() != 0 or not self.root.exists():
            return
        owner = self.root.stat()
        if owner.st_uid == 0:
            return
        os.setgroups([])
        os.setgid(owner.st_gid)
        os.setuid(owner.st_uid)

    @contextmanager
    def only_service(self) -> Iterator[None]:
        """Hold the lock that admits one service to a spool.

        Raises
        ------
        SpoolError
            Where another service holds it.
        """
        with _explained(f"spool {self.root}"):
            descriptor = os.open(self.root / "service.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise SpoolError(
                    f"another service works on the spool {self.root}",
                    "stop it first, or name another spool in [service]",
                ) from None
            yield
        finally:
            os.close(descriptor)

    def service_runs(self) -> bool:
        """Tell whether a service holds the spool's lock."""
        try:
            descriptor = os.open(self.root / "service.lock", os.O_RDONLY)
        except OSError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False

    def commit(
        self, stream: BinaryIO, document: str, still_whole: Callable[[], bool], /, **ticket: Any
    ) -> Ticket:
        """Take a document over: when this returns, it survives a power cut.

        Parameters
        ----------
        stream : binary file
            The document, read to its end.
        document : str
            The file name it gets beside its ticket.
        still_whole : callable
            Asked after the copy; False throws the copy away.
        **ticket
            The other fields of :class:`~dicom_printer.ticket.Ticket`. ``dedup`` may hold
            ``{sha256}``.

        Raises
        ------
        SpoolError
            Nothing is left behind then, and the document is as it was.
        """
        job_id = uuid.uuid4().hex
        tmp = self.root / TMP / job_id
        try:
            with _explained(f"document cannot be put into the spool {self.root}"):
                tmp.mkdir(mode=0o700)
                size, sha256 = self._copy(stream, tmp / document)
                if not still_whole():
                    raise SpoolError("the document changed while it was read", "it is read again")
                ticket["dedup"] = ticket.get("dedup", "").replace("{sha256}", sha256)
                made = Ticket(
                    id=job_id,
                    received=datetime.now().astimezone().isoformat(timespec="seconds"),
                    document=document,
                    size=size,
                    sha256=sha256,
                    **ticket,
                )
                self._write(tmp / tickets.FILE_NAME, tickets.write(made))
                _fsync_directory(tmp)
                tmp.rename(self.root / INCOMING / job_id)
                _fsync_directory(self.root / INCOMING)
        except BaseException:
            shutil.rmtree(tmp, ignore_errors=True)
            raise
        return made

    @staticmethod
    def _copy(source: BinaryIO, target: Path) -> tuple[int, str]:
        digest, size = hashlib.sha256(), 0
        with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            while chunk := source.read(_CHUNK):
                digest.update(chunk)
                size += len(chunk)
                out.write(chunk)
            out.flush()
            os.fsync(out.fileno())
        return size, digest.hexdigest()

    @staticmethod
    def _write(target: Path, data: bytes) -> None:
        with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            out.write(data)
            out.flush()
            os.fsync(out.fileno())

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
        with _explained(f"spool {self.root}"), os.scandir(self.root / directory) as entries:
            found = [(_mtime(e), e.name) for e in entries if not e.name.startswith(".")]
        return [name for _, name in sorted(found)]

    def ticket(self, job_id: str, directory: str = JOBS) -> Ticket:
        """Read the ticket of a job.

        Raises
        ------
        TicketError
            Where it is missing, breaks the contract, or its document is not beside it.
        """
        place = self.root / directory / job_id
        if not tickets.is_job_id(job_id):
            raise TicketError(f"{directory}/{job_id!r} is not named by a job id")
        try:
            with (place / tickets.FILE_NAME).open("rb") as file:
                found = tickets.read(file.read(tickets.MAX_BYTES + 1), job_id)
            size = (place / found.document).lstat().st_size
        except OSError as error:
            raise TicketError(f"job {job_id} is not whole: {error.strerror}") from None
        if size != found.size:
            raise TicketError(f"the document of job {job_id} has not the size its ticket states")
        return found

    def document(self, ticket: Ticket) -> Path:
        """Return where the document of an adopted job lies."""
        return self.root / JOBS / ticket.id / ticket.document

    def adopt(self, job_id: str) -> None:
        """Move a committed job from ``incoming`` to ``jobs``."""
        with _explained(f"job {job_id} cannot be adopted"):
            (self.root / INCOMING / job_id).rename(self.root / JOBS / job_id)
            _fsync_directory(self.root / JOBS)
            _fsync_directory(self.root / INCOMING)

    def reject(self, name: str, reason: str, directory: str = INCOMING) -> Path:
        """Move what broke the contract out of the way, its reason beside it."""
        target = self.root / REJECTED / name
        if target.exists():
            target = target.with_name(f"{name[:100]}-{uuid.uuid4().hex[:8]}")
        with _explained(f"{directory}/{name} cannot be rejected"):
            (self.root / directory / name).rename(target)
            _fsync_directory(self.root / REJECTED)
            if target.is_dir() and not target.is_symlink():
                (target / REASON).unlink(missing_ok=True)
                self._write(target / REASON, f"{reason}\n".encode())
        return target

    def remove(self, job_id: str, directory: str = JOBS) -> bool:
        """Delete a job's directory; tell whether it is gone, and stays gone."""
        place = self.root / directory / job_id
        shutil.rmtree(place, ignore_errors=True)
        _fsync_directory(place.parent)
        return not os.path.lexists(place)

    def sweep(self) -> None:
        """Delete what a producer began to write a day ago and never committed."""
        for name in self._names(TMP):
            place = self.root / TMP / name
            with suppress(OSError):
                if time.time() - place.lstat().st_mtime > _ABANDONED_S:
                    shutil.rmtree(place, ignore_errors=True)

    def free(self) -> int:
        """Return the bytes that are free on the spool's file system."""
        return shutil.disk_usage(self.root).free


def _mtime(entry: os.DirEntry[str]) -> float:
    try:
        return entry.stat(follow_symlinks=False).st_mtime
    except FileNotFoundError:  # adopted while it was listed
        return 0.0
