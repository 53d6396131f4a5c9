"""A hot folder: what is complete, what is taken, what is rejected, and that nothing is twice."""

import errno
import fcntl
import os
import signal
import subprocess
import time
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from dicom_printer import hotfolder
from dicom_printer.accounts import name_of
from dicom_printer.folder_listing import Stability, listing
from dicom_printer.hotfolder import HotFolder
from dicom_printer.spool import INCOMING, Spool
from dicom_printer.taking import REJECTED
from dicom_printer.ticket import Ticket


def cannot_be_taken() -> str:
    """Return what is said where the service's user may not remove a file."""
    who = name_of(os.geteuid())
    where = "on the folders that they lie in, and take the sticky bit from these"
    return f"1 files cannot be taken out; grant {who} rwx {where}"


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
    assert folder.troubles() == []


def test_odd_name_is_taken_like_any(folder: HotFolder, inbox: Path, spool: Spool) -> None:
    (inbox / os.fsdecode(b"\xff\n.pdf")).write_bytes(b"x")
    assert folder.collect(0, set()) == 1
    (ticket,) = tickets(spool)
    assert ticket.title == "\N{REPLACEMENT CHARACTER}\n"


class Died(BaseException):
    pass


@pytest.mark.parametrize("name", ["a.pdf", "ü" * 120 + ".pdf"])
def test_crash_between_commit_and_removal_is_told_by_the_dedup(
    folder: HotFolder, inbox: Path, spool: Spool, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    def die(*_: object, **__: object) -> None:
        raise Died

    (inbox / name).write_bytes(b"%PDF-1.4")
    with monkeypatch.context() as patch, pytest.raises(Died):
        patch.setattr(os, "unlink", die)
        folder.collect(0, set())
    (left,) = inbox.iterdir()
    assert left.name.startswith(".taking-")
    assert HotFolder(inbox, "P", spool, Stability(0)).collect(0, set()) == 1
    first, second = tickets(spool)
    assert first.dedup == second.dedup != ""
    assert first.id != second.id
    if name == "a.pdf":
        assert first.title == second.title == "a"
        assert first.filename == second.filename == "a.pdf"
    assert list(inbox.iterdir()) == []

    (inbox / name).write_bytes(b"%PDF-1.4")  # the same content again is another print
    folder.collect(0, set())
    assert len({ticket.dedup for ticket in tickets(spool)}) == 2


def test_crash_before_the_commit_loses_nothing(
    folder: HotFolder, inbox: Path, spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object) -> None:
        raise Died

    (inbox / "a.pdf").write_bytes(b"%PDF-1.4")
    with monkeypatch.context() as patch, pytest.raises(Died):
        patch.setattr(Path, "rename", die)  # the spool's, when the file has its hidden name
        folder.collect(0, set())
    assert tickets(spool) == []
    assert [path.name.startswith(".taking-") for path in inbox.iterdir()] == [True]
    assert HotFolder(inbox, "P", spool, Stability(0)).collect(0, set()) == 1
    (ticket,) = tickets(spool)
    assert (ticket.title, ticket.document) == ("a", "document.pdf")
    assert list(inbox.iterdir()) == []


def documents(spool: Spool) -> list[bytes]:
    return sorted((spool.root / INCOMING / t.id / t.document).read_bytes() for t in tickets(spool))


def put(inbox: Path, name: str, content: bytes) -> None:
    """Rename a complete file to a name, as a scanner does, over what has it."""
    (inbox / ".new").write_bytes(content)
    (inbox / ".new").rename(inbox / name)


def test_second_document_under_the_same_name_is_another_job(
    folder: HotFolder, inbox: Path, spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Spool.commit

    def replaced_meanwhile(*arguments: Any, **keywords: Any) -> Ticket:
        found = whole(*arguments, **keywords)
        put(inbox, "a.pdf", b"%PDF second")
        return found

    put(inbox, "a.pdf", b"%PDF first")
    with monkeypatch.context() as patch:
        patch.setattr(Spool, "commit", replaced_meanwhile)
        assert folder.collect(0, set()) == 1
    assert (inbox / "a.pdf").read_bytes() == b"%PDF second"
    assert folder.collect(1, set()) == 1
    assert documents(spool) == [b"%PDF first", b"%PDF second"]


@pytest.mark.parametrize("links", [True, False])
def test_second_document_that_came_before_the_first_was_claimed(
    folder: HotFolder, inbox: Path, spool: Spool, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    whole = os.rename

    def replaced_meanwhile(source: str, target: str, **places: int) -> None:
        monkeypatch.setattr(os, "rename", whole)
        put(inbox, "a.pdf", b"%PDF second")
        whole(source, target, **places)

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    put(inbox, "a.pdf", b"%PDF first")
    monkeypatch.setattr(os, "rename", replaced_meanwhile)
    if not links:
        monkeypatch.setattr(os, "link", refuse)
    assert folder.collect(0, set()) == 0
    assert [path.name == "a.pdf" for path in inbox.iterdir()] == [links]
    assert folder.collect(1, set()) == 1
    (ticket,) = tickets(spool)
    assert (ticket.title, documents(spool)) == ("a", [b"%PDF second"])
    assert list(inbox.iterdir()) == []
    assert folder.troubles() == []


def test_file_that_was_being_put_back_at_a_crash_is_one_job(
    folder: HotFolder, inbox: Path, spool: Spool
) -> None:
    (inbox / "a.pdf").write_bytes(b"%PDF-1.4")
    os.link(inbox / "a.pdf", inbox / ".taking-0123456789abcdef-a.pdf")
    assert folder.collect(0, set()) == 1
    assert folder.collect(1, set()) == 0
    assert list(inbox.iterdir()) == []


def test_another_file_that_would_be_rejected_unread_comes_back(
    folder: HotFolder, inbox: Path, spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = os.rename

    def replaced_meanwhile(source: str, target: str, **places: int) -> None:
        monkeypatch.setattr(os, "rename", whole)
        put(inbox, "a.pdf", b"%PDF second")
        whole(source, target, **places)

    (inbox / "a.pdf").symlink_to("nowhere")
    monkeypatch.setattr(os, "rename", replaced_meanwhile)
    folder.collect(0, set())
    assert rejected(inbox) == {}
    assert folder.collect(1, set()) == 1
    assert documents(spool) == [b"%PDF second"]


def test_file_that_is_not_the_listed_one_by_now_has_to_stand_still_anew(
    inbox: Path, spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = HotFolder(inbox, "P", spool, Stability(2))
    whole = listing

    def late(*arguments: Any) -> Any:
        found = whole(*arguments)
        with (inbox / "a.pdf").open("ab") as file:
            file.write(b" more")
        return found

    (inbox / "a.pdf").write_bytes(b"%PDF-1.4")
    folder.collect(0, set())
    with monkeypatch.context() as patch:
        patch.setattr("dicom_printer.hotfolder.listing", late)
        assert folder.collect(2, set()) == 0
    assert folder.collect(3, set()) == 0
    assert folder.collect(5, set()) == 1
    assert documents(spool) == [b"%PDF-1.4 more"]


def test_link_that_took_the_place_of_a_folder_is_not_followed(
    folder: HotFolder, inbox: Path, spool: Spool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (inbox / "sub").mkdir()
    (inbox / "sub" / "document.pdf").write_bytes(b"%PDF mine")
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "document.pdf").write_bytes(b"%PDF another patient")
    whole = listing

    def swapped(*arguments: Any) -> Any:
        found = whole(*arguments)
        (inbox / "sub").rename(inbox / ".away")
        (inbox / "sub").symlink_to(tmp_path / "secret")
        return found

    monkeypatch.setattr("dicom_printer.hotfolder.listing", swapped)
    assert folder.collect(0, set()) == 0
    assert tickets(spool) == []
    assert (tmp_path / "secret" / "document.pdf").exists()


def test_rejected_that_is_a_link_is_not_written_through(
    folder: HotFolder, inbox: Path, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (inbox / REJECTED).symlink_to(tmp_path / "elsewhere")
    (inbox / "a.docx").write_bytes(b"x")
    folder.collect(0, set())
    assert list((tmp_path / "elsewhere").iterdir()) == []
    assert (inbox / "a.docx").exists()
    assert folder.troubles() == [f"hot folder {inbox}: {cannot_be_taken()}"]


def test_note_that_is_a_link_is_not_written_through(
    folder: HotFolder, inbox: Path, tmp_path: Path
) -> None:
    victim = tmp_path / "jobs.sqlite3"
    victim.write_bytes(b"the job table")
    (inbox / REJECTED).mkdir()
    (inbox / REJECTED / "a.docx.reason.txt").symlink_to(victim)
    (inbox / "a.docx").write_bytes(b"x")
    folder.collect(0, set())
    assert victim.read_bytes() == b"the job table"
    assert "only" in (inbox / REJECTED / "1-a.docx.reason.txt").read_text()
    assert (inbox / REJECTED / "1-a.docx").read_bytes() == b"x"


def test_folder_in_which_only_the_owner_may_remove(
    folder: HotFolder, inbox: Path, spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    (inbox / "a.pdf").write_bytes(b"%PDF-1.4")
    inbox.chmod(0o1777)
    with monkeypatch.context() as patch:
        patch.setattr(os, "geteuid", lambda: os.getuid() + 1)
        for again in (folder, HotFolder(inbox, "P", spool, Stability(0))):
            assert again.collect(0, set()) == 0
            assert again.troubles() == [f"hot folder {inbox}: {cannot_be_taken()}"]
            assert not again.waiting()
    assert tickets(spool) == []
    assert folder.collect(1, set()) == 0
    with (inbox / "a.pdf").open("ab") as file:
        file.write(b" another")
    assert folder.collect(2, set()) == 1, "another file of the name was refused with the first"


def test_file_that_cannot_be_renamed_is_not_printed(
    folder: HotFolder, inbox: Path, spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    (inbox / "a.pdf").write_bytes(b"%PDF-1.4")
    with monkeypatch.context() as patch:
        patch.setattr(os, "rename", refuse)
        assert folder.collect(0, set()) == 0
    assert tickets(spool) == []
    assert folder.troubles() == [f"hot folder {inbox}: {cannot_be_taken()}"]
    assert (inbox / "a.pdf").exists()


def test_file_that_cannot_be_removed_is_called_that_and_printed_once(
    folder: HotFolder, inbox: Path, spool: Spool, monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    (inbox / "a.pdf").write_bytes(b"%PDF-1.4")
    monkeypatch.setattr(os, "unlink", refuse)
    assert folder.collect(0, set()) == 1
    assert folder.collect(100_000, set()) == 0
    assert "is in the spool and cannot be removed: Operation not permitted" in caplog.text
    assert "cannot be read" not in caplog.text
    assert folder.troubles() == [f"hot folder {inbox}: {cannot_be_taken()}"]
    HotFolder(inbox, "P", spool, Stability(0)).collect(0, set())
    assert len({ticket.dedup for ticket in tickets(spool)}) == 1, "the second would be dropped"


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

    def refuse(name: str, *_: object, **__: object) -> None:
        tried.append(name)
        raise PermissionError(1, "Operation not permitted")

    (inbox / "a.docx").write_bytes(b"x")
    monkeypatch.setattr(os, "rename", refuse)
    for _ in range(3):
        folder.collect(0, set())
    assert tried == ["a.docx"]
    assert folder.troubles() == [f"hot folder {inbox}: {cannot_be_taken()}"]
    assert list((inbox / REJECTED).iterdir()) == []
    (inbox / "a.docx").unlink()
    folder.collect(0, set())
    assert folder.troubles() == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_unreadable_file_is_rejected(folder: HotFolder, inbox: Path) -> None:
    (inbox / "a.pdf").write_bytes(b"x")
    (inbox / "a.pdf").chmod(0)
    folder.collect(0, set())
    assert "it cannot be read: Permission denied" in rejected(inbox)["a.pdf"]


def opening(monkeypatch: pytest.MonkeyPatch, error: OSError) -> None:
    """Let every document fail to open."""
    whole = os.open

    def refuse(path: str, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        if path == "a.pdf":
            raise error
        return whole(path, flags, mode, dir_fd=dir_fd)

    monkeypatch.setattr(os, "open", refuse)


def test_file_that_may_not_be_read_is_rejected(
    folder: HotFolder, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (inbox / "a.pdf").write_bytes(b"x")
    opening(monkeypatch, PermissionError(13, "Permission denied"))
    folder.collect(0, set())
    assert "it cannot be read: Permission denied" in rejected(inbox)["a.pdf"]


@pytest.mark.parametrize("number", [errno.EMFILE, errno.EIO, errno.ESTALE])
def test_file_that_cannot_be_opened_now_waits_alone(
    folder: HotFolder, inbox: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    for name in ("a.pdf", "b.pdf"):
        (inbox / name).write_bytes(b"x")
    with monkeypatch.context() as patch:
        opening(patch, OSError(number, os.strerror(number)))
        assert folder.collect(0, set()) == 1
    assert [path.name for path in inbox.iterdir()] == ["a.pdf"]
    assert f"1 files wait: {os.strerror(number)}" in folder.troubles()[0]
    assert folder.collect(29, set()) == 0
    assert folder.collect(30, set()) == 1
    assert folder.troubles() == []


def test_full_spool_is_a_trouble_and_is_not_tried_all_the_time(
    folder: HotFolder, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = []

    def full(*_: object) -> tuple[int, str]:
        tried.append(1)
        raise OSError(28, "No space left on device")

    (inbox / "a.pdf").write_bytes(b"x")
    with monkeypatch.context() as patch:
        patch.setattr(Spool, "_copy", staticmethod(full))
        for now in (0, 1, 29):
            assert folder.collect(now, set()) == 0
    assert len(tried) == 1
    assert not folder.waiting()
    assert "1 files wait: document cannot be put into the spool" in folder.troubles()[0]
    assert (inbox / "a.pdf").exists()
    assert folder.collect(30, set()) == 1
    assert folder.troubles() == []


def test_file_for_which_the_spool_has_no_room_is_not_copied(
    folder: HotFolder, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (inbox / "a.pdf").write_bytes(b"x")
    with monkeypatch.context() as patch:
        patch.setattr(Spool, "free", lambda _: hotfolder._RESERVE)
        patch.setattr(Spool, "commit", None)
        assert folder.collect(0, set()) == 0
    assert folder.troubles() == [
        f"hot folder {inbox}: 1 files wait: no room in the spool; make room on its file system"
    ]
    assert folder.collect(30, set()) == 1


def test_commit_that_is_not_certain_is_handed_over_again_as_the_same(
    folder: HotFolder, inbox: Path, spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = os.fsync

    def fail(descriptor: int) -> None:
        if Path(f"/proc/self/fd/{descriptor}").readlink().name == INCOMING:
            raise OSError(5, "Input/output error")
        whole(descriptor)

    (inbox / "a.pdf").write_bytes(b"x")
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        assert folder.collect(0, set()) == 0
        assert folder.collect(1, set()) == 0
    assert folder.collect(30, set()) == 1
    assert len({ticket.dedup for ticket in tickets(spool)}) == 1
    assert list(inbox.iterdir()) == []


def test_share_that_grants_no_lease_does_not_hold_files_back(
    folder: HotFolder, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(_: int, command: int, argument: int = 0) -> int:
        if command == fcntl.F_SETLEASE:
            raise BlockingIOError(11, "Resource temporarily unavailable")
        return 0

    (inbox / "a.pdf").write_bytes(b"x")
    monkeypatch.setattr(fcntl, "fcntl", none)
    assert folder.collect(0, set()) == 0
    monkeypatch.setattr("dicom_printer.hotfolder.needs_polling", lambda _: True)
    assert folder.collect(1, set()) == 1


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.ENOENT, "not there; make it, or mount its share"),
        (errno.EACCES, "the service may not take files out; grant it rwx"),
        (errno.ESTALE, "cannot be opened: Stale file handle; see its mount"),
    ],
)
def test_folder_that_cannot_be_opened_is_trouble_and_nothing_worse(
    folder: HotFolder, inbox: Path, monkeypatch: pytest.MonkeyPatch, number: int, said: str
) -> None:
    def refuse(*_: object, **__: object) -> int:
        raise OSError(number, os.strerror(number))

    (inbox / "a.pdf").write_bytes(b"x")
    HotFolder(inbox, "P", folder.spool, Stability(60)).collect(0, set())
    with monkeypatch.context() as patch:
        patch.setattr(os, "open", refuse)
        assert folder.collect(0, set()) == 0
    assert folder.troubles() == [f"hot folder {inbox}: {said}"]
    assert not folder.waiting()
    assert folder.collect(1, set()) == 1
    assert folder.troubles() == []


def test_subfolder_that_cannot_be_looked_into_is_trouble(folder: HotFolder, inbox: Path) -> None:
    deep = inbox.joinpath(*["d"] * 70)
    deep.mkdir(parents=True)
    (inbox / "a.pdf").write_bytes(b"x")
    assert folder.collect(0, set()) == 1
    assert folder.troubles() == [
        f"hot folder {inbox}: 1 subfolders cannot be looked into; grant rwx"
    ]


def test_two_nodes_at_one_folder_take_each_file_once(
    inbox: Path, spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = (HotFolder(inbox, "P", spool, Stability(0)) for _ in "ab")
    for number in range(3):
        (inbox / f"{number}.pdf").write_bytes(b"%PDF-1.4 " + bytes([number]))
    commit = Spool.commit
    taken: list[int] = []

    def slow(*args: object, **values: object) -> Ticket:
        """Let the other node take what is there while this one is reading."""
        monkeypatch.setattr(Spool, "commit", commit)
        taken.append(other.collect(2.0, set()))
        return commit(*args, **values)  # type: ignore[arg-type]

    monkeypatch.setattr(Spool, "commit", slow)
    taken.append(one.collect(1.0, set()))
    assert sum(taken) == 3
    assert len({ticket.dedup for ticket in tickets(spool)}) == 3
    assert [*inbox.iterdir()] == []
    assert (one.troubles(), other.troubles()) == ([], [])
