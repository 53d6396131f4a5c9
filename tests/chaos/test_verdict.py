"""The verdict sees each thing that may go wrong, and calls nothing wrong that is right."""

from collections import defaultdict
from typing import Any, cast

import pytest

from chaos.archive import Archive
from chaos.plan import Print
from chaos.verdict import VARIANT, Evidence, Verdict, judge
from chaos.witness import Witness
from dicom_printer import capture

JOB = "0" * 32
DOCUMENT = Print(1, "submit", "One", 2, "", 0.0)
UIDS = [capture.uid(JOB, "page", page, VARIANT) for page in (1, 2)]


class FakeArchive:
    def __init__(self, pages: dict[int, str]) -> None:
        self.kept = {uid: {"digest"} for uid in pages.values()}
        self.pages = {(DOCUMENT.title, page): {uid} for page, uid in pages.items()}


@pytest.fixture
def witness() -> Witness:
    return Witness({"one": 1, "two": 2})


def row(**fields: Any) -> dict[str, Any]:
    found = {"id": JOB, "title": DOCUMENT.title, "state": "done", "reason": "", "error": ""}
    return found | fields


def verdict(witness: Witness, **changed: Any) -> Verdict:
    archive = changed.pop("archive", FakeArchive({1: UIDS[0], 2: UIDS[1]}))
    archives = cast("dict[str, Archive]", defaultdict(lambda: archive) | {"one": archive})
    recorded = {("one", uid): 100.0 for uid in UIDS}
    values = {"rows": [row()], "recorded": recorded, "ended": set(), "archives": archives}
    return judge(Evidence([DOCUMENT], {1}, witness=witness, **values | changed))


def test_all_is_well(witness: Witness) -> None:
    assert verdict(witness).is_clean


def test_lost(witness: Witness) -> None:
    assert verdict(witness, rows=[]).lost
    assert verdict(witness, archive=FakeArchive({1: UIDS[0]})).lost
    discarded = [row(state="discarded", reason="cancelled")]
    assert verdict(witness, rows=discarded).lost
    assert verdict(witness, rows=discarded, ended={JOB}).is_clean
    assert verdict(witness, rows=[row(state="discarded", reason="no match")], ended={JOB}).lost


def test_left_over(witness: Witness) -> None:
    assert verdict(witness, rows=[row(state="held", reason="service died")]).others


def test_doubled(witness: Witness) -> None:
    assert verdict(witness, rows=[row(), row(id="1" * 32)]).doubled
    twice = FakeArchive({1: UIDS[0], 2: UIDS[1]})
    twice.pages[DOCUMENT.title, 1].add("2.25.1")
    assert verdict(witness, archive=twice).doubled
    changed = FakeArchive({1: UIDS[0], 2: UIDS[1]})
    changed.kept[UIDS[0]].add("another digest")
    assert verdict(witness, archive=changed).doubled


def test_above_the_limit(witness: Witness) -> None:
    first = witness.opened("one", 0, lambda: "")
    witness.over(first, "released")
    second = witness.opened("one", 0, lambda: "")
    assert not verdict(witness).above
    witness.opened("one", 1, lambda: "")
    assert len(verdict(witness).above) == 1
    witness.died(0, "killed")
    witness.died(1, "killed")
    hung_up = witness.opened("one", 0, lambda: "")
    hung_up.peek = lambda: "hung up"
    witness.opened("one", 0, lambda: "")
    assert len(verdict(witness).above) == 1
    assert second.ended == "killed"


@pytest.mark.parametrize(("at", "resent"), [(99.0, 0), (101.0, 1)])
def test_resent_after_its_record(witness: Witness, at: float, resent: int) -> None:
    for moment in (98.0, at):
        line = witness.opened("one", 0, lambda: "")
        witness.request(line, UIDS[0], 1, moment)
        witness.over(line, "cut")
    found = verdict(witness)
    assert (len(found.resent), found.again) == (resent, 1)


@pytest.mark.parametrize("goes_on", [False, True])
def test_resent_though_the_service_had_gone_on(witness: Witness, goes_on: bool) -> None:
    line = witness.opened("one", 0, lambda: "")
    witness.request(line, UIDS[0], 1, 1.0)
    witness.answer(line, 1, 0x0000)
    if goes_on:
        witness.request(line, UIDS[1], 2, 2.0)
    witness.over(line, "cut")
    again = witness.opened("one", 0, lambda: "")
    witness.request(again, UIDS[0], 1, 3.0)
    assert len(verdict(witness).resent) == int(goes_on)
