"""The CUPS backend, run as CUPS runs it: by arguments, environment and a document."""

import hashlib
import os
import pwd
import re
import runpy
import signal
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
from cups_fixtures import entries, make_spool, spool, wait_for
from hypothesis import given, settings
from hypothesis import strategies as st

from dicom_printer import ticket
from dicom_printer.ppd import backend_directory

__all__ = ["spool"]

BACKEND = backend_directory() / "dicom"
FUNCTIONS = runpy.run_path(str(BACKEND), run_name="backend")
PDF = b"%PDF-1.4\n" + b"x" * 5000 + b"\n%%EOF\n"
UUID = "urn:uuid:11111111-2222-3333-4444-555555555555"
OPTIONS = rf"job-uuid={UUID} job-originating-host-name=ward7 fit-to-page nocollate number-up=2"
REASON = b"com.dicom-printer.spool-error"

OK, STOP, CANCEL = 0, 4, 5


def arguments(title: str = "t", options: str = OPTIONS, copies: str = "1") -> list[str]:
    return ["/usr/bin/python3", "-IS", str(BACKEND), "7", "mary", title, copies, options]


def environment(spool: Path, **more: str) -> dict[str, str]:
    return {
        "PATH": os.defpath,
        "LANG": "en.UTF-8",
        "PRINTER": "DICOM",
        "DEVICE_URI": f"dicom:{spool}",
        "CONTENT_TYPE": "application/pdf",
        **more,
    }


def run(
    spool: Path, document: bytes = PDF, args: list[str] | None = None, **env: str
) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        args or arguments(),
        input=document,
        env=environment(spool, **env),
        capture_output=True,
        timeout=20,
        check=False,
        umask=0,  # what is private must not hang on the umask
    )


def the_ticket(spool: Path) -> ticket.Ticket:
    (entry,) = entries(spool)
    return ticket.read((entry / "ticket.json").read_bytes(), entry.name)


def is_empty(spool: Path) -> bool:
    return not list((spool / "tmp").iterdir()) and not entries(spool)


def test_without_arguments_it_names_its_device(tmp_path: Path) -> None:
    done = run(tmp_path, b"", ["/usr/bin/python3", "-IS", str(BACKEND)])
    assert done.returncode == OK
    assert re.fullmatch(rb'file dicom:/\S+ "[^"]+" "[^"]+" "MFG:[^"]+"\n', done.stdout)


def test_wrong_number_of_arguments(spool: Path) -> None:
    done = run(spool, PDF, arguments()[:-1])
    assert done.returncode == 1
    assert b"Usage" in done.stderr
    assert is_empty(spool)


def test_a_document_on_stdin_becomes_one_entry(spool: Path) -> None:
    done = run(spool, args=arguments("Brief „Müller“ $(id) \\ '", copies="3"))
    assert done.returncode == OK, done.stderr
    (entry,) = entries(spool)
    assert sorted(path.name for path in entry.iterdir()) == ["document.pdf", "ticket.json"]
    assert (entry / "document.pdf").read_bytes() == PDF
    assert not list((spool / "tmp").iterdir())
    found = the_ticket(spool)
    digest = hashlib.sha256(PDF).hexdigest()
    assert (found.size, found.sha256, found.document) == (len(PDF), digest, "document.pdf")
    assert found.dedup == f"{UUID}:{digest}"
    assert found.title == "Brief „Müller“ $(id) \\ '"
    assert (found.source, found.printer, found.user, found.host) == (
        "cups",
        "DICOM",
        "mary",
        "ward7",
    )
    assert (found.copies, found.cups_job_id, found.cups_job_uuid) == (3, 7, UUID)
    assert found.content_type == "application/pdf"
    assert found.options[2:] == [("fit-to-page", "true"), ("collate", "false"), ("number-up", "2")]


def test_a_document_by_name_is_taken_from_the_file(spool: Path, tmp_path: Path) -> None:
    source = tmp_path / "d00007-001"
    source.write_bytes(PDF)
    done = run(spool, b"not this", [*arguments(), str(source)])
    assert done.returncode == OK, done.stderr
    assert (entries(spool)[0] / "document.pdf").read_bytes() == PDF


def test_only_its_owner_can_read_it(spool: Path) -> None:
    assert run(spool).returncode == OK
    (entry,) = entries(spool)
    assert stat.S_IMODE(entry.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in entry.iterdir()} == {0o600}


def test_who_is_vouched_for_goes_before_who_is_claimed(spool: Path) -> None:
    run(spool, AUTH_USERNAME="kernel-says")
    assert the_ticket(spool).user == "kernel-says"


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ("document-name-supplied=/home/mary/scan\\ 1.pdf", "scan 1.pdf"),
        ("document-name-supplied=a.pdf document-name-supplied=b.pdf", ""),
        ("", ""),
    ],
)
def test_the_file_name_only_where_there_is_one(spool: Path, options: str, name: str) -> None:
    run(spool, args=arguments(options=options))
    assert the_ticket(spool).filename == name
    assert the_ticket(spool).dedup == ""


@pytest.mark.parametrize(
    ("magic", "name"),
    [
        (b"\x89PNG\r\n\x1a\n", "document.png"),
        (b"\xff\xd8\xff\xe0", "document.jpg"),
        (b"II*\0", "document.tif"),
        (b"MM\0*", "document.tif"),
        (b"\x1b%-12345X@PJL\n%PDF-1.7 %%EOF", "document.pdf"),
    ],
)
def test_raw_documents_are_known_by_their_content(spool: Path, magic: bytes, name: str) -> None:
    assert run(spool, magic + b"rest").returncode == OK
    assert the_ticket(spool).document == name


@pytest.mark.parametrize("document", [b"", b"text " * 100_000, b"x" * 1024 + b"%PDF-1.4"])
def test_what_is_no_document_cancels_the_job(spool: Path, document: bytes) -> None:
    done = run(spool, document, arguments("Secret Title", "PatientID=4711"))
    assert done.returncode == CANCEL
    assert done.stderr.startswith(b"ERROR: ")
    assert b"Secret" not in done.stderr
    assert b"4711" not in done.stderr
    assert is_empty(spool)


def test_what_is_refused_is_read_to_its_end(spool: Path) -> None:
    """A filter that dies of a broken pipe would be reported in place of the reason."""
    process = subprocess.Popen(
        arguments(), env=environment(spool), stdin=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert process.stdin is not None
    process.stdin.write(b"x" * 3_000_000)
    process.stdin.close()
    assert process.wait(timeout=20) == CANCEL


def test_a_banner_is_dropped(spool: Path) -> None:
    assert run(spool, CUPS_FILETYPE="job-sheet").returncode == OK
    assert is_empty(spool)


def test_a_spool_that_is_missing_stops_the_queue(tmp_path: Path) -> None:
    done = run(tmp_path / "nowhere")
    assert done.returncode == STOP
    assert b"STATE: +" + REASON + b"\nERROR: The spool " in done.stderr


def test_a_mount_point_with_nothing_mounted_stops_the_queue(tmp_path: Path) -> None:
    assert run(tmp_path).returncode == STOP
    assert not list(tmp_path.iterdir())


def test_a_spool_behind_a_link_stops_the_queue(spool: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(spool)
    assert run(link).returncode == STOP
    assert is_empty(spool)


@pytest.mark.parametrize("mode", [0o770, 0o702])
def test_a_spool_that_others_may_write_stops_the_queue(spool: Path, mode: int) -> None:
    spool.chmod(mode)
    done = run(spool)
    assert done.returncode == STOP
    assert b"insecure" in done.stderr
    assert is_empty(spool)


@pytest.mark.parametrize("uri", ["dicom://host/path", "dicom:relative", "socket://10.0.0.1"])
def test_a_device_uri_without_a_spool_stops_the_queue(tmp_path: Path, uri: str) -> None:
    done = run(tmp_path, DEVICE_URI=uri)
    assert done.returncode == STOP
    assert b"dicom:/path" in done.stderr


def test_the_spool_by_uri_or_environment(tmp_path: Path) -> None:
    by_uri, by_environment = (make_spool(tmp_path / name) for name in ("a b", "c"))
    assert run(tmp_path, DEVICE_URI=f"dicom://{tmp_path}/a%20b").returncode == OK
    assert len(entries(by_uri)) == 1
    done = run(by_uri, DICOM_PRINTER_SPOOL=str(by_environment))
    assert done.returncode == OK
    assert len(entries(by_environment)) == 1
    assert len(entries(by_uri)) == 1


def test_success_clears_the_reason(spool: Path) -> None:
    assert b"STATE: -" + REASON in run(spool).stderr


def test_a_full_disk_stops_the_queue_and_leaves_nothing(spool: Path) -> None:
    # A limit on the file's size fails in write(2), as a full disk does.
    limited = ["/usr/bin/prlimit", "--fsize=4096", *arguments()]
    done = run(spool, args=limited)
    assert done.returncode == STOP, done.stderr
    assert is_empty(spool)


def started(spool: Path, begin: bytes) -> subprocess.Popen[bytes]:
    """Start the backend, give it `begin`, and wait until it writes."""
    process = subprocess.Popen(
        arguments(), env=environment(spool), stdin=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdin is not None
    process.stdin.write(begin)
    process.stdin.flush()

    def writes() -> bool:
        return any(path.stat().st_size for path in (spool / "tmp").glob("*/document.pdf"))

    wait_for(writes, "the document is being written")
    return process


def test_canceled_in_the_middle_it_leaves_nothing(spool: Path) -> None:
    process = started(spool, b"%PDF-1.4\n" + b"x" * 200_000)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)
    assert process.returncode == STOP
    assert is_empty(spool)


def test_canceled_just_after_the_filter_died_it_leaves_nothing(spool: Path) -> None:
    process = started(spool, b"%PDF-1.4\n" + b"x" * 200_000)
    assert process.stdin is not None
    process.stdin.close()
    process.stdin = None

    def still_copies() -> bool:
        files = Path(f"/proc/{process.pid}/fd").iterdir()
        return any("document.pdf" in str(file.readlink()) for file in files)

    wait_for(lambda: not still_copies(), "the end of the file was seen")
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)
    assert is_empty(spool)


def test_a_pdf_cut_off_is_handed_over(spool: Path) -> None:
    """The service holds it, where a person sees it; here it would just vanish."""
    assert run(spool, PDF[:3000]).returncode == OK
    assert (entries(spool)[0] / "document.pdf").read_bytes() == PDF[:3000]


@pytest.mark.skipif(os.getuid() != 0, reason="only root has privileges to drop")
def test_root_becomes_the_owner_of_the_spool(spool: Path, tmp_path: Path) -> None:
    nobody = pwd.getpwnam("nobody")
    for path in (spool, spool / "tmp", spool / "incoming"):
        os.chown(path, nobody.pw_uid, nobody.pw_gid)
    source = tmp_path / "d00007-001"  # readable for root alone, as in CUPS's own spool
    source.write_bytes(PDF)
    source.chmod(0o600)
    done = run(spool, b"", [*arguments(), str(source)])
    assert done.returncode == OK, done.stderr
    (entry,) = entries(spool)
    owners = {(p.stat().st_uid, p.stat().st_gid) for p in [entry, *entry.iterdir()]}
    assert owners == {(nobody.pw_uid, nobody.pw_gid)}


def as_cupsd_writes(pairs: list[tuple[str, str]]) -> str:
    """Write options as cupsd's get_options does: a backslash before each special character."""
    quoted = (f"{name}=" + re.sub(r"([ \t\n\\'\"])", r"\\\1", value) for name, value in pairs)
    return " ".join(quoted)


PRINTABLE = st.text(st.characters(exclude_categories=("Cc", "Cs")))
NAMES = st.from_regex(r"[A-Za-z][A-Za-z0-9.-]{0,20}", fullmatch=True)


@given(st.lists(st.tuples(NAMES, PRINTABLE)))
def test_options_come_out_as_cupsd_put_them_in(pairs: list[tuple[str, str]]) -> None:
    assert FUNCTIONS["parse_options"](as_cupsd_writes(pairs)) == [list(pair) for pair in pairs]


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        ("fit", [["fit", "true"]]),
        ("nofit", [["fit", "false"]]),
        ("no", [["no", "true"]]),
        ("notify=x nothing=", [["notify", "x"], ["nothing", ""]]),
        ("a=1=2", [["a", "1=2"]]),
        ("=x", []),
        ('a="open quote', [["a", '"open'], ["quote", "true"]]),
        ("a=tab\\\tb", [["a", "tab b"]]),
    ],
)
def test_options_that_are_odd(text: str, pairs: list[list[str]]) -> None:
    assert FUNCTIONS["parse_options"](text) == pairs


def ticket_for(argv: list[str], env: dict[str, str]) -> ticket.Ticket:
    facts = {"id": "0" * 32, "document": "document.pdf", "size": 1, "sha256": "a" * 64}
    found: dict[str, Any] = FUNCTIONS["make_ticket"](["dicom", *argv], env, facts)
    return ticket.read(FUNCTIONS["json"].dumps(found, ensure_ascii=False).encode(), "0" * 32)


# What Python makes of any bytes in argv: text, with a lone surrogate for each byte that is none.
ANYTHING = st.binary(max_size=300).map(lambda data: os.fsdecode(data.replace(b"\0", b"")))


@settings(max_examples=200)
@given(st.lists(ANYTHING, min_size=5, max_size=5), ANYTHING)
def test_whatever_comes_the_ticket_keeps_its_contract(argv: list[str], value: str) -> None:
    names = ("PRINTER", "AUTH_USERNAME", "CONTENT_TYPE")
    ticket_for(argv, dict.fromkeys(names, value))


@pytest.mark.parametrize("unit", ["\udcff", "a ", "no\\\\ ", "\x01", "job-uuid=x ", '"', "ü=ü "])
def test_the_longest_arguments_keep_the_contract(unit: str) -> None:
    """A single argument of Linux has at most 128 KiB."""
    long = os.fsdecode(os.fsencode(unit * 131_072)[:131_071])
    ticket_for(["9" * 30, long, long, "9" * 30, long], {"PRINTER": long, "CONTENT_TYPE": long})


def test_the_readme_names_every_field_of_the_ticket() -> None:
    text = (backend_directory() / "README.md").read_text(encoding="utf-8")
    section = text.partition("## The ticket\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \| [^|]+ \| (yes|no) \|", section, re.MULTILINE)
    fields = ticket.Ticket.model_fields
    wanted = [
        (info.alias or name, "yes" if info.is_required() else "no") for name, info in fields.items()
    ]
    assert rows == wanted


def test_the_readme_states_the_bounds_of_the_ticket() -> None:
    text = (backend_directory() / "README.md").read_text(encoding="utf-8")
    for name, info in ticket.Ticket.model_fields.items():
        for bound in info.metadata:
            longest = getattr(bound, "max_length", None)
            if longest is not None:
                row = re.search(rf"^\| `{name}` \| ([^|]+) \|", text, re.MULTILINE)
                assert row is not None
                assert f"up to {longest}" in row[1].replace(" 000", "000"), name


def test_it_stays_small() -> None:
    assert len(BACKEND.read_text(encoding="utf-8").splitlines()) <= 300
    assert os.access(BACKEND, os.X_OK)


def test_what_the_service_wants_said_comes_last(spool: Path) -> None:
    text = "pacs has not answered since 09:30"
    (spool / "notices.json").write_text(f'{{"DICOM": "{text}", "OTHER": "no"}}')
    done = run(spool)
    assert done.returncode == OK
    assert done.stderr.splitlines()[-1] == f"ERROR: {text}.".encode()
    assert b"STATE: +com.dicom-printer.remote-down-warning\n" in done.stderr
    (spool / "notices.json").write_text("{}")
    done = run(spool, PDF + b"2")
    assert b"STATE: -com.dicom-printer.remote-down-warning\n" in done.stderr
    assert b"ERROR" not in done.stderr


@pytest.mark.parametrize("text", [b"", b"[1]", b'{"DICOM": "\\ud800"}', b"\xff", b"[" * 100_000])
def test_a_notice_that_is_none_hinders_nothing(spool: Path, text: bytes) -> None:
    (spool / "notices.json").write_bytes(text)
    done = run(spool)
    assert (done.returncode, len(entries(spool))) == (OK, 1)
    assert b"ERROR" not in done.stderr
    assert b"Traceback" not in done.stderr


def test_a_notice_is_one_line(spool: Path) -> None:
    (spool / "notices.json").write_text(r'{"DICOM": "a\nSTATE: +x' + "y" * 500 + '"}')
    done = run(spool)
    assert done.stderr.splitlines()[-1].startswith(b"ERROR: a STATE: +xyyy")
    assert len(done.stderr.splitlines()[-1]) < 420
