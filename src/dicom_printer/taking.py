"""How a file leaves a hot folder: under a hidden name of ours, and only the file that was read.

A name may be given to another file at any moment. So the file is renamed, then compared,
and removed under a name that nobody else uses. The hidden name holds a token; a file that a
crash leaves under it is found by the next listing and handed over again with the same token.
"""

from __future__ import annotations

import os
import re
import stat
import uuid
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import PurePath

from dicom_printer.folder_listing import Entry, opened, signature

REJECTED = "rejected"
NOTE = ".reason.txt"
_HIDDEN = re.compile(r"\.taking-([0-9a-f]{16})-(.+)", re.DOTALL)
_LONGEST = 255  # bytes of a name, on every file system that counts


def is_hidden(name: str) -> bool:
    """Tell whether a name is one that we gave to a file while it was taken."""
    return _HIDDEN.fullmatch(name) is not None


def own_name(name: str) -> str:
    """Return the name that a file had before we gave it a hidden one."""
    found = _HIDDEN.fullmatch(name)
    return found[2] if found else name


def _hidden(token: str, name: str) -> str:
    prefix, suffix = f".taking-{token}-", PurePath(name).suffix
    hidden = f"{prefix}{name}"
    if len(os.fsencode(hidden)) <= _LONGEST:
        return hidden
    stem = os.fsencode(name[: len(name) - len(suffix)])
    room = _LONGEST - len(prefix) - len(os.fsencode(suffix))
    return f"{prefix}{stem[: max(room, 0)].decode('utf-8', 'ignore')}{suffix}"


def removable(here: int, owner: int) -> bool:
    """Tell whether we may take a file of `owner` out of a directory: access(2), sticky bit."""
    s = os.fstat(here)
    if s.st_mode & stat.S_ISVTX and os.geteuid() not in (0, owner, s.st_uid):
        return False
    return os.access(".", os.W_OK | os.X_OK, dir_fd=here)


@dataclass
class Taking:
    """One file that is being taken.

    Parameters
    ----------
    here : int
        The descriptor of the directory it lies in.
    name : str
        Its name there.
    descriptor : int
        The file, open for reading.

    Attributes
    ----------
    token : str
        The same for every attempt to take this file, once it has its hidden name.
    refused : OSError or None
        Why it could not be given its hidden name.
    changed : bool
        Whether it changed, or another file had its name.
    claimed : bool
        Whether it has its hidden name.
    """

    here: int
    name: str
    descriptor: int
    token: str = ""
    refused: OSError | None = None
    changed: bool = False
    claimed: bool = False
    before: os.stat_result = field(init=False)

    def __post_init__(self) -> None:
        found = _HIDDEN.fullmatch(self.name)
        self.token = found[1] if found else uuid.uuid4().hex[:16]
        self.hidden = self.name if found else _hidden(self.token, self.name)
        self.before = os.fstat(self.descriptor)

    def claim(self) -> bool:
        """Give the file its hidden name; False where that is refused or it is not the same."""
        try:
            after = os.fstat(self.descriptor)
            if signature(after) != signature(self.before) or (
                after.st_ctime_ns != self.before.st_ctime_ns
            ):
                self.changed = True
                return False
            if self.hidden != self.name:
                os.rename(self.name, self.hidden, src_dir_fd=self.here, dst_dir_fd=self.here)
            self.changed = not self._is_it()
            if self.changed:
                self._put_back()
                return False
            with suppress(OSError):  # no share has to know of fsync for directories
                os.fsync(self.here)
        except FileNotFoundError:
            self.changed = True
            return False
        except OSError as error:
            self.refused = error
            return False
        self.claimed = True
        return True

    def remove(self) -> None:
        """Remove the file that was taken; one that more was written to stays and comes again.

        Raises
        ------
        OSError
            Where it cannot be removed.
        """
        with suppress(FileNotFoundError):
            if self._is_it():
                os.unlink(self.hidden, dir_fd=self.here)

    def linked_twice(self) -> bool:
        """Tell whether the file still has its own name too: a crash while it was put back."""
        with suppress(OSError):
            s = os.stat(own_name(self.name), dir_fd=self.here, follow_symlinks=False)
            return self.hidden == self.name and os.path.samestat(s, self.before)
        return False

    def _is_it(self) -> bool:
        s = os.stat(self.hidden, dir_fd=self.here, follow_symlinks=False)
        return signature(s) == signature(self.before)

    def _put_back(self) -> None:
        """Give another's file its name again, never over a third one.

        Where that does not go, it keeps the hidden name, and the next listing finds it.
        """
        if self.hidden == self.name:
            return
        here = self.here
        with suppress(OSError):
            s = os.stat(self.hidden, dir_fd=here, follow_symlinks=False)
            if stat.S_ISDIR(s.st_mode):  # is never renamed over a file
                os.rename(self.hidden, self.name, src_dir_fd=here, dst_dir_fd=here)
                return
            os.link(self.hidden, self.name, src_dir_fd=here, dst_dir_fd=here, follow_symlinks=False)
            os.unlink(self.hidden, dir_fd=here)


def set_aside(top: int, here: int, entry: Entry, text: str) -> None:
    """Move a file into ``rejected/`` of the directory `top`, `text` beside it.

    Raises
    ------
    OSError
        Where that is refused, or ``rejected`` is no directory: the file is where it was.
    """
    with suppress(FileExistsError):
        os.mkdir(REJECTED, 0o700, dir_fd=top)
    with opened(top, (REJECTED,)) as place:
        target, note = _reserved(place, own_name(entry.name), text)
        try:
            os.rename(entry.name, target, src_dir_fd=here, dst_dir_fd=place)
        except OSError:
            os.unlink(note, dir_fd=place)
            raise
        s = os.stat(target, dir_fd=place, follow_symlinks=False)
        if (s.st_dev, s.st_ino) != entry.signature[:2]:
            # Another file had the name by now: it goes back, and the next listing finds it.
            back = _hidden(uuid.uuid4().hex[:16], own_name(entry.name))
            os.rename(target, back, src_dir_fd=place, dst_dir_fd=here)
            os.unlink(note, dir_fd=place)


def _reserved(place: int, name: str, text: str) -> tuple[str, str]:
    """Write a note under a name that nothing has, and return the file's name and its own."""
    for number in count():
        target = f"{number}-{name}" if number else name
        note = f"{os.fsdecode(os.fsencode(target)[:200])}{NOTE}"
        try:
            # O_EXCL: never through a link that somebody put there
            descriptor = os.open(
                note, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600, dir_fd=place
            )
        except FileExistsError:
            continue
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            if not _there(place, target):
                file.write(text)
                return target, note
        os.unlink(note, dir_fd=place)
    raise AssertionError


def _there(place: int, name: str) -> bool:
    try:
        os.stat(name, dir_fd=place, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True
