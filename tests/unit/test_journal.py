"""The journal: what was appended is read, a torn end is not, and fences decide."""

import errno
import fcntl
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from dicom_printer import journal as journals
from dicom_printer.errors import SpoolError
from dicom_printer.journal import FILE_NAME, Accepted, Event, Journal, Line, OnFilm, State

JOB = "0" * 31 + "1"


def state(**values: Any) -> State:
    known: dict[str, Any] = {
        "printer": "P", "title": "", "user": "", "source": "test", "state": "running",
        "reason": "", "error": "", "snapshot": {"defaults": {}, "steps": []}, "step": 0,
        "attributes": {}, "attempt": 1, "failures": 0, "created": 1.0, "updated": 2.0,
    }  # fmt: skip
    return State(**(known | values))


def accepted(page: int = 1, remote: str = "pacs") -> Accepted:
    return Accepted(remote=remote, sop_instance_uid=f"2.25.{page}", page=page, status=0, at=3.0)


def film(**values: Any) -> OnFilm:
    known: dict[str, Any] = {"remote": "imager", "nth": 0, "number": 1, "pages": [1], "sent": 4}
    return OnFilm(**(known | values))


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    (tmp_path / JOB).mkdir()
    return Journal(tmp_path)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / JOB / FILE_NAME


def test_job_without_a_journal(journal: Journal) -> None:
    assert journal.read(JOB) is None
    assert journal.written(JOB) is None
    assert journal.read("not there") is None


def test_what_was_written_is_read(journal: Journal, place: Path) -> None:
    event = Event(at=1.0, what="step", detail="step 1 (set): done")
    journal.append(JOB, Line(fence=1, job=state(), event=event))
    journal.append(JOB, Line(accepted=[accepted(1)]))
    journal.append(JOB, Line(accepted=[accepted(2), accepted(1)]), durable=False)
    journal.append(JOB, Line(fence=1, job=state(state="done", step=1)))
    history = journal.read(JOB)
    assert history is not None and history.job is not None
    assert (history.job.state, history.job.step, history.fence) == ("done", 1, 1)
    assert list(history.accepted.values()) == [accepted(1), accepted(2)]
    assert history.events == [event]
    assert history.damaged == []
    assert place.stat().st_mode & 0o777 == 0o600
    assert journal.written(JOB) == place.stat().st_mtime


def test_films_come_and_go_by_their_key(journal: Journal) -> None:
    journal.append(JOB, Line(fence=1, job=state(), films={"a": film(), "b": film(number=2)}))
    journal.append(JOB, Line(fence=1, job=state(), films={"a": film(status=0)}))
    journal.append(JOB, Line(fence=1, job=state(), films={"b": None, "c": None}))
    history = journal.read(JOB)
    assert history is not None
    assert history.films == {"a": film(status=0)}


def test_who_lost_the_job_does_not_count_but_for_what_a_remote_has(journal: Journal) -> None:
    journal.append(JOB, Line(fence=1, job=state()))
    journal.append(JOB, Line(fence=3, job=state(state="held")))
    late = Event(at=1.0, what="done")
    late_films: dict[str, OnFilm | None] = {"a": film()}
    journal.append(
        JOB,
        Line(fence=2, job=state(state="done"), films=late_films, event=late, accepted=[accepted()]),
    )
    history = journal.read(JOB)
    assert history is not None and history.job is not None
    assert (history.job.state, history.fence, history.films) == ("held", 3, {})
    assert history.events == []
    assert list(history.accepted.values()) == [accepted()]


@pytest.mark.parametrize("torn", [b"{", b'{"v": 1, "fence": 9, "job": {"pri', b"\0" * 70_000])
def test_torn_end_is_left_out_and_cut_off(journal: Journal, place: Path, torn: bytes) -> None:
    journal.append(JOB, Line(fence=1, job=state()))
    whole = place.read_bytes()
    place.write_bytes(whole + torn)
    history = journal.read(JOB)
    assert history is not None
    assert (history.fence, history.damaged) == (1, [])
    journal.append(JOB, Line(accepted=[accepted()]))
    assert place.read_bytes().startswith(whole + b"{")
    assert place.read_bytes().count(b"\n") == 2


def test_torn_first_line_is_cut_off(journal: Journal, place: Path) -> None:
    place.write_bytes(b'{"v": 1, "fen')
    journal.append(JOB, Line(fence=1, job=state()))
    history = journal.read(JOB)
    assert history is not None
    assert (history.fence, history.damaged) == (1, [])


@pytest.mark.parametrize(
    "line", [b"nonsense", b"[1]", b'{"v": 2}', b'{"v": 1, "job": 3}', b"[" * 99_999, b"\xff"]
)
def test_line_that_cannot_be_read_is_named(journal: Journal, place: Path, line: bytes) -> None:
    journal.append(JOB, Line(fence=1, job=state()))
    place.write_bytes(place.read_bytes() + line + b"\n")
    journal.append(JOB, Line(fence=1, job=state(step=1)))
    history = journal.read(JOB)
    assert history is not None and history.job is not None
    assert (history.job.step, history.damaged) == (1, [2])


def test_directory_that_is_gone_needs_no_journal(journal: Journal, tmp_path: Path) -> None:
    journal.append("not there", Line(fence=1, job=state()))
    assert [path.name for path in tmp_path.iterdir()] == [JOB]


def test_journal_is_never_written_through_a_link(
    journal: Journal, place: Path, tmp_path: Path
) -> None:
    place.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(SpoolError, match="cannot be written"):
        journal.append(JOB, Line(fence=1, job=state()))
    assert not (tmp_path / "elsewhere").exists()


def test_full_disk_leaves_the_journal_as_it_was(
    journal: Journal, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal.append(JOB, Line(fence=1, job=state()))
    whole = place.read_bytes()
    write = os.write

    def full(descriptor: int, data: bytes) -> int:
        if len(data) < 30:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(descriptor, data[:30])

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(SpoolError, match="No space left on device; make room"):
        journal.append(JOB, Line(fence=2, job=state()))
    assert place.read_bytes() == whole


def test_durable_line_is_on_disk_and_so_is_the_name(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced = []
    monkeypatch.setattr(os, "fdatasync", lambda _: synced.append("line"))
    monkeypatch.setattr(journals, "fsync_directory", lambda path: synced.append(path.name))
    journal.append(JOB, Line(fence=1, job=state()))
    journal.append(JOB, Line(fence=1, job=state()))
    journal.append(JOB, Line(fence=1, job=state()), durable=False)
    assert synced == ["line", JOB, "line"]


def test_many_writers_tear_nothing(journal: Journal, place: Path) -> None:
    def write(number: int) -> None:
        for page in range(20):
            journal.append(JOB, Line(accepted=[accepted(100 * number + page)]), durable=False)

    threads = [threading.Thread(target=write, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    history = journal.read(JOB)
    assert history is not None
    assert (len(history.accepted), history.damaged) == (80, [])


def test_writer_that_stands_still_is_not_waited_for_for_ever(
    journal: Journal, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journals, "_LOCK_S", 0.0)
    with place.open("wb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(SpoolError, match="another process keeps it locked"):
            journal.append(JOB, Line(fence=1, job=state()))
