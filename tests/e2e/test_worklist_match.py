"""A document finds its worklist entry, or fails to in each way there is, and a person helps.

The worklist is DCMTK's wlmscpfs, the store its storescp, the service a process.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import documents
import pydicom
import pytest
from find_peers import WlmSCP, wlmscpfs, worklist_entry, write_entries
from real_peers import StoreSCP, storescp
from running_service import RunningService

CONFIG = """
[service]
spool = "spool"

[network]
association_timeout = "2s"

[remote.ris]
ae_title = "{ris.ae_title}"
host = "127.0.0.1"
port = {ris.port}

[remote.pacs]
ae_title = "PACS"
host = "127.0.0.1"
port = {pacs.port}
"""
WORKFLOW = """
[printer.{name}]
workflow = "{name}"

[[workflow.{name}]]
action = "parse"
pattern = 'ACC(?P<AccessionNumber>[\\w-]+)'
{parse}

[[workflow.{name}]]
action = "query"
remote = "ris"
model = "worklist"
keys = {{ AccessionNumber = "{{AccessionNumber}}" }}
{query}

[[workflow.{name}]]
action = "store"
remote = "pacs"
dpi = 36
"""
EVERY_SECOND = 'retry = { first = "1s", longest = "1s", give_up = "1d" }'
SOON = 'retry = { first = "1s", longest = "1s", give_up = "1s" }'


def workflow(name: str, query: str = "", parse: str = "") -> str:
    return WORKFLOW.format(name=name, query=query, parse=parse)


class Site:
    """A worklist, a store and the service between them."""

    def __init__(self, ris: WlmSCP, pacs: StoreSCP, service: RunningService) -> None:
        self.ris, self.pacs, self.service = ris, pacs, service

    def entries(self, *entries: pydicom.Dataset) -> None:
        write_entries(self.ris.worklist, *entries)

    def submit(self, printer: str, title: str = "Befund ACC-1", *options: str) -> str:
        pdf = documents.report(self.service.directory / "d.pdf", 1)
        done = self.service.cli("submit", str(pdf), "-p", printer, "-t", title, *options)
        return done.stdout.strip()

    def until(self, job_id: str, state: str, reason: str = "") -> dict[str, Any]:
        def is_there(jobs: list[dict[str, Any]]) -> bool:
            return any(
                job["id"] == job_id and (job["state"], job["reason"]) == (state, reason)
                for job in jobs
            )

        self.service.wait_until(is_there)
        return self.service.show(job_id)

    def stored(self, job_id: str) -> pydicom.Dataset:
        (uid,) = (i["sop_instance_uid"] for i in self.service.show(job_id)["instances"])
        return pydicom.dcmread(self.pacs.file(uid))

    def candidates(self, job_id: str, *options: str) -> list[dict[str, Any]]:
        done = self.service.cli("match", job_id[:8], "--json", *options, check=False)
        found: list[dict[str, Any]] = json.loads(done.stdout)
        assert done.returncode == (0 if found else 1)
        return found


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    directory = tmp_path_factory.mktemp("match")
    with (
        wlmscpfs(directory / "ris", "-csk") as ris,
        storescp(directory / "pacs", "+xa") as pacs,
    ):
        config = CONFIG.format(ris=ris, pacs=pacs)
        config += workflow("usual", EVERY_SECOND)
        config += workflow("required", EVERY_SECOND, "required = true")
        config += workflow("short", SOON)
        config += workflow("drop", 'on_no_match = "discard"\non_many = "discard"')
        config += workflow("go_on", 'on_no_match = "continue"')
        config += workflow("hold", 'on_no_match = "hold"')
        with RunningService(directory / "service", config) as service:
            yield Site(ris, pacs, service)


ENTRY: dict[str, Any] = {"AccessionNumber": "-1", "PatientName": "Παπαδόπουλος^Γιώργος"}


def test_the_one_entry_is_found_with_nobodys_help(site: Site) -> None:
    site.entries(worklist_entry(**ENTRY), worklist_entry(AccessionNumber="-2", PatientID="4712"))
    job_id = site.submit("usual")
    site.until(job_id, "done")
    ds = site.stored(job_id)
    assert str(ds.PatientName) == ENTRY["PatientName"]
    assert (ds.PatientID, ds.StudyInstanceUID) == ("4711", "2.25.4711")
    assert ds.RequestAttributesSequence[0].ScheduledProcedureStepID == "SPS1"
    log = site.service.log.read_text()
    assert not any(word in log for word in ("4711", "Παπ", "ACC-1", "Befund"))


def test_none_is_suspended_until_the_entry_is_made(site: Site) -> None:
    site.entries()
    job_id = site.submit("usual")
    found = site.until(job_id, "suspended", "no match")
    assert found["next_attempt"] is not None
    assert site.service.cli("status", "--json").stdout.count('"up": true') == 2
    assert site.candidates(job_id) == []
    site.entries(worklist_entry(**ENTRY))
    site.until(job_id, "done")
    assert site.stored(job_id).PatientID == "4711"


def test_none_is_given_up_and_corrected_by_a_person(site: Site) -> None:
    site.entries(worklist_entry(**ENTRY))
    job_id = site.submit("short", "Befund ACC-9")
    site.until(job_id, "held", "no match")
    said = site.service.cli("match", job_id, "--set", "AccessionNumber=-1").stdout
    assert job_id[:8] in said
    found = site.until(job_id, "done")
    assert site.stored(job_id).PatientID == "4711"
    assert "set by a person: AccessionNumber" in [e["detail"] for e in found["events"]]


@pytest.mark.parametrize(
    ("printer", "state", "patient"),
    [("drop", "discarded", None), ("hold", "held", None), ("go_on", "done", "")],
)
def test_none_as_the_configuration_says(
    site: Site, printer: str, state: str, patient: str | None
) -> None:
    site.entries(worklist_entry(AccessionNumber="-2"))
    job_id = site.submit(printer)
    found = site.until(job_id, state, "" if state == "done" else "no match")
    assert len(found["instances"]) == (0 if patient is None else 1)
    if patient is not None:
        assert site.stored(job_id).PatientID == patient


def test_several_are_held_and_one_is_picked(site: Site) -> None:
    first = worklist_entry(**ENTRY, ScheduledProcedureStepID="SPS1", RequestedProcedureID="RP1")
    second = worklist_entry(**ENTRY, ScheduledProcedureStepID="SPS2", RequestedProcedureID="RP2")
    site.entries(first, second)
    job_id = site.submit("usual")
    found = site.until(job_id, "held", "several matches")
    assert "dicom-printer match" in found["error"]
    assert found["instances"] == []

    table = site.service.cli("match", job_id[:8]).stdout
    assert table.count("4711") == 2
    assert "Παπαδόπουλος^Γιώργος" in table
    codes = {c["pick"] for c in site.candidates(job_id)}
    assert len(codes) == 2

    # the entry behind one of the codes becomes another one: its code is worth nothing
    second.PatientID, second.PatientName = "4712", "Muster^Adam"
    site.entries(first, second)
    left = {c["pick"]: c for c in site.candidates(job_id)}
    (gone,) = codes - set(left)
    refused = site.service.cli("match", job_id, "--pick", gone, check=False)
    assert refused.returncode == 2
    assert "there is no entry" in refused.stderr
    assert site.service.show(job_id)["state"] == "held"

    (code,) = (code for code, c in left.items() if c["PatientID"] == "4712")
    site.service.cli("match", job_id, "--pick", code)
    site.until(job_id, "done")
    ds = site.stored(job_id)
    assert (ds.PatientID, str(ds.PatientName)) == ("4712", "Muster^Adam")
    assert ds.RequestAttributesSequence[0].RequestedProcedureID == "RP2"
    again = site.service.cli("match", job_id, "--pick", code, check=False)
    assert (again.returncode, "is done" in again.stderr) == (2, True)


def test_several_as_the_configuration_says(site: Site) -> None:
    site.entries(worklist_entry(**ENTRY), worklist_entry(**ENTRY, PatientID="4712"))
    job_id = site.submit("drop")
    assert site.until(job_id, "discarded", "several matches")["instances"] == []


def test_a_worklist_that_is_down_is_waited_for(site: Site) -> None:
    site.entries(worklist_entry(**ENTRY))
    site.ris.stop()
    job_id = site.submit("usual")
    site.until(job_id, "suspended", "remote unreachable")
    listed = site.service.cli("match", job_id, check=False)
    assert listed.returncode == 1
    assert "no TCP connection" in listed.stderr
    site.ris.start()
    site.until(job_id, "done")
    assert site.stored(job_id).PatientID == "4711"


def test_a_title_without_a_number(site: Site) -> None:
    site.entries(worklist_entry(**ENTRY))
    for printer in ("usual", "required"):
        job_id = site.submit(printer, "Befund")
        site.until(job_id, "held", "value missing")
        said = site.service.cli("match", job_id, check=False)
        assert (said.returncode, "--set KEYWORD=VALUE" in said.stderr) == (2, True)
        number = ("--set", "AccessionNumber=-1")
        (found,) = site.candidates(job_id, *number, "--list")
        assert site.service.show(job_id)["state"] == "held", "listing changes nothing"
        site.service.cli("match", job_id, *number, "--pick", found["pick"])
        site.until(job_id, "done")
        assert site.stored(job_id).PatientID == "4711"
        assert site.stored(job_id).AccessionNumber == "-1"


def test_a_typed_patient_that_the_entry_contradicts(site: Site) -> None:
    site.entries(worklist_entry(**ENTRY))
    job_id = site.submit("usual", "Befund ACC-1", "--set", "PatientID=9999")
    found = site.until(job_id, "held", "values contradict")
    assert "9999" not in found["error"]
    (candidate,) = site.candidates(job_id)
    assert candidate["differs"] == ["PatientID"]
    site.service.cli("match", job_id, "--pick", candidate["pick"])
    found = site.until(job_id, "done")
    assert site.stored(job_id).PatientID == "4711"
    assert any("replaced: PatientID" in e["detail"] for e in found["events"])
    assert not any("4711" in e["detail"] or "9999" in e["detail"] for e in found["events"])
