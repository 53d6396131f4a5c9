"""A hot folder: what is complete, what is taken, what is rejected, and that nothing is twice."""

import fcntl
import os
import signal
import subprocess
import time
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from dicom_printer.hotfolder import REJECTED, HotFolder, Stability
from dicom_printer.spool import INCOMING, Spool
from dicom_printer.ticket import Ticket


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    made = tmp_path / "inbox"
    made.mkdir()
    return made


@pytest.fixture
def folder(inbox: Path, spool: Spool) -> HotFolder:
    return HotFolder(inbox, "P", spool, Stability(0))


def tickets(spool: Spool) -> list[Ticket]:
    return [spool.ticket(name, INCOMING) for name in spool.incoming()]


def rejected(inbox: Path) -> dict[str, str]:
    """Return the names in ``rejected/`` with their reasons."""
    found = {}
    for note in (inbox / REJECTED).glob("*.reason.txt"):
        target = note.with_name(note.name.removesuffix(".reason.txt"))
        assert os.path.lexists(target)
        found[target.name] = note.read_text(encoding="utf-8")
    return found


SMALL, LARGE = (1, 1, 10, 1), (1, 1, 20, 2)


def test_file_is_complete_when_it_has_stood_still() -> None:
    stability = Stability(2)
    assert stability.complete({"a": SMALL}, 100, set()) == []
    assert stability.complete({"a": SMALL}, 101.9, set()) == []
    assert stability.complete({"a": SMALL}, 102, set()) == ["a"]


def test_file_that_changes_has_to_stand_still_anew() -> None:
    stability = Stability(2)
    stability.complete({"a": SMALL}, 100, set())
    assert stability.complete({"a": LARGE}, 102, set()) == []
    assert stability.complete({"a": LARGE}, 103.9, set()) == []
    assert stability.complete({"a": LARGE}, 104, set()) == ["a"]


def test_file_that_was_renamed_to_its_name_is_complete_at_once() -> None:
    assert Stability(2).complete({"a": SMALL, "b": SMALL}, 100, {"a", "gone"}) == ["a"]


def test_file_that_went_away_is_forgotten() -> None:
    stability = Stability(2)
    stability.complete({"a": SMALL}, 100, set())
    assert stability.waiting()
    assert stability.complete({}, 101, set()) == []
    assert not stability.waiting()
    assert stability.complete({"a": SMALL}, 103, set()) == []


def test_document_is_taken_with_what_is_known_of_it(
    folder: HotFolder, inbox: Path, spool: Spool
) -> None:
    (inbox / "ward 3").mkdir()
    (inbox / "ward 3" / "Befund Ä.PDF").write_bytes(b"%PDF-1.4")
    assert folder.collect(0, set()) == 1
    (ticket,) = tickets(spool)
    assert (ticket.printer, ticket.source, ticket.document) == ("P", "hot folder", "document.pdf")
    assert (ticket.title, ticket.filename) == ("Befund Ä", "ward 3/Befund Ä.PDF")
    assert (spool.root / INCOMING / ticket.id / "document.pdf").read_bytes() == b"%PDF-1.4"
    assert list((inbox / "ward 3").iterdir()) == []


@pytest.mark.parametrize(
    "name",
    [".hidden.pdf", "~$lock.pdf", "a.pdf.part", "a.tmp", "A.CRDOWNLOAD", "a.pdf~", "Thumbs.db",
     ".hidden/a.pdf", "rejected/a.pdf"],
)  # fmt: skip
def test_unfinished_hidden_and_rejected_files_are_let_alone(
    folder: HotFolder, inbox: Path, spool: Spool, name: str
) -> None:
    (inbox / name).parent.mkdir(exist_ok=True)
    (inbox / name).write_bytes(b"%PDF-1.4")
    assert folder.collect(0, set()) == 0
    assert (inbox / name).exists()
    assert tickets(spool) == []
    assert not folder.stability.waiting()


def test_what_is_no_document_is_rejected_with_its_reason(
    folder: HotFolder, inbox: Path, spool: Spool, tmp_path: Path
) -> None:
    secret = tmp_path / "secret.pdf"
    secret.write_bytes(b"%PDF-1.4 secret")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "b.pdf").write_bytes(b"%PDF-1.4 secret")
    (inbox / "letter.docx").write_bytes(b"PK")
    (inbox / "link.pdf").symlink_to(secret)
    (inbox / "folder").symlink_to(tmp_path / "elsewhere")
    os.mkfifo(inbox / "pipe.pdf")
    assert folder.collect(0, set()) == 0
    reasons = rejected(inbox)
    assert reasons.keys() == {"letter.docx", "link.pdf", "folder", "pipe.pdf"}
    assert reasons["letter.docx"].startswith("letter.docx: only .jpeg, .jpg, .pdf,")
    assert "it is a link; put the document itself here" in reasons["link.pdf"]
    assert "it is a link" in reasons["folder"]
    assert "it is not a file" in reasons["pipe.pdf"]
    assert [entry.name for entry in inbox.iterdir()] == [REJECTED]
    assert secret.exists()
    assert (tmp_path / "elsewhere" / "b.pdf").exists()
    assert tickets(spool) == []


def test_rejected_name_is_never_written_over(folder: HotFolder, inbox: Path) -> None:
    for content in (b"first", b"second", b"third"):
        (inbox / "a.docx").write_bytes(content)
        folder.collect(0, set())
    assert rejected(inbox).keys() == {"a.docx", "1-a.docx", "2-a.docx"}
    assert (inbox / REJECTED / "a.docx").read_bytes() == b"first"


@pytest.mark.parametrize("name", [b"\xff\xfe.docx", "ü".encode() * 120 + b".docx", b"a\nb.docx"])
def test_odd_name_is_rejected_like_any(folder: HotFolder, inbox: Path, name: bytes) -> None:
    odd = inbox / os.fsdecode(name)
    odd.write_bytes(b"x")
    folder.collect(0, set())
    assert (inbox / REJECTED / odd.name).exists()
    assert len(list((inbox / REJECTED).glob("*.reason.txt"))) == 1
    assert folder.refused == set()


def test_odd_name_is_taken_like_any(folder: HotFolder, inbox: Path, spool: Spool) -> None:
    (inbox / os.fsdecode(b"\xff\n.pdf")).write_bytes(b"x")
    assert folder.collect(0, set()) == 1
    (ticket,) = tickets(spool)
    assert ticket.title == "\N{REPLACEMENT CHARACTER}\n"


def test_crash_between_commit_and_removal_is_told_by_the_dedup(
    folder: HotFolder, inbox: Path, spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(_: Path, missing_ok: bool = False) -> None:
        raise KeyboardInterrupt

    (inbox / "a.pdf").write_bytes(b"%PDF-1.4")
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Path, "unlink", die)
        folder.collect(0, set())
    assert HotFolder(inbox, "P", spool, Stability(0)).collect(0, set()) == 1
    first, second = tickets(spool)
    assert first.dedup == second.dedup != ""
    assert first.id != second.id

    (inbox / "a.pdf").write_bytes(b"%PDF-1.4")  # the same content again is another print
    folder.collect(0, set())
    assert len({ticket.dedup for ticket in tickets(spool)}) == 2


def test_file_that_changes_while_it_is_copied_is_read_again(
    folder: HotFolder, inbox: Path, spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Spool._copy

    def copied_while_it_grows(source: Any, target: Path) -> tuple[int, str]:
        found = whole(source, target)
        with (inbox / "a.pdf").open("ab") as file:
            file.write(b" more")
        return found

    (inbox / "a.pdf").write_bytes(b"%PDF-1.4")
    with monkeypatch.context() as patch:
        patch.setattr(Spool, "_copy", staticmethod(copied_while_it_grows))
        assert folder.collect(0, set()) == 0
    assert tickets(spool) == []
    assert folder.collect(0, set()) == 1
    (ticket,) = tickets(spool)
    document = spool.root / INCOMING / ticket.id / ticket.document
    assert document.read_bytes() == b"%PDF-1.4 more"


def test_file_that_somebody_writes_to_waits(folder: HotFolder, inbox: Path) -> None:
    with (inbox / "a.pdf").open("wb") as file:
        file.write(b"%PDF-1.4")
        file.flush()
        assert folder.collect(0, set()) == 0
        assert folder.collect(1000, {str(inbox / "a.pdf")}) == 0
    assert folder.collect(2000, set()) == 1


def test_writer_that_breaks_the_lease_does_not_end_the_service(
    folder: HotFolder, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard = []

    def note(number: int, _: FrameType | None) -> None:
        heard.append(number)

    whole = fcntl.fcntl
    writers = []

    def interrupted(descriptor: int, command: int, argument: int = 0) -> Any:
        found = whole(descriptor, command, argument)
        if (command, argument) == (fcntl.F_SETLEASE, fcntl.F_RDLCK):
            writers.append(subprocess.Popen(["sh", "-c", ': >> "$0"', str(inbox / "a.pdf")]))
            deadline = time.monotonic() + 10
            while whole(descriptor, fcntl.F_GETLEASE) != fcntl.F_UNLCK:
                assert time.monotonic() < deadline
        return found

    (inbox / "a.pdf").write_bytes(b"%PDF-1.4")
    before = signal.signal(signal.SIGIO, note)
    try:
        monkeypatch.setattr(fcntl, "fcntl", interrupted)
        folder.collect(0, set())
    finally:
        signal.signal(signal.SIGIO, before)
        for writer in writers:
            writer.wait(10)
    assert len(writers) == 1
    assert heard == [], "SIGIO ends a process that does not expect it"


def test_file_that_can_neither_be_taken_nor_rejected_is_tried_once(
    folder: HotFolder, inbox: Path, spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = []

    def refuse(path: Path, *_: object) -> None:
        tried.append(path.name)
        raise PermissionError(1, "Operation not permitted")

    (inbox / "a.docx").write_bytes(b"x")
    monkeypatch.setattr(Path, "rename", refuse)
    for _ in range(3):
        folder.collect(0, set())
    assert tried == ["a.docx"]
    assert folder.trouble() == f"hot folder {inbox}: 1 files cannot be taken out"
    (inbox / "a.docx").unlink()
    folder.collect(0, set())
    assert folder.trouble() == ""


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_unreadable_file_is_rejected(folder: HotFolder, inbox: Path) -> None:
    (inbox / "a.pdf").write_bytes(b"x")
    (inbox / "a.pdf").chmod(0)
    folder.collect(0, set())
    assert "it cannot be read: Permission denied" in rejected(inbox)["a.pdf"]


def test_file_that_fails_to_open_is_rejected(
    folder: HotFolder, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> int:
        raise PermissionError(13, "Permission denied")

    (inbox / "a.pdf").write_bytes(b"x")
    with monkeypatch.context() as patch:
        patch.setattr("dicom_printer.hotfolder.os.open", refuse)
        folder.collect(0, set())
    assert "it cannot be read: Permission denied" in rejected(inbox)["a.pdf"]


def test_full_spool_leaves_the_file_where_it_is(
    folder: HotFolder, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> tuple[int, str]:
        raise OSError(28, "No space left on device")

    (inbox / "a.pdf").write_bytes(b"x")
    with monkeypatch.context() as patch:
        patch.setattr(Spool, "_copy", staticmethod(full))
        assert folder.collect(0, set()) == 0
    assert (inbox / "a.pdf").exists()
    assert folder.collect(0, set()) == 1


def test_folder_that_is_not_there_is_trouble_and_nothing_worse(
    folder: HotFolder, inbox: Path
) -> None:
    assert folder.trouble() == ""
    inbox.rmdir()
    assert folder.collect(0, set()) == 0
    assert "not there; make it, or mount its share" in folder.trouble()
