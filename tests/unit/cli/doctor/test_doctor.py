"""The verb: in what order it looks, what it shows, its exit code."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from dicom_printer.cli import doctor as verb
from dicom_printer.cli import main
from dicom_printer.cli.doctor.finding import Finding, fine, warning, wrong

CONFIG = '[service]\nspool = "spool"\n'


@pytest.fixture(autouse=True)
def looked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Let nothing of this machine be looked at; return what would have been."""
    seen: list[str] = []

    def nothing(name: str) -> object:
        def look(*_: object) -> Iterator[Finding]:
            seen.append(name)
            yield fine(name, "[bold]fine\x1b")

        return look

    for module, names in {
        verb.machine: ["look"], verb.printing: ["look"], verb.unit: ["look"],
        verb.places: ["spool", "database", "service", "hot_folders"], verb.remotes: ["look"],
    }.items():  # fmt: skip
        for name in names:
            place = f"{module.__name__.rpartition('.')[2]}.{name}"
            monkeypatch.setattr(module, name, nothing(place))
    return seen


def test_everything_is_looked_at_roots_part_first(
    looked: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    Path("dicom-printer.toml").write_text(CONFIG)
    Path("spool").mkdir()
    assert main(["doctor"]) == 0
    assert looked == [
        "machine.look", "printing.look", "unit.look",
        "places.spool", "places.database", "places.service", "places.hot_folders", "remotes.look",
    ]  # fmt: skip
    out = capsys.readouterr().out
    assert "fine     configuration: " in out
    assert "[bold]fine�" in out
    assert out.endswith("\n9 fine\n")


def test_without_a_configuration_the_machine_is_looked_at(looked: list[str]) -> None:
    assert main(["doctor"]) == 1
    assert looked == ["machine.look"]


def test_a_configuration_that_is_not_for_everybody(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object, **__: object) -> str:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_text", refuse)
    assert main(["doctor"]) == 0
    assert "not seen configuration: " in capsys.readouterr().out


def test_a_mistake_hides_nothing_else(
    looked: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    Path("dicom-printer.toml").write_text(f"{CONFIG}[workflow]\nw = []\n")
    assert main(["doctor", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found[0]["grade"] == "wrong"
    assert "workflow.w: has no steps" in found[0]["found"]
    assert looked[-1] == "remotes.look"


@pytest.mark.parametrize(("finding", "code"), [(warning, 0), (wrong, 1)])
def test_only_what_is_wrong_sets_the_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], finding: object, code: int
) -> None:
    Path("dicom-printer.toml").write_text(CONFIG)
    monkeypatch.setattr(verb.machine, "look", lambda: [finding("x", "y", "do z")])  # type: ignore[operator]
    assert main(["doctor"]) == code
    assert "         -> do z" in capsys.readouterr().out
