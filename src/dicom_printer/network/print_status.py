"""The statuses of the Print Management Service Class (PS3.4 Annex H), as our errors.

The seed's Table 3.16: success, a warning that is logged, and everything else a failure.
"""

from __future__ import annotations

import logging

from dicom_printer.config.models import Remote
from dicom_printer.errors import RemoteBusyError, RemoteRefusedError, StepError
from dicom_printer.network import outcome

logger = logging.getLogger(__name__)

EMPTY = {
    0xB602: "the film session has no image: nothing would be printed",
    0xB603: "the film box has no image: an empty film",
}
"""Warnings by their number, and failures for whoever waits for a film."""

WARNINGS = {
    0x0107: "attribute list error: an attribute was not understood and left out",
    0x0116: "attribute value out of range: the printer took another value",
    0xB600: "memory allocation not supported",
    0xB601: "film session printing (collation) is not supported",
    0xB604: "image larger than its image box: it was made smaller",
    0xB605: "density outside of the printer's range: it took another",
    0xB609: "image larger than its image box: it was cropped",
    0xB60A: "image larger than its image box: it was decimated",
}

_BY_FILM_BOX = 'set `print_level = "film_box"`, then `dicom-printer retry --fresh JOB`'
_SMALLER = "lower the step's `dpi` or set `max_pixels`, then `dicom-printer retry --fresh JOB`"
_VALUE = (
    "correct what the step states for it: the printer's conformance statement names the values "
    "(film size, layout, medium, density); then `dicom-printer retry --fresh JOB`"
)

FAILURES = {
    0xC600: ("the film session has no film box", ""),
    0xC601: ("print queue is full", ""),
    0xC602: ("print queue is full", ""),
    0xC603: ("image larger than its image box", _SMALLER),
    0xC605: ("not enough memory in the printer", _BY_FILM_BOX),
    0xC613: ("combined print image larger than its image box", _SMALLER),
    0xC616: ("a film box is waiting to be printed, and no other can be made", _BY_FILM_BOX),
}
"""Meaning and remedy; an empty remedy is the class's own."""

_BUSY = {0xC601, 0xC602, 0xC605, 0x0213}
_OF_VALUES = {0x0105, 0x0106, 0x0115, 0x0120, 0x0121}


def judged(remote: Remote, operation: str, status: int) -> StepError | None:
    """Judge the status of an operation on a printer; None where it was carried out.

    0x0107 and 0x0116 are warnings (PS3.7 Annex C), as is 0xBxxx, but for the two that say
    that a film would be empty.
    """
    if status == outcome.SUCCESS:
        return None
    if status in EMPTY:
        return RemoteRefusedError(
            f"{outcome.where(remote)}: {operation} was answered with 0x{status:04X} "
            f"({EMPTY[status]})",
            "see the printer's log for the image that it dropped, then `dicom-printer retry JOB`",
            reason="film empty",
        )
    if status in WARNINGS or status >> 12 == 0xB:
        meaning = WARNINGS.get(status, "warning")
        where = outcome.where(remote)
        logger.warning("%s: %s: warning 0x%04X (%s)", where, operation, status, meaning)
        return None
    return _failed(remote, operation, status)


def _failed(remote: Remote, operation: str, status: int) -> StepError:
    meaning, remedy = FAILURES.get(status, ("", ""))
    shown = f"0x{status:04X} ({meaning})" if meaning else outcome.meaning(status)
    said = f"{outcome.where(remote)}: {operation} failed with status {shown}"
    if status in _OF_VALUES:
        remedy = _VALUE
    kind = RemoteBusyError if status in _BUSY else RemoteRefusedError
    return kind(said, remedy or None)
