"""The hostile corpus, through the real producers, to one service that stays what it is.

Good documents go in between, by each way: they come out. Whatever else went in ends: done,
held with a reason and a remedy, rejected with a reason, or refused to CUPS.
"""

import itertools
import json
import os
import socket
import subprocess
import uuid
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest
from cups_fixtures import wait_for
from hostile_corpus import GOOD, NAMES, PRINTED, Handed, Sample, fields, handed, samples
from process_watch import Watch
from pydicom.uid import JPEGBaseline8Bit
from running_service import RunningService
from scp import UNCOMPRESSED, ScriptedSCP

from dicom_printer.ppd import backend_directory

MIB = 1 << 20
MEMORY_MIB, MAX_PIXELS, RENDER_WORKERS, WORKERS = 256, 4_000_000, 2, 4
SERVICE_MIB = 150
"""The service with all its libraries, before it holds a page."""
WORKER_MIB = 160
"""What a render worker has mapped before it has seen a document: [pages] memory counts from it."""
PAGES_MIB = WORKERS * (RENDER_WORKERS + 2) * MAX_PIXELS * 3 // MIB
"""Each job that is stored has one page in its hands, and one more ahead than there are workers."""
CHILD_MIB = WORKER_MIB + MEMORY_MIB
BOUND_MIB = SERVICE_MIB + PAGES_MIB + 2 * RENDER_WORKERS * CHILD_MIB
"""A render worker may have started a poppler, which is held to the same."""

CONFIG = f"""
[service]
spool = "spool"
settle = "0.3s"
workers = {WORKERS}
render_workers = {RENDER_WORKERS}

[pages]
memory = "{MEMORY_MIB}M"
max_pixels = {MAX_PIXELS}
max_pages = 200
page_timeout = "5s"

[remote.pacs]
ae_title = "PACS"
host = "127.0.0.1"
port = PORT
associations = {WORKERS}

[printer.P]
workflow = "text"

[printer.Q]
workflow = "pages"
hot_folders = ["inbox"]

[[workflow.pages]]
action = "store"
remote = "pacs"
dpi = 50
compression = "jpeg"

[[workflow.text]]
action = "parse"
from = "text"
pattern = '(?P<AccessionNumber>ACC\\d+)'
when = {{ "job.title" = "good|with|spliced|flate 1 GiB| of " }}  # not twice the time-out for each
on_error = "continue"

[[workflow.text]]
action = "store"
remote = "pacs"
dpi = 50
"""

Producer = Callable[["Corpus", Sample], str]
"""Hands a document over, and returns how its job is told: by its title, or by its id."""


def by_hot_folder(corpus: "Corpus", sample: Sample) -> str:
    part = corpus.inbox / f"{sample.name}{sample.suffix}.part"
    part.write_bytes(sample.data)
    part.rename(part.with_suffix(""))
    return sample.name


def by_spool(corpus: "Corpus", sample: Sample) -> str:
    job_id, document = uuid.uuid4().hex, f"document{sample.suffix}"
    place = corpus.place(job_id)
    (place / document).write_bytes(sample.data)
    ticket = fields(job_id, sample.data, title=sample.name, document=document)
    (place / "ticket.json").write_text(json.dumps(ticket))
    corpus.commit(job_id)
    return job_id


def by_cups(corpus: "Corpus", sample: Sample, options: str = "page-set=all") -> str:
    done = subprocess.run(
        ["/usr/bin/python3", "-IS", BACKEND, "7", "mary", sample.name, "1", options],
        input=sample.data,
        env={"PATH": os.defpath, "PRINTER": "P", "DICOM_PRINTER_SPOOL": str(corpus.service.spool)},
        capture_output=True,
        timeout=60,
        check=False,
    )
    said = done.stderr.decode()
    if done.returncode == CANCEL:
        assert "ERROR: " in said
        return f"{REFUSED}: {sample.name}"
    assert done.returncode == 0, said
    return said.split()[-1].rstrip(".")


BACKEND = backend_directory() / "dicom"
CANCEL = 5
REFUSED = "refused to CUPS"
PRODUCERS: list[Producer] = [by_hot_folder, by_spool, by_hot_folder, by_spool, by_cups]


@dataclass
class Corpus:
    """The service that takes all of it.

    Attributes
    ----------
    ends : collections.Counter of str
        How many of what was handed over came to each end.
    """

    service: RunningService
    scp: ScriptedSCP
    calls: socket.socket
    watch: Watch
    ends: Counter[str] = field(default_factory=Counter)

    @property
    def inbox(self) -> Path:
        return self.service.directory / "inbox"

    def place(self, job_id: str) -> Path:
        place = self.service.spool / "tmp" / job_id
        place.mkdir(mode=0o700)
        return place

    def commit(self, job_id: str) -> None:
        (self.service.spool / "tmp" / job_id).rename(self.service.spool / "incoming" / job_id)

    def good(self) -> set[str]:
        """Hand a good document over by each way; return how their jobs are told."""
        sample = Sample(f"good {uuid.uuid4().hex}", ".pdf", GOOD)
        return {produce(self, sample) for produce in (by_hot_folder, by_spool, by_cups)}

    def settled(self, told: Collection[str]) -> dict[str, dict[str, Any]]:
        """Wait until every one of these jobs has come to an end, and return them."""

        def of(jobs: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
            by_name = {job["id"]: job for job in jobs} | {job["title"]: job for job in jobs}
            return {name: by_name[name] for name in told if name in by_name}

        def ended(jobs: list[dict[str, Any]]) -> bool:
            found = of(jobs)
            return len(found) == len(told) and all(j["state"] in ENDED for j in found.values())

        return of(self.service.wait_until(ended, timeout=LIMIT_S, every=0.5))

    def check(self, told: Mapping[str, str], good: set[str]) -> None:
        """Check that each has ended as it must: `told` has the reason, "" where any will do."""
        jobs = self.settled([*told, *good])
        for name, job in jobs.items():
            self.ends[job["reason"] or job["state"]] += 1
            if name in good:
                assert job["state"] == "done", job
            elif job["state"] == "held":
                # a busy machine may not get so far as to see what is wrong with it
                assert told[name] in {"", job["reason"]} or job["reason"] == LIMIT, job
                assert "; " in job["error"], "no remedy"
            else:
                assert told[name] == "", job
        assert self.service.process is not None
        assert self.service.process.poll() is None, self.service.tail()


ENDED = {"done", "held"}
LIMIT = "limit exceeded"
LIMIT_S = 300  # for a machine that does other things too; it takes seconds


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Corpus]:
    directory = tmp_path_factory.mktemp("hostile")
    (directory / "service" / "inbox").mkdir(parents=True)
    with (
        socket.create_server(("127.0.0.1", 0)) as calls,
        ScriptedSCP(transfer_syntaxes=(*UNCOMPRESSED, JPEGBaseline8Bit)) as scp,
        RunningService(directory / "service", CONFIG.replace("PORT", str(scp.port))) as service,
    ):
        assert service.process is not None
        watch = Watch(psutil.Process(service.process.pid))
        try:
            yield Corpus(service, scp, calls, watch)
        finally:
            watch.stop()


PARTS = 2


@pytest.mark.parametrize("part", range(PARTS))
def test_documents(corpus: Corpus, tmp_path: Path, part: int) -> None:
    url = f"http://127.0.0.1:{corpus.calls.getsockname()[1]}/x"
    made = list(samples(tmp_path, url))[part::PARTS]
    good: set[str] = set()
    told: dict[str, str] = {}
    with ThreadPoolExecutor(4) as pool:
        for some in (made[i : i + 20] for i in range(0, len(made), 20)):
            good |= corpus.good()
            ways = itertools.islice(itertools.cycle(PRODUCERS), len(some))
            names = pool.map(lambda produce, sample: produce(corpus, sample), ways, some)
            told |= {name: sample.reason for name, sample in zip(names, some, strict=True)}
    refused = {name for name in told if name.startswith(REFUSED)}
    corpus.ends[REFUSED] += len(refused)
    told = {name: reason for name, reason in told.items() if name not in refused}
    corpus.check(told, good | corpus.good())


def test_tickets(corpus: Corpus) -> None:
    made: dict[str, Handed] = {}
    good = corpus.good()
    for ticket in handed():
        job_id = uuid.uuid4().hex
        ticket.make(corpus.place(job_id), job_id)
        corpus.commit(job_id)
        made[job_id] = ticket
    good |= corpus.good()
    jobs = {job_id for job_id, ticket in made.items() if not ticket.rejected}
    corpus.check(dict.fromkeys(jobs, ""), good)
    places = {
        ticket.name: corpus.service.spool / "rejected" / job_id / "reason.txt"
        for job_id, ticket in made.items()
        if ticket.rejected
    }

    def missing() -> list[str]:
        return [name for name, place in places.items() if not place.exists()]

    with suppress(pytest.fail.Exception):
        wait_for(lambda: not missing(), "each bad ticket is rejected", 60)
    assert missing() == []
    assert all(place.read_text().strip() for place in places.values())
    corpus.ends["rejected"] += len(places)


def test_names(corpus: Corpus) -> None:
    good = corpus.good()
    inbox = os.fsencode(corpus.inbox)
    before = len(corpus.service.jobs())
    for number, name in enumerate(NAMES):
        # not one and the same document: a token that a hidden name tells is that of one file
        (path := Path(os.fsdecode(inbox + b"/" + name))).write_bytes(GOOD + b"%% %d" % number)
        assert path.exists()
    good |= corpus.good()
    jobs = corpus.service.wait_until(
        lambda jobs: len(jobs) >= before + len(NAMES) and all(j["state"] in ENDED for j in jobs),
        timeout=LIMIT_S,
        every=0.5,
    )
    assert [job["error"] for job in jobs[before:] if job["state"] != "done"] == []
    corpus.check({}, good)
    corpus.ends["done"] += len(NAMES)
    assert list(corpus.inbox.iterdir()) == []


def test_titles_and_options_of_cups(corpus: Corpus) -> None:
    good = corpus.good()
    told = {
        by_cups(corpus, Sample(title, ".pdf", GOOD + b"%% %d" % number), options): ""
        for number, (title, options) in enumerate(PRINTED.values())
    }
    assert [name for name in told if name.startswith(REFUSED)] == []
    corpus.check(told, good | corpus.good())


def test_what_is_no_file_stays_out_of_the_spool(corpus: Corpus, tmp_path: Path) -> None:
    os.mkfifo(corpus.inbox / "pipe.pdf")
    (corpus.inbox / "link.pdf").symlink_to("/etc/passwd")
    (corpus.inbox / "loop.pdf").symlink_to("loop.pdf")
    (corpus.inbox / "device.pdf").symlink_to("/dev/zero")
    deep = corpus.inbox.joinpath(*["d"] * 100)
    deep.mkdir(parents=True)
    with (corpus.inbox / "sparse.pdf").open("wb") as file:
        file.truncate(4 << 40)  # more than there is room for: it waits, and says so
    good = corpus.good()
    corpus.check({}, good)
    wait_for(lambda: len(list((corpus.inbox / "rejected").iterdir())) == 8, "rejected", LIMIT_S)
    reasons = [path.read_text() for path in (corpus.inbox / "rejected").glob("*.reason.txt")]
    assert all("put the document itself here" in reason for reason in reasons)
    # it is looked at twice before it is found to be whole, and too large
    wait_for(lambda: "no room" in corpus.service.cli("status", check=False).stdout, "it", LIMIT_S)
    (corpus.inbox / "sparse.pdf").unlink()
    corpus.ends["rejected"] += 4
    corpus.ends["waits for room"] += 1


def test_the_service_came_through_all_of_it(
    corpus: Corpus,
    record_property: Callable[[str, object], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    corpus.check({}, corpus.good())
    jobs = corpus.service.jobs()
    assert {job["state"] for job in jobs} <= ENDED
    assert list((corpus.service.spool / "incoming").iterdir()) == []
    assert list((corpus.service.spool / "tmp").iterdir()) == []
    log = corpus.service.log.read_text(errors="replace")
    assert "Traceback" not in log
    assert "action broke" not in corpus.ends
    corpus.calls.setblocking(False)
    with pytest.raises(BlockingIOError):  # nobody has called
        corpus.calls.accept()
    assert not Path("/tmp/launched").exists()
    assert corpus.service.terminate() == 0
    corpus.watch.stop()
    figures = {
        "ends": dict(corpus.ends.most_common()),
        "together_mib": corpus.watch.together // MIB,
        "service_mib": corpus.watch.peak // MIB,
        "largest_child_mib": corpus.watch.peak_of_child // MIB,
        "children": len(corpus.watch.children),
    }
    for name, value in figures.items():
        record_property(name, value)
    with capsys.disabled():  # what it took is to be seen in each run
        print(f"\nhostile corpus: {sum(corpus.ends.values())} handed over: {figures}")
    assert corpus.watch.together < BOUND_MIB * MIB
    assert corpus.watch.peak_of_child < CHILD_MIB * MIB
    assert corpus.watch.peak < (SERVICE_MIB + PAGES_MIB) * MIB
    assert [pid for pid, child in corpus.watch.children.items() if child.is_running()] == []
