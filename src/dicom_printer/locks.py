"""Which services may work on a spool at the same time: flock(2), which a dead process lets go."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from dicom_printer.durable import explained
from dicom_printer.errors import SpoolError

_NAME = "service.lock"


@contextmanager
def only_service(spool: Path, node: str = "") -> Iterator[None]:
    """Hold the lock that admits one service to a spool, or one of each name.

    Parameters
    ----------
    node : str
        The name of one of several that share the spool; empty for one that works alone.

    Raises
    ------
    SpoolError
        Where another service holds it.
    """
    with ExitStack() as stack:
        if not stack.enter_context(_locked(spool / _NAME, shared=bool(node))):
            raise SpoolError(
                f"another service works on the spool {spool}",
                "stop it first, or name another spool in [service]",
            )
        if node and not stack.enter_context(_locked(spool / f"service-{node}.lock")):
            raise SpoolError(
                f"another service works on the spool {spool} as the node {node}",
                "stop it first, or name this one otherwise: [service] node",
            )
        yield


@contextmanager
def _locked(path: Path, *, shared: bool = False) -> Iterator[bool]:
    """Hold a lock for the length of a block; tell whether it was free."""
    with explained(f"{path} cannot be locked"):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        with explained(f"{path} cannot be locked"):
            try:
                kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
                fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
                free = True
            except BlockingIOError:
                free = False
        yield free
    finally:
        os.close(descriptor)


def service_runs(spool: Path) -> bool:
    """Tell whether a service that works alone holds the spool's lock."""
    try:
        descriptor = os.open(spool / _NAME, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
