"""The site's regular expressions over text that came with a document: each ends in time.

An expression that is right for every title of the site may take years for one that somebody
made up. The standard library's ``re`` has no time-out and keeps every thread of the service
waiting meanwhile; ``regex``, which understands the same expressions, has one and does not.
Its time is that of the processor, for the whole search.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from dicom_printer.errors import ExpressionError

if TYPE_CHECKING:
    from regex import Match, Pattern

TIMEOUT_S = 10.0
"""A search of the longest text there is, 1 MiB, takes a hundredth of it."""


def compiled(pattern: str) -> Pattern[str]:
    """Return an expression ready for use.

    Raises
    ------
    ValueError
        Where it is none.
    """
    import regex  # takes 25 ms, and the verbs that only look have no use for it

    try:
        return regex.compile(pattern)
    except (regex.error, RecursionError, OverflowError) as error:
        raise ValueError(f"is not a regular expression: {error}") from None


def fits(pattern: str, text: str) -> bool:
    """Tell whether `pattern` is found anywhere in `text`.

    Raises
    ------
    ExpressionError
        Where it takes too long, or too much memory.
    """
    try:
        return compiled(pattern).search(text, timeout=TIMEOUT_S) is not None
    except (TimeoutError, MemoryError):
        raise _too_slow(text) from None


def matches(pattern: str, text: str) -> Iterator[Match[str]]:
    """Yield every place of `text` where `pattern` is found.

    Raises
    ------
    ExpressionError
        Where all of them together take too long, or too much memory.
    """
    try:
        yield from compiled(pattern).finditer(text, timeout=TIMEOUT_S)
    except (TimeoutError, MemoryError):
        raise _too_slow(text) from None


def _too_slow(text: str) -> ExpressionError:
    return ExpressionError(
        f"a regular expression did not come to an end within {TIMEOUT_S:.0f} s "
        f"over {len(text)} characters"
    )
