"""The CUPS queues of the configuration: create, compare, remove, list.

The only importer of pycups, and only when a function is called: the service runs without
it. A connection lives inside one call, because pycups aborts the interpreter when two
threads share one.
"""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal
from urllib.parse import quote

from dicom_printer import installed
from dicom_printer.errors import QueueError
from dicom_printer.ppd import base_ppd, with_questions
from dicom_printer.queues.models import SCHEME, Queue, QueueState, cups_backends, of

__all__ = [
    "Queue",
    "QueueState",
    "cups_backends",
    "differences",
    "install",
    "listing",
    "of",
    "remove",
    "server_configuration",
]

_STOPPED = 5  # printer-state, RFC 8011 section 5.4.11
_REJECTING = 0x80000  # a bit of printer-type, cups_ptype_e; getPrinters brings nothing clearer
_STATES: dict[int, Literal["idle", "processing", "stopped"]] = {
    3: "idle",
    4: "processing",
    _STOPPED: "stopped",
}
_JOB_HELD, _JOB_STOPPED = 4, 6  # job-state, RFC 8011 section 5.3.7
# job-hold-until: what no clock brings back. Other values are an hour or a part of the day.
_HELD_FOR_GOOD = {"indefinite", "auth-info-required"}
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
        cups.setPrinterShared(queue.name, queue.shared)
        cups.setPrinterJobSheets(queue.name, "none", "none")
        cups.enablePrinter(queue.name)
        cups.acceptJobs(queue.name)
    return "updated" if found else "created"


def differences(queue: Queue, server: str | None = None) -> list[str] | None:
    """Return in what CUPS's queue is not as it is wanted: names of attributes, ``PPD``.

    Whether it is stopped or rejecting, :func:`listing` says.

    Returns
    -------
    list of str or None
        None where CUPS has no such queue.

    Raises
    ------
    QueueError
        Where a queue of that name is not ours, or CUPS cannot be asked.
    """
    with _connection(server) as cups:
        found = _attributes(cups, queue.name)
        if not found:
            return None
        different = [name for name, value in _wanted(found, queue).items()
                     if found.get(name) != value]  # fmt: skip
        if _installed_ppd(cups, queue.name) != with_questions(base_ppd(), queue.ask):
            different.append("PPD")
        return different


def server_configuration(server: str | None = None) -> str:
    """Return the text of the server's ``cupsd.conf``.

    Raises
    ------
    QueueError
        Where CUPS cannot be asked, or does not show it to who asks.
    """
    module = _cups()
    module.setPasswordCB(lambda *_: "")  # who may not see it is not asked for a password
    with _connection(server) as cups, tempfile.TemporaryFile() as file:
        cups.getFile("/admin/conf/cupsd.conf", fd=file.fileno())
        file.seek(0)
        return file.read().decode("utf-8", "replace")


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
        wanted = ["job-id", "job-printer-uri", "job-state", "job-hold-until"]
        jobs: dict[int, dict[str, Any]] = cups.getJobs(requested_attributes=wanted)
    waiting: dict[str, dict[int, dict[str, Any]]] = defaultdict(dict)
    for number, job in jobs.items():
        waiting[str(job.get("job-printer-uri", "")).rpartition("/")[2]][number] = job
    return [_state(name, printers[name], waiting[name]) for name in sorted(printers)]


def _state(name: str, attributes: dict[str, Any], jobs: dict[int, dict[str, Any]]) -> QueueState:
    uri = str(attributes.get("device-uri", ""))
    ours = uri.startswith(SCHEME)
    held = {n: job for n, job in jobs.items() if job.get("job-state") == _JOB_HELD}
    return QueueState(
        name=name,
        uri=uri if ours else uri.partition(":")[0] + ":",
        info=str(attributes.get("printer-info", "")),
        state=_STATES.get(attributes.get("printer-state", _STOPPED), "stopped"),
        message=str(attributes.get("printer-state-message", "")),
        accepting=not attributes.get("printer-type", _REJECTING) & _REJECTING,
        jobs=len(jobs),
        ours=ours,
        held=tuple(sorted(n for n in held if held[n].get("job-hold-until") in _HELD_FOR_GOOD)),
        stopped=tuple(sorted(n for n in jobs if jobs[n].get("job-state") == _JOB_STOPPED)),
        hidden=sum("job-state" not in job for job in jobs.values()),
    )


def _wanted(found: dict[str, Any], queue: Queue) -> dict[str, Any]:
    """Return the attributes that a queue is to have, on the server that `found` is of."""
    return {
        "device-uri": queue.uri,
        "printer-info": queue.info,
        "printer-location": queue.location,
        "printer-error-policy": "stop-printer",
        "printer-op-policy": _op_policy(found),
        "printer-is-shared": queue.shared,
        "job-sheets-default": ("none", "none"),
    }


def _as_wanted(found: dict[str, Any], queue: Queue) -> bool:
    prints = found.get("printer-is-accepting-jobs") and found.get("printer-state") != _STOPPED
    wanted = _wanted(found, queue).items()
    return bool(prints) and all(found.get(name) == value for name, value in wanted)


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
    if not str(found.get("device-uri", "")).startswith(SCHEME):
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
            installed.without_extra("cups"),
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
