"""Durations and sizes as people write them: ``30s``, ``15m``, ``4h``, ``7d``; ``512M``, ``2G``."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BeforeValidator

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_BYTES = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
_DURATION = re.compile(r"(\d{1,9}(?:\.\d{1,3})?)\s*([smhdw])")
_SIZE = re.compile(r"(\d{1,9})\s*([KMG])")


def seconds(text: object) -> float:
    """Return a duration such as ``"1m"`` in seconds.

    Raises
    ------
    ValueError
        Where `text` is not a number with one of the units s, m, h, d, w.
    """
    found = _DURATION.fullmatch(text.strip()) if isinstance(text, str) else None
    if found is None:
        raise ValueError('must be a duration such as "30s", "15m", "4h" or "7d"')
    return float(found[1]) * _SECONDS[found[2]]


def octets(text: object) -> int:
    """Return a size such as ``"512M"`` in bytes.

    Raises
    ------
    ValueError
        Where `text` is not a whole number with one of the units K, M, G.
    """
    found = _SIZE.fullmatch(text.strip()) if isinstance(text, str) else None
    if found is None:
        raise ValueError('must be a size such as "512M" or "2G"')
    return int(found[1]) * _BYTES[found[2]]


def spoken(duration_s: float) -> str:
    """Return a duration in seconds as a person says it, for example ``3m``."""
    for unit in ("d", "h", "m"):
        if duration_s >= _SECONDS[unit]:
            return f"{duration_s / _SECONDS[unit]:.0f}{unit}"
    return f"{duration_s:.0f}s"


Duration = Annotated[float, BeforeValidator(seconds)]
"""Seconds, written with a unit."""

Size = Annotated[int, BeforeValidator(octets)]
"""Bytes, written with a unit."""
