"""Answers compared with the keys once more, here: peers ignore keys (PS3.4 section C.2.2.2).

Stricter than the standard in one point: an answer that lacks an attribute which was a key
does not match.
"""

from __future__ import annotations

import fnmatch
import itertools
import math
import re
import unicodedata
from collections.abc import Iterator
from typing import Any

from pydicom import DataElement, Dataset

from dicom_printer.keys import RANGES, WILDCARDS, Keys, keyword_of, tag_of, vr_of

_NUMBERS = {"DS", "IS", "US", "UL", "SS", "SL", "FL", "FD"}
_STEPS = "ScheduledProcedureStepSequence"
_PARTS = {
    "DA": (4, 2, 2),
    "TM": (2, 2, 2, 6),
    "DT": (4, 2, 2, 2, 2, 2, 6),
}
_LAST = {
    "DA": "99991231",
    "TM": "235959999999",
    "DT": "99991231235959999999",
}
"""With what a moment of lower precision is filled up where it ends a range."""
_FIRST = {
    "DA": "00000101",
    "TM": "000000000000",
    "DT": "00000101000000000000",
}


def matches(ds: Dataset, keys: Keys) -> bool:
    """Tell whether an answer has the value of every key.

    Parameters
    ----------
    ds : pydicom.Dataset
        The answer, or an item of one.
    keys : mapping
        Filled; a mapping within it matches where one item of the sequence has all of it.
    """
    return all(_has(ds.get(tag_of(name)), value) for name, value in keys.items())


def _has(element: DataElement | None, key: Any) -> bool:
    if element is None:
        return False
    if isinstance(key, dict):
        items = element.value if element.VR == "SQ" else []
        return any(matches(item, key) for item in items)
    values = list(texts(element))
    return any(
        _equal(element.VR, part, value) for part in key.split("\\") for value in values if value
    )


def step_of(ds: Dataset, keys: Keys) -> Dataset:
    """Return the scheduled step of an entry that has the keys: the first such; or an empty one."""
    wanted: Keys = next((value for name, value in keys.items() if keyword_of(name) == _STEPS), {})
    element = ds.get(tag_of(_STEPS))
    items = element.value if element is not None and element.VR == "SQ" else []
    return next((item for item in items if matches(item, wanted)), Dataset())


def texts(element: DataElement) -> Iterator[str]:
    """Return the values of an element as text, without the spaces that mean nothing."""
    values = element.value if element.VM > 1 else [element.value]
    for value in values if element.value is not None else ():
        text = value.decode("ascii", "replace") if isinstance(value, bytes) else str(value)
        yield text.strip(" \0")


def _equal(vr: str, key: str, value: str) -> bool:
    key = key.strip()
    if vr == "PN":
        return _same_name(key, value)
    if vr in RANGES:
        return _in_range(vr, key, value)
    if vr in _NUMBERS:
        try:
            return float(key) == float(value)
        except ValueError:
            return False
    if vr in WILDCARDS and ("*" in key or "?" in key):
        return _like(key, value)
    return _composed(key) == _composed(value)


def _composed(text: str) -> str:
    """Return the one form of letters that can be written in two: é, and e with an accent."""
    return unicodedata.normalize("NFC", text)


def _like(key: str, value: str) -> bool:
    # fnmatch knows [ ] as well, DICOM does not
    pattern = fnmatch.translate(_composed(key).replace("[", "[[]"))
    return re.match(pattern, _composed(value)) is not None


def _same_name(key: str, value: str) -> bool:
    """Compare names (PN, PS3.5 section 6.2.1): no difference of case, trailing ^ mean nothing.

    A key with one component group matches any group of the value: who types a name does
    not know in which scripts the worklist has it.
    """
    wanted, there = ([folded_name(g) for g in text.split("=")] for text in (key, value))
    if len(wanted) == 1:
        return any(_like(wanted[0], group) for group in there if group)
    padded = there + [""] * len(wanted)
    return all(_like(k, g) for k, g in zip(wanted, padded, strict=False) if k)


def folded_name(group: str) -> str:
    """Return a component group of a name for comparison."""
    parts = (" ".join(part.split()) for part in group.split("^"))
    return _composed("^".join(parts)).casefold().rstrip("^")


def _in_range(vr: str, key: str, value: str) -> bool:
    moment = _moment(vr, value, _FIRST)
    # in a DT, a hyphen with four digits behind it is an offset from UTC: not supported as key
    first, hyphen, last = key.partition("-")
    if moment is None:
        return False
    if not hyphen:
        return moment == _moment(vr, key, _FIRST)
    from_, to = _moment(vr, first, _FIRST), _moment(vr, last, _LAST)
    if (first.strip() and from_ is None) or (last.strip() and to is None):
        return False
    return (from_ is None or from_ <= moment) and (to is None or moment <= to)


def _moment(vr: str, text: str, fill: dict[str, str]) -> str | None:
    """Return a date, time or both with all its digits; None where it is none."""
    # 2026.03.01 and 10:30:00 are how ACR-NEMA wrote them
    digits = re.sub(r"[.: ]", "", text.strip().split("+")[0])
    if not digits.isascii() or not digits.isdigit() or len(digits) > sum(_PARTS[vr]):
        return None
    return digits + fill[vr][len(digits) :]


Place = tuple[Any, Any]
"""The first and the last place at which a value may stand in the order: 10 is 1000 to 1059."""


def place(name: str, text: str) -> Place | None:
    """Return where a value of an attribute stands in the order of its values.

    Returns
    -------
    tuple or None
        To be compared with others of the same attribute; None where the value is none of its VR.
    """
    vr = vr_of(name)
    if vr in _NUMBERS:
        try:
            number = float(text)
        except ValueError:
            return None
        return (number, number) if math.isfinite(number) else None
    if vr in RANGES:
        return _place_in_time(vr, text)
    return (text, text) if text else None


def _place_in_time(vr: str, text: str) -> Place | None:
    first, last = _moment(vr, text, _FIRST), _moment(vr, text, _LAST)
    # with an offset from UTC, it is not compared with others
    if first is None or last is None or "+" in text:
        return None
    given = len(re.sub(r"[.: ]", "", text))
    *parts, fraction = itertools.accumulate(_PARTS[vr])
    is_whole = given == fraction if vr == "DA" else given in parts or given > parts[-1]
    return (first, last) if is_whole else None
