"""``[defaults]``: attributes of every dataset where the job knows nothing better."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from dicom_printer import placeholders
from dicom_printer.attributes import name_of, shortened
from dicom_printer.errors import ValueMissingError

_DESCRIPTIVE = ("Description", "Comments", "DocumentTitle")


def filled(defaults: Mapping[str, str], values: Mapping[str, str]) -> dict[str, str]:
    """Fill the placeholders; one that lacks a value is left out, one that is too long is cut."""
    now = datetime.now().astimezone()
    found = {}
    for name, template in defaults.items():
        try:
            text = placeholders.fill(template, values, now)
            # Only what describes is cut: a shorter identifier may be somebody else's.
            keyword = name_of(name)
            found[keyword] = shortened(name, text) if keyword.endswith(_DESCRIPTIVE) else text
        except ValueMissingError:
            continue
    return found
