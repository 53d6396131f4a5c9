"""Which pages were asked for in the print dialog: ``page-ranges`` and ``page-set``.

Both are conditions on a page's number in the document, as CUPS's own pdftopdf has them:
a page is printed where its number is in a range and its parity fits.
"""

from __future__ import annotations

import re

from dicom_printer.errors import DocumentError

_RANGE = re.compile(r"([0-9]{1,9})|([0-9]{1,9})-([0-9]{1,9})?|-([0-9]{1,9})")
_PARITY = {None: (0, 1), "": (0, 1), "all": (0, 1), "odd": (1,), "even": (0,)}


def selected(count: int, page_ranges: str | None, page_set: str | None) -> list[int]:
    """Return the numbers of the pages to send: ascending, each once.

    Parameters
    ----------
    count : int
        How many pages the document has.
    page_ranges : str or None
        For example ``1-3,5,8-``, in any order, overlapping or not. Pages that are not there
        are passed over; a range that runs backwards is an error, because nobody can tell
        what it was meant to be.
    page_set : str or None
        ``odd``, ``even`` or ``all``.

    Raises
    ------
    DocumentError
        Where a range is malformed, begins at 0 or runs backwards, or no page is left.
    """
    if page_set not in _PARITY:
        raise _unusable("the page set is not one of odd, even and all")
    wanted = bytearray(count + 1)  # a set would take minutes for the ranges that fit a ticket
    for text in (page_ranges or "1-").split(","):
        first, last = _range(text, count)
        if first <= count:
            length = min(last, count) - first + 1
            wanted[first : first + length] = b"\1" * length
    numbers = [n for n, asked in enumerate(wanted) if asked and n % 2 in _PARITY[page_set]]
    if not numbers:
        raise _unusable(f"the pages that were asked for leave none of the document's {count}")
    return numbers


def _range(text: str, count: int) -> tuple[int, int]:
    found = _RANGE.fullmatch(text.strip())
    if found is None:
        raise _unusable("a page range is not of the form 1-3,5,8-")
    single, start, end, up_to = found.groups()
    first = int(single or start or 1)
    # An open range that begins behind the last page selects nothing, and is no mistake of form.
    last = int(single or end or up_to or max(count, first))
    if first < 1:
        raise _unusable("a page range begins at 0, and pages are counted from 1")
    if last < first:
        raise _unusable("a page range runs backwards")
    return first, last


def _unusable(message: str) -> DocumentError:
    return DocumentError(
        message, "print it again with other pages, then discard this job", reason="no such pages"
    )
