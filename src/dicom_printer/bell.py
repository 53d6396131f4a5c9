"""What rings when something appears in a directory. It only rings: a listing is the truth.

The kernel says nothing about a file that another machine puts on a network share, so
those are polled; which they are is read from ``/proc/self/mountinfo``.
"""

from __future__ import annotations

import logging
import os
import re
import threading
from collections.abc import Callable
from pathlib import Path

from watchdog.events import FileClosedEvent, FileMovedEvent, FileSystemEvent, FileSystemEventHandler
from watchdog.observers.api import BaseObserver
from watchdog.observers.inotify import InotifyObserver
from watchdog.observers.polling import PollingObserver

# Its one message at our level is that it was stopped while it read, which is how we stop it.
logging.getLogger("watchdog").setLevel(logging.CRITICAL)

logger = logging.getLogger(__name__)

POLL_S = 2.0
_NETWORK = {
    "9p", "afs", "ceph", "cifs", "fuse.glusterfs", "fuse.s3fs", "fuse.sshfs", "ncpfs", "nfs",
    "nfs4", "prl_fs", "smb3", "smbfs", "vboxsf", "virtiofs", "vmhgfs",
}  # fmt: skip
_OCTAL = re.compile(r"\\([0-7]{3})")


def filesystem(path: Path, mountinfo: str) -> str:
    """Return the type of the file system that `path` lies on, "" where it cannot be told.

    Parameters
    ----------
    mountinfo : str
        The content of ``/proc/self/mountinfo`` (proc(5)).
    """
    best, kind = "", ""
    for line in mountinfo.splitlines():
        head, _, tail = line.partition(" - ")
        fields = head.split(" ")
        if len(fields) < 5 or not tail:
            continue
        mount = _OCTAL.sub(lambda found: chr(int(found[1], 8)), fields[4]).rstrip("/")
        inside = f"{path}/".startswith(f"{mount}/")
        if inside and len(mount) >= len(best):
            best, kind = mount, tail.split(" ")[0]
    return kind


def needs_polling(path: Path) -> bool:
    """Tell whether inotify would miss what other machines put into `path`."""
    try:
        mountinfo = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return True
    return filesystem(path.resolve(), mountinfo) in _NETWORK


class _Listener(FileSystemEventHandler):
    """Hears that something happened, and no more.

    A poller guesses from an inode that a file was renamed; but a file system gives the inode
    of one that was removed to the next, which may be half written.
    """

    def __init__(self, ring: Callable[[], None]) -> None:
        self._ring = ring

    def on_any_event(self, event: FileSystemEvent) -> None:
        """Ring."""
        self._ring()


class Bell(FileSystemEventHandler):
    """Watches directories, and rings.

    Parameters
    ----------
    ring : callable
        Called from a thread of the watcher's, with nothing: look yourself.
    """

    def __init__(self, ring: Callable[[], None]) -> None:
        self._ring = ring
        self._observers: dict[bool, BaseObserver] = {}
        self._moved: set[str] = set()
        self._lock = threading.Lock()

    def watch(self, path: Path, *, recursive: bool) -> None:
        """Begin to watch a directory.

        Raises
        ------
        OSError
            Where the kernel refuses, for example because it has no watches left.
        """
        polling = needs_polling(path)
        if polling not in self._observers:
            observer: BaseObserver = (
                PollingObserver(timeout=POLL_S)
                if polling
                else InotifyObserver(generate_full_events=True)
            )
            observer.start()
            self._observers[polling] = observer
        handler = _Listener(self._ring) if polling else self
        self._observers[polling].schedule(handler, str(path), recursive=recursive)

    def on_any_event(self, event: FileSystemEvent) -> None:
        """Note a file that was renamed in, and ring."""
        if event.event_type in {"opened", "closed_no_write"}:
            return  # our own reading, among others
        if isinstance(event, FileMovedEvent) and event.dest_path:
            with self._lock:
                self._moved.add(os.fsdecode(event.dest_path))
        elif isinstance(event, FileClosedEvent):
            with self._lock:  # written to after it was renamed: not complete by that
                self._moved.discard(os.fsdecode(event.src_path))
        self._ring()

    def moved(self) -> set[str]:
        """Return the paths that were renamed to their names since this was last asked.

        Only the kernel's word counts for that: none on a file system that is polled.
        """
        with self._lock:
            moved, self._moved = self._moved, set()
        return moved

    def alive(self) -> bool:
        """Tell whether every watcher still runs; one that died rings no more."""
        return all(observer.is_alive() for observer in self._observers.values())

    def close(self) -> None:
        """Stop watching."""
        for observer in self._observers.values():
            observer.stop()
            observer.join()
        self._observers.clear()


class Watched:
    """A bell on one directory: it may appear, or its share be mounted, later."""

    def __init__(self, path: Path, ring: Callable[[], None], *, recursive: bool) -> None:
        self._path, self._ring, self._recursive = path, ring, recursive
        self._bell, self._watching = Bell(ring), False

    def watch(self) -> None:
        """Begin to watch where that is not so yet, or the watcher died."""
        if not self._bell.alive():
            logger.error("the watcher of the file system died; it is started again")
            self._bell.close()
            self._bell, self._watching = Bell(self._ring), False
        if self._watching:
            return
        try:
            if not self._path.is_dir():
                return
            self._bell.watch(self._path, recursive=self._recursive)
        except (FileNotFoundError, NotADirectoryError, PermissionError):
            return  # the next round tries it again
        except OSError as error:
            logger.warning("%s cannot be watched (%s); it is listed", self._path, error.strerror)
        self._watching = True

    def moved(self) -> set[str]:
        """Return what was renamed to its name since this was last asked."""
        return self._bell.moved()

    def close(self) -> None:
        """Stop watching."""
        self._bell.close()
