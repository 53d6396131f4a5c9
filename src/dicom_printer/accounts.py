"""Users of this machine, as people call them."""

from __future__ import annotations

import pwd


def name_of(uid: int) -> str:
    """Return a user's name, or the number where there is none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:  # a number without a name, as in containers
        return str(uid)
