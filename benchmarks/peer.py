"""The store: DCMTK's storescp as it is installed, and when it had which page."""

from __future__ import annotations

import os
import socket
import subprocess
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Self

from benchmarks.measure import program

_STORED = b"storing DICOM file"
_START_S = 30.0


def environment(nagle: bool) -> dict[str, str]:
    """Return the environment for DCMTK's programs, with or without Nagle's algorithm."""
    kept = {name: value for name, value in os.environ.items() if name != "TCP_NODELAY"}
    return kept if nagle else {**kept, "TCP_NODELAY": "1"}


class Store:
    """A storescp on a free port, with the settings it comes with.

    Parameters
    ----------
    folder : Path
        Where what it receives lies; emptied by :meth:`clear`.
    options : sequence of str, optional
        By default it takes every transfer syntax.
    nagle : bool, optional
        Whether it sends as it is installed: with Nagle's algorithm, each answer then waits
        for the sender's delayed acknowledgement. By default it does not (the environment
        variable ``TCP_NODELAY`` of DCMTK), which is much to the good of the shell pipeline.

    Attributes
    ----------
    times : list of float
        When the store had each page whole (``time.monotonic``), in the order they came.
    """

    def __init__(
        self, folder: Path, options: Sequence[str] = ("+xa",), *, nagle: bool = False
    ) -> None:
        self.folder, self.nagle = folder, nagle
        self.times: list[float] = []
        self._came = threading.Condition()
        folder.mkdir(parents=True, exist_ok=True)
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            self.port: int = sock.getsockname()[1]
        arguments = ["-v", "-od", str(folder), *options, str(self.port)]
        self._process = subprocess.Popen(
            [program("storescp"), *arguments],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            env=environment(nagle),
        )  # fmt: skip

    def __enter__(self) -> Self:
        assert self._process.stderr is not None
        threading.Thread(target=self._read, args=[self._process.stderr], daemon=True).start()
        end = time.monotonic() + _START_S
        while time.monotonic() < end:
            try:
                socket.create_connection(("127.0.0.1", self.port), 5).close()
            except OSError:
                time.sleep(0.01)
            else:
                return self
        raise SystemExit("storescp does not listen")

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()

    def _read(self, log: IO[bytes]) -> None:
        for line in log:
            if _STORED in line:
                with self._came:
                    self.times.append(time.monotonic())
                    self._came.notify_all()

    def clear(self) -> None:
        """Forget what has come."""
        with self._came:
            self.times.clear()
        for entry in os.scandir(self.folder):
            Path(entry).unlink()

    def wait(self, pages: int, limit_s: float = 1800.0) -> tuple[float, float]:
        """Wait until so many pages have come; return when the first and the last had.

        Raises
        ------
        SystemExit
            Where they do not come.
        """
        with self._came:
            if not self._came.wait_for(lambda: len(self.times) >= pages, limit_s):
                raise SystemExit(f"{len(self.times)} of {pages} pages came in {limit_s} s")
            return self.times[0], self.times[pages - 1]
