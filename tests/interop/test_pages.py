"""The renderer with real children: its pixels beside pdftoppm's, and hostile documents."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import documents
import numpy as np
import psutil
import pytest
from programs import require
from reportlab.lib.colors import Color
from reportlab.pdfgen.canvas import Canvas

from dicom_printer.config.models import Pages
from dicom_printer.errors import DocumentError, RenderError
from dicom_printer.pages import How, Page, Renderer
from dicom_printer.pages.child import Child

DPI = 150
COLOR = How(DPI, "color")
Image = np.ndarray[Any, np.dtype[np.uint8]]

# Two engines round edges and strokes in their own way. Over a page that is little: less than
# MEAN of 255 (0.2 to 0.65 measured on `sizes`). And it is local: the mean over a block of 16 x 16
# pixels differs by less than BLOCK (24 measured), while a shift by 2 pixels makes it 40.
MEAN, BLOCK = 0.8, 32.0


@pytest.fixture(scope="module")
def renderer() -> Iterator[Renderer]:
    made = Renderer(Pages(), workers=2)
    yield made
    made.close()


def limits(**changed: object) -> Pages:
    return Pages().model_copy(update=changed)


def children() -> set[psutil.Process]:
    """The render workers of this process; one that has just ended counts no more."""
    found = psutil.Process().children()
    return {c for c in found if c.status() != psutil.STATUS_ZOMBIE and "pages.worker" in line(c)}


def line(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def until(condition: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.005)


def peak_mib(process: psutil.Process) -> float:
    status = Path(f"/proc/{process.pid}/status").read_text()
    return next(int(s.split()[1]) for s in status.splitlines() if s.startswith("VmHWM")) / 1024


def reference(path: Path, number: int) -> Image:
    """A page as pdftoppm renders it by itself."""
    page = ["-f", str(number), "-l", str(number)]
    command = ["pdftoppm", "-cropbox", "-r", str(DPI), *page, str(path)]
    data = subprocess.run(command, check=True, capture_output=True).stdout
    _, size, _, pixels = data.split(b"\n", 3)
    columns, rows = map(int, size.split())
    return np.frombuffer(pixels, np.uint8).reshape(rows, columns, 3)


def agree(ours: Image, theirs: Image) -> bool:
    if abs(ours.shape[0] - theirs.shape[0]) > 1 or abs(ours.shape[1] - theirs.shape[1]) > 1:
        return False
    rows, columns = (min(ours.shape[i], theirs.shape[i]) // 16 for i in (0, 1))
    cut = np.s_[: rows * 16, : columns * 16]
    difference = ours[cut].astype(np.int16) - theirs[cut]
    blocks = difference.reshape(rows, 16, columns, 16, 3).mean((1, 3))
    return bool(np.abs(difference).mean() < MEAN and np.abs(blocks).max() < BLOCK)


def rendered(renderer: Renderer, path: Path, how: How = COLOR) -> list[Page]:
    return list(renderer.stream(path, range(1, renderer.count(path) + 1), how))


# --- the pixels


def test_every_page_is_what_an_independent_engine_renders(
    renderer: Renderer, tmp_path: Path
) -> None:
    require("pdftoppm")
    path = documents.sizes(tmp_path / "s.pdf")
    pages = rendered(renderer, path)
    theirs = [reference(path, number) for number in range(1, len(pages) + 1)]
    assert [page.number for page in pages] == list(range(1, len(documents.SIZES) + 1))
    assert [agree(page.pixels, t) for page, t in zip(pages, theirs, strict=True)] == [True] * 8
    assert {page.spacing_mm for page in pages} == {25.4 / DPI}


def test_the_comparison_sees_what_is_wrong(renderer: Renderer, tmp_path: Path) -> None:
    require("pdftoppm")
    path = documents.sizes(tmp_path / "s.pdf")
    for number in (1, 4, 7):
        theirs = reference(path, number)
        (page,) = renderer.stream(path, [number], COLOR)
        wrong = {
            "turned by 180": page.pixels[::-1, ::-1],
            "turned by 90": np.rot90(page.pixels),
            "mirrored": page.pixels[:, ::-1],
            "red and blue swapped": page.pixels[..., ::-1],
            "2 pixels to the right": np.roll(page.pixels, 2, 1),
            "2 pixels down": np.roll(page.pixels, 2, 0),
            "blank": np.full_like(page.pixels, 255),
        }
        assert [name for name, pixels in wrong.items() if agree(pixels, theirs)] == []
    one, three = (reference(path, n) for n in (1, 3))  # the same size, another page
    assert one.shape == three.shape
    assert not agree(one, three)


def test_crop_box_and_annotation(renderer: Renderer, tmp_path: Path) -> None:
    require("pdftoppm")
    path = tmp_path / "c.pdf"
    square = "/Subtype /Square /Rect [60 60 100 100] /F 4 /AP << /N 6 0 R >>"
    look = b"1 0 0 rg 0 0 40 40 re f"
    data = documents.raw_pdf(
        [
            f"/MediaBox [0 0 300 300] /CropBox [50 50 200 150] /Annots [<< {square} >>]",
            "/MediaBox [0 0 10 10]",
        ],
        [b"0 0 1 rg 120 60 20 50 re f", look],
    ).replace(
        b"6 0 obj\n<< /Length",
        b"6 0 obj\n<< /Type /XObject /Subtype /Form /BBox [0 0 40 40] /Length",
    )
    path.write_bytes(data)
    (page,) = renderer.stream(path, [1], COLOR)
    assert page.pixels.shape == (209, 313, 3)  # 100 x 150 points
    assert page.pixels[150, 60].tolist() == [255, 0, 0]  # the annotation
    assert page.pixels[150, 160].tolist() == [0, 0, 255]
    assert agree(page.pixels, reference(path, 1))


def test_what_was_filled_into_a_form_is_there(renderer: Renderer, tmp_path: Path) -> None:
    canvas = Canvas(str(tmp_path / "f.pdf"), pagesize=(200, 100))
    red = Color(1, 0, 0)
    canvas.acroForm.textfield(x=20, y=20, width=100, height=40, value="7", fillColor=red)
    canvas.showPage()
    canvas.save()
    (page,) = rendered(renderer, tmp_path / "f.pdf")
    assert page.pixels[130, 200].tolist() == [255, 0, 0]


def test_gray_is_found_and_made(renderer: Renderer, tmp_path: Path) -> None:
    gray = documents.gray(tmp_path / "g.pdf")
    color = documents.report(tmp_path / "c.pdf", pages=1)
    assert [p.pixels.ndim for p in rendered(renderer, gray, How(DPI, "auto"))] == [2, 2]
    assert [p.pixels.ndim for p in rendered(renderer, color, How(DPI, "auto"))] == [3]
    assert [p.pixels.ndim for p in rendered(renderer, color, How(DPI, "gray"))] == [2]
    assert [p.pixels.ndim for p in rendered(renderer, gray, How(DPI, "color"))] == [3, 3]


def test_dpi(renderer: Renderer, tmp_path: Path) -> None:
    path = documents.report(tmp_path / "r.pdf", pages=1)
    (page,) = renderer.stream(path, [1], How(300))
    assert page.pixels.shape == (3508, 2481, 3)
    assert page.spacing_mm == pytest.approx(0.0846667)


def test_images_keep_the_pixels_they_have(renderer: Renderer, tmp_path: Path) -> None:
    pages = rendered(renderer, documents.tiff(tmp_path / "x.pdf", 3))
    for page in pages:
        assert np.array_equal(page.pixels, np.asarray(documents.picture(page.number)))
    assert [page.spacing_mm for page in pages] == [pytest.approx(25.4 / 200)] * 3


def test_pages_come_in_the_order_they_were_asked_for(renderer: Renderer, tmp_path: Path) -> None:
    path = documents.sizes(tmp_path / "s.pdf")
    numbers = [4, 1, 8, 8, 2]
    pages = list(renderer.stream(path, numbers, How(72)))
    assert [page.number for page in pages] == numbers
    assert pages[2].pixels.shape == (611, 201, 3)


def test_text(renderer: Renderer, tmp_path: Path) -> None:
    require("pdftotext")
    text = renderer.text(documents.report(tmp_path / "r.pdf", pages=2))
    assert "Page 1" in text
    assert "Page 2" in text
    assert renderer.text(documents.png(tmp_path / "x.png")) == ""
    with pytest.raises(DocumentError) as caught:
        renderer.text(documents.encrypted(tmp_path / "e.pdf"))
    assert caught.value.reason == "document encrypted"


# --- documents that are not in order


@pytest.mark.parametrize(
    ("make", "reason", "says"),
    [
        (documents.encrypted, "document encrypted", "password"),
        (documents.truncated, "document damaged", "cut off"),
        (documents.empty, "document empty", "no bytes"),
        (documents.no_pages, "document empty", "no pages"),
        (documents.text_named_pdf, "type not supported", "not a PDF"),
        (documents.huge, "page too large", "page 1 .* 30000 x 30000"),
        (documents.png_bomb, "page too large", "50000 x 50000"),
    ],
)
def test_hostile_documents_are_refused_with_a_reason(
    renderer: Renderer, tmp_path: Path, make: documents.Maker, reason: str, says: str
) -> None:
    require("pdfinfo")
    path = make(tmp_path / "x.pdf")
    before = children()
    with pytest.raises(DocumentError, match=says) as caught:
        rendered(renderer, path)
    assert caught.value.reason == reason
    assert caught.value.remedy
    if before:
        assert children() & before, "the worker should have stayed"


def test_a_pdf_that_only_forbids_printing_is_rendered(renderer: Renderer, tmp_path: Path) -> None:
    require("pdftoppm")
    path = documents.owner_locked(tmp_path / "o.pdf")
    (page,) = rendered(renderer, path)
    assert page.pixels.min() == 0


@pytest.mark.parametrize("make", [documents.huge, documents.png_bomb])
def test_memory_stays_bounded(tmp_path: Path, make: documents.Maker) -> None:
    renderer = Renderer(Pages(), workers=1)
    others = children()
    try:
        rendered(renderer, documents.png(tmp_path / "x.png"))
        (child,) = children() - others
        before = peak_mib(child)
        with pytest.raises(DocumentError):
            rendered(renderer, make(tmp_path / "bad"))
        assert peak_mib(child) < before + 16
    finally:
        renderer.close()


def test_two_hundred_pages_take_no_more_memory_than_ten(tmp_path: Path) -> None:
    path = documents.report(tmp_path / "r.pdf", pages=200)
    renderer = Renderer(Pages(), workers=1)
    ours = psutil.Process()
    before = children()
    try:
        for page in renderer.stream(path, range(1, 11), COLOR):
            assert page.pixels.nbytes > 6_000_000
        (child,) = children() - before
        early, ours_early = peak_mib(child), ours.memory_info().rss
        for page in renderer.stream(path, range(11, 201), COLOR):
            assert page.pixels.nbytes > 6_000_000
        assert peak_mib(child) < early * 1.1 + 4
        assert ours.memory_info().rss < ours_early + 4 * page.pixels.nbytes
    finally:
        renderer.close()


def test_a_page_beyond_the_memory_limit_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "large.pdf"
    path.write_bytes(documents.raw_pdf(["/MediaBox [0 0 5000 5000]"], [b"0 0 10 10 re f"]))
    renderer = Renderer(limits(memory=64 << 20, max_pixels=200_000_000), workers=1)
    try:
        with pytest.raises(DocumentError) as caught:
            list(renderer.stream(path, [1], COLOR))
        assert caught.value.reason == "limit exceeded"
        assert len(rendered(renderer, documents.png(tmp_path / "x.png"))) == 1
    finally:
        renderer.close()


def test_a_page_beyond_the_time_limit_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "slow.pdf"
    # A form that draws another one fifty times, which draws the next one fifty times...
    forms = [f"/F{n + 1} Do ".encode() * 50 for n in range(8)] + [b"0 0 9 9 re f"]
    path.write_bytes(nested(forms))
    renderer = Renderer(limits(page_timeout=0.5), workers=1)
    before = children()
    started = time.monotonic()
    try:
        with pytest.raises(DocumentError, match=r"page 1 .*page_timeout") as caught:
            list(renderer.stream(path, [1], COLOR))
        assert caught.value.reason == "limit exceeded"
        assert time.monotonic() - started < 15
        poppler = [
            p for p in psutil.process_iter(["cmdline"]) if str(path) in (p.info["cmdline"] or [])
        ]
        assert poppler == [], "what a worker started must end with it"
        assert len(rendered(renderer, documents.png(tmp_path / "x.png"))) == 1
        assert len(children() - before) == 1
    finally:
        renderer.close()


def nested(forms: list[bytes]) -> bytes:
    """A PDF whose page draws the first form, which draws the next."""
    data = b"%PDF-1.4\n1 0 obj\n<< /Type /Catalog /Pages 2 0 R >>\nendobj\n"
    data += b"2 0 obj\n<< /Type /Pages /Count 1 /Kids [3 0 R] >>\nendobj\n"
    names = b" ".join(b"/F%d %d 0 R" % (n, n + 4) for n in range(1, len(forms)))
    use = b"/Resources << /XObject << %s >> >>" % names
    page = b"/Type /Page /Parent 2 0 R /MediaBox [0 0 99 99] /Contents 4 0 R"
    data += b"3 0 obj\n<< %s %s >>\nendobj\n" % (page, use)
    for n, form in enumerate(forms):
        kind = b"/Type /XObject /Subtype /Form /BBox [0 0 99 99] %s" % use if n else b""
        head = b"%d 0 obj\n<< %s /Length %d >>" % (n + 4, kind, len(form))
        data += head + b"\nstream\n%s\nendstream\nendobj\n" % form
    return data + b"trailer\n<< /Root 1 0 R >>\nstartxref\n0\n%%EOF\n"


# --- the second engine


def test_poppler_opens_what_pdfium_refuses(renderer: Renderer, tmp_path: Path) -> None:
    require("pdftoppm")
    path = tmp_path / "x.pdf"
    box = ["/MediaBox [0 0 200 300] /CropBox [20 30 120 180] /Rotate 90"]
    data = documents.raw_pdf(box, [b"0 0 1 rg 30 40 20 20 re f"])
    path.write_bytes(locked(data))
    assert not opens_in_pdfium(path)
    (page,) = rendered(renderer, path)
    assert np.array_equal(page.pixels, reference(path, 1))
    assert page.pixels.shape == (209, 313, 3)


def test_poppler_renders_the_page_that_pdfium_refuses(renderer: Renderer, tmp_path: Path) -> None:
    require("pdftoppm")
    path = tmp_path / "x.pdf"
    draw = b"0 0 1 rg 30 40 20 20 re f"
    data = documents.raw_pdf(["/MediaBox [0 0 200 300]", "/MediaBox [0 0 200 300] "], [draw, draw])
    path.write_bytes(data.replace(b"/Type /Page /Parent", b"/Type /Pages /Parent", 1))
    pages = rendered(renderer, path)
    assert np.array_equal(pages[0].pixels, reference(path, 1))
    assert agree(pages[1].pixels, reference(path, 2))


def test_a_page_that_is_not_there_is_damaged(renderer: Renderer, tmp_path: Path) -> None:
    require("pdftoppm")
    path = tmp_path / "x.pdf"
    data = documents.raw_pdf(["/MediaBox [0 0 200 300]"])
    path.write_bytes(data.replace(b"3 0 obj", b"3 0 xxx"))  # poppler makes one pixel of it
    with pytest.raises(DocumentError, match="page 1") as caught:
        rendered(renderer, path)
    assert caught.value.reason == "document damaged"


def test_one_pixel_instead_of_a_page_is_noticed(tmp_path: Path) -> None:
    require("pdftoppm")
    path = tmp_path / "x.pdf"
    path.write_bytes(locked(documents.huge(path).read_bytes()))
    renderer = Renderer(limits(max_pixels=1_000_000_000, memory=128 << 20), workers=1)
    try:
        with pytest.raises(DocumentError, match="30000 x 30000 were expected") as caught:
            list(renderer.stream(path, [1], COLOR))
        assert caught.value.reason == "document damaged"
    finally:
        renderer.close()


def test_poppler_renders_where_pdfium_dies(
    renderer: Renderer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    require("pdftoppm")
    path = documents.report(tmp_path / "r.pdf", pages=1)
    ask = Child.ask

    def dying(self: Child, request: dict[str, Any]) -> tuple[dict[str, Any], bytearray]:
        if request["engine"] == "pdfium":
            os.kill(self.pid, signal.SIGSEGV)
        return ask(self, request)

    monkeypatch.setattr(Child, "ask", dying)
    (page,) = renderer.stream(path, [1], COLOR)
    assert np.array_equal(page.pixels, reference(path, 1))


def locked(data: bytes) -> bytes:
    """A PDF encrypted in a way that nobody knows: PDFium refuses, poppler looks past it."""
    lock = b"/Root 1 0 R /Encrypt << /Filter /Standard /V 9 >> /ID [(a)(b)]"
    return data.replace(b"/Root 1 0 R", lock)


def opens_in_pdfium(path: Path) -> bool:
    import pypdfium2

    try:
        pypdfium2.PdfDocument(path).close()
    except pypdfium2.PdfiumError:
        return False
    return True


# --- the workers


def test_a_worker_killed_costs_one_attempt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = documents.report(tmp_path / "r.pdf", pages=30)
    renderer = Renderer(Pages(), workers=1)
    before = children()
    try:
        renderer.count(path)
        (child,) = children() - before
        child.send_signal(signal.SIGSTOP)  # so that the page is certainly not finished
        asked = threading.Event()
        send = Child._send

        def sent(self: Child, message: dict[str, Any]) -> None:
            send(self, message)
            asked.set()

        monkeypatch.setattr(Child, "_send", sent)
        pages = renderer.stream(path, range(1, 31), COLOR)
        with ThreadPoolExecutor(1) as thread:
            first = thread.submit(next, pages)
            assert asked.wait(20)
            child.kill()
            with pytest.raises(RenderError):
                first.result()
        pages.close()
        assert len(rendered(renderer, path)) == 30
        assert children() - before != {child}
    finally:
        renderer.close()


def test_a_worker_killed_while_idle_costs_nothing(tmp_path: Path) -> None:
    path = documents.report(tmp_path / "r.pdf", pages=1)
    renderer = Renderer(Pages(), workers=1)
    before = children()
    try:
        renderer.count(path)
        (child,) = children() - before
        child.kill()
        until(lambda: child.status() == psutil.STATUS_ZOMBIE)
        assert len(rendered(renderer, path)) == 1
    finally:
        renderer.close()


def test_a_worker_outlives_the_thread_that_asked_first(tmp_path: Path) -> None:
    path = documents.report(tmp_path / "r.pdf", pages=1)
    renderer = Renderer(Pages(), workers=1)
    before = children()
    try:
        thread = threading.Thread(target=renderer.count, args=(path,))
        thread.start()
        thread.join()
        (child,) = children() - before
        rendered(renderer, path)
        assert children() - before == {child}
    finally:
        renderer.close()
    assert children() == before


def test_the_worker_is_confined(tmp_path: Path) -> None:
    renderer = Renderer(limits(memory=256 << 20, page_timeout=7.0), workers=1)
    before = children()
    try:
        renderer.count(documents.report(tmp_path / "r.pdf"))
        (child,) = children() - before
        limit = {name: child.rlimit(getattr(psutil, name))[0] for name in (
            "RLIMIT_AS", "RLIMIT_CPU", "RLIMIT_NOFILE", "RLIMIT_FSIZE", "RLIMIT_CORE")}  # fmt: skip
        assert 256 << 20 < limit["RLIMIT_AS"] < 512 << 20
        assert 7 <= limit["RLIMIT_CPU"] <= 12
        assert (limit["RLIMIT_NOFILE"], limit["RLIMIT_CORE"]) == (64, 0)
        assert limit["RLIMIT_FSIZE"] == 16 << 20
        assert "NoNewPrivs:\t1" in Path(f"/proc/{child.pid}/status").read_text()
        assert set(child.environ()) <= {
            "PATH", "LC_ALL", "OPENBLAS_NUM_THREADS", "MALLOC_MMAP_THRESHOLD_",
            "MALLOC_TRIM_THRESHOLD_"}  # fmt: skip
        assert os.getsid(child.pid) == child.pid
    finally:
        renderer.close()


def test_the_look_ahead_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = documents.report(tmp_path / "r.pdf", pages=40)
    renderer = Renderer(Pages(), workers=2)
    made: list[int] = []
    original = Renderer._page

    def counted(self: Renderer, document: Path, number: int, how: How) -> Page:
        made.append(number)
        return original(self, document, number, how)

    monkeypatch.setattr(Renderer, "_page", counted)
    monkeypatch.setattr("dicom_printer.pages.ahead.ROOM", 0)  # as if these pages were large
    try:
        pages = renderer.stream(path, range(1, 41), How(30))
        for taken in range(1, 6):
            next(pages)
            until(lambda: len(made) >= taken + 2)  # noqa: B023 - used at once
            renderer.count(path)  # comes after everything that was asked for before
            renderer.count(path)
            assert max(made) == taken + 2
        pages.close()
        seen = len(made)
        assert len(rendered(renderer, path, How(30))) == 40, "the workers were given back"
        assert len(made) == seen + 40
    finally:
        renderer.close()


def test_closing_a_stream_takes_back_what_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = documents.report(tmp_path / "r.pdf", pages=5)
    renderer = Renderer(Pages(), workers=2)
    renderer._threads = ThreadPoolExecutor(1)  # so that one is under way and one waits
    made: list[int] = []
    gate = threading.Event()
    original = Renderer._page

    def gated(self: Renderer, document: Path, number: int, how: How) -> Page:
        made.append(number)
        assert number == 1 or gate.wait(20)
        return original(self, document, number, how)

    monkeypatch.setattr(Renderer, "_page", gated)
    try:
        pages = renderer.stream(path, range(1, 6), How(30))
        next(pages)
        until(lambda: made == [1, 2])
        pages.close()
        gate.set()
        renderer.count(path)  # would come after page 3
        assert made == [1, 2]
    finally:
        renderer.close()


def test_four_jobs_at_once(renderer: Renderer, tmp_path: Path) -> None:
    makes = [documents.sizes, documents.gray, documents.tiff, documents.png]
    paths = [make(tmp_path / f"{make.__name__}.x") for make in makes]
    alone = [rendered(renderer, path, How(72)) for path in paths]
    with ThreadPoolExecutor(4) as threads:
        together = list(threads.map(lambda path: rendered(renderer, path, How(72)), paths * 2))
    for one, other in zip(alone * 2, together, strict=True):
        assert [page.number for page in one] == [page.number for page in other]
        assert all(np.array_equal(a.pixels, b.pixels) for a, b in zip(one, other, strict=True))


def test_closing_ends_the_workers_and_tells_who_waits(tmp_path: Path) -> None:
    path = documents.report(tmp_path / "r.pdf", pages=40)
    before = children()
    renderer = Renderer(Pages(), workers=2)
    pages = renderer.stream(path, range(1, 41), COLOR)
    next(pages)
    renderer.close()
    assert children() == before
    with pytest.raises(RenderError, match="closed"):
        list(pages)
    with pytest.raises(RenderError, match="closed"):
        renderer.count(path)


def test_a_document_that_changed_is_read_again(renderer: Renderer, tmp_path: Path) -> None:
    path = tmp_path / "x"
    assert renderer.count(documents.report(path, pages=3)) == 3
    assert renderer.count(documents.report(path, pages=2)) == 2


def test_a_document_that_is_gone(renderer: Renderer, tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="not there"):
        renderer.count(tmp_path / "nothing.pdf")


def test_an_odd_name(renderer: Renderer, tmp_path: Path) -> None:
    path = documents.report(tmp_path / os.fsdecode(b"-o caf\xc3\xa9 \xff $(x).pdf"), pages=1)
    assert len(rendered(renderer, path)) == 1
    assert "Page 1" in renderer.text(path)


def test_too_many_pages(tmp_path: Path) -> None:
    renderer = Renderer(limits(max_pages=2), workers=1)
    try:
        with pytest.raises(DocumentError, match="3 pages") as caught:
            renderer.count(documents.report(tmp_path / "r.pdf", pages=3))
        assert caught.value.reason == "too many pages"
    finally:
        renderer.close()
