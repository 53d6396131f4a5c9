"""Runs the real command line, each verb in a process of its own that is forked from a warm one.

One line of JSON in, ``{"argv": [...], "kill_after": null}``; one out, with code and output.
A Python that starts anew for every verb would cost more than all the rest of a run.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any


class Hands:
    """The warm process; one verb at a time."""

    def __init__(self, directory: Path, env: dict[str, str]) -> None:
        self._lock = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "chaos.hands"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=directory,
            env=env,
            text=True,
        )

    def run(self, *argv: str, kill_after: float | None = None) -> tuple[int, str]:
        """Run a verb; return its exit code (-9 where it was killed) and what it printed."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._lock:
            self._process.stdin.write(json.dumps({"argv": argv, "kill_after": kill_after}) + "\n")
            self._process.stdin.flush()
            done = json.loads(self._process.stdout.readline())
        return done["code"], done["out"]

    def close(self) -> None:
        """End the warm process."""
        self._process.kill()
        self._process.wait()


def _verb(argv: list[str], kill_after: float | None) -> dict[str, Any]:
    with tempfile.TemporaryFile() as out:
        pid = os.fork()
        if pid == 0:
            _child(argv, out.fileno())
        if kill_after is not None:
            time.sleep(kill_after)
            os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        out.seek(0)
        text = out.read().decode("utf-8", "replace")
    return {"code": os.waitstatus_to_exitcode(status), "out": text}


def _child(argv: list[str], out: int) -> None:
    from dicom_printer.cli import main

    code = 70
    try:
        os.dup2(out, 1)
        os.dup2(out, 2)
        code = main(argv)
        sys.stdout.flush()
    except SystemExit as ended:
        code = int(ended.code or 0)
    finally:
        os._exit(code)


def _warm() -> None:
    """Import what the verbs import on use."""
    import dicom_printer.checks
    import dicom_printer.cli.look
    import dicom_printer.cli.operate
    import dicom_printer.cli.printing

    assert dicom_printer.checks


if __name__ == "__main__":
    _warm()
    for line in sys.stdin:
        print(json.dumps(_verb(**json.loads(line))), flush=True)
