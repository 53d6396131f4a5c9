"""What lies in a folder: files that stood still, and nothing that lies elsewhere."""

import errno
import os
from pathlib import Path

import pytest

from dicom_printer.folder_listing import Entry, Stability, listing, opened

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


def test_waiting_counts_only_what_may_be_taken_soon() -> None:
    stability = Stability(2)
    stability.complete({"a": SMALL, "b": SMALL}, 100, set())
    assert stability.waiting({"a"})
    assert not stability.waiting({"a", "b"})


def look(path: Path) -> tuple[list[Entry], int]:
    top = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        return listing(top, lambda _folder, name, _is_directory: not name.startswith("."))
    finally:
        os.close(top)


def names(path: Path) -> list[str]:
    return ["/".join((*entry.folder, entry.name)) for entry in look(path)[0]]


def test_listing_names_files_and_links_and_follows_none(tmp_path: Path) -> None:
    (tmp_path / "folder" / "a" / "b").mkdir(parents=True)
    (tmp_path / "folder" / ".hidden").mkdir()
    (tmp_path / "elsewhere").mkdir()
    for name in ("1", "a/2", "a/b/3", ".4", ".hidden/5", "../elsewhere/6"):
        (tmp_path / "folder" / name).touch()
    (tmp_path / "folder" / "a" / "link").symlink_to(tmp_path / "elsewhere")
    assert names(tmp_path / "folder") == ["1", "a/2", "a/link", "a/b/3"]


def test_link_in_the_place_of_a_directory_leads_nowhere(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "elsewhere" / "below").mkdir(parents=True)
    (tmp_path / "folder" / "a").symlink_to(tmp_path / "elsewhere")
    top = os.open(tmp_path / "folder", os.O_RDONLY | os.O_DIRECTORY)
    try:
        for folder in (("a",), ("a", "below")):
            with pytest.raises(NotADirectoryError), opened(top, folder):
                pass
    finally:
        os.close(top)


@pytest.mark.parametrize("number", [errno.EACCES, errno.ESTALE, errno.EIO])
def test_what_cannot_be_looked_at_hides_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    for name in ("bad", "good"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").touch()
    (tmp_path / "good" / "another").touch()
    whole = os.stat

    def stat(path: str, **keywords: int) -> os.stat_result:
        directory = Path(f"/proc/self/fd/{keywords.get('dir_fd', 0)}").readlink()
        if directory.name == "bad" or path == "another":
            raise OSError(number, os.strerror(number))
        return whole(path, **keywords)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(os, "stat", stat)
        entries, unseen = look(tmp_path)
    assert [(entry.folder, entry.name) for entry in entries] == [(("good",), "file")]
    assert unseen == 2


def test_depth_without_end_is_not_followed(tmp_path: Path) -> None:
    deep = tmp_path
    for _ in range(70):
        deep /= "d"
    deep.mkdir(parents=True)
    (deep / "file").touch()
    (tmp_path / "file").touch()
    entries, unseen = look(tmp_path)
    assert [entry.folder for entry in entries] == [()]
    assert unseen == 1
