"""A hot folder: complete files leave it once, into the spool or into ``rejected/``."""

from __future__ import annotations

import errno
import fcntl
import logging
import math
import os
import signal
import stat
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path, PurePath

from dicom_printer.accounts import name_of
from dicom_printer.bell import needs_polling
from dicom_printer.durable import Readable
from dicom_printer.errors import SpoolError
from dicom_printer.folder_listing import Entry, Signature, Stability, listing, opened, signature
from dicom_printer.spool import Spool
from dicom_printer.taking import REJECTED, Taking, is_hidden, own_name, removable, set_aside

logger = logging.getLogger(__name__)

SUFFIXES = {
    ".pdf": ".pdf", ".png": ".png", ".jpg": ".jpg", ".jpeg": ".jpg", ".tif": ".tiff",
    ".tiff": ".tiff",
}  # fmt: skip
_UNFINISHED = (".part", ".partial", ".tmp", ".temp", ".crdownload", ".filepart", ".download", "~")
_CLUTTER = {"thumbs.db", "desktop.ini"}
_RESERVE = 32 << 20
"""Bytes that hot folders leave free in the spool: tickets and the job table need room."""
_REFUSED_S = 600.0


@dataclass(frozen=True)
class _Later:
    """A file that is let alone for a while.

    Attributes
    ----------
    why : str
        What it waits for; "" where it cannot be taken out.
    """

    signature: Signature
    until: float
    why: str = ""


@dataclass
class HotFolder:
    """One folder of one printer.

    Parameters
    ----------
    again_s : float
        How long a file waits that the spool did not take.
    progress : callable
        Called again and again while the folder is worked on; may raise OSError to end that.
    """

    path: Path
    printer: str
    spool: Spool
    stability: Stability
    again_s: float = 30.0
    progress: Callable[[], None] = lambda: None
    _later: dict[str, _Later] = field(default_factory=dict)
    _hindrance: str = ""
    _unseen: int = 0

    def troubles(self) -> list[str]:
        """Return what kept this folder from being served when it was last looked at."""
        refused = sum(not later.why for later in self._later.values())
        waits = [later.why for later in self._later.values() if later.why]
        found = [self._hindrance] if self._hindrance else []
        if refused:
            user = name_of(os.geteuid())
            found.append(
                f"{refused} files cannot be taken out; grant {user} rwx on the folders that they "
                "lie in, and take the sticky bit from these"
            )
        if waits:
            found.append(f"{len(waits)} files wait: {waits[0]}")
        if self._unseen:
            found.append(f"{self._unseen} subfolders cannot be looked into; grant rwx")
        return [f"hot folder {self.path}: {what}" for what in found]

    def waiting(self) -> bool:
        """Tell whether files are there that have to be looked at again soon."""
        return self.stability.waiting(self._later)

    def collect(self, now: float, moved: set[str]) -> int:
        """Take every complete file; return how many went into the spool."""
        self._hindrance = ""
        try:
            top = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            return self._hindered(_hindrance(error), now)
        try:
            if not os.access(".", os.R_OK | os.W_OK | os.X_OK, dir_fd=top):
                return self._hindered(_hindrance(PermissionError(errno.EACCES, "")), now)
            return self._collect(top, now, moved)
        finally:
            os.close(top)

    def _hindered(self, why: str, now: float) -> int:
        self._hindrance, self._unseen, self._later = why, 0, {}
        self.stability.complete({}, now, set())
        return 0

    def _collect(self, top: int, now: float, moved: set[str]) -> int:
        found, self._unseen = listing(top, _wanted)
        entries = {self._key(entry): entry for entry in found}
        files = {key: entry.signature for key, entry in entries.items()}
        self._later = {
            key: later
            for key, later in self._later.items()
            if files.get(key) == later.signature and now < later.until
        }
        taken = 0
        for key in self.stability.complete(files, now, moved):
            if key not in self._later:
                self.progress()
                taken += self._one(top, entries[key], now)
        return taken

    def _key(self, entry: Entry, name: str = "") -> str:
        return str(self.path.joinpath(*entry.folder, name or entry.name))

    def _one(self, top: int, entry: Entry, now: float) -> bool:
        """Take one complete file or reject it; whatever happens concerns only that one."""
        try:
            with opened(top, entry.folder) as here:
                reason = _unfit(entry)
                if not removable(here, entry.owner):
                    self._refuse(entry, now, "its directory is not the service's to change")
                elif reason:
                    self._reject(top, here, entry, reason, now)
                else:
                    return self._take(top, here, entry, now)
        except FileNotFoundError:
            pass  # taken away by its owner meanwhile
        except OSError as error:
            self._wait(entry, now, f"{error.strerror}; see its file system")
        return False

    def _take(self, top: int, here: int, entry: Entry, now: float) -> bool:
        """Commit a file to the spool and remove it; False where it has to wait."""
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        try:
            descriptor = os.open(entry.name, flags, dir_fd=here)
        except PermissionError as error:
            user = name_of(os.geteuid())
            why = f"it cannot be read: {error.strerror}; let {user} read it, and put it here again"
            self._reject(top, here, entry, why, now)
            return False
        with os.fdopen(descriptor, "rb") as source:
            taking = Taking(here, entry.name, descriptor)
            # A share's listing may be older than what is opened, and a round may be long.
            if signature(taking.before) != entry.signature:
                return False
            if _still_written(descriptor, self.path.joinpath(*entry.folder)):
                return False
            if taking.linked_twice():
                taking.remove()
                return False
            try:
                if self.spool.free() - entry.signature[2] < _RESERVE:
                    raise SpoolError("no room in the spool", "make room on its file system")
                self._commit(taking, _Source(source, self.progress), entry)
            except SpoolError as error:
                if taking.refused:
                    self._refuse(entry, now, str(taking.refused.strerror))
                elif not taking.changed:
                    self._wait(entry, now, str(error), taking.hidden if taking.claimed else "")
                return False
            self._remove(taking, entry)
        return True

    def _commit(self, taking: Taking, source: _Source, entry: Entry) -> None:
        name = PurePath(*entry.folder, own_name(entry.name))
        self.spool.commit(
            source,
            f"document{SUFFIXES[name.suffix.lower()]}",
            taking.claim,
            # A crash behind this hands the file over again; this tells.
            dedup=f"hot:{taking.token}:{{sha256}}",
            printer=self.printer,
            source="hot folder",
            title=_text(name.stem),
            filename=_text(name.as_posix())[-1024:],
            user=name_of(taking.before.st_uid),
        )

    def _remove(self, taking: Taking, entry: Entry) -> None:
        try:
            taking.remove()
        except OSError as error:
            logger.error(
                "hot folder of %s: a file is in the spool and cannot be removed: %s",
                self.printer, error.strerror,
            )  # fmt: skip
            self._later[self._key(entry, taking.hidden)] = _Later(entry.signature, math.inf)

    def _reject(self, top: int, here: int, entry: Entry, reason: str, now: float) -> None:
        """Move a file into ``rejected/`` with its reason beside it."""
        try:
            set_aside(top, here, entry, f"{_text(own_name(entry.name))}: {reason}\n")
        except FileNotFoundError:
            return  # taken away by its owner meanwhile
        except OSError as error:
            self._refuse(entry, now, f"{error.strerror} (it was to be rejected: {reason})")
        else:
            about = {"event": "rejected", "printer": self.printer}
            text = "hot folder of %s: a file was rejected: %s"
            logger.warning(text, self.printer, reason, extra=about)

    def _refuse(self, entry: Entry, now: float, why: str) -> None:
        """Let a file alone that we could not remove: it would be printed again and again."""
        logger.warning("hot folder of %s: a file cannot be taken out: %s", self.printer, why)
        self._later[self._key(entry)] = _Later(entry.signature, now + _REFUSED_S)

    def _wait(self, entry: Entry, now: float, why: str, name: str = "") -> None:
        """Try a file again later; `name` is the one that it has by now."""
        later = _Later(entry.signature, now + self.again_s, why)
        if why not in {other.why for other in self._later.values()}:
            logger.error("hot folder of %s: a file waits: %s", self.printer, why)
        self._later[self._key(entry, name)] = later


@dataclass(frozen=True)
class _Source:
    """A file that tells of every piece that was read."""

    file: Readable
    progress: Callable[[], None]

    def read(self, size: int, /) -> bytes:
        self.progress()
        return self.file.read(size)


def _wanted(folder: tuple[str, ...], name: str, is_directory: bool) -> bool:
    """Tell whether a name counts: no rejected, unfinished or hidden one but ours."""
    if is_hidden(name):
        return True
    if not folder and name == REJECTED:
        return False
    if is_directory:
        return not name.startswith(".")
    lower = name.lower()
    return not (name.startswith((".", "~")) or lower.endswith(_UNFINISHED) or lower in _CLUTTER)


def _unfit(entry: Entry) -> str:
    """Return why something in the folder cannot be printed, "" where it may."""
    if not stat.S_ISREG(entry.mode):
        what = "a link" if stat.S_ISLNK(entry.mode) else "not a file"
        return f"it is {what}; put the document itself here"
    if PurePath(own_name(entry.name)).suffix.lower() not in SUFFIXES:
        known = ", ".join(sorted(SUFFIXES))
        return f"only {known} can be printed from here; print it from its own program"
    return ""


def _hindrance(error: OSError) -> str:
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return "not there; make it, or mount its share"
    if error.errno in (errno.EACCES, errno.EPERM):
        return "the service may not take files out; grant it rwx"
    return f"cannot be opened: {error.strerror}; see its mount"


def _still_written(descriptor: int, folder: Path) -> bool:
    """Tell whether a process of this machine holds a file of `folder` open for writing.

    A read lease is granted only where none does. A network share may refuse it in the same
    way where it merely has no say; there, size and time standing still has to do.
    """
    try:
        # Who opens it for writing this moment breaks the lease, and SIGIO would end the service.
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except BlockingIOError:
        return not needs_polling(folder)
    except OSError:
        return False
    fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    return False


def _text(name: str) -> str:
    return os.fsencode(name).decode("utf-8", "replace")
