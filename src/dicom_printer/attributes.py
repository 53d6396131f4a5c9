"""Attributes given as text: whether a value fits, and its element (PS3.5 section 6)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from pydicom import DataElement, Dataset, Sequence
from pydicom.config import RAISE
from pydicom.datadict import dictionary_VM, dictionary_VR, keyword_for_tag, tag_for_keyword
from pydicom.tag import BaseTag, Tag
from pydicom.valuerep import MAX_VALUE_LEN, validate_value

from dicom_printer.errors import BadValueError

Value = str | list[dict[str, "Value"]]
"""Text, several values joined by a backslash; or the items of a sequence."""

Attributes = Mapping[str, Value]
"""DICOM keyword, or ``(gggg,eeee)``, to its value."""

_TAG = re.compile(r"\(([0-9A-Fa-f]{4}),([0-9A-Fa-f]{4})\)")

_OURS = {
    "SpecificCharacterSet",  # follows from the values
    "SOPClassUID",
    "SOPInstanceUID",  # one page, one instance: anything else breaks the retry
    "SeriesInstanceUID",  # stated once for all jobs, it would mix patients in a series
    "InstanceNumber",
}
_IMAGE_GROUPS = {0x0000, 0x0002, 0x0028, 0x7FE0}
_IMAGE_GROUPS_OPEN = {"BurnedInAnnotation", "RecognizableVisualFeatures", "QualityControlImage"}

_TERMS = {
    "PatientSex": ("M", "F", "O"),
    "BurnedInAnnotation": ("YES", "NO"),
    "ConversionType": ("DV", "DI", "DF", "WSD", "SD", "SI", "DRW", "SYN"),
    "Laterality": ("R", "L"),
}
"""Enumerated values and defined terms that readers rely on."""

_TEXT = {"LO", "LT", "PN", "SH", "ST", "UC", "UT"}
"""Value representations that follow the Specific Character Set."""
_PARAGRAPHS = {"LT", "ST", "UT"}
_SINGLE = {*_PARAGRAPHS, "UR"}
"""Value representations in which a backslash is a character like any other."""
_INTEGERS = {"US", "UL", "UV", "SS", "SL", "SV"}
_NUMBERS = _INTEGERS | {"FL", "FD"}

_NOT_IN_LINE = r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]"
_NOT_IN_PARAGRAPH = r"[\x00-\x08\x0b\x0e-\x1f\x7f-\x9f\ud800-\udfff]"
"""Control characters, and halves of characters that no character set can write."""

_EXPECTED = {
    "AE": "at most 16 ASCII characters",
    "AS": "an age such as 045Y",
    "CS": "at most 16 capitals, digits, spaces and underscores",
    "DA": "a date, YYYYMMDD",
    "DS": "a number of at most 16 characters",
    "DT": "a date and time, YYYYMMDDHHMMSS",
    "FD": "a number",
    "FL": "a number",
    "IS": "a whole number of at most 12 characters",
    "LO": "one line of at most 64 characters",
    "LT": "at most 10240 characters",
    "PN": "a name, Family^Given, at most 64 characters a component group",
    "SH": "one line of at most 16 characters",
    "ST": "at most 1024 characters",
    "TM": "a time, HHMMSS",
    "UC": "one line of text",
    "UI": "a UID: digits and dots, at most 64",
    "UR": "a URI",
    "UT": "text",
    **dict.fromkeys(_INTEGERS, "a whole number in its range"),
}
"""What a value has to be, by value representation (PS3.5 section 6.2); no others can be stated."""


def check_value(keyword: str, value: Value) -> None:
    """Check that a value can be stated for an attribute (PS3.5 section 6.2).

    Raises
    ------
    BadValueError
        Naming the attribute and what is expected; never the value, which is the patient's.
    """
    element(keyword, value)


def element(keyword: str, text: Value) -> DataElement:
    """Return the element that an attribute and its value make; raise as :func:`check_value`."""
    tag, name = _stateable(keyword, sequence=isinstance(text, list))
    vr = dictionary_VR(tag)
    if isinstance(text, list):
        return DataElement(tag, vr, Sequence(map(_item, text)))
    if not text:
        return DataElement(tag, vr, None if vr in _NUMBERS else "")
    parts = [text] if vr in _SINGLE else text.split("\\")
    most = _number_of_values(tag)
    if most is not None and len(parts) > most:
        raise BadValueError(
            f"{name} holds at most {most} value{'s' if most > 1 else ''}, and a backslash "
            "begins another"
        )
    terms = _TERMS.get(name)
    if terms and not set(parts) <= set(terms):
        raise BadValueError(f"the value of {name} must be one of {', '.join(terms)}")
    try:
        values = [_part(vr, part) for part in parts]
    except (ValueError, OverflowError):
        # without the cause: it quotes the value
        raise BadValueError(
            f"the value of {name} does not fit its VR {vr}: {_EXPECTED[vr]} is expected"
        ) from None
    return DataElement(tag, vr, values if len(values) > 1 else values[0])


def _item(attributes: Attributes) -> Dataset:
    ds = Dataset()
    for keyword, value in attributes.items():
        ds.add(element(keyword, value))
    return ds


def texts(value: Value) -> Iterator[str]:
    """Return every text in a value, those within sequences too."""
    if isinstance(value, str):
        yield value
        return
    for item in value:
        for inner in item.values():
            yield from texts(inner)


def shortened(keyword: str, value: str) -> str:
    """Make free text fit an attribute: cut it to length, and to one line where it must be one.

    For defaults that are made of a document's title; never for what identifies a
    patient. Where the attribute does not hold free text, the value comes back as it is.
    """
    tag, _ = _stateable(keyword)
    vr = dictionary_VR(tag)
    if vr not in _TEXT:
        return value
    if vr in _PARAGRAPHS:
        value = re.sub(_NOT_IN_PARAGRAPH, "", value)
    else:
        value = " ".join(re.sub(_NOT_IN_LINE, " ", value).split())
        if _number_of_values(tag) == 1:
            value = value.replace("\\", "/")
    # Counted in bytes: there are receivers, and a validator, that count so where it is UTF-8.
    return value.encode()[: MAX_VALUE_LEN.get(vr, 64)].decode(errors="ignore").rstrip()


def name_of(keyword: str) -> str:
    """Return the keyword of an attribute that may have been given as ``(gggg,eeee)``."""
    return _stateable(keyword)[1]


def _stateable(keyword: str, *, sequence: bool | None = None) -> tuple[BaseTag, str]:
    """Return tag and keyword of an attribute that may be stated from outside."""
    found = _TAG.fullmatch(keyword)
    number = (int(found[1], 16) << 16 | int(found[2], 16)) if found else tag_for_keyword(keyword)
    if number is None:
        raise BadValueError(f"{keyword} is not a DICOM keyword", "correct the name")
    tag = Tag(number)
    try:
        vr = dictionary_VR(tag)
    except KeyError:
        raise BadValueError(
            f"{keyword} is not in the dictionary of PS3.6, and a private attribute means nothing "
            "without its creator",
            "use a standard attribute",
        ) from None
    name = keyword_for_tag(tag) or keyword
    # groups 50xx and 60xx: curves and overlays, drawn into the image
    of_image = tag.group in _IMAGE_GROUPS or tag.group >> 8 in (0x50, 0x60)
    if name in _OURS or (of_image and name not in _IMAGE_GROUPS_OPEN):
        raise BadValueError(
            f"{name} follows from the image itself and cannot be stated", "leave it out"
        )
    if sequence and vr != "SQ":
        raise BadValueError(f"{name} is no sequence", "leave it out")
    if vr not in _EXPECTED and (vr != "SQ" or sequence is False):
        raise BadValueError(f"{name} has the VR {vr}, which text cannot state", "leave it out")
    return tag, name


def _number_of_values(tag: BaseTag) -> int | None:
    """Return how many values an attribute may have at most; None where there is no limit."""
    most = dictionary_VM(tag).rpartition("-")[2]
    return int(most) if most.isdigit() else None


def _part(vr: str, text: str) -> Any:
    """Check one value; ValueError where it does not fit."""
    if re.search(_NOT_IN_PARAGRAPH if vr in _PARAGRAPHS else _NOT_IN_LINE, text):
        raise ValueError
    if vr not in _TEXT and not text.isascii():
        raise ValueError
    if vr in _NUMBERS:
        if "_" in text:  # Python's, not DICOM's
            raise ValueError
        number = int(text) if vr in _INTEGERS else float(text)
        validate_value(vr, number, RAISE)
        return number
    # pydicom takes the ranges of a query for values as well
    if vr in ("DA", "TM") and "-" in text:
        raise ValueError
    validate_value(vr, text, RAISE)
    if vr == "DA" and text:
        datetime.strptime(text, "%Y%m%d")  # noqa: DTZ007 - a date has no zone
    if vr == "IS" and text and not -(2**31) <= int(text) < 2**31:
        raise ValueError
    return text


def character_set(values: Iterable[str]) -> str:
    """Return the smallest of the two character sets that has every character (PS3.5 section 6.1).

    Latin-1 is what every receiver reads (seed's section 4); UTF-8 is for the rest.
    """
    try:
        "".join(values).encode("latin-1")
    except UnicodeEncodeError:
        return "ISO_IR 192"
    return "ISO_IR 100"
