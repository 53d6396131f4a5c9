"""A queue as it is wanted, and as CUPS has it; where CUPS looks for its backends."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote

if TYPE_CHECKING:
    from dicom_printer.config import Config


SCHEME = "dicom:"
"""The name of our backend, with which the device URI of our queues begins."""

_FILES_CONF = Path("/etc/cups/cups-files.conf")
_SERVER_BIN = (Path("/usr/lib/cups"), Path("/usr/libexec/cups"), Path("/usr/lib64/cups"))


@dataclass(frozen=True)
class Queue:
    """A queue as the configuration wants it.

    Attributes
    ----------
    name, info, location : str
        What CUPS calls it, and what people read in the print dialog.
    ask : tuple of str
        DICOM keywords that become fields in the print dialog.
    spool : Path
        The spool directory that the backend hands the documents to.
    shared : bool
        Whether CUPS takes jobs for it from other hosts, where it listens to them.
    """

    name: str
    info: str
    location: str
    ask: tuple[str, ...]
    spool: Path
    shared: bool = False

    @property
    def uri(self) -> str:
        """The device URI: the backend's name and the absolute path of the spool."""
        return SCHEME + quote(str(self.spool.absolute()))


def of(config: Config, name: str) -> Queue:
    """Return the queue of a printer of the configuration."""
    printer = config.printer[name]
    return Queue(
        name=name,
        info=printer.info or name,
        location=printer.location,
        ask=tuple(printer.ask),
        spool=config.service.spool,
        shared=printer.shared,
    )


@dataclass(frozen=True)
class QueueState:
    """A queue as CUPS has it.

    Attributes
    ----------
    uri : str
        The device URI; of a queue that is not ours only the scheme, the rest may hold a password.
    jobs : int
        How many jobs are waiting in CUPS or being printed, the following among them.
    held : tuple of int
        Ids of the jobs that CUPS keeps until a person lets them go on; not those of a later hour.
    stopped : tuple of int
        Ids of the jobs at which CUPS has stopped; it never tries them again by itself.
    hidden : int
        How many jobs CUPS does not show the state of to who asks (``JobPrivateValues``).
    ours : bool
        Whether our backend is behind it.
    """

    name: str
    uri: str
    info: str
    state: Literal["idle", "processing", "stopped"]
    message: str
    accepting: bool
    jobs: int
    ours: bool
    held: tuple[int, ...] = ()
    stopped: tuple[int, ...] = ()
    hidden: int = 0


def cups_backends() -> Path | None:
    """Return where CUPS looks for backends on this machine; None where CUPS is not installed.

    As CUPS itself: ``CUPS_SERVERBIN``, else ``ServerBin`` of ``cups-files.conf``, else the usual.
    """
    stated = os.environ.get("CUPS_SERVERBIN", "")
    if not stated and os.access(_FILES_CONF, os.R_OK):
        words = (line.split() for line in _FILES_CONF.read_text(errors="replace").splitlines())
        stated = next((w[1] for w in words if len(w) == 2 and w[0] == "ServerBin"), "")
    places = (Path(stated),) if stated else _SERVER_BIN
    return next((p / "backend" for p in places if (p / "backend").is_dir()), None)
