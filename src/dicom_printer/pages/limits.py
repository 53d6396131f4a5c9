"""What a render worker holds itself to, and the sizes that a page may have."""

from __future__ import annotations

import ctypes
import math
import resource
import signal
from pathlib import Path

from dicom_printer.errors import DocumentError
from dicom_printer.pages import fences
from dicom_printer.pages.wire import MAX_SIDE, Limits

POINTS = 72.0
"""Points in an inch. ``UserUnit`` (PDF 1.6) is left aside: neither engine knows it."""

_OPEN_FILES = 64
# Neither engine writes a file, but poppler's fontconfig may want to bring its cache up to date,
# and would be ended by SIGXFSZ if it was not allowed to.
_FILE_SIZE = 16 << 20
_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38


def confine(limits: Limits) -> None:
    """Limit this process and what it starts, before it has seen a document."""
    libc = ctypes.CDLL(None, use_errno=True)
    # Counts from the end of the *thread* that started this process: pool.py starts workers in
    # threads that live as long as the workers.
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    fences.give_up(libc)
    # What the interpreter has mapped is not the document's doing.
    baseline = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    memory = baseline + limits.memory
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_NOFILE, (_OPEN_FILES, _OPEN_FILES))
    resource.setrlimit(resource.RLIMIT_FSIZE, (_FILE_SIZE, _FILE_SIZE))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def allow_seconds(seconds: float) -> None:
    """Let this process, which stays, have so much more time of the processor.

    The service's own clock ends a page sooner; this one still runs when the service is gone.
    """
    used = resource.getrusage(resource.RUSAGE_SELF)
    soft = int(used.ru_utime + used.ru_stime + seconds) + 2
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    if hard != resource.RLIM_INFINITY:
        soft = min(soft, hard)
    resource.setrlimit(resource.RLIMIT_CPU, (soft, hard))


def damaged(message: str) -> DocumentError:
    """Return the error of a document that cannot be read."""
    return DocumentError(message, reason="document damaged")


def expected(
    width_pt: float, height_pt: float, dpi: int, limits: Limits, number: int
) -> tuple[int, int]:
    """Return rows and columns of a page, computed before anything is rendered.

    A side of so many points has ``ceil(points * dpi / 72)`` pixels, as both engines have it;
    they may differ by one where the product is next to a whole number.

    Raises
    ------
    DocumentError
        Where the limits do not allow so many.
    """
    sides = []
    for points in (height_pt, width_pt):
        if not (math.isfinite(points) and points > 0):
            raise damaged(f"page {number} has no size")
        sides.append(max(math.ceil(points * dpi / POINTS - 1e-3), 1))
    rows, columns = sides
    inches = f"{width_pt / POINTS:.4g} x {height_pt / POINTS:.4g} inches"
    check_size(rows, columns, limits, f"page {number} ({inches} at {dpi} dpi)")
    return rows, columns


def check_size(rows: int, columns: int, limits: Limits, what: str) -> None:
    """Refuse what has more pixels than ``[pages] max_pixels``, or than DICOM can state."""
    if rows * columns > limits.max_pixels or max(rows, columns) > MAX_SIDE:
        raise DocumentError(
            f"{what} would have {columns} x {rows} pixels; [pages] max_pixels is "
            f"{limits.max_pixels}, and no side may have more than {MAX_SIDE}",
            "lower the step's dpi or raise max_pixels, restart, `dicom-printer retry --fresh JOB`",
            reason="page too large",
        )


def check_rendered(shape: tuple[int, ...], rows: int, columns: int, number: int) -> None:
    """Compare with what was expected: poppler gives one pixel where it cannot have more."""
    if abs(shape[0] - rows) > 1 or abs(shape[1] - columns) > 1:
        raise damaged(
            f"page {number} was rendered as {shape[1]} x {shape[0]} pixels where "
            f"{columns} x {rows} were expected"
        )
