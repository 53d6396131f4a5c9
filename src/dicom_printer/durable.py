"""What is on disk when a function returns, and what an operating system's error means for that."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from dicom_printer.errors import SpoolError


class Readable(Protocol):
    """What a document is read from."""

    def read(self, size: int, /) -> bytes:
        """Return up to `size` bytes, none at the end."""
        ...


def fsync_directory(path: Path) -> None:
    """Put a directory's names on disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def explained(what: str) -> Iterator[None]:
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


def write(target: Path, data: bytes) -> None:
    """Write a new file, for the owner's eyes only."""
    with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
        out.write(data)
        out.flush()
        os.fsync(out.fileno())
