"""What an answer to a query means for the images (IHE Radiology, TF-2 appendix A).

From a worklist entry to the attributes of an image; from an archive's answer, the study is
joined. SOP and Series Instance UIDs stay our own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from pydicom import Dataset

from dicom_printer.attributes import Value, check_value
from dicom_printer.errors import BadValueError
from dicom_printer.keys import Keys, keyword_of, tag_of
from dicom_printer.matching import folded_name, step_of, texts

CODE = dict.fromkeys(
    ("CodeValue", "CodingSchemeDesignator", "CodingSchemeVersion", "CodeMeaning"), ""
)
REFERENCE = dict.fromkeys(("ReferencedSOPClassUID", "ReferencedSOPInstanceUID"), "")
_PATIENT = ("PatientName", "PatientID", "IssuerOfPatientID", "PatientBirthDate", "PatientSex")
_STUDY = ("StudyInstanceUID", "AccessionNumber", "ReferringPhysicianName")

WORKLIST_RETURNS: Keys = {
    **dict.fromkeys((*_PATIENT, "PatientSize", "PatientWeight", *_STUDY), ""),
    "ReferencedStudySequence": REFERENCE,
    "RequestedProcedureID": "",
    "RequestedProcedureDescription": "",
    "RequestedProcedureCodeSequence": CODE,
    "ScheduledProcedureStepSequence": {
        **dict.fromkeys(
            (
                "Modality", "ScheduledStationAETitle", "ScheduledProcedureStepStartDate",
                "ScheduledProcedureStepStartTime", "ScheduledProcedureStepDescription",
                "ScheduledProcedureStepID", "ScheduledPerformingPhysicianName",
            ),
            "",
        ),
        "ScheduledProtocolCodeSequence": CODE,
    },
}  # fmt: skip
"""What is asked of a worklist beside the keys (PS3.4 Table K.6-1)."""

_OF_STUDY = (*_STUDY, "StudyID", "StudyDate", "StudyTime", "StudyDescription")
_OF_SERIES = ("StudyInstanceUID", "SeriesInstanceUID", "Modality", "BodyPartExamined")
LEVEL_RETURNS: Mapping[str, Keys] = {
    "PATIENT": dict.fromkeys(_PATIENT, ""),
    "STUDY": dict.fromkeys((*_PATIENT, *_OF_STUDY, "ModalitiesInStudy"), ""),
    "SERIES": dict.fromkeys((*_PATIENT, *_OF_STUDY, *_OF_SERIES), ""),
    "IMAGE": dict.fromkeys((*_PATIENT, *_OF_STUDY, *_OF_SERIES, "SOPInstanceUID"), ""),
}
"""What is asked of an archive beside the keys, by level (PS3.4 section C.6.1.1)."""

_COPIED = (*_PATIENT, "PatientSize", "PatientWeight", *_OF_STUDY, "BodyPartExamined", "Modality")
_TAKEN_OVER = {
    "StudyID": "RequestedProcedureID",
    "StudyDescription": "RequestedProcedureDescription",
}
"""What a worklist entry says under another name."""

_OF_PROCEDURE = ("RequestedProcedureID", "RequestedProcedureDescription")
_OF_STEP = ("ScheduledProcedureStepID", "ScheduledProcedureStepDescription")

IDENTITY = (*_PATIENT, "AccessionNumber", "StudyInstanceUID")
"""Where the job and the entry have different ones, somebody is wrong about the patient."""
_IN_PARTS = {"PatientName", "PatientBirthDate"}
_NEVER_DROPPED = {"PatientID", "PatientName", "IssuerOfPatientID", *_STUDY[:2]}

_SEQUENCES = ("ReferencedStudySequence", "ProcedureCodeSequence", "RequestAttributesSequence")
BROUGHT = frozenset({*IDENTITY, *_COPIED, *_TAKEN_OVER, *_SEQUENCES})
"""Everything that an entry can bring, beside what the configuration asks for."""


@dataclass
class Entry:
    """What an answer means for a job.

    Attributes
    ----------
    attributes : dict
        By keyword, as :mod:`dicom_printer.attributes` has them.
    left_out : list of str
        Keywords whose value does not fit its attribute, a PatientSex of "U" for example.
    """

    attributes: dict[str, Value] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)


def entry(ds: Dataset, more: Iterable[str] = (), keys: Keys | None = None) -> Entry:
    """Return what an answer means for a job.

    Parameters
    ----------
    ds : pydicom.Dataset
        The answer.
    more : iterable of str
        What the configuration asks for beyond the usual (``return_keys``).
    keys : mapping, optional
        Filled; of several scheduled steps they tell which is meant.

    Raises
    ------
    BadValueError
        What identifies the patient or the study cannot be stated as it is, or is missing.
    """
    made = Entry()
    for name in (*_COPIED, *map(keyword_of, more)):
        _put(made, name, _text(ds, name))
    for name, source in _TAKEN_OVER.items():
        if name not in made.attributes:
            _put(made, name, _text(ds, source))
    step = step_of(ds, keys or {})
    if "Modality" not in made.attributes:
        # of a Secondary Capture: the source of the image (PS3.3 section C.8.6.1)
        _put(made, "Modality", _text(step, "Modality"))
    references = _items(made, ds, "ReferencedStudySequence", REFERENCE)
    _put(made, "ReferencedStudySequence", references)
    _put(made, "ProcedureCodeSequence", _items(made, ds, "RequestedProcedureCodeSequence", CODE))
    _put(made, "RequestAttributesSequence", _request(made, ds, step))
    if not made.attributes.get("PatientID"):
        raise BadValueError(
            "the entry that was found has no PatientID",
            "have it corrected at the remote, then `dicom-printer retry JOB`",
            reason="value missing",
        )
    return made


def _request(made: Entry, ds: Dataset, step: Dataset) -> list[dict[str, Value]]:
    """Return the Request Attributes Sequence (PS3.3 Table 10-9)."""
    item: dict[str, Value] = {}
    for source, names, codes in (
        (ds, _OF_PROCEDURE, "RequestedProcedureCodeSequence"),
        (step, _OF_STEP, "ScheduledProtocolCodeSequence"),
    ):
        item |= _fitting(made, source, names)
        if items := _items(made, source, codes, CODE):
            item[codes] = items
    return [item] if "RequestedProcedureID" in item or "ScheduledProcedureStepID" in item else []


def _put(made: Entry, name: str, value: Value) -> None:
    if not value:
        return
    try:
        check_value(name, value)
    except BadValueError:
        if name in _NEVER_DROPPED:
            raise
        made.left_out.append(name)
    else:
        made.attributes[name] = value


def _text(ds: Dataset, name: str) -> str:
    element = ds.get(tag_of(name))
    if element is None or element.VR == "SQ":
        return ""
    # Some peers end a name with the separators of what it does not have.
    return "\\".join(text.rstrip("^=") if element.VR == "PN" else text for text in texts(element))


def _fitting(made: Entry, ds: Dataset, names: Iterable[str]) -> dict[str, Value]:
    """Return the attributes of an item that can be stated."""
    found: dict[str, Value] = {}
    for name in names:
        if text := _text(ds, name):
            try:
                check_value(name, text)
            except BadValueError:
                made.left_out.append(name)
            else:
                found[name] = text
    return found


def _items(made: Entry, ds: Dataset, name: str, names: Iterable[str]) -> list[dict[str, Value]]:
    """Return the items of a sequence that have what is essential, its first two attributes."""
    element = ds.get(tag_of(name))
    if element is None or element.VR != "SQ":
        return []
    essential = list(names)[:2]
    found: list[dict[str, Value]] = []
    for item in element.value:
        values = _fitting(made, item, names)
        if all(n in values for n in essential):
            found.append(values)
    return found


def contradictions(own: Mapping[str, Value], found: Mapping[str, Value], keys: Keys) -> list[str]:
    """Return in what the entry is of somebody else than the job says.

    A part of a name or of a date that the job has, and that was a key with a wildcard or a
    range, is no contradiction; a part of a number is.
    """
    wrong = []
    for name in IDENTITY:
        mine, theirs = own.get(name), found.get(name)
        if not isinstance(mine, str) or not isinstance(theirs, str) or not mine or not theirs:
            continue
        if name in _IN_PARTS and mine.strip() in str(keys.get(name, "")):
            continue
        same = _same_name(mine, theirs) if name == "PatientName" else mine.strip() == theirs
        if not same:
            wrong.append(name)
    return wrong


def _same_name(mine: str, theirs: str) -> bool:
    groups = {folded_name(group) for group in theirs.split("=")}
    return all(folded_name(group) in groups for group in mine.split("=") if group)


def without_brought(
    own: Mapping[str, Value], more: Iterable[str], stated: Iterable[str]
) -> dict[str, Value]:
    """Return a job's attributes without any that an entry may have brought.

    For a job that turns out to be another patient's, or another study.

    Parameters
    ----------
    more : iterable of str
        The ``return_keys`` of every query that the job may have had.
    stated : iterable of str
        What a person states now, and so stays; but for who it is, which the entry says.
    """
    brought = BROUGHT | set(map(keyword_of, more))
    gone = brought - (set(map(keyword_of, stated)) - set(IDENTITY))
    return {name: value for name, value in own.items() if keyword_of(name) not in gone}


def merged(own: Mapping[str, Value], found: Mapping[str, Value]) -> dict[str, Value]:
    """Return the job's attributes with those of the entry.

    What identifies comes from the entry, and so does every sequence: one that the job has is
    of an earlier query, and of another request. What else the job had already stays.
    """
    plain = {name: value for name, value in own.items() if not isinstance(value, list)}
    stated = {name: value for name, value in plain.items() if value}
    identity = {name: value for name, value in found.items() if name in IDENTITY}
    return {**plain, **found, **stated, **identity}
