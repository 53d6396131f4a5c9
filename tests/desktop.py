"""A desktop of the tests' own: an X server, and programs on it that are ended whole."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

import pytest


def require_desktop(*programs: str) -> None:
    """Skip without these programs, in CI too: packages of a group of their own, and large."""
    if missing := [name for name in ("Xvfb", *programs) if shutil.which(name) is None]:
        pytest.skip(f"not installed: {', '.join(missing)} (packaging/system-packages desktop)")


def environment(server: str, home: Path) -> dict[str, str]:
    """Return what a program has for an environment that prints to `server`, without a screen."""
    return {
        "PATH": os.defpath, "HOME": str(home), "LC_ALL": "C.UTF-8",
        "CUPS_SERVER": server, "GTK_PRINT_BACKENDS": "cups", "GSETTINGS_BACKEND": "memory",
    }  # fmt: skip


class Display:
    """An X server that nobody else has, and what a program on it gets for an environment.

    ::

        with Display(server, home) as display, running(["program"], display.env, log):
            display.do("key", "Return")

    Parameters
    ----------
    server : str
        The CUPS that the programs print to.
    home : Path
        Their home directory: nothing of the person who runs the tests is read or written.

    Attributes
    ----------
    env : dict of str to str
        The environment of the programs.
    """

    def __init__(self, server: str, home: Path) -> None:
        # The number that is free is told by Xvfb itself.
        self._x = subprocess.Popen(
            ["Xvfb", "-displayfd", "1", "-screen", "0", "900x640x24", "-nolisten", "tcp"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self._x.stdout
        number = self._x.stdout.readline().strip()
        assert number, "Xvfb did not start"
        self.env = {**environment(server, home), "DISPLAY": f":{number}"}
        self.env["SAL_USE_VCLPLUGIN"] = "gen"  # LibreOffice's own widgets, on every desktop

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._x.kill()
        self._x.communicate()

    def do(self, *args: str) -> str:
        """Do something at the mouse or the keyboard; return what xdotool says."""
        return subprocess.run(
            ["xdotool", *args],
            env=self.env,
            timeout=60,
            check=True,
            capture_output=True,
            text=True,
        ).stdout

    def windows(self, program: str) -> list[str]:
        """Return the windows of a program that can be seen; none is no error."""
        search = ["xdotool", "search", "--onlyvisible", "--class", program]
        found = subprocess.run(
            search, env=self.env, timeout=60, capture_output=True, text=True, check=False
        )
        return found.stdout.split()


@contextmanager
def running(
    command: list[str], env: Mapping[str, str], log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program, and end it with all the processes it has started."""
    with log.open("ab") as said:
        process = subprocess.Popen(
            command,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
