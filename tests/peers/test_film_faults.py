"""What becomes of a job whose film printer fails, at each message and in each way."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import documents
import pytest
from film_scp import MESSAGES, VERIFICATION, ScriptedPrinter
from jobs_made import Clock
from printed_job import PrintedJob, imager, step
from scp import SilentListener

from dicom_printer.cli import main
from dicom_printer.config import Pages
from dicom_printer.jobs.operate import Operation, operate
from dicom_printer.jobs.store import Store
from dicom_printer.pages import Renderer
from dicom_printer.spool import Spool

BEFORE = MESSAGES[: MESSAGES.index("N-ACTION")]
LEVELS = ("session", "film_box")


@pytest.fixture(scope="module")
def renderer() -> Iterator[Renderer]:
    made = Renderer(Pages(), workers=2)
    yield made
    made.close()


@pytest.fixture
def printer() -> Iterator[ScriptedPrinter]:
    with ScriptedPrinter() as made:
        yield made


@pytest.fixture
def job(
    printer: ScriptedPrinter, spool: Spool, store: Store, renderer: Renderer, tmp_path: Path
) -> PrintedJob:
    """A job of three pages, not submitted yet."""
    documents.gray(tmp_path / "document.pdf", pages=3)
    return PrintedJob(spool, store, renderer, imager(printer.port, dimse_timeout="0.5s"))


def add(job: PrintedJob, tmp_path: Path, **settings: Any) -> None:
    job.add(tmp_path / "document.pdf", step(**settings))


def due(job: PrintedJob, clock: Clock) -> None:
    clock.forward(7200)


def state(shown: dict[str, Any]) -> tuple[str, str]:
    return shown["state"], shown["reason"]


@pytest.mark.parametrize("level", LEVELS)
def test_three_films_in_the_order_of_the_standard(
    printer: ScriptedPrinter, job: PrintedJob, tmp_path: Path, level: str
) -> None:
    add(job, tmp_path, print_level=level)
    shown = job.run()
    assert state(shown) == ("done", "")
    film = ["N-CREATE film box", "N-SET image box"]
    if level == "session":
        middle = [*film * 3, "N-ACTION session"]
    else:
        middle = [*film, "N-ACTION film box", "N-DELETE film box"] * 3
    expected = ["N-GET printer", "N-CREATE session", *middle, "N-DELETE session"]
    assert printer.messages == expected
    assert sum(map(len, printer.printed)) == 3
    assert (shown["accepted"], shown["pages"]) == (3, 3)
    assert [(f["number"], f["pages"], f["status"]) for f in shown["films"]] == [
        (1, [1], 0), (2, [2], 0), (3, [3], 0)
    ]  # fmt: skip
    assert shown["events"][-2]["detail"] == "step 1 (print): 3 films printed at imager"


def test_the_meta_class_and_nothing_else_is_proposed(
    printer: ScriptedPrinter, job: PrintedJob, tmp_path: Path
) -> None:
    add(job, tmp_path)
    job.run()
    (asked,) = printer.associations
    (context,) = asked.presentation_context_definition_list
    assert context.abstract_syntax == "1.2.840.10008.5.1.1.9"
    syntaxes = ["1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"]
    assert context.transfer_syntax == syntaxes


@pytest.mark.parametrize("message", BEFORE)
@pytest.mark.parametrize("fault", ["hang", "abort", "drop"])
def test_before_the_request_to_print_a_lost_answer_is_tried_again(
    printer: ScriptedPrinter, job: PrintedJob, tmp_path: Path, clock: Clock,
    message: str, fault: str,
) -> None:  # fmt: skip
    add(job, tmp_path)
    printer.faults = {message: fault}
    shown = job.run()
    assert state(shown) == ("suspended", "no answer")
    assert message.split()[0] in shown["error"]
    assert (printer.printed, shown["films"]) == ([], [])
    printer.faults = {}
    due(job, clock)
    assert state(job.run()) == ("done", "")
    assert len(printer.printed) == 1


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("fault", ["hang", "abort", "drop"])
@pytest.mark.parametrize("policy", ["suspend", "continue"])
def test_the_lost_answer_to_the_request_to_print_holds_the_job(
    printer: ScriptedPrinter, job: PrintedJob, tmp_path: Path, clock: Clock,
    level: str, fault: str, policy: str,
) -> None:  # fmt: skip
    add(job, tmp_path, print_level=level, on_error=policy)
    printer.faults = {"N-ACTION": fault}
    shown = job.run()
    assert state(shown) == ("held", "outcome unknown")
    assert "look at the printer" in shown["error"]
    films = 3 if level == "session" else 1
    assert [f["status"] for f in shown["films"]] == [None] * films
    printer.faults = {}
    due(job, clock)
    assert state(job.run()) == ("held", "outcome unknown"), "nobody repeats it"
    assert printer.messages.count(f"N-ACTION {level.replace('_', ' ')}") == 1


def test_a_printer_that_talks_and_never_answers(
    printer: ScriptedPrinter, job: PrintedJob, tmp_path: Path
) -> None:
    add(job, tmp_path)
    job.remote = imager(printer.port, dimse_timeout="0.1s")
    printer.faults = {"N-ACTION": "chatter"}
    assert state(job.run()) == ("held", "outcome unknown")


@pytest.mark.parametrize("twice", ["N-SET image box 1", "N-SET image box 3"])
def test_a_second_answer_is_none_to_the_request_to_print(
    printer: ScriptedPrinter, job: PrintedJob, tmp_path: Path, twice: str
) -> None:
    add(job, tmp_path, print_level="session")
    printer.faults = {twice: "twice", "N-ACTION": 0xC602}
    assert state(job.run()) == ("suspended", "remote busy")
    assert printer.printed == []


def unknown_second_film(printer: ScriptedPrinter, job: PrintedJob, tmp_path: Path) -> None:
    add(job, tmp_path, print_level="film_box")
    printer.faults = {"N-ACTION film box 2": "abort"}
    assert state(job.run()) == ("held", "outcome unknown")
    assert len(printer.printed) == 2  # the second came out, and only the printer knows
    printer.messages.clear()


def test_release_goes_on_behind_the_film_that_came_out(
    printer: ScriptedPrinter, job: PrintedJob, store: Store, tmp_path: Path
) -> None:
    unknown_second_film(printer, job, tmp_path)
    operate(store, job.id, Operation("release", "anna"))
    assert state(job.run()) == ("done", "")
    assert printer.messages.count("N-ACTION film box") == 1


def test_retry_prints_the_film_in_doubt_and_the_rest(
    printer: ScriptedPrinter, job: PrintedJob, store: Store, tmp_path: Path
) -> None:
    unknown_second_film(printer, job, tmp_path)
    operate(store, job.id, Operation("retry", "anna"))
    assert state(job.run()) == ("done", "")
    assert printer.messages.count("N-ACTION film box") == 2


@pytest.mark.parametrize("fault", ["hang", "abort", "drop", 0x0112, 0x0110])
def test_what_follows_the_print_is_courtesy(
    printer: ScriptedPrinter, job: PrintedJob, tmp_path: Path, fault: Any
) -> None:
    add(job, tmp_path)
    printer.faults = {"N-DELETE": fault}
    assert state(job.run()) == ("done", "")
    assert len(printer.printed) == 1


@pytest.mark.parametrize("message", BEFORE[1:])
@pytest.mark.parametrize("status", [0x0107, 0x0116, 0xB600, 0xB605])
def test_a_warning_is_logged_and_the_film_printed(
    printer: ScriptedPrinter, job: PrintedJob, tmp_path: Path, message: str, status: int,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    add(job, tmp_path)
    printer.faults = {message: status}
    assert state(job.run()) == ("done", "")
    assert f"0x{status:04X}" in caplog.text


def test_a_warning_to_the_request_to_print_stands_in_the_history(
    printer: ScriptedPrinter, job: PrintedJob, tmp_path: Path
) -> None:
    add(job, tmp_path)
    printer.faults = {"N-ACTION": 0xB604}
    shown = job.run()
    assert state(shown) == ("done", "")
    assert "0xB604" in str([e["detail"] for e in shown["events"] if e["what"] == "warning"])


@pytest.mark.parametrize(
    ("message", "status", "expected"),
    [
        ("N-GET printer", 0x0110, ("held", "remote refused")),
        ("N-CREATE session", 0x0106, ("held", "remote refused")),
        ("N-CREATE film box", 0x0106, ("held", "remote refused")),
        ("N-CREATE film box", 0xC616, ("held", "remote refused")),
        ("N-SET image box", 0xC603, ("held", "remote refused")),
        ("N-SET image box", 0xC605, ("suspended", "remote busy")),
        ("N-ACTION", 0xC600, ("held", "remote refused")),
        ("N-ACTION", 0xC601, ("suspended", "remote busy")),
        ("N-ACTION", 0xC602, ("suspended", "remote busy")),
        ("N-ACTION", 0x0213, ("suspended", "remote busy")),
        ("N-ACTION", 0x0123, ("held", "remote refused")),
        ("N-ACTION", 0xB602, ("held", "film empty")),
        ("N-ACTION", 0xB603, ("held", "film empty")),
    ],
)
def test_a_failure_status_prints_nothing_and_leaves_nothing_in_doubt(
    printer: ScriptedPrinter, job: PrintedJob, store: Store, tmp_path: Path,
    message: str, status: int, expected: tuple[str, str],
) -> None:  # fmt: skip
    add(job, tmp_path)
    printer.faults = {message: status}
    shown = job.run()
    assert state(shown) == expected
    assert f"0x{status:04X}" in shown["error"]
    assert (printer.printed, shown["films"]) == ([], [])
    printer.faults = {}
    operate(store, job.id, Operation("retry", "anna"))
    assert state(job.run()) == ("done", "")


def test_films_that_were_taken_are_not_printed_again(
    printer: ScriptedPrinter, job: PrintedJob, clock: Clock, tmp_path: Path
) -> None:
    add(job, tmp_path, print_level="film_box", film_session={"FilmSessionLabel": "{now}"})
    printer.faults = {"N-ACTION film box 2": 0xC602}
    shown = job.run()
    assert state(shown) == ("suspended", "remote busy")
    assert [f["number"] for f in shown["films"]] == [1]
    printer.faults = {}
    due(job, clock)
    assert state(job.run()) == ("done", "")
    assert len(printer.printed) == 3


def test_a_late_answer_within_the_time_out_is_an_answer(
    printer: ScriptedPrinter, job: PrintedJob, tmp_path: Path
) -> None:
    add(job, tmp_path)
    job.remote = imager(printer.port, dimse_timeout="5s")
    printer.delay_s = 0.1
    assert state(job.run()) == ("done", "")


def test_a_film_box_without_a_data_set_has_nowhere_to_put_a_page(
    printer: ScriptedPrinter, job: PrintedJob, tmp_path: Path
) -> None:
    add(job, tmp_path)
    printer.faults = {"N-CREATE film box": "no data"}
    shown = job.run()
    assert state(shown) == ("held", "remote refused")
    assert "names no image boxes" in shown["error"]
    assert "N-SET image box" not in printer.messages


def test_a_session_without_a_data_set_is_a_session(
    printer: ScriptedPrinter, job: PrintedJob, tmp_path: Path
) -> None:
    add(job, tmp_path)
    printer.faults = {"N-CREATE session": "no data"}
    assert state(job.run()) == ("done", "")


@pytest.mark.parametrize("level", LEVELS)
def test_a_success_whose_data_set_nobody_can_read_is_a_success(
    printer: ScriptedPrinter, job: PrintedJob, tmp_path: Path, level: str
) -> None:
    add(job, tmp_path, print_level=level)
    printer.faults = {"N-ACTION": "damaged"}
    shown = job.run()
    assert state(shown) == ("done", "")
    assert {f["status"] for f in shown["films"]} == {0}


def test_too_few_image_boxes(printer: ScriptedPrinter, job: PrintedJob, tmp_path: Path) -> None:
    add(job, tmp_path, film_box={"ImageDisplayFormat": r"STANDARD\1,3"})
    printer.image_boxes = 2
    shown = job.run()
    assert state(shown) == ("held", "remote refused")
    assert "2 image boxes" in shown["error"]
    assert printer.printed == []


@pytest.mark.parametrize("whose", ["own", "printer"])
@pytest.mark.parametrize("level", LEVELS)
def test_the_printers_uids_go_before_ours(
    printer: ScriptedPrinter, job: PrintedJob, tmp_path: Path, whose: str, level: str
) -> None:
    add(job, tmp_path, instance_uids=whose, print_level=level)
    printer.own_uids = True
    assert state(job.run()) == ("done", "")
    boxes = [ds for message, ds in printer.datasets if message == "N-CREATE film box"]
    sessions = {ds.ReferencedFilmSessionSequence[0].ReferencedSOPInstanceUID for ds in boxes if ds}
    assert len(sessions) == 1
    assert sum(map(len, printer.printed)) == 3


def test_a_printer_that_cannot_print_is_waited_for(
    printer: ScriptedPrinter, job: PrintedJob, clock: Clock, tmp_path: Path
) -> None:
    add(job, tmp_path)
    printer.status, printer.info = "FAILURE", "SUPPLY EMPTY"
    shown = job.run()
    assert state(shown) == ("suspended", "printer failure")
    assert "SUPPLY EMPTY" in shown["error"]
    assert printer.messages == ["N-GET printer"]
    printer.status, printer.info = "WARNING", "SUPPLY LOW"
    due(job, clock)
    assert state(job.run()) == ("done", "")


def test_a_printer_need_not_be_asked(
    printer: ScriptedPrinter, job: PrintedJob, tmp_path: Path
) -> None:
    add(job, tmp_path, printer_status=False)
    printer.status = "FAILURE"
    assert state(job.run()) == ("done", "")
    assert "N-GET printer" not in printer.messages


@pytest.mark.parametrize(
    ("reject", "expected"),
    [
        ((1, 1, 7), ("held", "remote refused")),
        ((2, 3, 2), ("suspended", "remote busy")),
    ],
)
def test_a_rejected_association(
    printer: ScriptedPrinter, job: PrintedJob, tmp_path: Path,
    reject: tuple[int, int, int], expected: tuple[str, str],
) -> None:  # fmt: skip
    add(job, tmp_path)
    printer.reject = reject
    assert state(job.run()) == expected


def test_a_printer_without_colour(
    spool: Spool, store: Store, renderer: Renderer, tmp_path: Path
) -> None:
    documents.gray(tmp_path / "document.pdf", pages=1)
    with ScriptedPrinter(sop_classes=("1.2.840.10008.5.1.1.9",)) as printer:
        job = PrintedJob(spool, store, renderer, imager(printer.port))
        add(job, tmp_path, mode="color")
        shown = job.run()
    assert state(shown) == ("held", "remote refused")
    assert "Basic Color Print Management Meta" in shown["error"]


def test_a_printer_that_says_nothing_at_all(
    spool: Spool, store: Store, renderer: Renderer, tmp_path: Path
) -> None:
    documents.gray(tmp_path / "document.pdf", pages=1)
    with SilentListener() as listener:
        address = imager(listener.port, association_timeout="0.3s")
        job = PrintedJob(spool, store, renderer, address)
        add(job, tmp_path)
        assert state(job.run()) == ("suspended", "remote unreachable")


def test_big_endian_words_are_turned(
    spool: Spool, store: Store, renderer: Renderer, tmp_path: Path
) -> None:
    documents.gray(tmp_path / "document.pdf", pages=1)
    big = "1.2.840.10008.1.2.2"
    images = []
    for syntax in ("1.2.840.10008.1.2.1", big):
        with ScriptedPrinter(transfer_syntaxes=(syntax,)) as printer:
            job = PrintedJob(spool, store, renderer, imager(printer.port))
            add(job, tmp_path, bits=12)
            assert state(job.run()) == ("done", "")
            sent = next(ds for m, ds in printer.datasets if m == "N-SET image box")
            assert sent is not None
            images.append(sent.BasicGrayscaleImageSequence[0].PixelData)
    little, turned = images
    assert little != turned
    assert little[0::2] == turned[1::2]
    assert little[1::2] == turned[0::2]


def test_the_lut_that_is_refused_is_done_without(
    spool: Spool, store: Store, renderer: Renderer, tmp_path: Path
) -> None:
    documents.gray(tmp_path / "document.pdf", pages=1)
    lut = "1.2.840.10008.5.1.1.23"
    for classes, faults in (((), {}), ((lut,), {"N-CREATE lut": 0x0106})):
        known = ("1.2.840.10008.5.1.1.9", *classes)
        with ScriptedPrinter(sop_classes=known, faults=dict(faults)) as printer:
            job = PrintedJob(spool, store, renderer, imager(printer.port))
            add(job, tmp_path, presentation_lut="LIN OD")
            assert state(job.run()) == ("done", "")
            box = next(ds for m, ds in printer.datasets if m == "N-CREATE film box")
            assert box is not None
            assert "ReferencedPresentationLUTSequence" not in box


def test_an_annotation_that_cannot_be_printed_holds_the_job(
    printer: ScriptedPrinter, job: PrintedJob, tmp_path: Path
) -> None:
    add(job, tmp_path, film_box={"AnnotationDisplayFormatID": "1"}, annotations=["invented"])
    shown = job.run()
    assert state(shown) == ("held", "remote refused")
    assert printer.printed == []
    assert "invented" not in shown["error"]


@pytest.mark.parametrize("label", ["Invented^Name", "Invented^Name" * 9])
@pytest.mark.parametrize("fault", [{}, {"N-CREATE session": 0x0106}, {"N-ACTION": "abort"}])
def test_neither_log_nor_history_has_anything_of_the_patient(
    printer: ScriptedPrinter, job: PrintedJob, tmp_path: Path, caplog: pytest.LogCaptureFixture,
    label: str, fault: dict[str, Any],
) -> None:  # fmt: skip
    caplog.set_level("INFO")
    printer.faults = fault
    made = step(film_session={"FilmSessionLabel": "{PatientName}"})
    job.add(tmp_path / "document.pdf", made, PatientName=label)
    shown = job.run()
    expected = "bad value" if len(label) > 64 else {0: "", 1: shown["reason"]}[len(fault)]
    assert shown["reason"] == expected
    assert "Invented" not in caplog.text
    assert "Invented" not in str(shown["events"]) + shown["error"]


# -- echo --

CONFIG = """
[service]
spool = "spool"
[remote.imager]
ae_title = "PRINTER"
host = "127.0.0.1"
port = {port}
[[workflow.film]]
action = "print"
remote = "imager"
"""


@pytest.mark.parametrize(
    ("status", "info", "code", "said"),
    [
        ("NORMAL", "NORMAL", 0, "NORMAL"),
        ("WARNING", "SUPPLY LOW", 0, "WARNING (SUPPLY LOW)"),
        ("FAILURE", "FILM JAM", 1, "FAILURE (FILM JAM)"),
    ],
)
@pytest.mark.parametrize("verification", [(), (VERIFICATION,)])
def test_echo_shows_a_film_printers_status(
    capsys: pytest.CaptureFixture[str], tmp_path: Path,
    status: str, info: str, code: int, said: str, verification: tuple[str, ...],
) -> None:  # fmt: skip
    known = ("1.2.840.10008.5.1.1.9", *verification)
    with ScriptedPrinter(sop_classes=known, status=status, info=info) as printer:
        (tmp_path / "dicom-printer.toml").write_text(CONFIG.format(port=printer.port))
        assert main(["echo", "imager", "--json"]) == code
    assert f'"printer": "{said}"' in capsys.readouterr().out
