"""The bell: which file systems are polled, and what it hears of the others."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from real_peers import wait_until

from dicom_printer import bell
from dicom_printer.bell import Bell, Watched, filesystem, needs_polling

MOUNTS = r"""23 22 0:21 / /proc rw,nosuid shared:2 - proc proc rw
30 22 0:40 / /srv/scans rw,relatime shared:5 - nfs4 nas:/scans rw,vers=4.2
31 30 8:2 / /srv/scans/local rw - xfs /dev/sdb1 rw
32 22 0:41 / /mnt/two\040words rw,relatime - cifs //nas/share rw
33 22 0:42 / /mnt/tab\011here rw,relatime - cifs //nas/share rw
34 22 0:43 / /over rw,relatime - tmpfs tmpfs rw
35 34 0:44 / /over rw,relatime - fuse.sshfs there:/ rw
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
not a line of it
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "ext4"),
        ("/srv", "ext4"),
        ("/srv/scans", "nfs4"),
        ("/srv/scans/monday", "nfs4"),
        ("/srv/scans-old", "ext4"),  # its name begins alike, and that is all
        ("/srv/scans/local/x", "xfs"),
        ("/mnt/two words/x", "cifs"),
        ("/mnt/two", "ext4"),
        ("/mnt/tab\there", "cifs"),
        ("/over/x", "fuse.sshfs"),  # the later mount hides the earlier one
    ],
)
def test_file_system_of_a_path(path: str, kind: str) -> None:
    assert filesystem(Path(path), MOUNTS) == kind


def test_file_system_that_cannot_be_told() -> None:
    assert filesystem(Path("/srv"), "") == ""


def test_local_directory_is_not_polled(tmp_path: Path) -> None:
    assert not needs_polling(tmp_path)


class Rung:
    """Counts, and can be waited for."""

    def __init__(self) -> None:
        self.event = threading.Event()

    def __call__(self) -> None:
        self.event.set()

    def heard(self) -> bool:
        heard = self.event.wait(10)
        self.event.clear()
        return heard


@pytest.fixture
def rung() -> Rung:
    return Rung()


@pytest.fixture
def rings(rung: Rung) -> Iterator[Bell]:
    made = Bell(rung)
    yield made
    made.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "folder" / "sub").mkdir(parents=True)
    return tmp_path / "folder"


def peek(rings: Bell) -> set[str]:
    with rings._lock:
        return set(rings._moved)


def test_file_that_is_renamed_in_is_known_as_such_and_one_that_is_written_is_not(
    rings: Bell, rung: Rung, folder: Path, tmp_path: Path
) -> None:
    rings.watch(folder, recursive=True)
    (folder / "written.pdf").write_bytes(b"x")
    assert rung.heard()
    outside = tmp_path / "outside.pdf"
    outside.write_bytes(b"x")
    outside.rename(folder / "sub" / "renamed.pdf")
    wait_until(lambda: bool(peek(rings)), "the move")
    assert rings.moved() == {str(folder / "sub" / "renamed.pdf")}
    assert rings.moved() == set()


def test_file_that_is_written_to_after_it_was_renamed_is_not_complete_by_that(
    rings: Bell, folder: Path
) -> None:
    rings.watch(folder, recursive=True)
    (folder / "a.part").write_bytes(b"x")
    (folder / "a.part").rename(folder / "a.pdf")
    with (folder / "a.pdf").open("ab") as file:
        file.write(b"y")
    (folder / "last.part").write_bytes(b"x")
    (folder / "last.part").rename(folder / "last.pdf")
    wait_until(lambda: str(folder / "last.pdf") in peek(rings), "the last move")
    assert str(folder / "a.pdf") not in peek(rings)


def test_polling_rings_too(
    rings: Bell, rung: Rung, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bell, "needs_polling", lambda _: True)
    monkeypatch.setattr(bell, "POLL_S", 0.05)
    rings.watch(folder, recursive=True)
    (folder / "a.pdf").write_bytes(b"x")
    assert rung.heard()


def test_polling_is_not_believed_that_a_file_was_renamed(
    rings: Bell, rung: Rung, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bell, "needs_polling", lambda _: True)
    monkeypatch.setattr(bell, "POLL_S", 0.05)
    (folder / "a.pdf").write_bytes(b"x")
    rings.watch(folder, recursive=True)
    (folder / "a.pdf").rename(folder / "b.pdf")  # so looks the next file of the same inode
    assert rung.heard()
    (folder / "sub" / "last.pdf").write_bytes(b"x")
    assert rung.heard()
    assert rings.moved() == set()


def test_bell_whose_watcher_died_is_not_alive(rings: Bell, folder: Path) -> None:
    rings.watch(folder, recursive=True)
    assert rings.alive()
    (observer,) = rings._observers.values()
    observer.stop()
    observer.join()
    assert not rings.alive()


def test_directory_that_is_not_there_cannot_be_watched(rings: Bell, tmp_path: Path) -> None:
    with pytest.raises(OSError):
        rings.watch(tmp_path / "missing", recursive=True)


def test_directory_that_appears_later_is_watched(rung: Rung, tmp_path: Path) -> None:
    watched = Watched(tmp_path / "later" / "folder", rung, recursive=True)
    watched.watch()
    (tmp_path / "later" / "folder").mkdir(parents=True)
    watched.watch()
    watched.watch()
    (tmp_path / "later" / "folder" / "a.pdf").write_bytes(b"x")
    assert rung.heard()
    watched.close()


def test_directory_that_may_not_be_looked_at_is_no_error(
    rung: Rung, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Path) -> bool:
        raise PermissionError(13, "Permission denied")

    watched = Watched(tmp_path, rung, recursive=True)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "is_dir", refuse)
        watched.watch()
    watched.watch()
    (tmp_path / "a.pdf").write_bytes(b"x")
    assert rung.heard()
    watched.close()


def test_watcher_that_died_is_started_again(rung: Rung, tmp_path: Path) -> None:
    watched = Watched(tmp_path, rung, recursive=True)
    watched.watch()
    (observer,) = watched._bell._observers.values()
    observer.stop()
    observer.join()
    watched.watch()
    (tmp_path / "a.pdf").write_bytes(b"x")
    assert rung.heard()
    watched.close()
