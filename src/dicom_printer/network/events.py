"""N-EVENT-REPORT: what a printer says unasked (PS3.4 sections H.4.5.2.2 and H.4.6.2.2).

It may come at any time on an association of ours, and is answered with success whatever
it says; nothing depends on it.
"""

from __future__ import annotations

import logging
import re
import struct
from typing import Any

from pydicom import Dataset
from pydicom.uid import UID

logger = logging.getLogger(__name__)

_PRINTER = "1.2.840.10008.5.1.1.16"
_OF_PRINTER = {1: "NORMAL", 2: "WARNING", 3: "FAILURE"}
"""Event Type ID of the Printer SOP Class."""
_OF_JOB = {1: "PENDING", 2: "PRINTING", 3: "DONE", 4: "FAILURE"}
"""Event Type ID of the Print Job SOP Class."""


def term(value: object) -> str:
    """Return what a printer says in a CS, and nothing that does not belong there."""
    return re.sub(r"[^A-Z0-9 _]", "", str(value or "").upper())[:16].strip()


def _info(event: Any) -> str:
    try:
        said: Dataset = event.event_information
        return term(said.get("PrinterStatusInfo") or said.get("ExecutionStatusInfo"))
    except (AttributeError, ValueError, TypeError, LookupError, EOFError, struct.error):
        return ""  # without a data set, or with one that cannot be read


def heard(event: Any) -> tuple[int, None]:
    """Answer a printer's N-EVENT-REPORT, and log it: ``remote imager: printer FAILURE (…)``."""
    request = event.request
    of_printer = str(request.AffectedSOPClassUID) == _PRINTER
    kinds = _OF_PRINTER if of_printer else _OF_JOB
    kind = kinds.get(request.EventTypeID, f"event {request.EventTypeID}")
    level = logging.WARNING if kind in {"WARNING", "FAILURE"} else logging.INFO
    info = _info(event)
    logger.log(
        level,
        "AE %s reports of its %s: %s%s",
        event.assoc.acceptor.ae_title.strip(),
        UID(request.AffectedSOPClassUID).name.removesuffix(" SOP Class"),
        kind,
        f" ({info})" if info else "",
    )
    return 0x0000, None
