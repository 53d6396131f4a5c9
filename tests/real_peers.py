"""DCMTK's storescp and Orthanc as peers: started on a free port, ended by their process.

Each is a context manager and can be stopped and started again on the same port::

    with storescp(tmp_path / "store", "+xa") as peer:
        send_to("127.0.0.1", peer.port)
        peer.stop()     # the store is switched off
        peer.start()    # and on again, where it was
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from programs import require

START_S = 60.0


def free_port() -> int:
    """Return a TCP port that nobody listens on at the moment."""
    with socket.socket() as sock:
        sock.bind(("", 0))
        port: int = sock.getsockname()[1]
        return port


def wait_until(condition: Callable[[], bool], what: str, deadline_s: float = START_S) -> None:
    """Wait for a condition; fail, saying what did not happen, at the deadline."""
    end = time.monotonic() + deadline_s
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"not within {deadline_s} s: {what}")
        time.sleep(0.01)


def answers(port: int) -> bool:
    """Tell whether somebody takes TCP connections on the port."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except OSError:
        return False
    return True


class Peer:
    """A real program that listens on a DICOM port."""

    ae_title = "PEER"

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.port = free_port()
        self.log = directory.with_name(directory.name + ".log")
        self.process: subprocess.Popen[bytes] | None = None
        directory.mkdir(parents=True, exist_ok=True)

    def command(self) -> list[str]:
        raise NotImplementedError

    def is_ready(self) -> bool:
        return answers(self.port)

    def start(self) -> None:
        """Start it, on the port it has always had."""
        # pynetdicom brings a storescp of its own into an active virtual environment
        ours = str(Path(sys.executable).parent)
        folders = [f for f in os.environ.get("PATH", "").split(":") if f != ours]
        path = ":".join([*folders, "/usr/sbin", "/usr/local/sbin", "/sbin"])
        # without Nagle an answer of DCMTK is not held back for 40 ms
        environment = {**os.environ, "PATH": path, "TCP_NODELAY": "1"}
        name, *arguments = self.command()
        program = shutil.which(name, path=path)
        assert program is not None
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [program, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment,
                cwd=self.directory,
            )
        wait_until(self._up, f"{name} on port {self.port}; see {self.log}")

    def _up(self) -> bool:
        assert self.process is not None
        if self.process.poll() is not None:
            raise AssertionError(f"ended at start:\n{self.log.read_text(errors='replace')[-4000:]}")
        return self.is_ready()

    def stop(self) -> None:
        """Switch it off, as an administrator would."""
        if self.process is None:
            return
        self.resume()
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(10)
        self.process = None

    def kill(self) -> None:
        """Switch it off without ado."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(10)
            self.process = None

    def pause(self) -> None:
        """Freeze it: connections are still taken by the kernel, nothing is answered."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()  # Orthanc takes three seconds to go by itself


class StoreSCP(Peer):
    """DCMTK's storescp; received files lie in ``directory``, named by SOP Instance UID."""

    ae_title = "STORESCP"

    def __init__(self, directory: Path, *options: str) -> None:
        super().__init__(directory)
        self.options = options

    def command(self) -> list[str]:
        return ["storescp", "-v", "-od", str(self.directory), *self.options, str(self.port)]

    def files(self) -> list[Path]:
        """Return the received files."""
        return sorted(self.directory.iterdir())

    def file(self, sop_instance_uid: str) -> Path:
        """Return the received file of an instance."""
        (found,) = self.directory.glob(f"*.{sop_instance_uid}")
        return found


class Orthanc(Peer):
    """Orthanc, with the few requests of its REST interface that tests need."""

    ae_title = "ORTHANC"

    def __init__(self, directory: Path, **overrides: Any) -> None:
        super().__init__(directory)
        self.http_port = free_port()
        self.overrides = overrides

    def command(self) -> list[str]:
        database = self.directory / "db"
        database.mkdir(exist_ok=True)
        settings = {
            "Name": "test",
            "StorageDirectory": str(database),
            "IndexDirectory": str(database),
            "HttpPort": self.http_port,
            "RemoteAccessAllowed": False,
            "AuthenticationEnabled": False,
            "DicomAet": self.ae_title,
            "DicomPort": self.port,
            "DicomCheckCalledAet": False,
            "DicomAlwaysAllowStore": True,
            "DicomAlwaysAllowEcho": True,
            "DefaultEncoding": "Utf8",
            "OverwriteInstances": True,
            **self.overrides,
        }
        file = self.directory / "orthanc.json"
        file.write_text(json.dumps(settings, indent=1))
        return ["Orthanc", str(file)]

    def is_ready(self) -> bool:
        try:
            self.get("/system")
        except (OSError, urllib.error.URLError):
            return False
        return answers(self.port)

    def get(self, path: str, body: bytes | None = None) -> bytes:
        """GET a path, or POST where there is a body."""
        with urllib.request.urlopen(
            f"http://127.0.0.1:{self.http_port}{path}", data=body, timeout=30
        ) as answer:
            content: bytes = answer.read()
            return content

    def json(self, path: str, body: bytes | None = None) -> Any:
        """Return what a path answers, as JSON."""
        return json.loads(self.get(path, body))

    def statistics(self) -> dict[str, Any]:
        """Return the counts: CountPatients, CountStudies, CountSeries, CountInstances."""
        counts: dict[str, Any] = self.json("/statistics")
        return counts

    def instances(self) -> list[str]:
        """Return Orthanc's own identifiers of the instances it has."""
        identifiers: list[str] = self.json("/instances")
        return identifiers

    def lookup(self, sop_instance_uid: str) -> str | None:
        """Return Orthanc's identifier of a SOP Instance UID, if it is there."""
        for found in self.json("/tools/lookup", sop_instance_uid.encode()):
            if found["Type"] == "Instance":
                return str(found["ID"])
        return None

    def file(self, identifier: str) -> bytes:
        """Return an instance as the Part 10 file that Orthanc has."""
        return self.get(f"/instances/{identifier}/file")

    def files(self) -> list[bytes]:
        """Return every instance as a Part 10 file."""
        return [self.file(identifier) for identifier in self.instances()]

    def delete(self, path: str) -> None:
        """DELETE a path."""
        url = f"http://127.0.0.1:{self.http_port}{path}"
        urllib.request.urlopen(urllib.request.Request(url, method="DELETE"), timeout=30).close()

    def sop_instance_uids(self) -> list[str]:
        """Return the SOP Instance UIDs of what it has, sorted."""
        path = "/instances?expand"
        return sorted(item["MainDicomTags"]["SOPInstanceUID"] for item in self.json(path))


@contextmanager
def storescp(directory: Path, *options: str) -> Iterator[StoreSCP]:
    """Run storescp; it takes every transfer syntax with ``+xa``, else the uncompressed ones."""
    require("storescp")
    with StoreSCP(directory, *options) as peer:
        yield peer


@contextmanager
def orthanc(directory: Path, **overrides: Any) -> Iterator[Orthanc]:
    """Run Orthanc; ``overrides`` are keys of its configuration file."""
    require("Orthanc")
    with Orthanc(directory, **overrides) as peer:
        yield peer
