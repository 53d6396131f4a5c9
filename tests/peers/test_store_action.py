"""The ``store`` action against a scripted store: what is sent, recorded, and sent again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import documents
import pytest
from scp import ScriptedSCP
from scripted_job import FakeRunning, job

from dicom_printer.actions import Job, store
from dicom_printer.config import Pages, Remote
from dicom_printer.errors import (
    BadValueError,
    DocumentError,
    NoAnswerError,
    RemoteBusyError,
    RemoteUnreachableError,
)
from dicom_printer.pages import Renderer


@pytest.fixture(scope="module")
def renderer() -> Iterator[Renderer]:
    made = Renderer(Pages(), workers=2)
    yield made
    made.close()


@pytest.fixture
def scp() -> Iterator[ScriptedSCP]:
    with ScriptedSCP() as made:
        yield made


def step(**settings: Any) -> store.Settings:
    return store.Settings.model_validate(
        {"action": "store", "remote": "pacs", "dpi": 50} | settings
    )


def job_for(scp: ScriptedSCP, renderer: Renderer, document: Path, **fields: Any) -> Job:
    address = {"name": "pacs", "ae_title": "SCRIPTED", "host": "127.0.0.1", "port": scp.port}
    remote = Remote.model_validate(address | {"dimse_timeout": "1s"})
    return job(remotes={"pacs": remote}, renderer=renderer, document=document, **fields)


def recorded(of: Job) -> set[str]:
    running = of.running
    assert isinstance(running, FakeRunning)
    return set(running.instances.get("pacs", {}))


def test_every_page_goes_over_one_association(
    scp: ScriptedSCP, renderer: Renderer, tmp_path: Path
) -> None:
    found = job_for(scp, renderer, documents.report(tmp_path / "d.pdf", pages=5))
    assert store.run(step(), found) == "5 of 5 pages sent to pacs"
    assert scp.associations == 1
    assert set(scp.stored_uids) == recorded(found)
    assert len(scp.stored_uids) == 5


def test_what_was_accepted_is_not_sent_again(
    scp: ScriptedSCP, renderer: Renderer, tmp_path: Path
) -> None:
    found = job_for(scp, renderer, documents.report(tmp_path / "d.pdf", pages=5))
    scp.statuses = {3: 0xA700}
    with pytest.raises(RemoteBusyError):
        store.run(step(), found)
    first = list(scp.stored_uids)
    assert len(first) == 2
    assert set(first) == recorded(found)
    scp.statuses = {}
    store.run(step(), found)
    assert len(scp.stored_uids) == len(set(scp.stored_uids)) == 5
    store.run(step(), found)
    assert len(scp.stored_uids) == 5, "nothing is left to send"


def test_a_page_whose_answer_never_came_is_sent_again(
    scp: ScriptedSCP, renderer: Renderer, tmp_path: Path
) -> None:
    found = job_for(scp, renderer, documents.report(tmp_path / "d.pdf", pages=2))
    scp.hang_on = frozenset({2})
    with pytest.raises(NoAnswerError):
        store.run(step(), found)
    assert len(recorded(found)) == 1, "what was not answered is not recorded"
    scp.hang_on = frozenset()
    store.run(step(), found)
    assert len(scp.stored_uids) == len(recorded(found)) == 2


def test_instance_numbers_and_ranges(scp: ScriptedSCP, renderer: Renderer, tmp_path: Path) -> None:
    scp.keep_datasets = True
    found = job_for(
        scp,
        renderer,
        documents.report(tmp_path / "d.pdf", pages=5),
        options=[("page-ranges", "2,4-5")],
    )
    store.run(step(), found)
    sets = [s.dataset for s in scp.stored if s.dataset is not None]
    assert [int(ds.InstanceNumber) for ds in sets] == [1, 2, 3]
    assert len({ds.StudyInstanceUID for ds in sets}) == 1
    assert len({ds.SeriesInstanceUID for ds in sets}) == 1


def test_another_rendering_is_another_instance(
    scp: ScriptedSCP, renderer: Renderer, tmp_path: Path
) -> None:
    found = job_for(scp, renderer, documents.report(tmp_path / "d.pdf", pages=1))
    store.run(step(), found)
    store.run(step(dpi=60), found)
    store.run(step(mode="gray"), found)
    assert len(set(scp.stored_uids)) == 3


def test_a_document_that_is_no_document_opens_no_association(
    scp: ScriptedSCP, renderer: Renderer, tmp_path: Path
) -> None:
    found = job_for(scp, renderer, documents.encrypted(tmp_path / "d.pdf"))
    with pytest.raises(DocumentError, match="encrypted"):
        store.run(step(), found)
    assert scp.associations == 0


def test_no_page_of_a_job_goes_to_a_second_patient(
    scp: ScriptedSCP, renderer: Renderer, tmp_path: Path
) -> None:
    document = documents.report(tmp_path / "d.pdf", pages=3)
    found = job_for(scp, renderer, document, attributes={"PatientID": "WRONG"})
    scp.statuses = {2: 0xA700}
    with pytest.raises(RemoteBusyError):
        store.run(step(), found)
    found.attributes["PatientID"] = "RIGHT"
    with pytest.raises(
        BadValueError, match="went out, or may have, under another patient"
    ) as caught:
        store.run(step(), found)
    assert caught.value.reason == "values contradict"
    assert len(scp.stored_uids) == 1


def test_a_page_without_an_answer_binds_the_job_to_its_patient(
    scp: ScriptedSCP, renderer: Renderer, tmp_path: Path
) -> None:
    document = documents.report(tmp_path / "d.pdf", pages=1)
    found = job_for(scp, renderer, document, attributes={"PatientID": "WRONG"})
    scp.hang_on = frozenset({1})
    with pytest.raises(NoAnswerError):
        store.run(step(), found)
    scp.hang_on = frozenset()
    found.attributes["PatientID"] = "RIGHT"
    with pytest.raises(BadValueError):
        store.run(step(), found)


def test_a_remote_that_was_never_reached_binds_nobody(
    scp: ScriptedSCP, renderer: Renderer, tmp_path: Path
) -> None:
    document = documents.report(tmp_path / "d.pdf", pages=1)
    found = job_for(scp, renderer, document, attributes={"PatientID": "WRONG"})
    scp.stop()
    with pytest.raises(RemoteUnreachableError):
        store.run(step(), found)
    scp.start()
    found.attributes["PatientID"] = "RIGHT"
    store.run(step(), found)
    assert len(scp.stored_uids) == 1


def test_an_interruption_ends_between_pages(
    scp: ScriptedSCP, renderer: Renderer, tmp_path: Path
) -> None:
    class StopError(Exception):
        pass

    def stop() -> None:
        if len(scp.stores) == 2:
            raise StopError

    document = documents.report(tmp_path / "d.pdf", pages=5)
    found = job_for(scp, renderer, document, interruption=stop)
    with pytest.raises(StopError):
        store.run(step(), found)
    assert len(recorded(found)) == len(scp.stored_uids) == 2
    assert renderer.count(document) == 5, "the workers came back"
