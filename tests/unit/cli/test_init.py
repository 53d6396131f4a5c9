"""The conversation of ``init``; the remotes, CUPS and the person at the terminal are played."""

from __future__ import annotations

import os
import pwd
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from certificates_made import Authority, Pair

from dicom_printer import checks, network, queues
from dicom_printer.cli import init, main
from dicom_printer.cli.doctor.bounded import Look
from dicom_printer.config.tls import TLS
from dicom_printer.errors import QueueError, RemoteRefusedError, RemoteUnreachableError
from dicom_printer.network import Answered, printing
from dicom_printer.network.printing import PrinterStatus

PACS = ["--pacs-host", "pacs.example", "--pacs-ae-title", "ARCHIVE"]
CONFIG = Path("dicom-printer.toml")


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Let every remote answer; return which were asked."""
    found: list[Any] = []

    def echo(remote: Any) -> Answered:
        found.append(remote)
        return Answered(0.02)

    monkeypatch.setattr(network, "echo", echo)
    monkeypatch.setattr(queues, "cups_backends", lambda: None)
    return found


def run(*argv: str) -> int:
    user = ["--user", "root"] if os.geteuid() == 0 else []
    return main(["init", "--spool", "spool", *user, *argv])


@pytest.fixture
def person(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What a person types, an answer a question."""
    answers: list[str] = []
    told: Iterator[str] = iter(answers)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)

    def typed(_: str) -> str:
        try:
            return next(told)
        except StopIteration:
            raise EOFError from None

    monkeypatch.setattr("builtins.input", typed)
    return answers


def test_flags_alone_are_enough(asked: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*PACS, "--pacs-port", "11112", "--ae-title", "PRINTER", "--yes") == 0
    config = checks.load(CONFIG)
    pacs = config.remote["pacs"]
    assert (pacs.host, pacs.port, pacs.ae_title) == ("pacs.example", 11112, "ARCHIVE")
    assert pacs.calling_ae_title == asked[0].calling_ae_title == "PRINTER"
    assert [step["action"] for step in config.workflow["to_pacs"]] == ["parse", "store"]
    assert CONFIG.stat().st_mode & 0o777 == 0o640
    assert sorted(p.name for p in Path("spool").iterdir()) == [
        "incoming",
        "jobs",
        "rejected",
        "tmp",
    ]
    assert Path("spool").stat().st_mode & 0o777 == 0o700
    assert {p.name for p in Path().iterdir()} == {"dicom-printer.toml", "spool"}, "no draft is left"
    out = capsys.readouterr().out
    assert "PACS: answers a C-ECHO within 20 ms" in out
    assert "has to know us, by the AE title PRINTER:\n  the PACS, for storing" in out
    assert f"dicom-printer serve --config {CONFIG.absolute()}" in out


def test_with_a_worklist_it_is_asked_and_queried(asked: list[Any]) -> None:
    worklist = ["--worklist-host", "ris.example", "--worklist-ae-title", "RIS"]
    assert run(*PACS, *worklist, "--queue", "Drucker.1", "--yes") == 0
    config = checks.load(CONFIG)
    assert [remote.host for remote in asked] == ["pacs.example", "ris.example"]
    steps = config.workflow["to_pacs"]
    assert [step["action"] for step in steps] == ["parse", "query", "store"]
    assert config.printer["Drucker.1"].ask == ["AccessionNumber"]


@pytest.fixture
def films(monkeypatch: pytest.MonkeyPatch, asked: list[Any]) -> None:
    """Let every film printer answer, and have something to say."""

    def look(remote: Any, meta: str) -> tuple[Answered, PrinterStatus]:
        asked.append(remote)
        assert meta == printing.GRAYSCALE
        return Answered(0.01), PrinterStatus("WARNING", "SUPPLY LOW")

    monkeypatch.setattr(printing, "look", look)


@pytest.mark.usefixtures("films")
def test_a_film_printer_gets_a_queue_of_its_own(
    asked: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    film = ["--film-host", "imager.example", "--film-port", "1040", "--film-ae-title", "PRT"]
    assert run(*PACS, *film, "--queue", "Drucker.1", "--yes") == 0
    config = checks.load(CONFIG)
    assert [(remote.host, remote.port) for remote in asked] == [
        ("pacs.example", 104),
        ("imager.example", 1040),
    ]
    assert {name: p.workflow for name, p in config.printer.items()} == {
        "Drucker.1": "to_pacs",
        "Drucker.1_Film": "to_film",
    }
    (step,) = config.workflow["to_film"]
    assert (step["action"], step["remote"]) == ("print", "film")
    assert step["film_box"] == {"ImageDisplayFormat": r"STANDARD\1,1"}
    out = capsys.readouterr().out
    assert "film printer: answers a C-ECHO within 10 ms; it says WARNING (SUPPLY LOW)" in out
    assert "the film printer, for Basic Grayscale Print Management" in out


@pytest.fixture
def ours(tmp_path: Path) -> tuple[Authority, Pair]:
    authority = Authority(tmp_path / "tls")
    return authority, authority.issue("we")


def test_those_that_are_encrypted_share_issuer_and_certificate(
    asked: list[Any], ours: tuple[Authority, Pair]
) -> None:
    authority, we = ours
    flags = ["--pacs-tls", "--tls-ca", os.path.relpath(authority.file)]
    flags += ["--tls-cert", str(we.cert), "--tls-key", str(we.key)]
    worklist = ["--worklist-host", "ris.example", "--worklist-ae-title", "RIS"]
    assert run(*PACS, *worklist, *flags, "--yes") == 0
    config = checks.load(CONFIG)
    wanted = TLS(ca=authority.file, cert=we.cert, key=we.key)
    assert asked[0].tls == config.remote["pacs"].tls == wanted
    assert asked[1].tls is config.remote["worklist"].tls is None
    assert run(*PACS, *worklist, *flags, "--worklist-tls", "--yes", "--force") == 0
    assert checks.load(CONFIG).remote["worklist"].tls == wanted
    assert run(*PACS, "--pacs-tls", "--tls-no-verify", "--yes", "--force") == 0
    assert checks.load(CONFIG).remote["pacs"].tls == TLS(verify=False)
    assert run(*PACS, "--pacs-tls", "--yes", "--force") == 0
    assert checks.load(CONFIG).remote["pacs"].tls == TLS()


@pytest.mark.usefixtures("films")
def test_a_person_is_asked_for_the_files_once(
    person: list[str], ours: tuple[Authority, Pair]
) -> None:
    authority, _ = ours
    person += ["pacs.example", "2762", "ARCHIVE", "y", "", "", "ris", "", "RIS", "y"]
    person += ["imager", "", "PRT", "n", str(authority.file), ""]
    assert run() == 0
    config = checks.load(CONFIG)
    wanted = TLS(ca=authority.file)
    assert {name: remote.tls for name, remote in config.remote.items()} == {
        "pacs": wanted,
        "worklist": wanted,
        "film": None,
    }


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--tls-ca", "ca.pem"], "--tls-ca goes with --pacs-tls"),
        (["--tls-no-verify"], "--tls-no-verify goes with --pacs-tls"),
        (["--pacs-tls", "--tls-key", "x"], "--tls-key goes with --tls-cert"),
        (["--pacs-tls", "--tls-ca", "none.pem"], "--tls-ca: "),
        (["--worklist-tls"], "--worklist-tls goes with --worklist-host"),
        (["--film-port", "105"], "--film-port goes with --film-host"),
        (["--film-ae-title", "F"], "--film-ae-title goes with --film-host"),
    ],
)
def test_files_of_tls_that_are_no_good(
    asked: list[Any], capsys: pytest.CaptureFixture[str], flags: list[str], said: str
) -> None:
    assert run(*PACS, *flags, "--yes") == 2
    assert said in capsys.readouterr().err
    assert asked == []
    assert not CONFIG.exists()


def test_a_file_of_tls_that_never_answers(
    asked: list[Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    os.mkfifo("ca.pem")  # opening it waits for a writer, as on a dead file system
    monkeypatch.setattr(init, "Look", partial(Look, patience=2))
    assert run(*PACS, "--pacs-tls", "--tls-ca", "ca.pem", "--yes") == 2
    said = capsys.readouterr().err
    assert "the files of --tls-ca, --tls-cert: the look at it did not end within 2 s; " in said
    assert asked == []
    assert not CONFIG.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root reads what others may not")
def test_a_key_that_the_service_may_not_read(
    asked: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        we = Authority(Path(directory)).issue("we")
        we.cert.chmod(0o644)
        we.key.chmod(0o600)
        flags = ["--pacs-tls", "--tls-cert", str(we.cert), "--tls-key", str(we.key), "--yes"]
        assert run(*PACS, *flags, "--user", "daemon") == 2
        said = capsys.readouterr().err
        assert "cannot be read by user daemon: Permission denied" in said
        assert "`chgrp daemon FILE`, `chmod 0640 FILE`" in said
        assert asked == []
        os.chown(we.key, 0, pwd.getpwnam("daemon").pw_gid)
        we.key.chmod(0o640)
        assert run(*PACS, *flags, "--user", "daemon") == 0


def test_without_a_terminal_a_missing_answer_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--pacs-host", "pacs.example") == 2
    assert "--pacs-ae-title is missing" in capsys.readouterr().err
    assert not CONFIG.exists()
    assert not Path("spool").exists()


@pytest.mark.parametrize(
    ("flag", "value", "said"),
    [
        ("--pacs-port", "many", "--pacs-port: "),
        ("--pacs-ae-title", "LONGER THAN SIXTEEN", "--pacs-ae-title: Value error, must be 1 to 16"),
        ("--queue", "a queue", "CUPS allows no space"),
        ("--pacs-host", "", "--pacs-host: cannot be empty"),
    ],
)
def test_an_answer_that_is_no_good_is_named(
    capsys: pytest.CaptureFixture[str], flag: str, value: str, said: str
) -> None:
    assert run(*PACS, "--yes", flag, value) == 2
    assert said in capsys.readouterr().err
    assert not CONFIG.exists()
    assert not Path("spool").exists()


def test_what_is_there_is_left_alone_and_with_force_kept(
    capsys: pytest.CaptureFixture[str],
) -> None:
    CONFIG.write_text("# mine\n")
    assert run(*PACS, "--yes") == 2
    assert "is there already; --force replaces it" in capsys.readouterr().err
    assert CONFIG.read_text() == "# mine\n"
    assert run(*PACS, "--yes", "--force") == 0
    assert Path("dicom-printer.toml.old").read_text() == "# mine\n"
    assert "pacs" in checks.load(CONFIG).remote


def test_the_example_that_a_package_brings_gives_way() -> None:
    example = Path(__file__).parents[3] / "packaging" / "dicom-printer.toml"
    CONFIG.write_bytes(example.read_bytes())
    assert run("--pacs-host", "pacs.real", "--pacs-ae-title", "ARCHIVE", "--yes") == 0
    assert checks.load(CONFIG).remote["pacs"].host == "pacs.real"
    assert Path("dicom-printer.toml.old").read_bytes() == example.read_bytes()
    assert run(*PACS, "--yes") == 2, "that one is somebody's"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (RemoteUnreachableError("connection refused"), "no firewall is between"),
        (RemoteRefusedError("calling AE title not recognized"), "enter our AE title DICOM_PRINTER"),
    ],
)
def test_a_pacs_that_does_not_answer(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception, said: str
) -> None:
    def refuse(_: Any) -> Answered:
        raise error

    monkeypatch.setattr(network, "echo", refuse)
    assert run(*PACS) == 2
    out, err = capsys.readouterr()
    assert str(error).partition(";")[0] in out
    assert said in out
    assert "say --yes to go on anyway" in err
    assert not CONFIG.exists()
    assert run(*PACS, "--yes") == 1, "written, and yet not everything is well"
    assert CONFIG.exists()


def test_a_person_is_asked_again_until_the_answer_is_good(
    person: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    person += ["pacs.example", "port", "104", "", "ARCHIVE", "", "", "", "", ""]
    assert run() == 0
    config = checks.load(CONFIG)
    assert config.remote["pacs"].ae_title == "ARCHIVE"
    assert list(config.printer) == ["DICOM_Printer"]
    assert "cannot be empty" in capsys.readouterr().out


def test_a_person_may_go_on_or_not(person: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Any) -> Answered:
        raise RemoteUnreachableError("connection refused")

    monkeypatch.setattr(network, "echo", refuse)
    asked = [*PACS, "--ae-title", "P", "--queue", "Q", "--pacs-port", "104", "--worklist-host", ""]
    asked += ["--film-host", ""]
    person += ["", "y"]
    assert run(*asked) == 2
    assert not CONFIG.exists()
    assert run(*asked) == 1
    assert CONFIG.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to name a user")
def test_without_the_services_user_nothing_is_begun(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", *PACS, "--yes", "--user", "no-such-user"]) == 2
    assert "adduser --system --group --no-create-home no-such-user" in capsys.readouterr().err


@pytest.mark.skipif(os.geteuid() != 0, reason="nobody else gives files away")
def test_everything_made_belongs_to_the_services_user(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*PACS, "--yes", "--user", "daemon") == 0
    for path in (Path("spool"), *Path("spool").iterdir()):
        assert path.owner() == "daemon"
    assert (CONFIG.owner(), CONFIG.group()) == ("root", "daemon")
    CONFIG.unlink()
    assert run(*PACS, "--yes", "--user", "root") == 2
    assert "belongs to user" in capsys.readouterr().err
    assert not CONFIG.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root installs")
def test_backend_and_queue_are_installed_where_cups_is(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    backends = tmp_path / "backend"
    backends.mkdir()
    monkeypatch.setattr(queues, "cups_backends", lambda: backends)
    monkeypatch.setattr(queues, "install", lambda queue: "created")
    assert run(*PACS, "--yes") == 0
    assert (backends / "dicom").stat().st_mode & 0o7777 == 0o700
    assert [p.name for p in backends.iterdir()] == ["dicom"]
    out = capsys.readouterr().out
    assert "queue DICOM_Printer: created" in out
    assert "lp -d DICOM_Printer FILE.pdf" in out

    def refuse(_: Any) -> str:
        raise QueueError("CUPS cannot be reached: no")

    monkeypatch.setattr(queues, "install", refuse)
    assert run(*PACS, "--yes", "--force") == 0
    out = capsys.readouterr().out
    assert ": installed" not in out, "the backend is in order"
    assert "CUPS cannot be reached" in out
    assert "then `dicom-printer printers install`" in out
