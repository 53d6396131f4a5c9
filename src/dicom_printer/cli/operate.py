"""The verbs that change jobs: retry, hold, release, cancel, discard."""

from __future__ import annotations

import argparse
import sys

from dicom_printer import checks
from dicom_printer.cli.access import Access, opened, printer_there
from dicom_printer.cli.person import person
from dicom_printer.errors import DicomPrinterError, OutcomeUnknownError, UsageError
from dicom_printer.intake import attributes, snapshot
from dicom_printer.jobs import look
from dicom_printer.jobs.operate import Fresh, Operation
from dicom_printer.jobs.operate import operate as operate_on

# What a verb takes with --all where no state is named.
_STATES = {
    "retry": ("held", "suspended"), "hold": ("ready", "running", "suspended"),
    "release": ("held",), "cancel": ("ready", "running", "suspended"), "discard": ("held",),
}  # fmt: skip


_SAID = {
    "retry": "is tried now", "hold": "is held", "release": "is released",
    "cancel": "is cancelled", "discard": "is discarded",
}  # fmt: skip


def operate(args: argparse.Namespace) -> int:
    """Carry a verb out on each of the jobs."""
    if bool(args.jobs) == args.all:
        raise UsageError("name the jobs, or say --all, and not both")
    if args.verb == "discard" and not args.reason.strip():
        raise UsageError("--reason is empty; it stands in the job's history", "say why")
    if (args.state or args.printer) and not args.all:
        raise UsageError("--state and --printer go with --all")
    user = person()
    operation = Operation(args.verb, user, args.reason)
    worst = 0
    with opened(args) as access:
        chosen = _chosen(args, access)
        fresh = _fresh(args, access, chosen)
        for job_id in chosen:
            try:
                done = operate_on(access.store, job_id, operation, fresh.get(job_id))
            except DicomPrinterError as error:
                print(f"dicom-printer {args.verb}: {error}", file=sys.stderr)
                worst = max(worst, error.exit_code)
                continue
            print(job_id[: look.SHORT], _SAID[args.verb] if done else "asked; it is running")
    if args.all and not chosen:
        print("no jobs")
    return worst


def _chosen(args: argparse.Namespace, access: Access) -> list[str]:
    if not args.all:
        return [look.resolve(access.store, prefix) for prefix in args.jobs]
    printer_there(access.store, access.config.printer, args.printer)
    states = [args.state] if args.state else _STATES[args.verb]
    found = [job for state in states for job in look.listing(access.store, state, args.printer)]
    if args.verb in {"release", "retry"}:
        # Each of these is a statement about a film, and nobody has looked at all of them.
        doubtful = [job["id"] for job in found if job["reason"] == OutcomeUnknownError.reason]
        for job_id in doubtful:
            message = f"job {job_id[: look.SHORT]} is left alone: {OutcomeUnknownError.remedy}"
            print(f"dicom-printer {args.verb}: {message}", file=sys.stderr)
        found = [job for job in found if job["id"] not in doubtful]
    return [job["id"] for job in found]


def _fresh(args: argparse.Namespace, access: Access, chosen: list[str]) -> dict[str, Fresh]:
    """Return what each job begins anew with, with ``--fresh``."""
    if not args.fresh:
        return {}
    config = checks.load(args.config)
    found = {}
    for job in look.listing(access.store, ids=chosen):
        steps = snapshot(config, job["printer"])
        if steps is None:
            raise UsageError(
                f'printer "{job["printer"]}" of job {job["id"][: look.SHORT]} is not configured',
                "add it to the configuration first",
            )
        stated = attributes(config, access.spool.ticket(job["id"]))
        found[job["id"]] = Fresh(steps, stated)
    return found
