"""Hostile peers of a running service: each costs its own job, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import documents
import hostile_scripts as scripts
import psutil
import pytest
from jobs_made import commit
from raw_peer import DATA, RawPeer, Script, pdu
from running_service import RunningService
from scp import ScriptedSCP

from dicom_printer.spool import Spool

MIB = 1 << 20
MOST_MIB = 250
"""Peak resident memory that the service may have; the same as with hostile documents."""

REMOTE = """
[remote.{name}]
ae_title = "{name}"
host = "127.0.0.1"
port = {port}
association_timeout = "2s"
dimse_timeout = "2s"

[printer.{name}]
workflow = "{name}"

[[workflow.{name}]]
remote = "{name}"
{step}
"""
STORE = 'action = "store"\ndpi = {dpi}'
QUERY = 'action = "query"\nmodel = "worklist"\nkeys = {{ AccessionNumber = "{{job.title}}" }}'
PRINT = "action = \"print\"\nfilm_box = {{ ImageDisplayFormat = 'STANDARD\\1,1' }}\ndpi = 36"


HOSTILE: dict[str, tuple[str, Script, tuple[str, str]]] = {
    "MILLION": (QUERY, scripts.at(1, scripts.endless), ("held", "several matches")),
    "DRIP": (QUERY, scripts.at(1, scripts.dripped), ("suspended", "no answer")),
    "GIANT": (QUERY, scripts.at(1, scripts.giant), ("suspended", "no answer")),
    "PDU": (STORE, scripts.first(lambda a: pdu(DATA, length=1 << 31)), ("suspended", "no answer")),
    "NOREAD": (STORE, scripts.never_reading, ("suspended", "no answer")),
    "NODICOM": (STORE, scripts.instead(b"HTTP/1.1 400 No"), ("suspended", "remote unreachable")),
    "FILM": (PRINT, scripts.at(5, lambda line, asked: None), ("held", "outcome unknown")),
}  # fmt: skip


@pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_hostile_peer_costs_its_own_job_only(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    with ExitStack() as stack:
        good = stack.enter_context(ScriptedSCP())
        ports = {"GOOD": good.port}
        for name, (_, script, _) in HOSTILE.items():
            ports[name] = stack.enter_context(RawPeer(script)).port
        steps = {"GOOD": STORE, **{name: step for name, (step, _, _) in HOSTILE.items()}}
        text = '[service]\nspool = "spool"\nworkers = 8\n' + "".join(
            REMOTE.format(
                name=name, port=port, step=steps[name].format(dpi=150 if name == "NOREAD" else 72)
            )
            for name, port in ports.items()
        )
        service = stack.enter_context(RunningService(tmp_path / "service", text))
        pdf = documents.report(tmp_path / "report.pdf", 1).read_bytes()
        submitted = {
            name: commit(Spool(service.spool), pdf, printer=name, title="ACC7").id
            for name in HOSTILE
        }
        others = [commit(Spool(service.spool), pdf, printer="GOOD").id for _ in range(5)]

        jobs = service.wait_until(settled, timeout=90)
        of_job = {job["id"]: (job["state"], job["reason"]) for job in jobs}
        assert {name: of_job[id_] for name, id_ in submitted.items()} == {
            name: expected for name, (_, _, expected) in HOSTILE.items()
        }
        assert [of_job[id_] for id_ in others] == [("done", "")] * 5
        assert service.process is not None
        peak = peak_of(service.process.pid)
        record_property("service_mib", peak // MIB)
        assert peak < MOST_MIB * MIB
        left = psutil.Process(service.process.pid).net_connections("tcp")
        assert [each for each in left if each.status == "ESTABLISHED"] == []
        assert "Traceback" not in service.log.read_text(errors="replace")
        assert service.terminate() == 0


def settled(jobs: list[dict[str, Any]]) -> bool:
    states = [job["state"] for job in jobs]
    return len(jobs) == len(HOSTILE) + 5 and not {"ready", "running"} & set(states)


def peak_of(pid: int) -> int:
    """Return the peak of the resident memory of a process, in bytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024
