"""How tables, times and JSON look."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from dicom_printer.config.units import spoken

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

_WIDE = 10_000
_STYLE = {
    "incoming": "dim", "ready": "cyan", "running": "bold cyan", "suspended": "yellow",
    "held": "bold red", "done": "green", "discarded": "dim", "up": "green", "down": "bold red",
}  # fmt: skip


def console() -> Console:
    """Return where tables go: in colour on a terminal, never folded in a pipe."""
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else _WIDE, highlight=False, soft_wrap=False)


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Table:
    """Return a table; a cell that is a state has its colour."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column in columns:
        made.add_column(column.upper(), overflow="fold")
    for row in rows:
        cells = ["" if cell is None else str(cell) for cell in row]
        # Text and not markup: a title may hold brackets, or an escape sequence.
        made.add_row(*(Text(plain(cell), style=_STYLE.get(cell, "")) for cell in cells))
    return made


def plain(text: str) -> str:
    """Return `text` without the characters that could move a terminal's cursor."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def print_json(value: Any) -> None:
    """Print `value` as JSON."""
    json.dump(value, sys.stdout, indent=2, ensure_ascii=False)
    print()


def clock(at: float | None) -> str:
    """Return a moment as a person reads it: the time today, the date before."""
    if at is None:
        return ""
    then, now = time.localtime(at), time.localtime()
    return time.strftime("%H:%M:%S" if then[:3] == now[:3] else "%Y-%m-%d %H:%M", then)


def age(at: float | None) -> str:
    """Return how long ago a moment was, "" for none."""
    return "" if at is None else spoken(max(time.time() - at, 0))


def size(octets: int) -> str:
    """Return a number of bytes as a person reads it."""
    amount = float(octets)
    for unit in ("B", "KB", "MB", "GB"):
        if amount < 1000:
            return f"{amount:.3g} {unit}"
        amount /= 1000
    return f"{amount:.3g} TB"
