"""The service as a process of its own, with its own spool: started, killed, looked at.

::

    with RunningService(tmp_path, CONFIG.format(port=peer.port)) as service:
        service.cli("submit", str(pdf), "-p", "Printer")
        service.wait_until(lambda jobs: [job["state"] for job in jobs] == ["done"])

Several nodes share a directory and a database of `postgres.Postgres`; each has its own name::

    RunningService(tmp_path, several(CONFIG, server.create(), "a", "5s"), name="a")
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self, TypeVar

from dicom_printer import config as configuration
from dicom_printer.jobs import look
from dicom_printer.jobs.database import open_database, place
from dicom_printer.jobs.store import Store
from dicom_printer.spool import Spool

START_S = 90.0
T = TypeVar("T")
_READY = b"serving the spool"


def several(config: str, database: str, node: str, lease: str = "60s") -> str:
    """Return a configuration with the settings of one of several nodes."""
    settings = f'database = "{database}"\nnode = "{node}"\nlease = "{lease}"\n'
    return config.replace("[service]\n", f"[service]\n{settings}", 1)


def all_done(count: int) -> Callable[[list[dict[str, Any]]], bool]:
    """Return a condition of `wait_until`: there are so many jobs, and all are done.

    The number belongs to it: what was just handed over has no row yet, and is no job then.
    """
    return lambda jobs: len(jobs) == count and all(job["state"] == "done" for job in jobs)


class RunningService:
    """``dicom-printer serve`` as a process; a context manager that starts and ends it.

    Parameters
    ----------
    directory : Path
        Where the configuration, the spool and the log lie.
    config : str
        The text of ``dicom-printer.toml``; it must say ``spool = "spool"``.
    env : mapping of str to str, optional
        More of the environment, for the service and for :meth:`cli`.
    name : str
        For the names of the configuration and the log, where several share the directory.
    python : str
        The interpreter that runs it and the verbs.

    Attributes
    ----------
    config, spool, log : Path
        The configuration, the spool directory, and what the service said, over all its starts.
    process : subprocess.Popen or None
        The running service.
    """

    def __init__(
        self,
        directory: Path,
        config: str,
        env: Mapping[str, str] | None = None,
        name: str = "",
        python: str = sys.executable,
    ) -> None:
        self.directory = directory
        self.python = python
        self.config = directory / f"dicom-printer{name and '-'}{name}.toml"
        self.spool = directory / "spool"
        self.log = directory / f"service{name and '-'}{name}.log"
        self.process: subprocess.Popen[bytes] | None = None
        # Not the test's own environment: a fixture of a module is older than what a test sets.
        kept = {k: v for k, v in os.environ.items() if not k.startswith("DICOM_PRINTER_")}
        kept.pop("NOTIFY_SOCKET", None)
        self.env = {**kept, "CUPS_SERVER": str(directory / "no-cups"), **(env or {})}
        directory.mkdir(parents=True, exist_ok=True)
        self.config.write_text(config, encoding="utf-8")

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill9()

    def start(self) -> None:
        """Start it, and wait until it serves."""
        assert self.process is None, "it runs already"
        with self.log.open("ab") as log:
            begin = log.tell()
            self.process = subprocess.Popen(
                self._command("serve"),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self.env,
                cwd=self.directory,
            )
        end = time.monotonic() + START_S
        while _READY not in self.log.read_bytes()[begin:]:
            if self.process.poll() is not None or time.monotonic() > end:
                self.kill9()
                raise AssertionError(f"the service did not start:\n{self.tail()}")
            time.sleep(0.01)

    def kill9(self) -> None:
        """End it at once, as a power cut would; nothing where it does not run."""
        process, self.process = self.process, None
        if process is not None:
            process.kill()
            process.wait(10)

    def terminate(self, timeout: float = 60) -> int:
        """End it as systemd does, wait, and return its exit code."""
        assert self.process is not None, "it does not run"
        self.process.terminate()
        code = self.process.wait(timeout)
        self.process = None
        return code

    def restart(self) -> None:
        """End it in good order and start it again."""
        code = self.terminate()
        assert code == 0, f"it ended with {code}:\n{self.tail()}"
        self.start()

    def cli(
        self, verb: str, *args: str, check: bool = True, timeout: float = 60
    ) -> subprocess.CompletedProcess[str]:
        """Run ``dicom-printer VERB --config … ARGS``; `check` wants exit code 0."""
        done = subprocess.run(
            [*self._command(verb), *args],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            env=self.env,
            cwd=self.directory,
            timeout=timeout,
            check=False,
        )
        if check and done.returncode != 0:
            raise AssertionError(f"{verb} ended with {done.returncode}: {done.stdout}{done.stderr}")
        return done

    def _command(self, verb: str) -> list[str]:
        return [self.python, "-m", "dicom_printer", verb, "--config", str(self.config)]

    def jobs(self) -> list[dict[str, Any]]:
        """Return what ``jobs --json`` says of the job table, oldest first, without a process."""
        return self._read(look.listing)

    def show(self, job_id: str) -> dict[str, Any]:
        """Return what ``show --json`` says of a job, but for its ticket, without a process."""
        return self._read(lambda store: look.show(store, job_id))

    def _read(self, question: Callable[[Store], T]) -> T:
        service = configuration.load(self.config).service
        engine = open_database(place(service, Spool(self.spool).database))
        try:
            return question(Store(engine))
        finally:
            engine.dispose()

    def wait_until(
        self,
        condition: Callable[[list[dict[str, Any]]], bool],
        timeout: float = 60,
        every: float = 0.02,
    ) -> list[dict[str, Any]]:
        """Wait until the jobs meet a condition, and return them; fail where the service ended.

        They are looked at `every` so many seconds: where they are many, that costs something.
        """
        end = time.monotonic() + timeout
        while not condition(jobs := self.jobs()):
            ended = self.process is not None and self.process.poll() is not None
            if ended or time.monotonic() > end:
                what = "the service ended" if ended else f"not within {timeout} s"
                table = "\n".join(map(str, jobs))
                raise AssertionError(f"{what}; the jobs:\n{table}\nthe log:\n{self.tail()}")
            time.sleep(every)
        return jobs

    def tail(self, size: int = 4000) -> str:
        """Return the end of the log."""
        return self.log.read_text(errors="replace")[-size:] if self.log.exists() else ""
