"""One render worker, seen from the service: questions, answers, and how it ended."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from dataclasses import asdict
from typing import Any

from dicom_printer.errors import DocumentError
from dicom_printer.pages.wire import (
    MAX_LINE,
    MAX_PDF,
    MAX_TEXT,
    Limits,
    ProtocolError,
    announced,
    line,
    parsed,
)

_START_S = 30.0  # for a machine that is very busy; a worker is there in a quarter of a second
_CHUNK = 1 << 20
_BY_OTHERS = {signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP}
"""What a person, the kernel short of memory, or the service manager ends a process with."""


class DiedError(Exception):
    """A worker ended, was ended, or said what it must not say.

    Attributes
    ----------
    by_document : bool
        Whether the document is to blame, and will do it again.
    """

    def __init__(self, message: str, *, by_document: bool = False) -> None:
        super().__init__(message)
        self.by_document = by_document


class Child:
    """A render worker that is ready, its limits in force.

    Parameters
    ----------
    limits : Limits
        What it is held to.

    Raises
    ------
    DiedError
        Where it does not start.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-B", "-m", "dicom_printer.pages.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # a library's complaints may quote the document
            env=_environment(),
            cwd="/",
            bufsize=0,
            start_new_session=True,  # so that what it starts can be ended with it
        )
        self._rest = b""
        try:
            self._send(asdict(limits))
            self._line(time.monotonic() + _START_S)
        except (DiedError, ProtocolError) as error:
            self.close()
            raise DiedError(f"a render worker did not start: {error}") from None

    @property
    def pid(self) -> int:
        """The worker's process id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it is still there; anybody may have ended it while it was idle."""
        return self._process.poll() is None

    def ask(self, request: dict[str, Any]) -> tuple[dict[str, Any], bytearray]:
        """Have a request answered within the page time-out.

        Raises
        ------
        DiedError
            The worker is no more, or must be closed.
        DocumentError
            What the worker says is wrong with the document.
        """
        deadline = time.monotonic() + self._limits.page_timeout
        try:
            self._send(request)
            message = self._line(deadline)
            if "error" in message:
                error, remedy, reason = (str(message.get(k)) for k in ("error", "remedy", "reason"))
                raise DocumentError(error, remedy, reason=reason)
            most = MAX_PDF if request["do"] == "pdf" else MAX_TEXT
            return message, self._exactly(announced(message, self._limits, most), deadline)
        except ProtocolError as error:
            raise DiedError(str(error), by_document=True) from None

    def kill(self) -> None:
        """End the worker and what it has started; from any thread."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def close(self) -> None:
        """End the worker, and let go of its pipes."""
        self.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()

    def _send(self, message: dict[str, Any]) -> None:
        if self._process.stdin is None:
            raise DiedError("it has no input")
        try:
            self._process.stdin.write(line(message))
        except OSError:
            raise self._ended() from None

    def _ended(self) -> DiedError:
        code = self._process.wait()
        if code >= 0:
            return DiedError(f"it ended with exit code {code}", by_document=True)
        # A crash and a spent limit are the document's doing; anyone can send the others.
        name = signal.strsignal(-code) or f"signal {-code}"
        return DiedError(f"it was ended: {name}", by_document=-code not in _BY_OTHERS)

    def _wait(self, deadline: float) -> int:
        """Wait until there is something to read, and return where."""
        if self._process.stdout is None:
            raise DiedError("it has no output")
        poll = select.poll()
        poll.register(self._process.stdout, select.POLLIN)
        if not poll.poll(max(deadline - time.monotonic(), 0) * 1000):
            raise DiedError("it took longer than [pages] page_timeout", by_document=True)
        return self._process.stdout.fileno()

    def _line(self, deadline: float) -> dict[str, Any]:
        while b"\n" not in self._rest:
            data = os.read(self._wait(deadline), MAX_LINE)
            if not data:
                raise self._ended()
            self._rest += data
            if len(self._rest) > 2 * MAX_LINE:
                raise DiedError("its answer has no end", by_document=True)
        text, _, self._rest = self._rest.partition(b"\n")
        return parsed(text)

    def _exactly(self, size: int, deadline: float) -> bytearray:
        data = bytearray(size)
        got = min(len(self._rest), size)
        data[:got] = self._rest[:got]
        self._rest = self._rest[size:]
        with memoryview(data) as view:
            while got < size:
                read = os.readv(self._wait(deadline), [view[got : got + _CHUNK]])
                if not read:
                    raise self._ended()
                got += read
        return data


def _environment() -> dict[str, str]:
    """Return the little that a worker needs: programs, and one thread for its arithmetic.

    Buffers of less than 32 MiB come from memory that the C library has already: page after
    page it would otherwise give them back to the kernel, which zeroes every one again.
    """
    path = os.environ.get("PATH", "/usr/local/bin:/usr/bin:/bin")
    return {
        "PATH": path,
        "LC_ALL": "C.UTF-8",
        "OPENBLAS_NUM_THREADS": "1",
        "MALLOC_MMAP_THRESHOLD_": str(32 << 20),
        "MALLOC_TRIM_THRESHOLD_": str(64 << 20),
    }
