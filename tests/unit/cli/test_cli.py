"""The verbs against a real spool and job table; the service does not run."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from jobs_made import claim, commit, submit

from dicom_printer import queues
from dicom_printer.cli import access, main
from dicom_printer.cli.parser import STATES
from dicom_printer.errors import SpoolError
from dicom_printer.jobs import look, table
from dicom_printer.jobs.remotes import remote_down
from dicom_printer.jobs.store import Snapshot, Store
from dicom_printer.spool import Spool

CONFIG = """
[service]
spool = "spool"

[remote.pacs]
ae_title = "PACS"
host = "127.0.0.1"
port = 104

[printer.DICOM_Printer]
workflow = "to_pacs"
ask = ["PatientID"]

[[workflow.to_pacs]]
action = "store"
remote = "pacs"
"""


@pytest.fixture(autouse=True)
def _configured(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("dicom-printer.toml").write_text(CONFIG)
    # The clock of the fixtures stands still; the verbs have to look at the same one.
    monkeypatch.setattr("dicom_printer.jobs.store.Store", lambda _, **__: store)
    monkeypatch.setattr("dicom_printer.jobs.embedded.Embedded.clock", store.clock)


def run(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[int, str, str]:
    code = main(list(argv))
    said = capsys.readouterr()
    return code, said.out, said.err


def parsed(capsys: pytest.CaptureFixture[str], *argv: str) -> Any:
    code, out, _ = run(capsys, *argv, "--json")
    assert code == 0
    return json.loads(out)


def test_jobs_shows_what_is_adopted_and_what_is_not(
    store: Store, spool: Spool, capsys: pytest.CaptureFixture[str]
) -> None:
    adopted = submit(store, title="Befund [bold]\x1b[31m")
    committed = commit(spool, title="neu")
    rows = parsed(capsys, "jobs")
    assert [(r["id"], r["state"]) for r in rows] == [(adopted, "ready"), (committed.id, "incoming")]
    _, out, _ = run(capsys, "jobs")
    assert "Befund [bold]�[31m" in out, "a title cannot draw on the terminal"
    assert "\x1b" not in out
    assert [r["id"] for r in parsed(capsys, "jobs", "--state", "incoming")] == [committed.id]


def test_a_table_in_a_pipe_is_never_cut(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    submit(store, title="x" * 300)
    assert "x" * 300 in run(capsys, "jobs")[1]


def test_show_tells_everything(
    store: Store, spool: Spool, capsys: pytest.CaptureFixture[str]
) -> None:
    job_id = submit(store, title="Befund")
    running = claim(store)
    running.attributes["PatientID"] = "4711"
    running.accept("pacs", 1, "2.25.1", 0xB000)
    running.suspend(store.clock() + 60, store.clock() + 600, "no answer", "lost", counts=True)
    found = parsed(capsys, "show", job_id[:31])
    assert (found["state"], found["reason"], found["error"]) == ("suspended", "no answer", "lost")
    assert found["next_attempt"] == store.clock() + 60
    assert found["instances"][0]["sop_instance_uid"] == "2.25.1"
    _, out, _ = run(capsys, "show", job_id)
    for text in ("Befund", "suspended (no answer)", "lost", "4711", "2.25.1", "0xB000", "accepted"):
        assert text in out


def test_show_of_no_job_exits_4(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, "show", "abc")
    assert code == 4
    assert "there is no job abc" in err
    assert "dicom-printer jobs" in err


def test_status_says_what_is_wrong(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    submit(store)
    claim(store).hold("remote refused", "called AE title not recognised")
    remote_down(store, "pacs", "connection refused", lambda _: 60)
    found = parsed(capsys, "status")
    assert found["healthy"] is False
    assert found["service"] == "not running"
    assert found["printers"]["DICOM_Printer"]["held"] == 1
    assert found["remotes"]["pacs"]["error"] == "connection refused"
    code, out, _ = run(capsys, "status", "--check")
    assert code == 1
    for text in ("not running; start it", "connection refused", "called AE title", "down"):
        assert text in out


def test_status_of_a_healthy_service_exits_0(
    store: Store, spool: Spool, capsys: pytest.CaptureFixture[str]
) -> None:
    submit(store)
    with spool.only_service():
        code, out, _ = run(capsys, "status", "--check")
        assert code == 0
        assert "not asked yet" in out
        (spool.root / "rejected" / "x").mkdir()
        assert run(capsys, "status", "--check")[0] == 1


def test_operating_on_jobs(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    one, two = submit(store, 1 << 124), submit(store, 2 << 124)
    assert run(capsys, "hold", one[:4], two[:4])[0] == 0
    assert [j["state"] for j in look.listing(store)] == ["held", "held"]
    assert run(capsys, "release", "--all")[0] == 0
    assert [j["state"] for j in look.listing(store)] == ["ready", "ready"]
    assert run(capsys, "cancel", one[:4])[0] == 0
    assert run(capsys, "discard", "--all", "--state", "ready", "--reason", "test")[0] == 0
    assert [j["state"] for j in look.listing(store)] == ["discarded", "discarded"]
    assert look.show(store, two)["events"][-1]["detail"] == "discard by a person: test"


@pytest.mark.parametrize("verb", ["release", "retry"])
def test_a_job_whose_outcome_is_unknown_wants_to_be_named(
    store: Store, capsys: pytest.CaptureFixture[str], verb: str
) -> None:
    doubtful, other = submit(store, 1 << 124), submit(store, 2 << 124)
    claim(store).hold("outcome unknown", "lost")
    claim(store).hold("no answer", "lost")
    code, out, err = run(capsys, verb, "--all")
    assert code == 0
    assert doubtful[:8] not in out
    assert f"{other[:8]} is" in out
    assert "look at the printer" in err
    assert run(capsys, verb, doubtful[:8])[0] == 0
    assert [j["state"] for j in look.listing(store)] == ["ready", "ready"]


def test_one_job_that_cannot_be_operated_on_does_not_stop_the_others(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    done, ready = submit(store, 1 << 124), submit(store, 2 << 124)
    claim(store).finish()
    code, out, err = run(capsys, "hold", done, ready)
    assert code == 2
    assert "is done and cannot" in err
    assert f"{ready[:8]} is held" in out


@pytest.mark.parametrize(
    "argv", [["hold"], ["hold", "abc", "--all"], ["hold", "abc", "--state", "held"]]
)
def test_operating_on_nothing_in_particular(
    argv: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(capsys, *argv)[0] == 2


def test_discard_wants_a_reason(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["discard", "abc"])
    assert caught.value.code == 2
    assert "--reason" in capsys.readouterr().err


def test_retry_fresh_takes_the_workflow_of_now_and_what_was_typed(
    store: Store, spool: Spool, capsys: pytest.CaptureFixture[str]
) -> None:
    made = commit(spool, options=[("PatientID", "Custom.4711"), ("PatientName", "not asked")])
    spool.adopt(made.id)
    old = Snapshot(defaults={}, steps=[{"action": "store", "remote": "gone"}])
    table.submit(store, made, old, {}, ("printer unknown", "no such printer"))
    assert run(capsys, "retry", "--fresh", made.id)[0] == 0
    found = look.show(store, made.id)
    assert found["workflow"] == [{"action": "store", "remote": "pacs"}]
    assert found["attributes"] == {"PatientID": "4711"}


def test_submit_puts_each_file_into_the_spool(
    spool: Spool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a.pdf", "b.PNG"):
        (tmp_path / name).write_bytes(b"invented")
    argv = ["--set", "PatientID=4711", "--pages", "1-2", "-p", "DICOM_Printer"]
    code, out, err = run(capsys, "submit", "a.pdf", "b.PNG", *argv)
    assert code == 0
    assert "service is not running" in err
    tickets = [spool.ticket(job_id, "incoming") for job_id in out.split()]
    assert [(t.title, t.document) for t in tickets] == [
        ("a", "document.pdf"),
        ("b", "document.png"),
    ]
    assert {t.source for t in tickets} == {"submit"}
    assert tickets[0].attributes == {"PatientID": "4711"}
    assert tickets[0].option("page-ranges") == "1-2"
    assert (tmp_path / "a.pdf").exists()


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["a.pdf", "-p", "DICOM_Pinter"], 'did you mean "DICOM_Printer"'),
        (["no.pdf", "-p", "DICOM_Printer"], "No such file"),
        (["a.docx", "-p", "DICOM_Printer"], "cannot be printed"),
        (["a.pdf", "-p", "DICOM_Printer", "--pages", "3-1"], "write for example 1-3,7"),
        (["a.pdf", "-p", "DICOM_Printer", "--set", "PatientId=1"], "is not a DICOM keyword"),
        (["a.pdf", "-p", "DICOM_Printer", "--set", "PatientBirthDate=1.2.70"], "YYYYMMDD"),
    ],
)
def test_submit_refuses_at_once_and_takes_nothing(
    argv: list[str], words: str, spool: Spool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.pdf").write_bytes(b"%PDF-")
    code, _, err = run(capsys, "submit", *argv)
    assert code == 2
    assert words in err
    assert spool.incoming() == []


def test_a_submission_that_fails_half_way_says_what_was_accepted(
    spool: Spool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    for name in ("a.pdf", "b.pdf"):
        (tmp_path / name).write_bytes(b"%PDF-")
    commit_one = Spool.commit

    def full(self: Spool, *args: Any, **ticket: Any) -> Any:
        if spool.incoming():
            raise SpoolError("No space left on device")
        return commit_one(self, *args, **ticket)

    monkeypatch.setattr(Spool, "commit", full)
    code, _, err = run(capsys, "submit", "a.pdf", "b.pdf", "-p", "DICOM_Printer")
    assert code == 3
    assert f"before that these were accepted: {spool.incoming()[0]}" in err


def test_a_preview_that_fails_leaves_what_was_there(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine.png").write_bytes(b"precious")
    assert run(capsys, "preview", "nosuch", "-o", "mine.png")[0] == 4
    assert run(capsys, "preview", "nosuch")[0] == 4
    assert [p.name for p in tmp_path.glob("*.png")] == ["mine.png"]
    assert (tmp_path / "mine.png").read_bytes() == b"precious"


def test_a_job_table_that_is_locked_is_an_error_and_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def locked(*_: object, **__: object) -> Any:
        raise sqlite3.OperationalError("database is locked")

    monkeypatch.setattr(look, "listing", locked)
    code, _, err = run(capsys, "jobs")
    assert code == 3
    assert "database is locked; try again" in err


def test_check(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "check")
    assert (code, "in order; 1 printers" in out) == (0, True)
    Path("dicom-printer.toml").write_text(CONFIG.replace("port = 104", "prot = 104"))
    code, _, err = run(capsys, "check")
    assert code == 2
    assert 'dicom-printer.toml: remote.pacs.prot: unknown key; did you mean "port"?' in err
    assert "remote.pacs.port: is missing" in err


def test_no_configuration(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, "status", "--config", "nowhere.toml")
    assert code == 2
    assert "nowhere.toml: cannot be read" in err


def test_no_spool(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("dicom-printer.toml").write_text(CONFIG.replace('"spool"', '"elsewhere"'))
    code, _, err = run(capsys, "jobs")
    assert code == 3
    assert "there is no spool" in err
    assert not (tmp_path / "elsewhere").exists(), "looking makes nothing"


def test_somebody_who_may_not_enter_the_spool(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    code, _, err = run(capsys, "status", "--check")
    assert code == 3
    assert "Permission denied; run this as the spool's owner, or as root" in err

    def closed(_self: Path) -> bool:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "is_dir", closed)
    assert run(capsys, "jobs")[0] == 3


@pytest.mark.parametrize("is_old", [False, True], ids=["embedded", "another version"])
def test_a_configuration_that_root_alone_may_read(
    is_old: bool, store: Store, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    job_id = submit(store)
    given_up: list[bool] = []
    asked: list[bool] = []
    read = Path.read_text

    def by_root(path: Path, *words: Any, **more: Any) -> str:
        if given_up and path.name == "dicom-printer.toml":
            raise PermissionError(13, "Permission denied")
        return read(path, *words, **more)

    monkeypatch.setattr(Path, "read_text", by_root)

    def listing() -> list[object]:
        asked.append(bool(given_up))
        return []

    monkeypatch.setattr(queues, "listing", listing)
    monkeypatch.setattr(Spool, "become_owner", lambda _: given_up.append(True))
    if is_old:
        monkeypatch.setattr(access, "embedded", lambda _: nullcontext())
    for verb in (["status"], ["jobs"], ["show", job_id]) * 2:  # the first keeps what it knows
        given_up.clear()
        asked.clear()
        assert run(capsys, *verb)[0::2] == (0, "")
        assert given_up
        assert asked == ([False] if verb == ["status"] else []), "CUPS is asked as root"


def test_what_is_kept_is_of_the_file_that_was_checked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def saved(_: Spool) -> None:
        Path("dicom-printer.toml").write_text(CONFIG.replace("printer.DICOM_Printer", "printer.X"))

    monkeypatch.setattr(Spool, "become_owner", saved)
    assert list(parsed(capsys, "status")["printers"]) == ["DICOM_Printer"]
    assert list(parsed(capsys, "status")["printers"]) == ["X"]


def test_discard_wants_words(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    job_id = submit(store)
    assert run(capsys, "discard", job_id, "--reason", " ")[0] == 2
    assert look.listing(store)[0]["state"] == "ready"


def test_all_of_nothing_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "hold", "--all")[1] == "no jobs\n"


@pytest.mark.parametrize("verb", [["jobs"], ["hold", "--all"], ["discard", "--all"]])
def test_a_printer_that_is_nowhere(
    capsys: pytest.CaptureFixture[str], spool: Spool, store: Store, verb: list[str]
) -> None:
    reason = ["--reason", "x"] if verb[0] == "discard" else []
    code, _, err = run(capsys, *verb, *reason, "--printer", "DICOM_Pinter")
    assert code == 2
    assert 'there is no printer "DICOM_Pinter"; did you mean "DICOM_Printer"?' in err
    assert run(capsys, *verb, *reason, "--printer", "DICOM_Printer")[0] == 0
    if verb == ["jobs"]:
        commit(spool, printer="Coming")
        assert [j["printer"] for j in parsed(capsys, *verb, "--printer", "Coming")] == ["Coming"]
    submit(store, printer="Removed")
    assert run(capsys, *verb, *reason, "--printer", "Removed")[0] == 0, "its jobs are still there"


def test_submit_names_the_file_that_it_could_not_take(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    code, _, err = run(capsys, "submit", "-p", "DICOM_Printer", "none.pdf")
    assert (code, "none.pdf cannot be read: No such file" in err) == (2, True)
    assert "see its path and its mode" in err
    for name in ("a.pdf", "b.pdf"):
        Path(name).write_bytes(b"%PDF-1.4\n%%EOF\n")

    def full(*_: object, **fields: Any) -> None:
        raise SpoolError("document cannot be put into the spool: No space left on device")

    monkeypatch.setattr(Spool, "commit", full)
    code, _, err = run(capsys, "submit", "-p", "DICOM_Printer", "a.pdf", "b.pdf")
    assert (code, "a.pdf: document cannot be put into the spool" in err) == (3, True)


def test_echo_of_a_remote_that_is_not_there(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from dicom_printer import network
    from dicom_printer.errors import RemoteUnreachableError

    def refused(remote: object) -> float:
        raise RemoteUnreachableError("connection refused")

    monkeypatch.setattr(network, "echo", refused)
    code, out, _ = run(capsys, "echo")
    assert code == 1
    assert "connection refused" in out
    assert "\npacs: see that host and port are right" in out
    assert run(capsys, "echo", "pasc")[0] == 2
    monkeypatch.setattr(network, "echo", lambda remote: network.Answered(0.005))
    assert run(capsys, "echo", "pacs")[0] == 0


def test_the_states_that_can_be_typed_are_those_of_the_table() -> None:
    assert STATES == look.STATES


def test_watch_wants_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, "jobs", "--watch")
    assert (code, "terminal" in err) == (2, True)


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_completion(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--print-completion", shell])
    assert "submit" in capsys.readouterr().out


def test_looking_imports_no_dicom_and_no_pixels() -> None:
    """Looking has to be instant: what it does not need must not be imported."""
    program = (
        "import sys; from dicom_printer.cli import main; main(['status', '--json']);"
        "print([m for m in ('pydicom', 'pynetdicom', 'numpy', 'PIL', 'watchdog', 'sqlalchemy') "
        "if m in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stderr.strip() == "[]"


@pytest.mark.parametrize("verb", ["status", "jobs", "show"])
def test_looking_imports_nothing_but_the_standard_library(
    store: Store, spool: Spool, verb: str
) -> None:
    """Nor our own modules that only the service needs; by modules, since time is the machine's."""
    job_id = commit(spool).id
    spool.adopt(job_id)
    submit(store, int(job_id, 16))
    argv = [verb, job_id] if verb == "show" else [verb]
    program = (
        f"import json, sys; hooks = set(sys.modules); from dicom_printer.cli import main;"
        f"main({argv!r}); print(json.dumps(sorted(set(sys.modules) - hooks)), file=sys.stderr)"
    )
    for _ in range(2):  # the first one checks the configuration, and keeps what it found
        done = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=True
        )
        assert job_id[:8] in done.stdout or verb == "status"
        assert "document.pdf, " in done.stdout or verb != "show"
    loaded = set(json.loads(done.stderr))
    foreign = {name.split(".")[0] for name in loaded} - sys.stdlib_module_names - {"__mp_main__"}
    # pycups is CUPS's own voice in `status`
    assert foreign <= {"dicom_printer", "cups"}
    own = {name for name in loaded if name.startswith("dicom_printer.")}
    assert not own & {f"dicom_printer.{name}" for name in NOT_FOR_LOOKING}
    assert not loaded & {"asyncio", "email", "http", "importlib.metadata", "multiprocessing", "ssl"}


NOT_FOR_LOOKING = (
    "actions", "checks", "config.loading", "config.models", "intake", "jobs.schema", "jobs.store",
    "journal", "network", "pages", "service", "ticket.model", "workflow",
)  # fmt: skip


def test_attributes_come_from_a_file_or_stdin_so_that_no_list_of_processes_shows_them(
    spool: Spool, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("a.pdf").write_bytes(b"%PDF-1.4")
    Path("who").write_text("PatientID=4711\n\nPatientName=Doe^Jane\n")
    code, out, err = run(
        capsys, "submit", "a.pdf", "-p", "DICOM_Printer", "--set-from", "who",
        "--set", "AccessionNumber=A1",
    )  # fmt: skip
    assert code == 0, err
    found = spool.ticket(out.split()[0], "incoming").attributes
    assert found == {"PatientID": "4711", "PatientName": "Doe^Jane", "AccessionNumber": "A1"}


@pytest.mark.parametrize("text", [b"Doe^Jane", b"\xff=x", None])
def test_a_file_of_attributes_that_is_none_is_refused_without_quoting_it(
    text: bytes | None, capsys: pytest.CaptureFixture[str]
) -> None:
    if text is not None:
        Path("who").write_bytes(text)
    with pytest.raises(SystemExit) as ended:
        main(["submit", "a.pdf", "-p", "DICOM_Printer", "--set-from", "who"])
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert "argument --set-from: who " in said
    assert "Doe" not in said


def test_the_newest_jobs(store: Store, spool: Spool, capsys: pytest.CaptureFixture[str]) -> None:
    one, two, three = (submit(store, n << 124) for n in (1, 2, 3))
    assert [j["id"] for j in parsed(capsys, "jobs", "--limit", "2")] == [two, three]
    assert [j["id"] for j in parsed(capsys, "jobs", "--limit", "9")] == [one, two, three]
    committed = commit(spool)
    assert [j["id"] for j in parsed(capsys, "jobs", "--limit", "2")] == [three, committed.id]
    for wrong in ("0", "-1", "x", "9" * 30):
        with pytest.raises(SystemExit, match="2"):
            run(capsys, "jobs", "--limit", wrong)
