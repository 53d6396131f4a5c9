"""Each limit of the render worker bites, in the worker and in the poppler that it starts."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import documents
import hostile_pdfs
import pytest
from programs import require

CONFINED = """
import sys
from dicom_printer.pages.limits import allow_seconds, confine
from dicom_printer.pages.wire import Limits
confine(Limits(max_pixels=10**6, max_pages=10, memory=256 << 20, page_timeout=2.0))
allow_seconds(1.0)
"""


def confined(
    code: str, *arguments: object, stdout: int = subprocess.PIPE
) -> subprocess.CompletedProcess[bytes]:
    """Run Python code in a process that has confined itself."""
    return subprocess.run(
        [sys.executable, "-I", "-c", CONFINED + code, *map(str, arguments)],
        stdout=stdout,
        stderr=subprocess.PIPE,
        timeout=120,
        check=False,
    )


START = "import os; os.execvp(sys.argv[1], sys.argv[1:])"
"""Go on as another program, which inherits everything."""


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """Return a page of 450 MiB at 1 000 dpi."""
    path = tmp_path / "large.pdf"
    path.write_bytes(hostile_pdfs.page(b"0 0 99 99 re f", inside=b"/MediaBox [0 0 900 900]"))
    return path


@pytest.fixture
def slow(tmp_path: Path) -> Path:
    """Return a page that takes for ever."""
    path = tmp_path / "slow.pdf"
    path.write_bytes(hostile_pdfs.chain(12, 20))
    return path


def test_memory(large: Path) -> None:
    assert b"MemoryError" in confined("bytes(300 << 20)").stderr
    assert confined("bytes(50 << 20)").returncode == 0
    require("pdftoppm")
    done = confined(START, "pdftoppm", "-r", 1000, large)
    assert done.stdout is not None
    assert len(done.stdout) < 1 << 20
    assert b"emory" in done.stderr


def test_time_of_the_processor(slow: Path) -> None:
    assert confined("while True: pass").returncode == -signal.SIGXCPU
    require("pdftoppm")
    assert confined(START, "pdftoppm", "-r", 30, slow).returncode == -signal.SIGXCPU


def test_open_files(tmp_path: Path) -> None:
    assert b"Too many open files" in confined("[open('/dev/null') for _ in range(100)]").stderr
    require("pdfinfo")
    files = [documents.png(tmp_path / f"{n}.png") for n in range(2)]
    held = "import os; [os.dup2(0, n) for n in range(3, 64)]; "
    assert b"pen" in confined(held + START, "pdfinfo", files[0]).stderr


def test_written_bytes(large: Path, tmp_path: Path) -> None:
    # into a file that was open before: none can be opened now
    with (tmp_path / "out").open("wb") as out:
        done = confined("import os\nwhile True: os.write(1, bytes(1 << 20))", stdout=out.fileno())
        assert done.returncode == 1  # Python leaves SIGXFSZ aside
        assert b"File too large" in done.stderr
    assert (tmp_path / "out").stat().st_size == 16 << 20
    require("pdftoppm")
    with (tmp_path / "out").open("wb") as out:
        confined(START, "pdftoppm", "-r", 300, "-singlefile", large, stdout=out.fileno())
    assert (tmp_path / "out").stat().st_size == 16 << 20


def test_no_core_dump() -> None:
    done = confined("import resource; print(resource.getrlimit(resource.RLIMIT_CORE))")
    assert done.stdout == b"(0, 0)\n"


def test_no_privileges() -> None:
    """Nor do they come back with another program, though it is root's."""
    for start in ("print(open('/proc/self/status').read())", START):
        status = confined(start, "cat", "/proc/self/status").stdout.decode()
        words = dict(line.split(":\t") for line in status.splitlines() if ":\t" in line)
        assert words["NoNewPrivs"] == "1"
        for which in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
            assert int(words[which], 16) == 0, which


CONNECT = """
import socket
with socket.create_connection(("127.0.0.1", int(sys.argv[1]))): print("there")
"""


def test_no_network() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        done = confined(CONNECT, port)
        assert b"PermissionError" in done.stderr, done
        other = confined(START, sys.executable, "-c", f"import sys{CONNECT}", port)
        assert b"PermissionError" in other.stderr, other
        done = subprocess.run([sys.executable, "-c", f"import sys{CONNECT}", str(port)],
                              capture_output=True, check=True)  # fmt: skip
        assert done.stdout == b"there\n", "the server is there for who may"
    for family in ("AF_UNIX", "AF_NETLINK"):
        assert (
            b"PermissionError" in confined(f"import socket; socket.socket(socket.{family})").stderr
        )


def has_landlock() -> bool:
    import ctypes

    return bool(ctypes.CDLL(None).syscall(444, None, 0, 1) > 0)


@pytest.mark.skipif(not has_landlock(), reason="this kernel has no landlock(7)")
def test_no_file_is_written_and_nobody_is_signalled(large: Path, tmp_path: Path) -> None:
    for code in ("open(sys.argv[1], 'wb')", "import os; os.mkdir(sys.argv[1])",
                 "import os; os.symlink('x', sys.argv[1])",
                 "import os; os.unlink(sys.argv[2])", "open(sys.argv[2], 'r+b')",
                 "import os; os.truncate(sys.argv[2], 0)"):  # fmt: skip
        assert b"PermissionError" in confined(code, tmp_path / "new", large).stderr, code
    assert confined("open('/dev/null', 'wb')").returncode == 0
    require("pdftoppm")
    assert confined(START, "pdftoppm", large, tmp_path / "page").returncode != 0
    assert [path.name for path in tmp_path.iterdir()] == ["large.pdf"]
    done = confined("import os; os.kill(int(sys.argv[1]), 0)", os.getpid())
    assert b"PermissionError" in done.stderr
    started = "import subprocess; p = subprocess.Popen(['sleep', '99']); p.kill(); print(p.wait())"
    assert confined(started).stdout == b"-9\n"
