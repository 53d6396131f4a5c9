"""What else is wrong, beside what the service says itself: for ``status``."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

from dicom_printer.cli.access import Looking
from dicom_printer.durable import explained
from dicom_printer.errors import SpoolError
from dicom_printer.folder_listing import opened
from dicom_printer.spool import TMP, Spool
from dicom_printer.taking import NOTE, REJECTED

_INODES = 64


def found(access: Looking) -> Iterator[str]:
    """Return the troubles that can be seen without the service."""
    short = access.spool.short_of(access.known.min_free)
    if short:
        yield short
    # Not by the service alone: it cannot write down that nothing can be written.
    yield from file_system(access.spool)
    for folders in access.known.printers.values():
        yield from filter(None, map(rejected, map(Path, folders)))


def file_system(spool: Spool) -> Iterator[str]:
    """Return what of the spool's file system keeps jobs from coming in or going on."""
    with explained(f"spool {spool.root}"):
        found = os.statvfs(spool.root)
    if found.f_files and found.f_favail < _INODES:
        yield f"spool {spool.root}: no inodes are left; delete files, see `df -i`"
    probe = spool.root / TMP / f".probe-{uuid.uuid4().hex}"
    try:
        with explained(f"spool {spool.root} cannot be written"):
            probe.mkdir()
            probe.rmdir()
    except SpoolError as error:
        yield str(error)


def rejected(folder: Path) -> str:
    """Return that something waits in a hot folder that could not be printed; else nothing."""
    try:
        top = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return ""  # the service says so, if it has to do with it
    try:
        with opened(top, (REJECTED,)) as place:
            waiting = [n for n in os.listdir(place) if not n.endswith(NOTE)]  # noqa: PTH208
    except OSError:
        return ""
    finally:
        os.close(top)
    if not waiting:
        return ""
    return (
        f"hot folder {folder}: {len(waiting)} files wait in {REJECTED}/; read the "
        f"{NOTE} beside each, then take it away"
    )
