"""The verb: in what order it looks, what it shows, its exit code."""

from __future__ import annotations

import json
import os
import pwd
import tempfile
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from dicom_printer.cli import doctor as verb
from dicom_printer.cli import main
from dicom_printer.cli.doctor import bounded
from dicom_printer.cli.doctor.finding import Finding, fine, warning, wrong

NOBODY = pwd.getpwnam("nobody")
CONFIG = '[service]\nspool = "spool"\n'


@pytest.fixture(autouse=True)
def _nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nothing of this machine be looked at; what would have been is a finding."""

    def nothing(name: str) -> object:
        def look(*_: object, **__: object) -> Iterator[Finding]:
            yield fine(name, "[bold]fine\x1b")

        return look

    for module, names in {
        verb.machine: ["look"], verb.printing: ["look"], verb.unit: ["look"],
        verb.places: ["spool", "database", "service", "hot_folder"], verb.remotes: ["look"],
    }.items():  # fmt: skip
        for name in names:
            place = f"{module.__name__.rpartition('.')[2]}.{name}"
            monkeypatch.setattr(module, name, nothing(place))


def looked(out: str) -> list[str]:
    """Return what was looked at, but for the configuration."""
    return [found["check"] for found in json.loads(out)][1:]


def test_everything_is_looked_at_roots_part_first(
    capsys: pytest.CaptureFixture[str],
) -> None:
    folders = '[printer.P]\nworkflow = "w"\nhot_folders = ["a", "b"]\n'
    workflow = '[[workflow.w]]\naction = "set"\nattributes = { Modality = "OT" }\n'
    Path("dicom-printer.toml").write_text(CONFIG + folders + workflow)
    Path("spool").mkdir()
    assert main(["doctor", "--json"]) == 0
    assert looked(capsys.readouterr().out) == [
        "machine.look", "printing.look", "unit.look",
        "places.spool", "places.database", "places.service", "places.hot_folder",
        "places.hot_folder", "remotes.look",
    ]  # fmt: skip
    assert main(["doctor"]) == 0
    out = capsys.readouterr().out
    assert "fine     configuration: " in out
    assert "[bold]fine�" in out
    assert out.endswith("\n10 fine\n")


def test_without_a_configuration_the_machine_is_looked_at(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["doctor", "--json"]) == 1
    assert looked(capsys.readouterr().out) == ["machine.look"]


def test_a_spool_that_does_not_answer_keeps_nobody_from_the_remotes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def silent(_: object) -> Iterator[Finding]:
        threading.Event().wait()
        yield fine("spool", "never")

    def asked(_: object, *, as_owner: bool) -> Iterator[Finding]:
        yield fine("remotes", f"as owner: {as_owner}")

    monkeypatch.setattr(verb.places, "spool", silent)
    monkeypatch.setattr(verb, "Look", partial(bounded.Look, patience=3))
    monkeypatch.setattr(verb.remotes, "look", asked)
    Path("dicom-printer.toml").write_text(CONFIG)
    assert main(["doctor", "--json"]) == 1
    spool, rest, remotes = json.loads(capsys.readouterr().out)[-3:]
    assert (spool["check"], spool["found"]) == ("spool", "the look at it did not end within 3 s")
    assert "findmnt" in spool["remedy"]
    assert (rest["check"], rest["grade"]) == ("job table, service and hot folders", "not seen")
    assert remotes["found"] == "as owner: False", "whom the spool would have to name"


def test_a_configuration_that_cannot_be_read_to_its_end(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    os.mkfifo("dicom-printer.toml")  # opening it waits for a writer, as on a dead file system
    monkeypatch.setattr(verb, "Look", partial(bounded.Look, patience=2))
    assert main(["doctor"]) == 1
    out = capsys.readouterr().out
    assert "wrong    configuration: the look at it did not end within 2 s" in out
    assert "machine.look" in out


def test_a_configuration_that_is_not_for_everybody(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object, **__: object) -> str:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_text", refuse)
    assert main(["doctor"]) == 0
    assert "not seen configuration: " in capsys.readouterr().out


@pytest.mark.skipif(os.geteuid() != 0, reason="only root reads what others may not")
def test_a_configuration_that_the_service_may_not_read(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with tempfile.TemporaryDirectory() as directory:
        monkeypatch.chdir(directory)
        Path(directory).chmod(0o755)
        path, spool = Path(directory, "dicom-printer.toml"), Path("spool")
        path.write_text(CONFIG)
        path.chmod(0o600)
        spool.mkdir()
        os.chown(spool, NOBODY.pw_uid, NOBODY.pw_gid)
        assert main(["doctor", "-c", str(path)]) == 1
        said = f"wrong    configuration: {path}: user nobody, of the service, cannot read it\n"
        out = capsys.readouterr().out
        assert said in out
        assert f"`chgrp nobody {path}`, `chmod 0640 {path}`" in out
        os.chown(path, 0, NOBODY.pw_gid)
        path.chmod(0o640)
        assert main(["doctor", "-c", str(path)]) == 0
        monkeypatch.undo()


def test_a_mistake_hides_nothing_else(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("dicom-printer.toml").write_text(f"{CONFIG}[workflow]\nw = []\n")
    assert main(["doctor", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found[0]["grade"] == "wrong"
    assert "workflow.w: has no steps" in found[0]["found"]
    assert found[-1]["check"] == "remotes.look"


@pytest.mark.parametrize(("finding", "code"), [(warning, 0), (wrong, 1)])
def test_only_what_is_wrong_sets_the_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], finding: object, code: int
) -> None:
    Path("dicom-printer.toml").write_text(CONFIG)
    monkeypatch.setattr(verb.machine, "look", lambda: [finding("x", "y", "do z")])  # type: ignore[operator]
    assert main(["doctor"]) == code
    assert "         -> do z" in capsys.readouterr().out
