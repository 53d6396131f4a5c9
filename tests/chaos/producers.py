"""The real producers: hot folders, ``submit``, the CUPS backend as cupsd calls it, ``lp``."""

from __future__ import annotations

import os
import random
import subprocess
import threading
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path

import documents

from chaos.hands import Hands
from chaos.plan import Print
from dicom_printer.demo.cupsd import PrivateCups
from dicom_printer.durable import fsync_directory
from dicom_printer.errors import QueueError
from dicom_printer.ppd import backend_directory

BACKEND = backend_directory() / "dicom"
_AGAIN_S = 0.5


@dataclass
class Producers:
    """Prints documents, and remembers which were taken.

    Attributes
    ----------
    accepted : set of int
        The documents whose producer was told that they are safe. Written down before anything
        else is done with them.
    killed : int
        Producers that were killed at work.
    """

    directory: Path
    spool: Path
    hands: Hands
    cups: PrivateCups | None = None
    accepted: set[int] = field(default_factory=set)
    killed: int = 0
    complaints: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def hot_folder(self, printer: str) -> Path:
        """Return where documents for a printer are dropped."""
        return self.directory / f"drop-{printer}"

    def install(self) -> None:
        """Make the queues."""
        config = str(self.directory / "node-0.toml")
        code, said = self.hands.run("printers", "install", "--config", config)
        assert code == 0, said

    def make(self, each: Print) -> None:
        """Print a document."""
        path = self.directory / "documents" / f"{each.title}.pdf"
        path.write_bytes(pdf(each))
        how = {
            "hot folder": self._drop, "submit": self._submit, "backend": self._backend,
            "lp": self._lp,
        }[each.producer]  # fmt: skip
        if how(each, path):
            with self._lock:
                self.accepted.add(each.number)

    def _drop(self, each: Print, path: Path) -> bool:
        folder = self.hot_folder(each.printer)
        path.rename(folder / path.name)
        fsync_directory(folder)
        return True

    def _submit(self, each: Print, path: Path) -> bool:
        kill_after = each.after_s if each.mishap == "killed" else None
        config = str(self.directory / "node-0.toml")
        code, said = self.hands.run(
            "submit", "--config", config, "-p", each.printer, str(path), kill_after=kill_after
        )
        if code == -9:
            self.killed += 1
        elif code != 0:
            self.complaints.append(f"submit ended with {code}: {said}")
        return code == 0

    def _backend(self, each: Print, path: Path) -> bool:
        """Do what cupsd does; a backend that died is called again when cupsd starts again."""
        job = f"urn:uuid:{uuid.UUID(int=each.number)}"
        if each.mishap == "killed":
            if self._call(each, path, job, each.after_s) == -9:
                self.killed += 1
        elif each.mishap == "twice":
            self._call(each, path, job, None)
        for _ in range(20):
            if (code := self._call(each, path, job, None)) == 0:
                return True
            self.complaints.append(f"the backend ended with {code}")
            time.sleep(_AGAIN_S)
        return False

    def _call(self, each: Print, path: Path, job: str, kill_after: float | None) -> int:
        env = {
            "PATH": os.environ["PATH"],
            "PRINTER": each.printer,
            "DEVICE_URI": f"dicom:{self.spool}",
            "CONTENT_TYPE": "application/pdf",
        }
        with path.open("rb") as document:
            process = subprocess.Popen(
                [BACKEND, str(each.number), "somebody", each.title, "1", f"job-uuid={job}"],
                stdin=document,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=env,
            )
            try:
                return process.wait(kill_after if kill_after is not None else 60)
            except subprocess.TimeoutExpired:
                process.kill()
                return process.wait()

    def _lp(self, each: Print, path: Path) -> bool:
        assert self.cups is not None
        try:
            self.cups.lp("-d", each.printer, "-t", each.title, str(path))
        except QueueError as error:
            self.complaints.append(f"lp: {error}")
            return False
        return True


def pdf(each: Print) -> bytes:
    """Return a document of small pages that all look different."""
    rng = random.Random(each.number)
    pages = ["/MediaBox [0 0 144 144] /Resources << >>"] * each.pages
    content = [
        b"%.2f g %d %d %d %d re f"
        % (rng.random() * 0.8, 5 + 20 * page % 100, rng.randrange(60), 30, rng.randrange(20, 80))
        for page in range(each.pages)
    ]
    return documents.raw_pdf(pages, content)
