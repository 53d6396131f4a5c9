"""The service as a process of its own, and its real producer: the commit of the CUPS backend."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Self

_ROOT = Path(__file__).parents[1]
_START_S = 60.0

_CONFIG = """
[service]
spool = "spool"
{service}
"""
_REMOTE = """
[remote.{name}]
ae_title = "STORE"
host = "127.0.0.1"
port = {port}

[printer.{name}]
workflow = "{name}"

[[workflow.{name}]]
action = "store"
remote = "{name}"
{step}
"""

STEPS = {
    "jpeg 150": 'compression = "jpeg"\njpeg_process = "baseline"\ndpi = 150',
    "jpeg 300": 'compression = "jpeg"\njpeg_process = "baseline"\ndpi = 300',
    "none 150": 'compression = "none"\ndpi = 150',
}
"""The store steps that are measured, by the compression and dpi that the tables name."""


def _backend() -> ModuleType:
    loader = SourceFileLoader("dicom_backend", str(_ROOT / "cups-backend" / "dicom"))
    spec = importlib.util.spec_from_loader("dicom_backend", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.dont_write_bytecode = True  # it has no suffix, and gets no cache beside it
    loader.exec_module(module)
    return module


class Service:
    """``dicom-printer serve`` with a spool of its own.

    Parameters
    ----------
    folder : Path
        Where its configuration, its spool and its log lie.
    queues : mapping of str to (int, str)
        For each queue the store's port, and which of :data:`STEPS`.
    settings : str, optional
        More lines of ``[service]``.
    """

    def __init__(
        self, folder: Path, queues: Mapping[str, tuple[int, str]], settings: str = ""
    ) -> None:
        self.folder, self.spool = folder, folder / "spool"
        self.config = folder / "dicom-printer.toml"
        folder.mkdir(parents=True, exist_ok=True)
        tables = [
            _REMOTE.format(name=name, port=port, step=STEPS[step])
            for name, (port, step) in queues.items()
        ]
        self.config.write_text(_CONFIG.format(service=settings) + "".join(tables))
        self._process: subprocess.Popen[bytes] | None = None
        self._backend = _backend()

    @property
    def pid(self) -> int:
        """The process id of the running service."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it, and wait until it serves."""
        log = self.folder / "service.log"
        with log.open("wb") as out:
            self._process = subprocess.Popen(
                self.command("serve"), stdin=subprocess.DEVNULL, stdout=out, stderr=out
            )
        end = time.monotonic() + _START_S
        while b"serving the spool" not in log.read_bytes():
            if self._process.poll() is not None or time.monotonic() > end:
                raise SystemExit(f"the service did not start: {log.read_text()[-2000:]}")
            time.sleep(0.01)

    def stop(self) -> None:
        """End it as systemd does."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
            self._process = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def command(self, *arguments: str) -> list[str]:
        """Return the command line of a verb."""
        return [sys.executable, "-m", "dicom_printer", *arguments, "--config", str(self.config)]

    def print(self, document: Path, queue: str, title: str = "bench") -> str:
        """Hand a document over as CUPS does, in the backend's own code; return the job's id.

        Without the start of its process, which CUPS does beside the print dialog.
        """
        spool = self._backend.open_spool(str(self.spool))
        source = os.open(document, os.O_RDONLY)
        argv = ["dicom", "1", "bench", title, "1", ""]
        try:
            job: str = self._backend.commit(spool, source, [*argv, ""], {"PRINTER": queue})
        finally:
            os.close(source)
            os.close(spool)
        return job
