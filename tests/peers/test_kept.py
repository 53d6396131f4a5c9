"""Associations that are kept for the next job: taken over, replaced, closed; never one too many."""

from __future__ import annotations

import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import documents
import numpy as np
import pytest
from gated_scp import GatedSCP
from lines import deaf
from raw_peer import ABORT, RELEASE_RP, RELEASE_RQ, Line, RawPeer, pdu
from real_peers import wait_until
from scripted_job import FakeRunning, job

from dicom_printer.actions import Job, store
from dicom_printer.capture import dataset
from dicom_printer.config import Pages, Remote
from dicom_printer.errors import NoAnswerError
from dicom_printer.kept import Kept
from dicom_printer.network import SECONDARY_CAPTURE, UNCOMPRESSED, opened, storage
from dicom_printer.pages import Renderer

STEP = store.Settings.model_validate({"action": "store", "remote": "pacs", "dpi": 50})
OTHER = store.Settings.model_validate(
    {"action": "store", "remote": "pacs", "dpi": 50, "compression": "rle"}
)


@pytest.fixture(scope="module")
def renderer() -> Iterator[Renderer]:
    made = Renderer(Pages(), workers=1)
    yield made
    made.close()


@pytest.fixture
def scp() -> Iterator[GatedSCP]:
    with GatedSCP() as made:
        yield made


@pytest.fixture
def kept() -> Iterator[Kept]:
    made = Kept(keeps=True)
    yield made
    made.close()


class Jobs:
    """One job after the other, each with a slot of the remote."""

    def __init__(
        self, scp: GatedSCP | RawPeer, renderer: Renderer, folder: Path, kept: Kept
    ) -> None:
        self._scp, self._renderer, self._kept = scp, renderer, kept
        self._document = documents.report(folder / "one.pdf", pages=1)
        self._number = 0
        self.keep_open = "60s"
        self.dimse_timeout = "2s"

    def job(self, slot: int = 0, *, takes: bool = True) -> Job:
        """Return the next job, as the workflow makes it."""
        self._number += 1
        values = {"name": "pacs", "ae_title": "SCRIPTED", "host": "127.0.0.1"}
        settings = {"dimse_timeout": self.dimse_timeout, "keep_open": self.keep_open}
        remote = Remote.model_validate(values | settings | {"port": self._scp.port})
        made = job(
            remotes={"pacs": remote},
            renderer=self._renderer,
            document=self._document,
            id=f"{self._number:032x}",
        )
        return replace(made, place=self._kept.at("pacs", slot, takes=takes))


@pytest.fixture
def jobs(scp: GatedSCP, renderer: Renderer, tmp_path: Path, kept: Kept) -> Jobs:
    return Jobs(scp, renderer, tmp_path, kept)


def recorded(of: Job) -> int:
    assert isinstance(of.running, FakeRunning)
    return len(of.running.instances.get("pacs", {}))


def test_the_next_job_goes_on_with_it(scp: GatedSCP, jobs: Jobs) -> None:
    for _ in range(3):
        store.run(STEP, jobs.job())
    assert (scp.associations, len(scp.stored)) == (1, 3)
    assert scp.is_busy


def test_without_the_setting_nothing_is_kept(scp: GatedSCP, jobs: Jobs) -> None:
    jobs.keep_open = "0s"
    for _ in range(2):
        store.run(STEP, jobs.job())
    assert scp.associations == 2
    wait_until(lambda: not scp.is_busy, "the release")


def test_it_is_released_when_its_time_is_over(scp: GatedSCP, jobs: Jobs) -> None:
    jobs.keep_open = "0.05s"
    store.run(STEP, jobs.job())
    wait_until(lambda: not scp.is_busy, "the release")
    store.run(STEP, jobs.job())
    assert scp.associations == 2


def test_the_end_of_the_service_closes_it(scp: GatedSCP, jobs: Jobs, kept: Kept) -> None:
    store.run(STEP, jobs.job())
    kept.close()
    wait_until(lambda: not scp.is_busy, "the release")


def test_each_slot_has_its_own(scp: GatedSCP, jobs: Jobs) -> None:
    for slot in (0, 1, 0, 1):
        store.run(STEP, jobs.job(slot))
    assert (scp.associations, scp.max_simultaneous) == (2, 2)


def test_other_contexts_get_another_one_and_there_are_never_two(scp: GatedSCP, jobs: Jobs) -> None:
    for step in (STEP, OTHER, STEP):
        store.run(step, jobs.job())
    assert (scp.associations, scp.max_simultaneous, len(scp.stored)) == (3, 1, 3)


def test_a_step_that_opens_its_own_has_it_closed_before(scp: GatedSCP, jobs: Jobs) -> None:
    store.run(STEP, jobs.job())
    jobs.job(takes=False)
    wait_until(lambda: not scp.is_busy, "the release")


@pytest.mark.parametrize("how", ["abort", "release"])
def test_one_that_the_peer_ended_is_replaced(scp: GatedSCP, jobs: Jobs, how: str) -> None:
    store.run(STEP, jobs.job())
    (theirs,) = scp.open_associations()
    getattr(theirs, how)()
    wait_until(lambda: not scp.is_busy, "its end")
    again = jobs.job()
    store.run(STEP, again)
    assert (scp.associations, recorded(again)) == (2, 1)


@pytest.mark.parametrize("how", ["abort_on", "drop_on"])
def test_one_that_dies_as_it_is_taken_over_costs_no_attempt(
    scp: GatedSCP, jobs: Jobs, how: str
) -> None:
    setattr(scp, how, frozenset({2}))
    store.run(STEP, jobs.job())
    again = jobs.job()
    store.run(STEP, again)
    assert (scp.associations, recorded(again), scp.max_simultaneous) == (2, 1, 1)


@pytest.mark.parametrize("how", ["abort", "release"])
def test_one_that_the_peer_ends_while_a_page_is_encoded(
    scp: GatedSCP, jobs: Jobs, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    jobs.dimse_timeout = "60s"
    store.run(STEP, jobs.job())
    (theirs,) = scp.open_associations()
    command = storage.command

    def encode_and_be_left(*args: Any) -> bytes:
        monkeypatch.undo()
        getattr(theirs, how)()
        wait_until(lambda: not scp.is_busy, "its end")
        return command(*args)

    monkeypatch.setattr("dicom_printer.network.storage.command", encode_and_be_left)
    again = jobs.job()
    store.run(STEP, again)
    assert (scp.associations, recorded(again), scp.max_simultaneous) == (2, 1, 1)
    assert set(scp.requests_by_uid().values()) == {1}


class Leaving:
    """A peer that answers so many requests of an association, and to the next one says goodbye."""

    def __init__(self, answers: int) -> None:
        self._answers = answers
        self.asked: Counter[str] = Counter()
        self.answered: Counter[str] = Counter()
        self.lines = 0
        self._lock = threading.Lock()

    def __call__(self, line: Line) -> None:
        line.negotiate()
        with self._lock:
            self.lines += 1
        for number in range(self._answers + 1):
            asked = line.request()
            self.asked[asked.sop_instance] += 1
            if number < self._answers:
                self.answered[asked.sop_instance] += 1
                line.answer(asked)
        line.send(pdu(RELEASE_RQ, bytes(4)))
        assert line.pdu()[0] == RELEASE_RP


def test_peer_that_leaves_in_good_order_between_pages_gets_the_rest_on_another_one(
    renderer: Renderer, tmp_path: Path, kept: Kept
) -> None:
    leaving = Leaving(answers=2)
    with RawPeer(leaving) as peer:
        jobs = Jobs(peer, renderer, tmp_path, kept)
        jobs.dimse_timeout = "60s"
        five = replace(jobs.job(), document=documents.report(tmp_path / "five.pdf", pages=5))
        assert store.run(STEP, five) == "5 of 5 pages sent to pacs"
        assert (leaving.lines, recorded(five)) == (3, 5)
        # What was not answered, once more; what was, never.
        assert sorted(leaving.asked.values()) == [1, 1, 1, 2, 2]
        assert set(leaving.answered.values()) == {1}
        assert ABORT not in peer.heard
        assert peer.heard.count(RELEASE_RP) == 2


def test_peer_that_leaves_before_it_answers_anything_is_a_failure(
    renderer: Renderer, tmp_path: Path, kept: Kept
) -> None:
    leaving = Leaving(answers=0)
    with RawPeer(leaving) as peer:
        jobs = Jobs(peer, renderer, tmp_path, kept)
        jobs.dimse_timeout = "60s"
        with pytest.raises(NoAnswerError, match="released or aborted"):
            store.run(STEP, jobs.job())
        assert leaving.lines == 1


def test_one_whose_line_is_cut_without_a_word_is_replaced(scp: GatedSCP, jobs: Jobs) -> None:
    """Neither FIN nor RST nor an acknowledgement comes, as from a machine without power."""
    store.run(STEP, jobs.job())
    (theirs,) = scp.open_associations()
    deaf(theirs.dul.socket.socket)
    again = jobs.job()
    store.run(STEP, again)
    assert (scp.associations, recorded(again)) == (2, 1)


def test_a_new_one_that_dies_is_a_failure(scp: GatedSCP, jobs: Jobs) -> None:
    scp.abort_on = frozenset({2, 3})
    store.run(STEP, jobs.job())
    with pytest.raises(NoAnswerError):
        store.run(STEP, jobs.job())
    assert scp.associations == 2


def test_a_peer_that_does_not_answer_is_no_reason_to_send_again(scp: GatedSCP, jobs: Jobs) -> None:
    scp.hang_on = frozenset({2})
    store.run(STEP, jobs.job())
    with pytest.raises(NoAnswerError, match="within"):
        store.run(STEP, jobs.job())
    assert scp.associations == 1


def test_one_that_answered_and_then_died_is_a_failure(
    scp: GatedSCP, jobs: Jobs, tmp_path: Path
) -> None:
    scp.abort_on = frozenset({3})
    store.run(STEP, jobs.job())
    two = replace(jobs.job(), document=documents.report(tmp_path / "two.pdf", pages=2))
    with pytest.raises(NoAnswerError):
        store.run(STEP, two)
    assert (scp.associations, recorded(two)) == (1, 1)


def test_a_refused_page_leaves_nothing_behind(scp: GatedSCP, jobs: Jobs) -> None:
    scp.statuses = {1: 0xA700}
    with pytest.raises(Exception, match="A700"):
        store.run(STEP, jobs.job())
    wait_until(lambda: not scp.is_busy, "the abort")


def test_several_nodes_keep_nothing(scp: GatedSCP, renderer: Renderer, tmp_path: Path) -> None:
    jobs = Jobs(scp, renderer, tmp_path, Kept(keeps=False))
    store.run(STEP, jobs.job())
    wait_until(lambda: not scp.is_busy, "the release")


def test_one_whose_peer_pauses_in_reading_is_not_taken_for_dead() -> None:
    """Its system acknowledges, but has no room for more: that is a busy store, no lost line."""

    def pausing(line: Line) -> None:
        line.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        line.negotiate()
        line.answer(line.request())
        time.sleep(
            4
        )  # longer than it is waited for an acknowledgement, shorter than for the answer
        line.serve()

    timeouts = {"association_timeout": 6, "dimse_timeout": 6}
    with RawPeer(pausing) as peer:
        remote = Remote(name="pacs", ae_title="RAW", host="127.0.0.1", port=peer.port)
        association = opened(
            remote.model_copy(update=timeouts), [(SECONDARY_CAPTURE, UNCOMPRESSED)]
        )
        pixels = np.zeros((2500, 2500), np.uint8)
        ds = dataset("job", 1, 1, pixels, None, {}, created=datetime.now().astimezone())
        assert association.store(ds) == 0
        association.take_over()
        assert association.store(ds) == 0
        association.close()
