"""Tables in columns: ten thousand rows in the time that a person does not notice.

rich lays a cell out in several objects of its own, which takes seconds for a table of that length,
and longer to load than looking may take in all. It is asked for the width of characters alone, and
only where there are others than those of ASCII.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

_GAP = "   "
_NARROWEST = 8
_BOLD = "1"
_RESET = "\x1b[0m"
_STYLE = {
    "incoming": "2", "ready": "36", "running": "1;36", "suspended": "33", "held": "1;31",
    "done": "32", "discarded": "2", "up": "32", "down": "1;31",
}  # fmt: skip
"""How a cell looks that is a state: parameters of SGR (ECMA-48 section 8.3.117)."""


def plain(text: str) -> str:
    """Return `text` without the characters that could move a terminal's cursor."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def styled(text: str, style: str) -> str:
    """Return `text` for a terminal, `style` being parameters of SGR; "" leaves it as it is."""
    return f"\x1b[{style}m{text}{_RESET}" if style else text


class Table:
    """What is to be shown in columns.

    Parameters
    ----------
    columns : sequence of str
        The titles.
    rows : iterable of sequences
        As many cells each; None is an empty one.
    """

    def __init__(self, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        self.titles = [column.upper() for column in columns]
        # A title may hold an escape sequence.
        self.rows = [["" if c is None else plain(str(c)) for c in row] for row in rows]

    def lines(self, width: int | None = None, colour: bool = False) -> Iterator[str]:
        """Yield the lines, without their ends.

        Parameters
        ----------
        width : int, optional
            Of the terminal, in cells: what does not fit goes on in the next line of its column.
            In a pipe a row is one line, however long.
        colour : bool
            Whether a cell that is a state has its colour.
        """
        widths = [max(map(_cells, column)) for column in zip(self.titles, *self.rows, strict=True)]
        room = None if width is None else width - len(_GAP) * (len(widths) - 1)
        folds = room is not None and sum(widths) > room
        if room is not None:
            widths = _narrowed(widths, room)
        yield from _row(self.titles, widths, folds, [_BOLD] * len(widths) if colour else None)
        yield "-" * (sum(widths) + len(_GAP) * (len(widths) - 1))
        for row in self.rows:
            styles = [_STYLE.get(cell, "") for cell in row] if colour else None
            yield from _row(row, widths, folds, styles)


def _row(
    cells: Sequence[str], widths: Sequence[int], folds: bool, styles: Sequence[str] | None
) -> Iterator[str]:
    """Yield the lines of one row: several where a cell of it is wider than its column."""
    if not folds:
        yield _line(cells, widths, styles)
        return
    columns = [list(_folded(cell, width)) for cell, width in zip(cells, widths, strict=True)]
    for n in range(max(map(len, columns))):
        parts = [column[n] if n < len(column) else "" for column in columns]
        yield _line(parts, widths, styles)


def _line(cells: Sequence[str], widths: Sequence[int], styles: Sequence[str] | None) -> str:
    padding = [" " * (w - _cells(c)) for c, w in zip(cells, widths, strict=True)]
    if styles:
        cells = [styled(c, s) if c else c for c, s in zip(cells, styles, strict=True)]
    return _GAP.join(c + p for c, p in zip(cells, padding, strict=True)).rstrip(" ")


def _narrowed(widths: Sequence[int], room: int) -> list[int]:
    """Return widths that fit: none above one that is the same for all of them."""
    most = next(
        (n for n in range(max(widths), _NARROWEST, -1) if sum(min(w, n) for w in widths) <= room),
        _NARROWEST,  # the terminal folds what is left
    )
    return [min(w, most) for w in widths]


def _folded(text: str, width: int) -> Iterator[str]:
    """Yield `text` in pieces that are no wider than `width`, cut between words where there are."""
    while _cells(text) > width:
        cut = width
        while _cells(text[:cut]) > width and cut > 1:
            cut -= 1
        space = text.rfind(" ", 1, cut + 1)
        cut = space if space > 0 else cut
        yield text[:cut]
        text = text[cut:].lstrip(" ")
    yield text


def _cells(text: str) -> int:
    """Return how many cells of a terminal `text` takes: a letter of Chinese takes two."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)
