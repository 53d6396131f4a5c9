"""Who it is that calls a verb: the person, not the account that sudo or su lends."""

from __future__ import annotations

import os
from pathlib import Path

from dicom_printer.accounts import name_of

_LOGIN_UID = Path("/proc/self/loginuid")
_NOBODY_LOGGED_IN = 0xFFFFFFFF


def person() -> str:
    """Return the name of the person who runs this process.

    Who logged in is asked of the kernel: ``loginuid`` outlives sudo and su, and no environment
    variable changes it. A daemon and most containers have none; there `sudo` is believed, where
    it made us root or another, and else it is the process's own user.
    """
    try:
        uid = int(_LOGIN_UID.read_text())
    except (OSError, ValueError):  # no /proc, or a kernel without audit
        uid = _NOBODY_LOGGED_IN
    if uid != _NOBODY_LOGGED_IN:
        return name_of(uid)
    own = name_of(os.getuid())
    return os.environ.get("SUDO_USER") or own
