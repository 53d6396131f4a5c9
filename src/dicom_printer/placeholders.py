"""Placeholders in a step's strings: ``{PatientID}``, ``{job.title}``, ``{today-14d}``.

A placeholder without a value is an error, never an empty text: an empty matching key
would match every patient. ``{Name:-otherwise}`` states a text for that case, ``{{`` and
``}}`` stand for the braces themselves.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from dicom_printer.errors import ValueMissingError
from dicom_printer.ticket import Ticket

JOB_NAMES = frozenset({"id", "title", "filename", "user", "host", "printer"})
_PLACEHOLDER = re.compile(
    r"\{\{|\}\}"
    r"|\{(?P<name>[A-Za-z][\w.]*|\([0-9A-Fa-f]{4},[0-9A-Fa-f]{4}\))"
    r"(?P<shift>[+-]\d{1,5}d)?(?::-(?P<otherwise>[^{}]*))?\}"
    r"|(?P<stray>[{}])"
)
_CLOCK = {"today": "%Y%m%d", "now": "%H%M%S"}
_PLAIN = str.maketrans({c: " " for c in range(32)} | {"\\": "/", "\x7f": " "})


def values(ticket: Ticket, attributes: Mapping[str, Any]) -> dict[str, str]:
    """Return what placeholders may name: the job's fields and attributes that are text.

    A title cannot smuggle a second value in.
    """
    fields = {f"job.{n}": str(getattr(ticket, n)) for n in JOB_NAMES}
    plain = {name: text.translate(_PLAIN).strip() for name, text in fields.items()}
    return {n: t for n, t in (plain | dict(attributes)).items() if t and isinstance(t, str)}


def problems(text: str) -> list[str]:
    """Return what is wrong with the placeholders of `text`, empty where they are in order."""
    found = []
    for match in _PLACEHOLDER.finditer(text):
        name = match["name"]
        if match["stray"]:
            found.append(f"a single {match['stray']!r}; write it twice to mean the character")
        elif name and name.startswith("job.") and name[4:] not in JOB_NAMES:
            names = ", ".join(f"{{job.{n}}}" for n in sorted(JOB_NAMES))
            found.append(f"{{{name}}} is not known; there are {names}")
        elif match["shift"] and name != "today":
            found.append(f"{{{name}{match['shift']}}}: only {{today}} can be shifted by days")
    return found


def names(text: str) -> list[str]:
    """Return the attributes that `text` names: not the job's fields, not the clock."""
    return [n for n in used(text) if not n.startswith("job.") and n not in _CLOCK]


def used(text: str) -> list[str]:
    """Return everything that `text` names."""
    return [m["name"] for m in _PLACEHOLDER.finditer(text) if m["name"]]


def fill(value: Any, values: Mapping[str, str], now: datetime) -> Any:
    """Fill every placeholder in `value`: a string, or lists and tables of strings.

    Parameters
    ----------
    value : object
        What is not a string, list or dict is returned as it is.
    values : mapping of str to str
        By DICOM keyword, ``(gggg,eeee)``, or ``job.title`` and its like.
    now : datetime
        What ``{today}`` (DA) and ``{now}`` (TM, PS3.5 section 6.2) are taken from.

    Raises
    ------
    ValueMissingError
        Naming the placeholder that has no value.
    """
    if isinstance(value, Mapping):
        return {key: fill(inner, values, now) for key, inner in value.items()}
    if isinstance(value, list):
        return [fill(inner, values, now) for inner in value]
    if not isinstance(value, str):
        return value

    def one(match: re.Match[str]) -> str:
        name = match["name"]
        if name is None:
            return match[0][0]
        if name in _CLOCK:
            days = int(match["shift"][:-1]) if match["shift"] else 0
            return (now + timedelta(days=days)).strftime(_CLOCK[name])
        text = values.get(name) or match["otherwise"]
        if text is None:
            raise ValueMissingError(f"{{{name}}} has no value for this job")
        return text

    return _PLACEHOLDER.sub(one, value)
