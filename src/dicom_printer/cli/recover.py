"""The verb ``recover``: the job table is rebuilt from the directories of the jobs."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path

from dicom_printer import checks
from dicom_printer.cli.access import job_table, spool_of
from dicom_printer.intake import Intake
from dicom_printer.jobs import damage, look
from dicom_printer.jobs.database import place
from dicom_printer.jobs.store import Store
from dicom_printer.spool import Spool


def recover(args: argparse.Namespace) -> int:
    """Rebuild what the job table lost; a damaged one is put aside first."""
    config = checks.load(args.config)
    spool = spool_of(config.service.spool)
    with spool.only_service():
        if isinstance(place(config.service, spool.database), Path):
            _put_aside(spool)
        with job_table(config, spool) as store:
            known = {job["id"] for job in look.listing(store)}
            intake = Intake(config, spool, store, lambda: None)
            behind = set(intake.catch_up())
            troubles = intake.mend()
            return _report(spool, store, known - behind, troubles)


def _put_aside(spool: Spool) -> None:
    wrong = damage.damage(spool.database)
    if wrong is not None:
        aside = damage.set_aside(spool.database)
        print(f"the job table is damaged ({wrong}); it is kept as {aside}")
    elif not spool.database.exists():
        print(f"there is no job table {spool.database}; a new one is made")


def _report(spool: Spool, store: Store, untouched: set[str], troubles: list[str]) -> int:
    """Say what was rebuilt, and what cannot be read; 1 where there is any such."""
    rows = look.listing(store)
    rebuilt = Counter(job["state"] for job in rows if job["id"] not in untouched)
    for state in look.STATES:
        if rebuilt[state]:
            print(f"rebuilt: {rebuilt[state]} {state}")
    if not rebuilt:
        print(f"nothing was missing: {len(rows)} jobs are as the directories say")
    for job in rows:
        if job["id"] not in untouched and job["state"] == "held":
            print(f"{job['id'][: look.SHORT]} held: {job['reason']}; {job['error']}")
    missing = [job["id"] for job in rows if not spool.is_adopted(job["id"])]
    for job_id in missing:
        print(f"job {job_id[: look.SHORT]} has no directory: it cannot be carried on")
    for trouble in troubles:
        print(f"dicom-printer recover: {trouble}", file=sys.stderr)
    rejected = spool.rejected()
    for name in rejected:
        print(f"rejected/{name}: see its reason.txt", file=sys.stderr)
    return 1 if troubles or missing or rejected else 0
