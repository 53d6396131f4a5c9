"""A hot folder: complete files leave it once, into the spool or into ``rejected/``."""

from __future__ import annotations

import fcntl
import logging
import os
import pwd
import signal
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from dicom_printer.errors import SpoolError
from dicom_printer.spool import Spool

logger = logging.getLogger(__name__)

REJECTED = "rejected"
SUFFIXES = {
    ".pdf": ".pdf", ".png": ".png", ".jpg": ".jpg", ".jpeg": ".jpg", ".tif": ".tiff",
    ".tiff": ".tiff",
}  # fmt: skip
_UNFINISHED = (".part", ".partial", ".tmp", ".temp", ".crdownload", ".filepart", ".download", "~")
_CLUTTER = {"thumbs.db", "desktop.ini"}

Signature = tuple[int, int, int, int]
"""Device, inode, size in bytes, time of the last change in nanoseconds."""


@dataclass
class Stability:
    """Which files have stopped changing. Knows nothing of disks.

    Parameters
    ----------
    settle_s : float
        How long size and time must stand still.
    """

    settle_s: float
    _seen: dict[str, tuple[Signature, float]] = field(default_factory=dict)

    def complete(self, files: dict[str, Signature], now: float, moved: set[str]) -> list[str]:
        """Return those of `files` that are complete.

        Parameters
        ----------
        files : dict of str to Signature
            Everything that is there now; what is missing is forgotten.
        moved : set of str
            Files that were renamed to their name, and so were complete from the start.
        """
        known = {p: self._seen.get(p, (s, now)) for p, s in files.items()}
        self._seen = {p: known[p] if known[p][0] == s else (s, now) for p, s in files.items()}
        return [p for p in files if p in moved or now - self._seen[p][1] >= self.settle_s]

    def waiting(self) -> bool:
        """Tell whether files are there that have to be looked at again soon."""
        return bool(self._seen)


@dataclass
class HotFolder:
    """One folder of one printer.

    Attributes
    ----------
    refused : set of str
        Files that could be taken neither into the spool nor out of the way.
    """

    path: Path
    printer: str
    spool: Spool
    stability: Stability
    refused: set[str] = field(default_factory=set)

    def trouble(self) -> str:
        """Return what keeps this folder from being served, "" where nothing does."""
        if not self.path.is_dir():
            return f"hot folder {self.path}: not there; make it, or mount its share"
        if not os.access(self.path, os.R_OK | os.W_OK | os.X_OK):
            return f"hot folder {self.path}: the service may not take files out; grant it rwx"
        if self.refused:
            return f"hot folder {self.path}: {len(self.refused)} files cannot be taken out"
        return ""

    def collect(self, now: float, moved: set[str]) -> int:
        """Take every complete file; return how many went into the spool."""
        if not os.access(self.path, os.R_OK | os.W_OK | os.X_OK):
            return 0
        files = dict(self._listing())
        self.refused &= files.keys()
        taken = 0
        for name in self.stability.complete(files, now, moved):
            if name in self.refused:
                continue
            try:
                taken += self._take(Path(name))
            except OSError as error:
                self._reject(Path(name), f"it cannot be read: {error.strerror}")
        return taken

    def _listing(self) -> Iterator[tuple[str, Signature]]:
        """Yield every entry that is no directory, without following a link."""
        for directory, subfolders, names in os.walk(self.path, followlinks=False):
            here = Path(directory)
            links = [s for s in subfolders if (here / s).is_symlink()]
            subfolders[:] = sorted(
                s
                for s in subfolders
                if s not in links
                and not s.startswith(".")
                and not (here == self.path and s == REJECTED)
            )
            for name in [*names, *links]:
                lower = name.lower()
                if name.startswith((".", "~")) or lower.endswith(_UNFINISHED) or lower in _CLUTTER:
                    continue
                with suppress(FileNotFoundError):
                    s = (here / name).lstat()
                    yield str(here / name), (s.st_dev, s.st_ino, s.st_size, s.st_mtime_ns)

    def _take(self, path: Path) -> bool:
        """Commit a file to the spool and remove it; False where it has to wait."""
        entry = path.lstat()
        if not stat.S_ISREG(entry.st_mode):
            link = "a link" if stat.S_ISLNK(entry.st_mode) else "not a file"
            self._reject(path, f"it is {link}; put the document itself here")
            return False
        suffix = SUFFIXES.get(path.suffix.lower())
        if suffix is None:
            self._reject(path, f"only {', '.join(sorted(SUFFIXES))} can be printed from here")
            return False
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as source:
            opened = os.fstat(descriptor)
            if _still_written(descriptor):
                return False
            where = _text(path.relative_to(self.path).as_posix())
            try:
                self.spool.commit(
                    source,
                    f"document{suffix}",
                    lambda: _same(opened, os.fstat(descriptor)),
                    dedup=f"hot:{_identity(opened)}:{{sha256}}",
                    printer=self.printer,
                    source="hot folder",
                    title=_text(path.stem),
                    filename=where[-1024:],
                    user=_owner(opened.st_uid),
                )
            except SpoolError as error:
                logger.error("hot folder of %s: %s", self.printer, error)
                return False
        # A crash before this line hands the file over again; its dedup tells.
        path.unlink()
        return True

    def _reject(self, path: Path, reason: str) -> None:
        """Move a file into ``rejected/`` with its reason beside it."""
        logger.warning("hot folder of %s: a file was rejected: %s", self.printer, reason)
        place = self.path / REJECTED
        try:
            place.mkdir(exist_ok=True)
            target = next(
                t
                for n in range(1_000_000)
                if not os.path.lexists(t := place / (f"{n}-{path.name}" if n else path.name))
            )
            path.rename(target)
            note = target.with_name(f"{os.fsdecode(os.fsencode(target.name)[:200])}.reason.txt")
            note.write_text(f"{_text(path.name)}: {reason}\n", encoding="utf-8")
        except FileNotFoundError:
            return  # taken away by its owner meanwhile
        except OSError:
            self.refused.add(str(path))


def _same(before: os.stat_result, after: os.stat_result) -> bool:
    return _identity(before) == _identity(after) and before.st_size == after.st_size


def _identity(s: os.stat_result) -> str:
    return f"{s.st_dev:x}-{s.st_ino:x}-{s.st_mtime_ns:x}-{s.st_ctime_ns:x}"


def _still_written(descriptor: int) -> bool:
    """Tell whether a process of this machine holds the file open for writing.

    A read lease is granted only where none does; where leases are not to be had (another
    owner's file, a network share), size and time standing still has to do.
    """
    try:
        # Who opens it for writing this moment breaks the lease, and SIGIO would end the service.
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except BlockingIOError:
        return True
    except OSError:
        return False
    fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    return False


def _owner(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _text(name: str) -> str:
    return os.fsencode(name).decode("utf-8", "replace")
