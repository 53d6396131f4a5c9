"""``query``: C-FIND the entry that a job belongs to (PS3.4 C and K; the seed's Find SCU)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, model_validator
from pydicom import Dataset

from dicom_printer import keys as query_keys
from dicom_printer import mapping, network
from dicom_printer.actions import Job
from dicom_printer.attributes import Value
from dicom_printer.config import Remote, RemoteStep
from dicom_printer.config.models import Policy
from dicom_printer.errors import BadValueError, NoMatchError, SeveralMatchesError
from dicom_printer.keywords import Keyword, keyword
from dicom_printer.matching import matches, texts

_OF_STEP = "ScheduledProcedureStepSequence"


class Settings(RemoteStep):
    """The keys of a ``query`` step."""

    # `keys` has placeholders, but they are filled here: what they stand for must not
    # become a wildcard.
    verbatim: ClassVar[frozenset[str]] = RemoteStep.verbatim | {
        "model", "level", "keys", "return_keys", "on_no_match", "on_many", "order_by",
        "max_matches",
    }  # fmt: skip

    model: Literal["worklist", "patient-root"]
    level: Literal["PATIENT", "STUDY", "SERIES", "IMAGE"] = "STUDY"
    keys: Annotated[dict[str, Any], AfterValidator(query_keys.checked)]
    return_keys: tuple[Keyword, ...] = ()
    on_no_match: Policy = "suspend"
    on_many: Literal["suspend", "hold", "continue", "discard", "first", "last"] = "hold"
    order_by: str = ""
    max_matches: Annotated[int, Field(ge=1, le=10_000)] = 200

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if (self.on_many in {"first", "last"}) != bool(self.order_by):
            raise ValueError("order_by goes with on_many = first or last, and they want it")
        if self.order_by:
            keyword(self.order_by)
        return self


@dataclass(frozen=True)
class Answers:
    """What a remote answered.

    Attributes
    ----------
    matching : list of pydicom.Dataset
        Those that have the keys.
    others : int
        How many more came that have not.
    is_complete : bool
        False where there were more than ``max_matches``.
    keys : dict
        What was asked for.
    """

    matching: list[Dataset]
    others: int
    is_complete: bool
    keys: dict[str, Any]


def ask(step: Settings, remote: Remote, values: Mapping[str, str]) -> Answers:
    """Ask the remote, and compare its answers with the keys.

    Parameters
    ----------
    values : mapping of str to str
        What the placeholders of the keys may name.

    Raises
    ------
    ValueMissingError, BadValueError
        A key cannot be filled; the remote is not asked.
    RemoteError
        The remote did not answer, or in a character set that is not its own.
    """
    filled = query_keys.filled(step.keys, values, datetime.now().astimezone())
    worklist = step.model == "worklist"
    returned = mapping.WORKLIST_RETURNS if worklist else mapping.LEVEL_RETURNS[step.level]
    identifier = query_keys.identifier(
        filled, {**returned, **dict.fromkeys(step.return_keys, "")}, remote.character_set
    )
    if not worklist:
        identifier.QueryRetrieveLevel = step.level
    model = network.WORKLIST if worklist else network.PATIENT_ROOT
    found = network.query(remote, model, identifier, step.max_matches)
    matching = [ds for ds in found.answers if matches(ds, filled)]
    for ds in matching:
        network.check_characters(remote, ds)
    return Answers(matching, len(found.answers) - len(matching), found.is_complete, filled)


def run(step: Settings, job: Job) -> str:
    """Find the one entry, and take it over into the job."""
    answers = ask(step, job.remotes[step.remote], job.values)
    entry = mapping.entry(_chosen(step, answers), step.return_keys)
    wrong = mapping.contradictions(job.attributes, entry.attributes, answers.keys)
    if wrong:
        raise BadValueError(
            f"the entry of {step.remote} has another {', '.join(wrong)} than the job",
            "see which is right: `dicom-printer match JOB` shows the entry, --pick takes it",
            reason="values contradict",
        )
    return take_over(job.attributes, entry, step.remote)


def take_over(own: dict[str, Value], entry: mapping.Entry, remote: str) -> str:
    """Put an entry's attributes into a job's, and say so without any value."""
    made = mapping.merged(own, entry.attributes)
    own.clear()
    own.update(made)
    text = f"matched with an entry of {remote}"
    if entry.left_out:
        text += f"; left out, as they do not fit: {', '.join(sorted(set(entry.left_out)))}"
    return text


def _chosen(step: Settings, answers: Answers) -> Dataset:
    """Return the one entry, by the policies of the step."""
    found, where = answers.matching, step.remote
    others = f" ({answers.others} more answers have not the keys)" if answers.others else ""
    policy = "hold" if step.on_many in {"first", "last"} else step.on_many
    if not answers.is_complete:
        raise SeveralMatchesError(
            f"{where} has more than {step.max_matches} answers{others}",
            "the keys are too wide, or the remote does not heed them: narrow the keys, or raise "
            "`max_matches`",
            policy=policy,
        )
    if not found:
        raise NoMatchError(
            f"no entry of {where} has the keys{others}",
            "it is asked again where the step says so; or `dicom-printer match JOB`",
            policy=step.on_no_match,
        )
    if len(found) == 1:
        return found[0]
    if step.on_many in {"first", "last"}:
        return _at_the_end(step, found)
    raise SeveralMatchesError(f"{len(found)} entries of {where} have the keys", policy=policy)


def _at_the_end(step: Settings, found: list[Dataset]) -> Dataset:
    """Return the first or the last entry, where all are of one patient and the order is sure."""
    said = f"{len(found)} entries of {step.remote} have the keys"
    patients = {tuple(value_of(ds, n) for n in ("PatientID", "IssuerOfPatientID")) for ds in found}
    if len(patients) != 1:
        raise SeveralMatchesError(f"{said}, of {len(patients)} patients", policy="hold")
    order = sorted(found, key=lambda ds: value_of(ds, step.order_by))
    chosen, next_to = order[:2] if step.on_many == "first" else order[:-3:-1]
    values = [value_of(ds, step.order_by) for ds in found]
    if not all(values) or value_of(chosen, step.order_by) == value_of(next_to, step.order_by):
        raise SeveralMatchesError(f"{said}, and {step.order_by} does not order them", policy="hold")
    return chosen


def value_of(ds: Dataset, name: str) -> str:
    """Return an attribute of an entry as text, of its scheduled step where it is not above."""
    tag = query_keys.tag_of(name)
    for source in (ds, *ds.get(_OF_STEP, [])):
        element = source.get(tag)
        if element is not None and element.VR != "SQ":
            return "\\".join(texts(element))
    return ""
