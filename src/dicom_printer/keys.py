"""The keys of a query: checked, filled for a job, made into an identifier (PS3.4 section C.2.2)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from pydicom import DataElement, Dataset, Sequence
from pydicom.charset import python_encoding
from pydicom.config import IGNORE, RAISE
from pydicom.datadict import dictionary_VR, keyword_for_tag, tag_for_keyword
from pydicom.tag import Tag
from pydicom.valuerep import MAX_VALUE_LEN, validate_value

from dicom_printer import placeholders
from dicom_printer.attributes import character_set
from dicom_printer.errors import BadValueError, ValueMissingError
from dicom_printer.keywords import keyword

Keys = Mapping[str, Any]
"""Keyword, or ``(gggg,eeee)``, to a text, or to the keys within a sequence."""

IDENTIFIERS = frozenset(
    {
        "PatientID", "AccessionNumber", "StudyInstanceUID", "StudyID", "SeriesInstanceUID",
        "SOPInstanceUID", "RequestedProcedureID", "ScheduledProcedureStepID", "AdmissionID",
        "PlacerOrderNumberImagingServiceRequest", "FillerOrderNumberImagingServiceRequest",
    }
)  # fmt: skip
"""What makes an entry the one that is meant; a name or a date never does."""

WILDCARDS = {"AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT"}
"""Value representations in which ``*`` and ``?`` are wildcards (PS3.4 section C.2.2.2.4)."""
RANGES = {"DA", "TM", "DT"}
"""Value representations in which a hyphen makes a range (PS3.4 section C.2.2.2.5)."""

_TAG = re.compile(r"\(([0-9A-Fa-f]{4}),([0-9A-Fa-f]{4})\)")
_OURS = {"SpecificCharacterSet", "QueryRetrieveLevel"}
_NUMBERS = {"US", "UL", "SS", "SL", "FL", "FD"}
_JIS_X_0201 = re.compile(r"[\x20-\x7e\uff61-\uff9f]*")
"""ASCII and half-width katakana."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def tag_of(name: str) -> int:
    """Return the tag of a key."""
    found = _TAG.fullmatch(name)
    if found:
        return int(found[1], 16) << 16 | int(found[2], 16)
    return int(tag_for_keyword(name) or 0)


def keyword_of(name: str) -> str:
    """Return the keyword of a key that may have been given as ``(gggg,eeee)``."""
    return keyword_for_tag(tag_of(name)) or name


def vr_of(name: str) -> str:
    """Return the value representation of a key (PS3.6)."""
    return dictionary_VR(Tag(tag_of(name)))


def checked(keys: Keys) -> Keys:
    """Return the keys of a step where they are in order.

    Raises
    ------
    ValueError
        Saying what is wrong: a name, a placeholder, nothing that identifies.
    """
    for name, value in keys.items():
        _check(name, value)
    identifying = [value for name, value in _leaves(keys) if keyword_of(name) in IDENTIFIERS]
    if not identifying:
        raise ValueError(
            "must have one that identifies, such as AccessionNumber or PatientID; "
            "a job is never filed by a name or a date alone"
        )
    if not any(map(_is_of_the_job, identifying)):
        raise ValueError(
            "one that identifies must say which job it is: with a placeholder such as "
            "{AccessionNumber}, and without *, ?, a backslash or a text for want of a value (:-)"
        )
    return keys


def _is_of_the_job(template: str) -> bool:
    """Tell whether a key differs from job to job, and matches one value only."""
    # the clock is the same for all jobs
    named = set(placeholders.used(template)) - {"today", "now"}
    return bool(named) and ":-" not in template and not set("*?\\") & set(template)


def _check(name: str, value: object) -> None:
    keyword(name)
    if name in _OURS:
        raise ValueError(f"{name} is not for you to state")
    try:
        vr = vr_of(name)
    except KeyError:
        raise ValueError(f"{name} is not in the dictionary of PS3.6") from None
    if isinstance(value, dict) != (vr == "SQ"):
        raise ValueError(f"{name} is {'' if vr == 'SQ' else 'no '}sequence; its VR is {vr}")
    if isinstance(value, dict):
        for inner_name, inner in value.items():
            _check(inner_name, inner)
        return
    if not isinstance(value, str):
        raise ValueError(f"{name} must be a string")
    if problems := placeholders.problems(value):
        raise ValueError(f"{name}: {problems[0]}")
    for inner_name in placeholders.names(value):
        keyword(inner_name)
    if _is_open(value):
        raise ValueError(f"{name} would match everything; to ask for it, use return_keys")


def _leaves(keys: Keys) -> Iterator[tuple[str, str]]:
    """Return the keys, those within sequences too."""
    for name, value in keys.items():
        if isinstance(value, dict):
            yield from _leaves(value)
        else:
            yield name, value


def _is_open(text: str) -> bool:
    return not text.strip("*?^=\\- ")


def filled(keys: Keys, values: Mapping[str, str], now: datetime) -> dict[str, Any]:
    """Fill the keys for a job.

    What stands for a placeholder is taken literally: a wildcard, a range or a second value
    has to stand in the configuration.

    Raises
    ------
    ValueMissingError
        A key would be empty, and so match every patient.
    BadValueError
        A value has a character that means something in a key, or does not fit its VR.
    """
    found: dict[str, Any] = {}
    for name, template in keys.items():
        if isinstance(template, dict):
            found[name] = filled(template, values, now)
            continue
        vr = vr_of(name)
        for used in placeholders.used(template):
            special = {"\\"} | set("*?") | ({"-"} if vr in RANGES else set())
            if special & set(values.get(used, "")):
                raise BadValueError(
                    f"the value of {used} would widen the key {name}: it has a wildcard, "
                    "a range or a second value in it",
                    "correct it: `dicom-printer match JOB --set KEYWORD=VALUE`",
                )
        text = str(placeholders.fill(template, values, now)).strip()
        if _is_open(text):
            raise ValueMissingError(f"the key {name} has no value for this job")
        _check_value(name, vr, text)
        found[name] = text
    return found


def _check_value(name: str, vr: str, text: str) -> None:
    parts = text.split("\\")
    try:
        for part in parts:
            if _CONTROL.search(part) or len(part) > MAX_VALUE_LEN.get(vr, 1024):
                raise ValueError
            if vr in _NUMBERS:
                float(part)
            elif vr not in WILDCARDS:
                validate_value(vr, part, RAISE)
    except (ValueError, OverflowError):
        # without the cause: it quotes the value
        raise BadValueError(f"the key {name} does not fit its VR {vr}") from None


def identifier(keys: Keys, returned: Keys, character_set_of_remote: str) -> Dataset:
    """Make the identifier of a C-FIND request (PS3.4 section C.4.1.1.3).

    Parameters
    ----------
    keys : mapping
        Filled.
    returned : mapping
        What is asked for beside the keys: keyword to "", or to such a mapping.
    character_set_of_remote : str
        In which keys that are not ASCII go out where they fit, and else in UTF-8.
    """
    ds = _dataset(_merged(returned, keys))
    texts = [text for _, text in _leaves(keys)]
    # Empty where the keys need none: it is asked for, as any other return key.
    ds.SpecificCharacterSet = ""
    if not all(text.isascii() for text in texts):
        ds.SpecificCharacterSet = _set_for(texts, character_set_of_remote)
    return ds


def _merged(returned: Keys, keys: Keys) -> dict[str, Any]:
    merged = dict(returned)
    for name, value in keys.items():
        inner = returned.get(name)
        merged[name] = (
            _merged(inner if isinstance(inner, dict) else {}, value)
            if isinstance(value, dict)
            else value
        )
    return merged


def _dataset(keys: Keys) -> Dataset:
    ds = Dataset()
    for name, value in keys.items():
        tag, vr = tag_of(name), vr_of(name)
        made: Any = value
        if vr == "SQ":
            made = Sequence([_dataset(value)] if value else [])
        elif vr in _NUMBERS:
            made = float(value) if vr in {"FL", "FD"} else int(float(value)) if value else None
        ds.add(DataElement(tag, vr, made, validation_mode=IGNORE))
    return ds


def _set_for(texts: list[str], remote: str) -> str:
    codec = python_encoding.get(remote)
    if codec is None or remote == "ISO_IR 100":
        return character_set(texts)
    text = "".join(texts)
    if remote == "ISO_IR 13":
        # The codec has kanji as well, and a yen for the backslash: this set has neither.
        return remote if _JIS_X_0201.fullmatch(text) else "ISO_IR 192"
    try:
        text.encode(codec)
    except UnicodeEncodeError:
        return "ISO_IR 192"
    return remote
