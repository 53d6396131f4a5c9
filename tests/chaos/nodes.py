"""The service, as one or several processes that are killed, stopped and started again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

_READY = b"serving the spool"
_START_S = 60.0
# A run that is killed leaves no service behind.
_WITH_US = ["setpriv", "--pdeathsig=KILL"]
_TERM_S = 60.0


class Node:
    """One service.

    Parameters
    ----------
    command : list of str
        What comes between the interpreter and the verb: ``-m dicom_printer``.

    Attributes
    ----------
    crashes : list of str
        How it ended where nobody had ended it.
    """

    def __init__(
        self,
        number: int,
        config: Path,
        env: dict[str, str],
        command: list[str],
        died: Callable[[int, str], None],
    ) -> None:
        self.number, self.config, self.env = number, config, env
        self._command, self._died = command, died
        self.log = config.with_suffix(".log")
        self.log.touch()
        self.crashes: list[str] = []
        self._process: subprocess.Popen[bytes] | None = None
        self._began = 0

    def start(self) -> None:
        """Start it where it does not run, and do not wait."""
        if self._process is not None:
            return
        with self.log.open("ab") as log:
            self._began = log.tell()
            self._process = subprocess.Popen(
                [*_WITH_US, sys.executable, *self._command, "serve", "--config", str(self.config)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self.env,
                cwd=self.config.parent,
            )

    def wait_ready(self) -> None:
        """Wait until it serves; where it ends by itself, that is a crash, and it is started."""
        end = time.monotonic() + _START_S
        while time.monotonic() < end:
            if self.is_ready():
                return
            if self.look_after():
                self.start()
            time.sleep(0.02)
        raise AssertionError(f"node {self.number} did not start; see {self.log}")

    def is_running(self) -> bool:
        """Tell whether it was started, and did not end yet."""
        return self._process is not None and not self.look_after()

    def is_ready(self) -> bool:
        """Tell whether it said that it serves."""
        with self.log.open("rb") as log:
            log.seek(self._began)
            return _READY in log.read(1 << 16)

    def look_after(self) -> bool:
        """Note where it ended by itself; return whether it did."""
        process = self._process
        if process is None or process.poll() is None:
            return False
        self._process = None
        self.crashes.append(f"node {self.number} ended by itself with {process.returncode}")
        self._died(self.number, "crashed")
        return True

    def kill(self) -> None:
        """End it at once (-9)."""
        if self.look_after() or self._process is None:
            return
        self._process.kill()
        self._process.wait()
        self._process = None
        self._died(self.number, "killed")

    def stop(self) -> None:
        """Stop it (SIGSTOP)."""
        if self._process is not None and not self.look_after():
            os.kill(self._process.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it go on (SIGCONT)."""
        if self._process is not None:
            os.kill(self._process.pid, signal.SIGCONT)

    def terminate(self) -> None:
        """End it in good order (SIGTERM)."""
        if self.look_after() or self._process is None:
            return
        self._process.terminate()
        code = self._process.wait(_TERM_S)
        self._process = None
        self._died(self.number, "ended")
        if code not in {0, -signal.SIGTERM}:  # before it listens to it, the latter
            self.crashes.append(f"node {self.number} ended with {code} at SIGTERM")
