"""Clocks and scales: seconds, processor time and memory of processes, and what machine it was."""

from __future__ import annotations

import os
import platform
import shutil
import statistics
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

import psutil

_SAMPLE_S = 0.02


@dataclass
class Run:
    """One document (or heap of jobs) through one program.

    Attributes
    ----------
    seconds : float
        From handing it over until the store had the last page.
    first : float
        Until the store had the first page.
    cpu : float
        Seconds of processor time of the program and of all it started, the store left out.
    memory : float
        The peak of their proportional set sizes, in MB; 0 where it was not measured.
    """

    seconds: float
    first: float
    cpu: float
    memory: float = 0.0


@dataclass
class Spread:
    """Several measurements of one thing."""

    values: list[float] = field(default_factory=list)

    def __str__(self) -> str:
        return f"{self.median:.3g} ({min(self.values):.3g}-{max(self.values):.3g})"

    @property
    def median(self) -> float:
        """The value in the middle."""
        return statistics.median(self.values)


def family(pid: int) -> list[psutil.Process]:
    """Return a process and all it has started that still run."""
    try:
        parent = psutil.Process(pid)
        return [parent, *parent.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def cpu(pid: int) -> float:
    """Return the processor time in seconds that a process and what it started have used."""
    used = 0.0
    for process in family(pid):
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        used += times.user + times.system
    try:
        ended = psutil.Process(pid).cpu_times()  # those that have ended and were waited for
        used += ended.children_user + ended.children_system
    except psutil.NoSuchProcess:
        pass
    return used


def pss_mb(pid: int) -> float:
    """Return the proportional set size in MB of a process and of what it started."""
    total = 0
    for process in family(pid):
        try:
            text = Path(f"/proc/{process.pid}/smaps_rollup").read_text()
        except OSError:  # it has ended
            continue
        total += next((int(line.split()[1]) for line in text.splitlines() if "Pss:" in line), 0)
    return total / 1000


class Peak:
    """Samples the memory of processes; in a run of its own, for sampling costs time.

    Parameters
    ----------
    pids : callable
        Which processes, with all that they start.
    """

    def __init__(self, pids: Callable[[], list[int]]) -> None:
        self.mb = 0.0
        self._pids, self._over = pids, threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> Peak:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._over.wait(_SAMPLE_S):
            self.mb = max(self.mb, sum(pss_mb(pid) for pid in self._pids()))


@contextmanager
def load() -> Iterator[dict[str, float]]:
    """Tell how busy others kept the machine: the load before, the share of stolen time."""
    found = {"load before": os.getloadavg()[0]}
    before = psutil.cpu_times()
    yield found
    after = psutil.cpu_times()
    whole = sum(after) - sum(before)
    found["stolen"] = (after.steal - before.steal) / whole if whole else 0.0


def machine() -> list[tuple[str, str]]:
    """Return what the figures depend on."""
    cpus = Path("/proc/cpuinfo").read_text()
    model = next((x.split(":", 1)[1] for x in cpus.splitlines() if x.startswith("model name")), "?")
    memory = psutil.virtual_memory().total / 2**30
    libraries = ("pypdfium2", "imagecodecs", "pydicom", "pynetdicom", "numpy", "SQLAlchemy")
    system = platform.freedesktop_os_release()["PRETTY_NAME"]
    return [
        ("processor", f"{model.strip()}, {os.cpu_count()} cores"),
        ("memory", f"{memory:.0f} GiB"),
        ("system", f"{system}, Linux {platform.release().partition('-')[0]}"),
        ("Python", f"{platform.python_version()}, " + ", ".join(
            f"{name} {version(name)}" for name in libraries)),
        ("DCMTK", _says("storescp", "--version")),
        ("poppler", _says("pdftoppm", "-v")),
        ("measured", time.strftime("%Y-%m-%d %H:%M %Z")),
    ]  # fmt: skip


def _says(name: str, option: str) -> str:
    done = subprocess.run([program(name), option], capture_output=True, text=True, check=False)
    return (done.stdout + done.stderr).strip().splitlines()[0].strip("$ ")


def program(name: str) -> str:
    """Return where a program of the system is: not the one that pynetdicom brings along.

    Raises
    ------
    SystemExit
        Where it is not installed.
    """
    found = shutil.which(name, path="/usr/bin:/usr/local/bin:/bin:/usr/sbin")
    if found is None:
        raise SystemExit(f"{name} is not installed; run packaging/system-packages test")
    return found
