"""A PostgreSQL server of the tests' own: Debian's programs, a Unix socket, data thrown away.

::

    with Postgres() as server:
        address = server.create("one")    # for `[service] database`
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from pathlib import Path
from typing import Self

import sqlalchemy as sa
from programs import require

_START_S = 60.0


def programs() -> Path:
    """Return the directory of PostgreSQL's programs; the newest, where Debian has several."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda p: p.parts[4])
    if found:
        return found[-1].parent
    require("initdb", "postgres")
    return Path(shutil.which("postgres") or "").parent


class Postgres:
    """A server; a context manager that starts and ends it.

    Parameters
    ----------
    durable : bool
        Whether it waits for the disk, as a real one does; off, a test is faster.
    """

    def __init__(self, *, durable: bool = False) -> None:
        self._bin, self._durable = programs(), durable
        self._process: subprocess.Popen[bytes] | None = None
        # Short, for a socket's path may have 107 characters, and not below the test's own
        # directory, which another user could not enter.
        self.directory = Path(tempfile.mkdtemp(prefix="dp-pg-", dir="/tmp"))
        self._as: list[str] = []
        if os.geteuid() == 0:  # its programs refuse to run as root
            user = _other_user()
            os.chown(self.directory, user.pw_uid, user.pw_gid)
            ids = [f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
            self._as = ["setpriv", *ids]

    def __enter__(self) -> Self:
        try:
            self._run(
                str(self._bin / "initdb"), "-D", str(self.directory / "data"), "-U", "printer",
                "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync",
            )  # fmt: skip
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.kill9()
        shutil.rmtree(self.directory, ignore_errors=True)

    def _run(self, *command: str) -> None:
        done = subprocess.run(
            [*self._as, *command], capture_output=True, cwd="/", timeout=120, check=False
        )
        assert done.returncode == 0, (done.stdout + done.stderr).decode()

    def start(self) -> None:
        """Start it, and wait until it answers."""
        assert self._process is None, "it runs already"
        fast = [] if self._durable else ["-c", "fsync=off", "-c", "full_page_writes=off"]
        with (self.directory / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *(self._as or ["setpriv"]), "--pdeathsig=KILL",
                    str(self._bin / "postgres"), "-D", str(self.directory / "data"),
                    "-k", str(self.directory), "-c", "listen_addresses=",
                    "-c", "max_connections=200", "-c", "shared_buffers=16MB", *fast,
                ],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/",
            )  # fmt: skip
        end = time.monotonic() + _START_S
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > end:
                log_text = (self.directory / "log").read_text(errors="replace")
                raise AssertionError(f"PostgreSQL did not start:\n{log_text[-4000:]}")
            time.sleep(0.02)

    def _answers(self) -> bool:
        try:
            self.execute("SELECT 1")
        except sa.exc.OperationalError:
            return False
        return True

    def stop(self) -> None:
        """End it in good order; its connections are cut."""
        self._end(signal.SIGINT)

    def kill9(self) -> None:
        """End it as a crash does; nothing where it does not run."""
        # The children see it and end; a shutdown at once, since nobody cleans up behind SIGKILL.
        self._end(signal.SIGQUIT)

    def _end(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(number)
            process.wait(60)

    def execute(self, statement: str, database: str = "postgres") -> None:
        """Carry a statement out, outside any transaction."""
        engine = sa.create_engine(
            self.address(database), isolation_level="AUTOCOMMIT", poolclass=sa.NullPool
        )
        with engine.connect() as c:
            c.exec_driver_sql(statement)

    def address(self, database: str) -> str:
        """Return what `[service] database` says for a database of this server."""
        return f"postgresql+psycopg://printer@/{database}?host={self.directory}"

    def create(self, template: str = "template1") -> str:
        """Make a database of a new name, as a copy of another one, and return its address."""
        name = f"t{uuid.uuid4().hex[:12]}"
        self.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return self.address(name)

    def drop(self, address: str) -> None:
        """Remove a database and cut its connections."""
        name = sa.make_url(address).database
        self.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def _other_user() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return pwd.getpwnam("nobody")
