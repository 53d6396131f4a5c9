from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from dicom_printer import config as configuration
from dicom_printer.cli import known
from dicom_printer.cli.known import NAME, Known, Remote
from dicom_printer.config import load, read
from dicom_printer.errors import ConfigError

CONFIG = """
[service]
spool = "spool"
min_free = "1M"

[remote.pacs]
ae_title = "PACS"
host = "${PACS_HOST:-pacs.example}"
port = 104

[printer.P]
workflow = "w"
hot_folders = ["scans"]

[workflow]
w = []
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "spool").mkdir()
    made = tmp_path / "dicom-printer.toml"
    made.write_text(CONFIG)
    return made


def learn(path: Path) -> Known:
    found = known.of(load(path))
    known.keep(found, known.digest(path, read(path)[0]))
    return found


def kept(path: Path) -> Known | None:
    return known.kept(path, *read(path))


def test_what_is_kept_is_what_the_models_have_made(path: Path, tmp_path: Path) -> None:
    assert kept(path) is None
    found = learn(path)
    assert found.remotes == {"pacs": Remote("PACS", "pacs.example", 104)}
    assert found.printers == {"P": [str(tmp_path / "scans")]}
    assert (found.spool, found.min_free, found.embedded) == (tmp_path / "spool", 1 << 20, True)
    assert kept(path) == found
    assert (tmp_path / "spool" / NAME).stat().st_mode & 0o777 == 0o600
    assert [p.name for p in (tmp_path / "spool").iterdir()] == [NAME]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("port = 104", "prot = 104"),
        ("port = 104", "port = 105"),
        ('min_free = "1M"', 'min_free = "2M"'),
        ('workflow = "w"', 'workflow = "v"'),
        ("w = []", "w = [{}]"),
        ('"spool"', '"elsewhere"'),
    ],
)
def test_a_file_that_was_changed_is_checked(path: Path, old: str, new: str) -> None:
    learn(path)
    path.write_text(CONFIG.replace(old, new))
    assert kept(path) is None
    path.write_text(f"# only a remark\n{CONFIG}")
    assert kept(path) is not None


def test_so_is_one_with_another_environment(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    learn(path)
    monkeypatch.setenv("PACS_HOST", "other.example")
    assert kept(path) is None
    path.write_text(CONFIG.replace(":-pacs.example", ""))
    monkeypatch.delenv("PACS_HOST")
    assert kept(path) is None, "a variable that is not set is a mistake"


def test_so_is_the_same_in_another_place(path: Path, tmp_path: Path) -> None:
    path.write_text(CONFIG.replace('"spool"', f'"{tmp_path / "spool"}"'))
    learn(path)
    (tmp_path / "copy").mkdir()
    assert kept(path.rename(tmp_path / "copy" / "dicom-printer.toml")) is None


def test_another_version_has_its_own_word(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    learn(path)
    monkeypatch.setattr(known, "__version__", "9")
    assert kept(path) is None


@pytest.mark.parametrize("spool", ["", "spool = 3\n", 'spool = "a\\u0000b"\n'])
def test_without_a_spool_nothing_is_known(path: Path, spool: str) -> None:
    path.write_text(f"[service]\n{spool}")
    assert kept(path) is None
    path.write_text("service = 1")
    assert kept(path) is None


def test_no_file_is_the_same_error_as_ever(path: Path) -> None:
    path.unlink()
    with pytest.raises(ConfigError, match="cannot be read"):
        kept(path)


@pytest.mark.parametrize("change", [
    {"remotes": []}, {"remotes": {"a": {}}}, {"digest": 1}, {"printers": []}, {"min_free": "x"},
    {"remotes": {"a": {"ae_title": "A", "host": "h", "port": "104"}}}, {"min_free": None},
    {"remotes": {"a": {"ae_title": "A", "host": 1, "port": 104}}}, {"printers": {"P": "/scans"}},
    {"printers": {"P": [1]}}, {"printers": {"P": ["a\0b"]}}, {"min_free": True},
])  # fmt: skip
def test_what_somebody_spoilt_is_made_anew(
    path: Path, tmp_path: Path, change: dict[str, object]
) -> None:
    learn(path)
    file = tmp_path / "spool" / NAME
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    assert kept(path) is None
    for text in ("", "[]", "{}", "[" * 100_000, "\0"):
        file.write_text(text)
        assert kept(path) is None
    learn(path)
    assert kept(path) is not None


def test_no_link_is_followed_and_no_pipe_waited_for(path: Path, tmp_path: Path) -> None:
    learn(path)
    file = tmp_path / "spool" / NAME
    file.rename(tmp_path / "elsewhere")
    file.symlink_to(tmp_path / "elsewhere")
    assert kept(path) is None
    file.unlink()
    os.mkfifo(file)
    assert kept(path) is None


def test_a_database_with_its_password_is_not_kept(path: Path, tmp_path: Path) -> None:
    database = 'database = "postgresql+psycopg://me:secret@db/printer"'
    path.write_text(CONFIG.replace("[service]", f"[service]\n{database}"))
    assert not learn(path).embedded
    assert list((tmp_path / "spool").iterdir()) == []


def test_where_nothing_can_be_kept_looking_goes_on(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "open", full)
    learn(path)
    monkeypatch.undo()
    assert list((tmp_path / "spool").iterdir()) == []


def test_whatever_stands_in_the_package_can_be_asked_for() -> None:
    for name in configuration.__all__:
        assert getattr(configuration, name).__name__ in {name, "Annotated"} or name == "Regex"
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        configuration.nothing  # type: ignore[attr-defined]  # noqa: B018
