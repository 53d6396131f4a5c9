"""How a verb gets at the spool and the job table."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import sqlalchemy as sa

from dicom_printer import config as configuration
from dicom_printer.config import Config
from dicom_printer.errors import SpoolError
from dicom_printer.jobs import damage
from dicom_printer.jobs.database import open_database, place, said
from dicom_printer.jobs.store import Store
from dicom_printer.spool import INCOMING, Spool

_AS_OWNER = "run this as the spool's owner, or as root (sudo)"


@dataclass(frozen=True)
class Access:
    """What most verbs need."""

    config: Config
    spool: Spool
    store: Store


def spool_of(config: Config) -> Spool:
    """Return the configuration's spool, as its owner where we are root.

    Raises
    ------
    SpoolError
        Where there is no spool.
    """
    spool = Spool(config.service.spool)
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
    spool = spool_of(config)
    with job_table(config, spool) as store:
        yield Access(config, spool, store)


@contextmanager
def job_table(config: Config, spool: Spool) -> Iterator[Store]:
    """Open the job table for the length of a block.

    Raises
    ------
    SpoolError
        Where it cannot be read or written.
    """
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
