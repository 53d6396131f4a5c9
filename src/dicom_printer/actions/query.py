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
from dicom_printer.keys import Keys
from dicom_printer.keywords import Keyword, keyword
from dicom_printer.matching import folded_name, matches, place, step_of, texts

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
            _check_order(keyword(self.order_by))
        return self


def _check_order(name: str) -> None:
    try:
        vr = query_keys.vr_of(name)
    except KeyError:
        vr = ""
    if not vr or vr == "SQ":
        raise ValueError(f"order_by: {name} is nothing that entries are ordered by")


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
    identifier = query_keys.identifier(filled, _returned(step), remote.character_set)
    if not worklist:
        identifier.QueryRetrieveLevel = step.level
    model = network.WORKLIST if worklist else network.PATIENT_ROOT
    found = network.query(remote, model, identifier, step.max_matches)
    matching = [ds for ds in found.answers if matches(ds, filled)]
    for ds in matching:
        network.check_characters(remote, ds)
    return Answers(matching, len(found.answers) - len(matching), found.is_complete, filled)


def _returned(step: Settings) -> dict[str, Any]:
    """Return what is asked for beside the keys."""
    worklist = step.model == "worklist"
    usual = mapping.WORKLIST_RETURNS if worklist else mapping.LEVEL_RETURNS[step.level]
    returned = {**usual, **dict.fromkeys(step.return_keys, "")}
    order = query_keys.keyword_of(step.order_by) if step.order_by else ""
    of_step = returned.get(_OF_STEP, {})
    if order.startswith("Scheduled") and worklist:
        returned[_OF_STEP] = {**of_step, order: ""}
    elif order and order not in {**returned, **of_step}:
        returned[order] = ""
    return returned


def run(step: Settings, job: Job) -> str:
    """Find the one entry, and take it over into the job."""
    answers = ask(step, job.remotes[step.remote], job.values)
    entry = mapping.entry(_chosen(step, answers), step.return_keys, answers.keys)
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
        return _at_the_end(step, found, answers.keys)
    raise SeveralMatchesError(f"{len(found)} entries of {where} have the keys", policy=policy)


def _at_the_end(step: Settings, found: list[Dataset], keys: Keys) -> Dataset:
    """Return the first or the last entry, where all are of one patient and the order is sure."""
    said = f"{len(found)} entries of {step.remote} have the keys"
    patients = {_patient(ds) for ds in found}
    if len(patients) != 1:
        raise SeveralMatchesError(f"{said}, of {len(patients)} patients", policy="hold")
    by = step.order_by
    placed = [(place(by, value_of(ds, by, keys)), ds) for ds in found]
    in_order = sorted(((at, ds) for at, ds in placed if at), key=lambda pair: pair[0])
    if len(in_order) == len(found):
        # all others must stand wholly behind the first, or before the last
        if step.on_many == "first" and in_order[0][0][1] < in_order[1][0][0]:
            return in_order[0][1]
        *others, (at, last) = in_order
        if step.on_many == "last" and all(other[1] < at[0] for other, _ in others):
            return last
    raise SeveralMatchesError(f"{said}, and {by} does not order them", policy="hold")


def _patient(ds: Dataset) -> tuple[str, ...]:
    """Return what must be the same in entries of one patient."""
    name = "=".join(map(folded_name, value_of(ds, "PatientName").split("="))).rstrip("=")
    born = value_of(ds, "PatientBirthDate").replace(".", "")
    return name, born, value_of(ds, "PatientID"), value_of(ds, "IssuerOfPatientID")


def value_of(ds: Dataset, name: str, keys: Keys | None = None) -> str:
    """Return an attribute of an entry as text, of its scheduled step where it is not above.

    Of several steps that is the one which has the keys.
    """
    tag = query_keys.tag_of(name)
    for source in (ds, step_of(ds, keys or {})):
        element = source.get(tag)
        if element is not None and element.VR != "SQ":
            return "\\".join(texts(element))
    return ""
