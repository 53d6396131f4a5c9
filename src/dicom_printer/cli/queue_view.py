"""CUPS's own view of the queues, beside ours: for ``status``."""

from __future__ import annotations

import threading
from collections.abc import Container, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from dicom_printer.cli.columns import Table, plain
from dicom_printer.errors import QueueError

if TYPE_CHECKING:
    from dicom_printer.queues import QueueState

PATIENCE_S = 2.0
"""How long CUPS is waited for: one on this machine answers in a few milliseconds."""


class Said(NamedTuple):
    """What CUPS says of all of its queues; `error` says why there is nothing, else it is ""."""

    error: str
    states: Sequence[QueueState] = ()


def seen(printers: Container[str], said: Said | None = None) -> dict[str, Any]:
    """Return what CUPS says of the queues of these printers.

    Parameters
    ----------
    printers : container of str
        Their names.
    said : Said, optional
        What it said when it was `asked`; else it is asked now.

    Returns
    -------
    dict
        ``error``: why there is nothing to see, "" where CUPS answered. ``queues``: by name, of
        ours alone, ``state``, ``accepting``, ``jobs`` (that wait in CUPS), ``held`` and
        ``stopped`` (the ids of those among them that wait for a person), ``hidden`` (how many
        it does not show the state of) and ``message``.
    """
    said = said or asked()
    return {
        "error": said.error,
        "queues": {
            s.name: {
                "state": s.state,
                "accepting": s.accepting,
                "jobs": s.jobs,
                "held": list(s.held),
                "stopped": list(s.stopped),
                "hidden": s.hidden,
                "message": s.message,
            }
            for s in said.states
            if s.ours and s.name in printers
        },
    }


def asked() -> Said:
    """Ask CUPS for its queues.

    Who may be root asks as root: by the privacy settings that we recommend, CUPS shows the states
    of jobs to nobody but who printed them and its administrators.
    """
    from dicom_printer import queues

    answers: list[Said] = []

    def ask() -> None:
        try:
            answers.append(Said("", queues.listing()))
        except QueueError as error:
            answers.append(Said(str(error)))

    # In a thread, because libcups cannot be told how long to wait for a server that is silent;
    # it is left behind where that happens, and ends with the program.
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(PATIENCE_S)
    return answers[0] if answers else Said(f"CUPS did not answer within {PATIENCE_S:g} s")


def troubles(queues: dict[str, dict[str, Any]]) -> Iterator[str]:
    """Return what keeps people from printing; a queue that is not there is no trouble.

    Parameters
    ----------
    queues : dict
        The ``queues`` of `seen`.
    """
    for name, queue in queues.items():
        if queue["state"] == "stopped":
            said = f" ({queue['message']})" if queue["message"] else ""
            yield f"queue {name}: CUPS has stopped it{said}; see to it, then `cupsenable` it"
        if not queue["accepting"]:
            yield f"queue {name}: CUPS takes no jobs for it; `cupsaccept` it"
        if stopped := queue["stopped"]:
            yield (
                f"queue {name}: CUPS has stopped at {_jobs(stopped)}, and tries no more; see "
                "`dicom-printer doctor` and CUPS's error_log, then print it with "
                f"`lp -i {name}-{stopped[0]} -H restart`, or `cancel {name}-{stopped[0]}`"
            )
        if held := queue["held"]:
            yield (
                f"queue {name}: CUPS holds {_jobs(held)} until somebody lets it go on; print it "
                f"with `lp -i {name}-{held[0]} -H resume`, or `cancel {name}-{held[0]}`"
            )


def _number(ids: list[int], hidden: int) -> int | str:
    """Return how many jobs these are; of those that CUPS hides nobody knows."""
    return len(ids) or ("not shown" if hidden else "")


_NAMED = 5


def _jobs(numbers: list[int]) -> str:
    """Return "job 3", or "2 jobs (3, 4)"; ids of CUPS, for they never came to us."""
    if len(numbers) == 1:
        return f"job {numbers[0]}"
    more = ", …" if len(numbers) > _NAMED else ""
    return f"{len(numbers)} jobs ({', '.join(map(str, numbers[:_NAMED]))}{more})"


def printed(found: dict[str, Any]) -> Table | str:
    """Return the table of what was `seen`, or the line that says why there is none."""
    if found["error"]:
        return plain(f"queues    not seen: {found['error']}")
    if not found["queues"]:
        return "queues    CUPS has none of ours; `dicom-printer printers install` makes them"
    return Table(
        ["queue", "in CUPS", "accepts jobs", "waiting in CUPS", "held", "stopped", "message"],
        [
            (
                name,
                q["state"],
                "yes" if q["accepting"] else "no",
                q["jobs"] or "",
                _number(q["held"], q["hidden"]),
                _number(q["stopped"], q["hidden"]),
                q["message"],
            )
            for name, q in found["queues"].items()
        ],
    )
