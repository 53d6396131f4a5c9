"""The CUPS queues of the configuration: create, compare, remove, list.

The only importer of pycups, and only when a function is called: the service runs without
it. A connection lives inside one call, because pycups aborts the interpreter when two
threads share one.
"""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from dicom_printer.config import Config
from dicom_printer.errors import QueueError
from dicom_printer.ppd import base_ppd, with_questions

_SCHEME = "dicom:"
_STOPPED = 5  # printer-state, RFC 8011 section 5.4.11
_REJECTING = 0x80000  # a bit of printer-type, cups_ptype_e; getPrinters brings nothing clearer
_STATES: dict[int, Literal["idle", "processing", "stopped"]] = {
    3: "idle",
    4: "processing",
    _STOPPED: "stopped",
}
_FILES_CONF = Path("/etc/cups/cups-files.conf")
_SERVER_BIN = (Path("/usr/lib/cups"), Path("/usr/libexec/cups"), Path("/usr/lib64/cups"))
_NOT_FOUND = 404  # HTTP, for a queue without a PPD
_COMPARED = (
    "device-uri",
    "printer-info",
    "printer-location",
    "printer-error-policy",
    "printer-op-policy",
    "printer-op-policy-supported",
    "printer-is-shared",
    "job-sheets-default",
    "printer-state",
    "printer-is-accepting-jobs",
)


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
    """

    name: str
    info: str
    location: str
    ask: tuple[str, ...]
    spool: Path

    @property
    def uri(self) -> str:
        """The device URI: the backend's name and the absolute path of the spool."""
        return _SCHEME + quote(str(self.spool.absolute()))


def of(config: Config, name: str) -> Queue:
    """Return the queue of a printer of the configuration."""
    printer = config.printer[name]
    return Queue(
        name=name,
        info=printer.info or name,
        location=printer.location,
        ask=tuple(printer.ask),
        spool=config.service.spool,
    )


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


@dataclass(frozen=True)
class QueueState:
    """A queue as CUPS has it.

    Attributes
    ----------
    uri : str
        The device URI; of a queue that is not ours only the scheme, the rest may hold a password.
    jobs : int
        How many jobs are waiting in CUPS or being printed.
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


def install(queue: Queue, server: str | None = None) -> Literal["created", "updated", "unchanged"]:
    """Bring CUPS to have `queue` as it is wanted; a second time this changes nothing.

    Parameters
    ----------
    queue : Queue
        The queue that is wanted.
    server : str, optional
        ``host``, ``host:port`` or the path of a unix socket; else ``CUPS_SERVER`` or CUPS's own.

    Raises
    ------
    QueueError
        Where a queue of that name is not ours, or CUPS refuses.
    """
    ppd = with_questions(base_ppd(), queue.ask)
    with _connection(server) as cups:
        found = _attributes(cups, queue.name)
        if found and _as_wanted(found, queue) and _installed_ppd(cups, queue.name) == ppd:
            return "unchanged"
        with tempfile.NamedTemporaryFile("w", suffix=".ppd", encoding="utf-8") as file:
            file.write(ppd)
            file.flush()
            cups.addPrinter(
                queue.name,
                filename=file.name,
                info=queue.info,
                location=queue.location,
                device=queue.uri,
            )
        cups.setPrinterErrorPolicy(queue.name, "stop-printer")
        cups.setPrinterOpPolicy(queue.name, _op_policy(_attributes(cups, queue.name)))
        cups.setPrinterShared(queue.name, False)
        cups.setPrinterJobSheets(queue.name, "none", "none")
        cups.enablePrinter(queue.name)
        cups.acceptJobs(queue.name)
    return "updated" if found else "created"


def remove(name: str, server: str | None = None) -> None:
    """Take the queue `name` out of CUPS, with the jobs that wait in it.

    Raises
    ------
    QueueError
        Where there is no such queue, or it is not ours.
    """
    with _connection(server) as cups:
        if not _attributes(cups, name):
            raise QueueError(f"there is no queue {name}", "see `dicom-printer printers list`")
        cups.deletePrinter(name)


def listing(server: str | None = None) -> list[QueueState]:
    """Return all queues of CUPS by name, ours and others, each with its state."""
    with _connection(server) as cups:
        printers: dict[str, dict[str, Any]] = cups.getPrinters()
        # pycups lists no job whose id was not asked for.
        jobs = cups.getJobs(requested_attributes=["job-id", "job-printer-uri"]).values()
    waiting = Counter(str(job.get("job-printer-uri", "")).rpartition("/")[2] for job in jobs)
    return [_state(name, printers[name], waiting[name]) for name in sorted(printers)]


def _state(name: str, attributes: dict[str, Any], jobs: int) -> QueueState:
    uri = str(attributes.get("device-uri", ""))
    ours = uri.startswith(_SCHEME)
    return QueueState(
        name=name,
        uri=uri if ours else uri.partition(":")[0] + ":",
        info=str(attributes.get("printer-info", "")),
        state=_STATES.get(attributes.get("printer-state", _STOPPED), "stopped"),
        message=str(attributes.get("printer-state-message", "")),
        accepting=not attributes.get("printer-type", _REJECTING) & _REJECTING,
        jobs=jobs,
        ours=ours,
    )


def _as_wanted(found: dict[str, Any], queue: Queue) -> bool:
    wanted = {
        "device-uri": queue.uri,
        "printer-info": queue.info,
        "printer-location": queue.location,
        "printer-error-policy": "stop-printer",
        "printer-op-policy": _op_policy(found),
        "printer-is-shared": False,
        "job-sheets-default": ("none", "none"),
        "printer-is-accepting-jobs": True,
    }
    same = all(found.get(name) == value for name, value in wanted.items())
    return same and found.get("printer-state") != _STOPPED


def _op_policy(attributes: dict[str, Any]) -> str:
    """Return Debian's policy that makes CUPS vouch for the user, where the server has it."""
    known = attributes.get("printer-op-policy-supported", [])
    return "authenticated" if "authenticated" in known else "default"


def _attributes(cups: Any, name: str) -> dict[str, Any]:
    """Return the attributes of our queue `name`, nothing where there is none."""
    try:
        found: dict[str, Any] = cups.getPrinterAttributes(name, requested_attributes=[*_COMPARED])
    except _cups().IPPError as error:
        if error.args[0] != _cups().IPP_NOT_FOUND:
            raise
        return {}
    if not str(found.get("device-uri", "")).startswith(_SCHEME):
        raise QueueError(
            f"the queue {name} in CUPS belongs to another program and was left alone",
            "give the printer another name in the configuration, or remove the queue with lpadmin",
        )
    return found


def _installed_ppd(cups: Any, name: str) -> str:
    """Return the text of a queue's PPD as the server has it.

    Not with getPPD: for a local server that looks into /etc/cups, which may be another's.
    """
    with tempfile.TemporaryFile() as file:
        try:
            cups.getFile(f"/printers/{quote(name)}.ppd", fd=file.fileno())
        except _cups().HTTPError as error:
            if error.args[0] != _NOT_FOUND:
                raise
            return ""
        file.seek(0)
        return file.read().decode("utf-8", "replace")


def _cups() -> Any:
    try:
        import cups
    except ImportError:
        raise QueueError(
            "CUPS queues need pycups, which is not installed",
            'install it with `pip install "dicom-printer[cups]"`',
        ) from None
    return cups


@contextmanager
def _connection(server: str | None) -> Iterator[Any]:
    """Connect to CUPS, and turn what it complains of into errors of ours."""
    cups = _cups()
    host, _, port = (server or "").partition(":")
    try:
        if server is None:
            yield cups.Connection()  # libcups knows CUPS_SERVER and client.conf
        elif port.isdigit() and not server.startswith("/"):
            yield cups.Connection(host=host, port=int(port))
        else:
            yield cups.Connection(host=server)
    except cups.IPPError as error:
        raise QueueError(f"CUPS refused: {error.args[-1]}") from error
    except cups.HTTPError as error:
        raise QueueError(f"CUPS refused with HTTP status {error.args[0]}") from error
    except RuntimeError as error:
        raise QueueError(f"CUPS cannot be reached: {error}") from error
