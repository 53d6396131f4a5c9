"""How a verb gets at the spool and the job table."""

from __future__ import annotations

import argparse
import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dicom_printer import config as configuration
from dicom_printer.cli import known
from dicom_printer.cli.known import Known
from dicom_printer.config import nearest
from dicom_printer.errors import SpoolError, TicketError, UsageError
from dicom_printer.jobs import damage, look
from dicom_printer.jobs.embedded import embedded
from dicom_printer.jobs.look import Reader
from dicom_printer.spool import INCOMING, Spool

if TYPE_CHECKING:
    from dicom_printer.config import Config
    from dicom_printer.jobs.store import Store
    from dicom_printer.ticket import Ticket

_AS_OWNER = "run this as the spool's owner, or as root (sudo)"


@dataclass(frozen=True)
class Looking:
    """What a verb needs that only looks."""

    known: Known
    spool: Spool
    store: Reader


@dataclass(frozen=True)
class Access:
    """What most other verbs need."""

    config: Config
    spool: Spool
    store: Store


def spool_of(root: Path) -> Spool:
    """Return the spool in a directory, as its owner where we are root.

    Raises
    ------
    SpoolError
        Where there is no spool.
    """
    spool = Spool(root)
    try:
        if not spool.root.is_dir():
            raise SpoolError(
                f"there is no spool {spool.root}",
                "start the service once (`dicom-printer serve`), or correct [service] spool",
            )
        if os.statvfs(spool.root).f_flag & os.ST_RDONLY:
            raise SpoolError(
                f"spool {spool.root}: Read-only file system",
                "as a rule the disk failed: see the kernel's log; mend it, then mount it again",
            )
        spool.become_owner()
        if not (spool.root / INCOMING).is_dir():
            spool.create()
        usable = os.access(spool.root, os.R_OK | os.W_OK | os.X_OK)
    except PermissionError:
        usable = False
    if not usable:
        raise SpoolError(f"spool {spool.root}: Permission denied", _AS_OWNER)
    return spool


@contextmanager
def opened(args: argparse.Namespace) -> Iterator[Access]:
    """Open the spool and the job table for a verb; the service need not run."""
    config = configuration.load(args.config)
    spool = spool_of(config.service.spool)
    with job_table(config, spool) as store:
        yield Access(config, spool, store)


@contextmanager
def looking(args: argparse.Namespace) -> Iterator[Looking]:
    """Open the spool and the job table for a verb that only looks.

    Raises
    ------
    SpoolError
        Where it cannot be read.
    """
    # Read once, and while we are root: the spool's owner may be somebody who must not.
    read = configuration.read(args.config)
    digest = known.digest(args.config, read[0])
    found, config = known.kept(args.config, *read), None
    if found is None:
        config = configuration.checked(args.config, *read)
        found = known.of(config)
    spool = spool_of(found.spool)
    if config is not None:
        known.keep(found, digest)
    if found.embedded:
        try:
            with embedded(spool.database) as reader:
                if reader is not None:
                    yield Looking(found, spool, reader)
                    return
        except sqlite3.Error as error:
            raise SpoolError(f"the job table cannot be used: {error}", _cure(error)) from None
    with job_table(config or configuration.checked(args.config, *read), spool) as store:
        yield Looking(found, spool, store)


def coming(spool: Spool) -> Iterator[Ticket]:
    """Return the tickets of what the service has not taken in yet."""
    for name in spool.incoming():
        try:
            yield spool.ticket(name, INCOMING)
        except TicketError:
            continue  # adopted this moment, or about to be rejected


def printer_there(store: Reader, configured: Iterable[str], printer: str | None) -> None:
    """Refuse the name of a printer that neither the configuration nor any job has.

    Raises
    ------
    UsageError
        With the nearest name that there is.
    """
    names = set(configured)
    if printer is None or printer in names or look.listing(store, printer=printer, limit=1):
        return
    raise UsageError(f'there is no printer "{printer}"{nearest(printer, names)}')


def _cure(error: sqlite3.Error) -> str:
    if damage.is_damage(error):
        return damage.REMEDY
    return "try again; if it lasts, see `df`, and what else has the job table open"


@contextmanager
def job_table(config: Config, spool: Spool) -> Iterator[Store]:
    """Open the job table for the length of a block.

    Raises
    ------
    SpoolError
        Where it cannot be read or written.
    """
    import sqlalchemy as sa  # on use, as what needs it: who only looks must not wait for it

    from dicom_printer.jobs.database import open_database, place, said
    from dicom_printer.jobs.store import Store

    engine = open_database(place(config.service, spool.database))
    try:
        yield Store(engine, journal=spool.journal)
    except (sa.exc.DBAPIError, sa.exc.TimeoutError) as error:
        text, _, remedy = said(error).partition("; ")
        raise SpoolError(
            f"the job table cannot be used: {text}",
            remedy
            if isinstance(error, sa.exc.DBAPIError) and damage.is_damage(error.orig)
            else f"try again; if it lasts, {remedy}",
        ) from None
    finally:
        engine.dispose()
