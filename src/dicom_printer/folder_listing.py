"""What lies in a folder that others write to, and what of it has stopped changing.

Nothing is followed: each directory is opened from the descriptor of the one above it, so
that a link which is put in a directory's place meanwhile leads nowhere.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

_DEEPEST = 64
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC

Signature = tuple[int, int, int, int]
"""Device, inode, size in bytes, time of the last change in nanoseconds."""


def signature(s: os.stat_result) -> Signature:
    """Return what a file is told by, whatever its name."""
    return s.st_dev, s.st_ino, s.st_size, s.st_mtime_ns


@dataclass(frozen=True)
class Entry:
    """Something in a folder that is no directory.

    Attributes
    ----------
    folder : tuple of str
        The directories from the top down to it.
    """

    folder: tuple[str, ...]
    name: str
    mode: int
    owner: int
    signature: Signature


@contextmanager
def opened(top: int, folder: Sequence[str]) -> Iterator[int]:
    """Open a directory below the directory `top`, and close it again.

    Raises
    ------
    OSError
        Where one of `folder` is no directory, or a link to one.
    """
    here = os.open(".", _DIRECTORY, dir_fd=top)
    try:
        for name in folder:
            below = os.open(name, _DIRECTORY, dir_fd=here)
            os.close(here)
            here = below
        yield here
    finally:
        os.close(here)


def listing(
    top: int, wanted: Callable[[tuple[str, ...], str, bool], bool]
) -> tuple[list[Entry], int]:
    """List a directory with everything below it.

    Parameters
    ----------
    top : int
        The directory's descriptor.
    wanted : callable
        Given folder, name and whether it is a directory: whether it counts.

    Returns
    -------
    list of Entry
        What is there, but for directories.
    int
        How many directories could not be looked into.
    """
    found: list[Entry] = []
    unseen = 0
    folders: list[tuple[str, ...]] = [()]
    while folders:
        folder = folders.pop()
        if len(folder) > _DEEPEST:
            unseen += 1
            continue
        try:
            with opened(top, folder) as here:
                below, blind = _look(here, folder, wanted, found)
            folders += reversed(below)
            unseen += blind
        except (FileNotFoundError, NotADirectoryError):
            continue  # taken away meanwhile
        except OSError:
            unseen += 1
    return found, unseen


def _look(
    here: int,
    folder: tuple[str, ...],
    wanted: Callable[[tuple[str, ...], str, bool], bool],
    found: list[Entry],
) -> tuple[list[tuple[str, ...]], bool]:
    """Add what one directory holds; return those below it, and whether some was not to be seen."""
    below, blind = [], False
    for name in sorted(os.listdir(here)):
        try:
            s = os.stat(name, dir_fd=here, follow_symlinks=False)
        except FileNotFoundError:
            continue
        except OSError:  # not ours to look at, or a share that lost it: the others are there
            blind = True
            continue
        is_directory = stat.S_ISDIR(s.st_mode)
        if not wanted(folder, name, is_directory):
            continue
        if is_directory:
            below.append((*folder, name))
        else:
            found.append(Entry(folder, name, s.st_mode, s.st_uid, signature(s)))
    return below, blind


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

    def waiting(self, besides: Container[str] = ()) -> bool:
        """Tell whether files are there that have to be looked at again soon."""
        return any(path not in besides for path in self._seen)
