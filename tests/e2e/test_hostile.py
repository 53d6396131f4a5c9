"""Documents that want to do harm: each is held with a reason, and nothing else suffers."""

import shutil
import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import documents
import psutil
import pytest
from process_watch import Watch
from running_service import RunningService
from scp import ScriptedSCP

MIB = 1 << 20
SERVICE_MIB, WORKER_MIB = 250, 150
"""Peak resident memory that the service and each of its children may have here."""

CONFIG = """
[service]
spool = "spool"
settle = "0.5s"

[pages]
memory = "512M"
page_timeout = "20s"

[remote.pacs]
ae_title = "PACS"
host = "127.0.0.1"
port = {port}

[printer.P]
workflow = "w"
hot_folders = ["inbox"]

[[workflow.w]]
action = "store"
remote = "pacs"
"""


def tiff(path: Path, tags: list[tuple[int, int, int]], data: bytes) -> Path:
    """Write a TIFF by hand: tag, type and value of each entry, and what comes at offset 8."""
    directory = struct.pack("<H", len(tags))
    directory += b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in tags)
    path.write_bytes(struct.pack("<2sHI", b"II", 42, 8 + len(data)) + data + directory + bytes(4))
    return path


def tiff_bomb(path: Path, side: int = 30_000) -> Path:
    """A small TIFF of one bit a pixel that unpacks to nearly a billion pixels."""
    packer = zlib.compressobj(9)
    row = bytes(side // 8)
    data = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    tags = [(256, 4, side), (257, 4, side), (258, 3, 1), (259, 3, 8), (262, 3, 1), (273, 4, 8),
            (277, 3, 1), (278, 4, side), (279, 4, len(data))]  # fmt: skip
    return tiff(path, tags, data)


def tiff_tile_bomb(path: Path) -> Path:
    """A TIFF of a hundred pixels square in one tile of four thousand million."""
    data, side = zlib.compress(bytes(1000)), 65_520
    tags = [(256, 4, 100), (257, 4, 100), (258, 3, 8), (259, 3, 8), (262, 3, 1), (277, 3, 1),
            (322, 4, side), (323, 4, side), (324, 4, 8), (325, 4, len(data))]  # fmt: skip
    return tiff(path, tags, data)


def truncated(share: float) -> Callable[[Path], Path]:
    return lambda path: documents.truncated(path, share)


UNFIT: dict[str, tuple[Callable[[Path], Path], str]] = {
    "encrypted.pdf": (documents.encrypted, "document encrypted"),
    "empty.pdf": (documents.empty, "document empty"),
    "empty image.png": (documents.empty, "document empty"),
    "truncated at 1 percent.pdf": (truncated(0.01), "document damaged"),
    "truncated at 30 percent.pdf": (truncated(0.3), "document damaged"),
    "truncated at 60 percent.pdf": (truncated(0.6), "document damaged"),
    "truncated at 99 percent.pdf": (truncated(0.99), "document damaged"),
    "200 inches.pdf": (documents.huge, "page too large"),
    "text.pdf": (documents.text_named_pdf, "type not supported"),
    "no pages.pdf": (documents.no_pages, "document empty"),
    "PNG bomb.png": (lambda path: documents.png_bomb(path, 30_000), "page too large"),
    "TIFF bomb.tiff": (tiff_bomb, "page too large"),
    "TIFF tile bomb.tiff": (tiff_tile_bomb, "document damaged"),
}


@pytest.fixture(scope="module")
def unfit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory with every unfit document."""
    directory = tmp_path_factory.mktemp("unfit")
    for name, (make, _) in UNFIT.items():
        make(directory / name)
    return directory


@pytest.fixture
def scp() -> Iterator[ScriptedSCP]:
    with ScriptedSCP() as made:
        yield made


@pytest.fixture
def service(tmp_path: Path, scp: ScriptedSCP) -> Iterator[RunningService]:
    (tmp_path / "service" / "inbox").mkdir(parents=True)
    with RunningService(tmp_path / "service", CONFIG.format(port=scp.port)) as running:
        yield running


def by_submit(service: RunningService, files: list[Path]) -> None:
    service.cli("submit", *map(str, files), "-p", "P")


def by_hot_folder(service: RunningService, files: list[Path]) -> None:
    for file in files:
        shutil.copy(file, service.directory / "inbox")


def settled(jobs: list[dict[str, Any]]) -> bool:
    return len(jobs) == len(UNFIT) + 1 and all(j["state"] in {"held", "done"} for j in jobs)


@pytest.mark.parametrize("bring", [by_submit, by_hot_folder])
def test_unfit_documents_are_held_and_stand_in_nobodys_way(
    service: RunningService,
    scp: ScriptedSCP,
    unfit: Path,
    tmp_path: Path,
    bring: Callable[[RunningService, list[Path]], None],
    record_property: Callable[[str, object], None],
) -> None:
    assert service.process is not None
    watch = Watch(psutil.Process(service.process.pid))
    try:
        good = documents.report(tmp_path / "good.pdf", pages=2)
        bring(service, [*(unfit / name for name in UNFIT), good])
        jobs = service.wait_until(settled, timeout=90)
    finally:
        watch.stop()
    expected = {Path(name).stem: reason for name, (_, reason) in UNFIT.items()}
    assert {job["title"]: job["reason"] for job in jobs} == {**expected, "good": ""}
    for job in jobs:
        if job["state"] == "held":
            assert job["error"].startswith("step 1 (store): ")
            assert "; " in job["error"], "no remedy"
    assert len(scp.stores) == 2
    assert list((service.spool / "incoming").iterdir()) == []

    record_property("service_mib", watch.peak // MIB)
    record_property("worker_mib", watch.peak_of_child // MIB)
    assert watch.peak < SERVICE_MIB * MIB
    assert watch.peak_of_child < WORKER_MIB * MIB
    assert watch.children
    assert service.terminate() == 0
    assert [pid for pid, child in watch.children.items() if child.is_running()] == []


def test_no_render_worker_outlives_a_service_that_was_killed(service: RunningService) -> None:
    assert service.process is not None
    by_submit(service, [documents.report(service.directory / "good.pdf", pages=1)])
    service.wait_until(lambda jobs: [job["state"] for job in jobs] == ["done"])
    workers = psutil.Process(service.process.pid).children(recursive=True)
    assert workers
    service.kill9()
    _, alive = psutil.wait_procs(workers, timeout=30)
    assert alive == []
