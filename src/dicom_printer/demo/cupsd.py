"""A private cupsd: the real CUPS with our backend, beside the machine's own and apart from it.

Nothing under ``/etc/cups`` or ``/run`` is read or written. It listens on one unix socket
in a directory that only the caller may enter: that directory is the guard, the policy
inside is wide open.
"""

from __future__ import annotations

import grp
import os
import pwd
import re
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from dicom_printer.errors import QueueError
from dicom_printer.ppd import backend_directory

_SERVER_BIN = (Path("/usr/lib/cups"), Path("/usr/libexec/cups"), Path("/usr/lib64/cups"))
_BORROWED = ("filter", "daemon", "driver", "monitor", "notifier", "cgi-bin")
_SBIN = "/usr/local/sbin:/usr/sbin:/sbin"
_SOCKET_PATH_MAX = 107  # sun_path of unix(7), without its NUL
_START_SECONDS = 20.0
_STOP_SECONDS = 10.0
_COMMAND_SECONDS = 60.0

_FILES_CONF = """\
ServerRoot {root}/etc
ServerBin {root}/bin
DataDir /usr/share/cups
RequestRoot {root}/spool
TempDir {root}/spool/tmp
CacheDir {root}/cache
StateDir {root}/run
AccessLog {root}/log/access_log
ErrorLog {root}/log/error_log
PageLog {root}/log/page_log
Printcap
User {user}
Group {group}
LogFileGroup {group}
SystemGroup {system_group}
SyncOnClose No
"""

_CUPSD_CONF = """\
Listen {socket}
Browsing No
WebInterface No
DefaultAuthType None
IdleExitTimeout 0
LogLevel debug
MaxLogSize 0
PreserveJobFiles No
JobRetryInterval 1
JobKillDelay 2
<Location />
Order allow,deny
Allow all
</Location>
<Policy default>
<Limit All>
Order deny,allow
</Limit>
</Policy>
"""


class PrivateCups:
    """A cupsd of one's own, for the length of a ``with`` statement.

    Parameters
    ----------
    spool : Path, optional
        Handed to the backend as ``DICOM_PRINTER_SPOOL``, over whatever the queues' device
        URIs say. Normally left out: the URI says it.
    conf : str
        More lines for ``cupsd.conf``; ``Listen`` opens a TCP port to whoever can reach it.

    Attributes
    ----------
    directory : Path
        Where everything of this cupsd lies; removed by `stop`.
    socket : Path
        What it listens on: `server` for `dicom_printer.queues`, ``CUPS_SERVER`` for programs.
    env : dict of str to str
        The environment for programs that are to talk to it.
    """

    def __init__(self, spool: Path | None = None, conf: str = "") -> None:
        self._spool = spool
        self._conf = conf
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Make the directory, start cupsd, and wait until it answers.

        Raises
        ------
        QueueError
            Where CUPS is not installed, or cupsd does not come up.
        """
        self.directory = Path(tempfile.mkdtemp(prefix="dicom-cups-"))
        self.socket = self.directory / "socket" / "s"
        self.env = {**os.environ, "CUPS_SERVER": str(self.socket), "LC_ALL": "C.UTF-8"}
        try:
            if len(os.fsencode(self.socket)) > _SOCKET_PATH_MAX:
                raise QueueError(
                    f"{self.socket} is too long for a unix socket", "set TMPDIR to a shorter path"
                )
            self._lay_out()
            self._launch()
            self._wait()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End cupsd and remove its directory; does nothing the second time."""
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)

    def run(self, program: str, *args: str) -> str:
        """Run one of the CUPS programs against this cupsd and return what it prints.

        Raises
        ------
        QueueError
            Where it is not installed or ends with anything but 0.
        """
        done = subprocess.run(
            [_program(program), *args],
            env=self.env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_COMMAND_SECONDS,
            check=False,
        )
        if done.returncode != 0:
            raise QueueError(f"{program} failed: {done.stderr.strip()}", "see the message of CUPS")
        return done.stdout

    def lp(self, *args: str) -> int:
        """Print with ``lp`` and return the CUPS job id."""
        said = self.run("lp", *args)
        found = re.search(r"-(\d+) \(", said)
        if found is None:
            raise QueueError(f"lp gave no job id: {said.strip()}", "see the message of CUPS")
        return int(found[1])

    def log(self) -> str:
        """Return cupsd's error log, for a look at what went wrong."""
        path = self.directory / "log" / "error_log"
        return path.read_text(errors="replace") if path.exists() else ""

    def _lay_out(self) -> None:
        root = self.directory
        for name in ("etc/ppd", "bin/backend", "spool/tmp", "cache", "run", "log"):
            (root / name).mkdir(parents=True)
        self.socket.parent.mkdir(mode=0o700)
        theirs = next((path for path in _SERVER_BIN if path.is_dir()), _SERVER_BIN[0])
        for name in _BORROWED:
            (root / "bin" / name).symlink_to(theirs / name)
        # A real file in a real directory: cupsd looks at the permissions of both, and a mode
        # without any bit for others is what makes it run the backend as root where it is root.
        backend = root / "bin" / "backend" / "dicom"
        shutil.copyfile(backend_directory() / "dicom", backend)
        backend.chmod(0o700)
        user, group = _filter_user()
        if os.getuid() == 0:
            root.chmod(0o711)  # the filters run as `user` and pass through here
        conf = _FILES_CONF.format(
            root=root, user=user, group=group, system_group=grp.getgrgid(os.getgid()).gr_name
        )
        if self._spool is not None:
            conf += f"SetEnv DICOM_PRINTER_SPOOL {self._spool}\n"
        (root / "etc" / "cups-files.conf").write_text(conf)
        (root / "etc" / "cupsd.conf").write_text(
            _CUPSD_CONF.format(socket=self.socket) + self._conf
        )

    def _launch(self) -> None:
        etc = self.directory / "etc"
        command = [_program("cupsd"), "-f", "-c", f"{etc}/cupsd.conf", "-s"]
        with (self.directory / "log" / "console").open("wb") as console:
            self._process = subprocess.Popen(
                [*command, f"{etc}/cups-files.conf"],
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
            )

    def _wait(self) -> None:
        """Wait until the socket accepts: cupsd opens it after it has read everything else."""
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline and self._process and self._process.poll() is None:
            with socket.socket(socket.AF_UNIX) as probe:
                if probe.connect_ex(str(self.socket)) == 0:
                    return
            time.sleep(0.01)
        console = (self.directory / "log" / "console").read_text(errors="replace")
        said = (console + self.log())[-1000:].strip()
        raise QueueError(f"the private cupsd did not start: {said}", "see the message of CUPS")


def _filter_user() -> tuple[str, str]:
    """Return user and group for cupsd's children: lp where we are root, else ourselves."""
    if os.getuid() == 0:
        return "lp", "lp"
    return pwd.getpwuid(os.getuid()).pw_name, grp.getgrgid(os.getgid()).gr_name


def _program(name: str) -> str:
    found = shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:{_SBIN}")
    if found is None:
        raise QueueError(f"{name} is not installed", "install CUPS (`apt-get install cups`)")
    return found
