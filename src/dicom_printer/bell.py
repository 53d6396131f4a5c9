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
        self._observers[polling].schedule(self, str(path), recursive=recursive)

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
        """Return the paths that were renamed to their names since this was last asked."""
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
