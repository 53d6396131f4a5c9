"""The power fails at any moment: what was promised is there. And the harness sees it where not."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from scp import ScriptedSCP

from chaos.power_cut import BACKEND, NotingSCP, Run
from dicom_printer.spool import JOBS

CUTS = 60
SEED = 1


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    made = Run(tmp_path_factory.mktemp("power") / "site")
    with NotingSCP() as scp, ScriptedSCP(reject=(1, 1, 7)) as stranger:
        made.print_everything(scp, stranger)
    yield made


def moments(run: Run, count: int) -> list[int]:
    """Each note, and some syncs of a seed."""
    found = run.moments()
    notes = [at for at, kind in found if kind == "N"]
    syncs = [at for at, kind in found if kind != "N"]
    drawn = random.Random(SEED).sample(syncs, min(len(syncs), max(0, count - len(notes))))
    return sorted({*notes, *drawn})


def test_nothing_that_was_promised_is_lost(run: Run, tmp_path: Path) -> None:
    assert run.losses(moments(run, CUTS), tmp_path) == []


def test_nor_where_some_of_the_rest_was_written(run: Run, tmp_path: Path) -> None:
    assert run.losses(moments(run, CUTS)[::2], tmp_path, left_over=True) == []


def test_the_record_is_what_was_done(run: Run, tmp_path: Path) -> None:
    disk = run.recorder.before()
    for act in run.recorder.acts():
        disk.replay(act)
    disk.write_to(tmp_path / "after")
    kinds = Counter(act.kind for act in run.recorder.acts())
    assert min(kinds[kind] for kind in "CMRUWTBEN") > 0, kinds
    # Whatever was synced at the end is as it is: every document, ticket and journal.
    for path in (run.site / "spool" / JOBS).rglob("*"):
        copy = tmp_path / "after" / path.relative_to(run.site)
        assert path.is_dir() or copy.read_bytes() == path.read_bytes(), path


# Each takes a promise out of the processes; nothing of this is in the product.
NO_DIRECTORY = """
import dicom_printer.spool
dicom_printer.spool.fsync_directory = lambda path: None
"""
NO_FILE = """
import os
os.fsync = lambda descriptor: None
import dicom_printer.durable
import dicom_printer.spool
def fsync_directory(path):
    descriptor = os.open(path, os.O_RDONLY)
    os.fdatasync(descriptor)
    os.close(descriptor)
dicom_printer.durable.fsync_directory = dicom_printer.spool.fsync_directory = fsync_directory
"""
NO_JOURNAL = """
from dicom_printer.journal import Journal
Journal.append = lambda *_, **__: None
"""
ASLEEP = """
import sqlalchemy as sa
sa.event.listen(sa.Pool, "checkout", lambda c, *_: c.execute("PRAGMA synchronous = OFF"))
"""
LAZY = """
import dicom_printer.journal
class os:
    fdatasync = staticmethod(lambda descriptor: None)
    def __getattr__(self, name):
        import os
        return getattr(os, name)
dicom_printer.journal.os = os()
"""


def python(prelude: str) -> list[str]:
    """The command line without a promise."""
    return ["-c", f"{prelude}\nimport sys\nfrom dicom_printer.cli import main\nsys.exit(main())"]


@pytest.mark.parametrize("prelude", [NO_DIRECTORY, NO_FILE], ids=["directory", "file"])
def test_submit_that_does_not_sync_is_found(tmp_path: Path, prelude: str) -> None:
    run = Run(tmp_path / "site", python(prelude))
    run.prepare(1, 1)
    job_id = run.submit("P")
    cut = [at for at, kind in run.moments() if kind == "N"]
    assert any(job_id in text for text in run.losses(cut, tmp_path))


@pytest.mark.parametrize("call", ["incoming", "job", "file.fileno()"])
def test_backend_that_does_not_sync_is_found(tmp_path: Path, call: str) -> None:
    backend = tmp_path / "dicom"
    text = BACKEND.read_text(encoding="utf-8")
    assert f"os.fsync({call})" in text
    backend.write_text(text.replace(f"os.fsync({call})", "pass"), encoding="utf-8")
    run = Run(tmp_path / "site", backend=backend)
    run.prepare(1, 1)
    run.hand_to_backend()
    cut = [at for at, kind in run.moments() if kind == "N"]
    assert run.losses(cut, tmp_path) != []


def test_acknowledgements_that_are_not_on_disk_are_found(tmp_path: Path) -> None:
    run = Run(tmp_path / "site", python(LAZY + ASLEEP))
    with NotingSCP() as scp, ScriptedSCP(reject=(1, 1, 7)) as stranger:
        run.print_everything(scp, stranger)
    found = run.losses(moments(run, 0), tmp_path)
    assert any("would be sent again" in text for text in found)


@pytest.mark.parametrize("prelude", [NO_JOURNAL, ASLEEP], ids=["table", "journal"])
def test_either_of_table_and_journal_is_enough(tmp_path: Path, prelude: str) -> None:
    run = Run(tmp_path / "site", python(prelude))
    with NotingSCP() as scp, ScriptedSCP(reject=(1, 1, 7)) as stranger:
        run.print_everything(scp, stranger)
    assert run.losses(moments(run, 0), tmp_path) == []
