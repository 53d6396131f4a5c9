"""Durations, sizes and addresses as people write them: ``30s``, ``7d``; ``2G``; ``[::1]:9105``."""

from __future__ import annotations

import re

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_BYTES = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
_DURATION = re.compile(r"(\d{1,9}(?:\.\d{1,3})?)\s*([smhdw])")
_ADDRESS = re.compile(r"(?:\[([0-9a-fA-F:.]+)\]|([0-9.]+)):(\d{1,5})")
_LAST_PORT = 65535
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


def address(text: object) -> tuple[str, int] | None:
    """Return where to listen: ``9105`` is that port of 127.0.0.1, ``"[::1]:9105"`` names both.

    Port 0 is any that is free. An empty text is None: nowhere.

    Raises
    ------
    ValueError
        Where it is neither a port nor an address with a port.
    """
    if text == "":
        return None
    whole = f"127.0.0.1:{text}" if type(text) is int else text
    found = _ADDRESS.fullmatch(whole) if isinstance(whole, str) else None
    if found is None or int(found[3]) > _LAST_PORT:
        raise ValueError('must be a port, or an IP address with one such as "[::1]:9105"')
    import ipaddress

    return str(ipaddress.ip_address(found[1] or found[2])), int(found[3])


def spoken(duration_s: float) -> str:
    """Return a duration in seconds as a person says it, for example ``3m``."""
    for unit in ("d", "h", "m"):
        if duration_s >= _SECONDS[unit]:
            return f"{duration_s / _SECONDS[unit]:.0f}{unit}"
    return f"{duration_s:.0f}s"
