"""The verb ``match``: a person says which entry a job belongs to."""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from pydicom import Dataset

from dicom_printer import mapping, placeholders
from dicom_printer.actions import query
from dicom_printer.attributes import Value
from dicom_printer.cli import output
from dicom_printer.cli.access import Access, opened
from dicom_printer.cli.admin import cure
from dicom_printer.cli.columns import Table
from dicom_printer.cli.person import person
from dicom_printer.cli.printing import stated
from dicom_printer.errors import BadValueError, StepError, UsageError, ValueMissingError, Verdict
from dicom_printer.jobs import look
from dicom_printer.jobs.match import Seen, go_on, seen

_SHOWN = {
    "PatientName": "patient", "PatientID": "id", "PatientBirthDate": "born",
    "AccessionNumber": "accession", "ScheduledProcedureStepStartDate": "date",
    "Modality": "modality", "RequestedProcedureDescription": "description",
}  # fmt: skip
_ELSE = {
    "ScheduledProcedureStepStartDate": "StudyDate",
    "Modality": "ModalitiesInStudy",
    "RequestedProcedureDescription": "StudyDescription",
}
"""Where an archive says what a worklist says under the other name."""
_DIGITS = 6


@dataclass(frozen=True)
class Candidate:
    """An entry that a person may pick."""

    shown: dict[str, str]
    entry: mapping.Entry | None
    trouble: str

    @property
    def code(self) -> str:
        """What names it: as long as it stays the same entry, and no longer."""
        content = [self.shown, self.entry.attributes if self.entry else self.trouble]
        text = json.dumps(content, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]


def match(args: argparse.Namespace) -> int:
    """List the entries that a job may belong to, or go on with one of them."""
    user = person()
    with opened(args) as access:
        was = seen(access.store, look.resolve(access.store, args.job))
        own = _own(was, stated({k: v for k, v in args.attributes if v}), args.attributes)
        names = ", ".join(sorted(name for name, _ in args.attributes))
        if args.attributes and not args.pick and not args.list:
            go_on(access.store, was, was.step, own, f"set by a person: {names}", user)
            print(was.id[: look.SHORT], "is tried again with what was set")
            return 0
        position, step = _query(was)
        found, note = _candidates(access, was, own, step)
        if args.list or not args.pick:
            _list(args, found, own, note)
            return 0 if found else 1
        entry = _picked(found, args.pick)
        text = take_over(was, own, entry, step.remote, [name for name, _ in args.attributes])
        text += f"; set: {names}" if names else ""
        go_on(access.store, was, position + 1, own, text, user)
    print(was.id[: look.SHORT], "goes on behind its query")
    return 0


def _own(was: Seen, new: dict[str, str], typed: list[tuple[str, str]]) -> dict[str, Value]:
    """Return the job's attributes with what was typed; an empty value takes one away."""
    taken = {name for name, value in typed if not value}
    return {k: v for k, v in (was.attributes | new).items() if k not in taken}


def take_over(
    was: Seen, own: dict[str, Value], entry: mapping.Entry, remote: str, typed: list[str]
) -> str:
    """Put a picked entry into the job; of another patient or study, instead of what it had."""
    replaced = mapping.contradictions(own, entry.attributes, {})
    had = set(own)
    if replaced:
        more = [n for step in was.steps for n in step.get("return_keys", ())]
        kept = mapping.without_brought(own, more, typed)
        own.clear()
        own.update(kept)
    text = query.take_over(own, entry, remote) + ", picked by a person"
    text += f"; replaced: {', '.join(replaced)}" if replaced else ""
    gone = sorted(had - set(own))
    return text + (f"; taken away: {', '.join(gone)}" if gone else "")


def _query(was: Seen) -> tuple[int, query.Settings]:
    """Return the query at which the job stands, past a ``parse`` that found nothing."""
    for position in range(was.step, len(was.steps)):
        action = was.steps[position].get("action")
        if action == "query":
            try:
                return position, query.Settings.model_validate(was.steps[position])
            except ValidationError:
                raise UsageError(
                    f"the query of job {was.id[:8]} is not as this version wants it",
                    "correct the workflow, then `dicom-printer retry --fresh JOB`",
                ) from None
        if action != "parse":
            break
    raise UsageError(
        f"job {was.id[:8]} does not stand at a query",
        "correct its attributes with --set, or `dicom-printer retry` it",
    )


def _candidates(
    access: Access, was: Seen, own: dict[str, Value], step: query.Settings
) -> tuple[list[Candidate], str]:
    remote = access.config.remote.get(step.remote)
    if remote is None:
        raise UsageError(f'there is no remote "{step.remote}" in the configuration', "add it")
    values = placeholders.values(access.spool.ticket(was.id), own)
    try:
        answers = query.ask(step, remote, values)
    except ValueMissingError as error:
        raise UsageError(error.message, "give it: --set KEYWORD=VALUE") from None
    except StepError as error:
        if error.verdict is Verdict.TRANSIENT:  # of a job it would be tried again; not of this
            error.remedy = cure(error, remote.calling_ae_title)
        raise
    note = f"{answers.others} more answers have not the keys" if answers.others else ""
    if not answers.is_complete:
        note = f"the remote has more than {step.max_matches} answers: these are not all"
    return [_candidate(step, ds, answers.keys) for ds in answers.matching], note


def _candidate(step: query.Settings, ds: Dataset, keys: dict[str, Any]) -> Candidate:
    shown = {
        name: query.value_of(ds, name, keys) or query.value_of(ds, _ELSE.get(name, name))
        for name in _SHOWN
    }
    try:
        return Candidate(shown, mapping.entry(ds, step.return_keys, keys), "")
    except BadValueError as error:
        return Candidate(shown, None, error.message)


def _picked(found: list[Candidate], code: str) -> mapping.Entry:
    chosen = [candidate for candidate in found if candidate.code == code.lower()]
    if not chosen:
        raise UsageError(
            f"there is no entry {code} now: it is another one, or it was changed",
            "list them again: `dicom-printer match JOB`",
        )
    if len(chosen) > 1:
        raise UsageError(f"{len(chosen)} entries are the same", "see to it at the remote")
    entry = chosen[0].entry
    if entry is None:
        raise UsageError(chosen[0].trouble, "have it corrected at the remote")
    return entry


def _list(
    args: argparse.Namespace, found: list[Candidate], own: dict[str, Value], note: str
) -> None:
    if args.json:
        output.print_json([{"pick": c.code, **c.shown, "differs": _differs(own, c)} for c in found])
        return
    rows = [(c.code, *c.shown.values(), ", ".join(_differs(own, c)) or c.trouble) for c in found]
    if rows:
        table = Table(["pick", *_SHOWN.values(), "differs from the job"], rows)
        output.draw(table)
    else:
        print("no entry has the keys; correct them with --set KEYWORD=VALUE", file=sys.stderr)
    if note:
        print(note, file=sys.stderr)


def _differs(own: dict[str, Value], candidate: Candidate) -> list[str]:
    found: dict[str, Any] = dict(candidate.entry.attributes) if candidate.entry else {}
    return mapping.contradictions(own, found, {})
