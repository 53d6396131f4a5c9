"""How times, sizes and JSON look, and what a terminal takes."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from typing import Any

from dicom_printer.cli.columns import Table, styled
from dicom_printer.config.units import spoken


def draw(shown: Table | str) -> None:
    """Print a table, within the width of a terminal and in colour there; or the line for it."""
    lines = [shown] if isinstance(shown, str) else shown.lines(*terminal())
    sys.stdout.writelines(f"{line}\n" for line in lines)


def in_style(text: str, style: str) -> str:
    """Return `text` in a style, parameters of SGR, where the output takes colour."""
    return styled(text, style) if terminal()[1] else text


def terminal() -> tuple[int | None, bool]:
    """Return how wide the output is, None where it is no terminal, and whether it takes colour."""
    if not sys.stdout.isatty():
        return None, False
    # https://no-color.org: any text counts, but an empty one
    colour = not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return shutil.get_terminal_size().columns, colour


def print_json(value: Any) -> None:
    """Print `value` as JSON, each element of a list in a line of its own.

    So a long list takes a tenth of the time: with an indent, Python's encoder is not the one in C.
    """
    if isinstance(value, list) and value:
        lines = (json.dumps(each, ensure_ascii=False) for each in value)
        print("[", ",\n".join(lines), "]", sep="\n")
    else:
        print(json.dumps(value, indent=2, ensure_ascii=False))


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
