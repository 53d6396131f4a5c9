from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import pytest

from dicom_printer import queues

URI = "ipp://localhost/printers/Q"


class Cups:
    """What CUPS says to who asks, for one queue; the state of one job left out."""

    def getPrinters(self) -> dict[str, Any]:
        return {"Q": {"device-uri": "dicom:/s", "printer-state": 3, "printer-type": 0}}

    def getJobs(self, **_: object) -> dict[int, Any]:
        held = {"job-state": 4, "job-hold-until": "indefinite"}
        jobs: dict[int, dict[str, Any]] = {3: held, 4: {}, 5: {"job-state": 6}}
        return {n: {"job-id": n, "job-printer-uri": URI} | job for n, job in jobs.items()}


def test_a_job_whose_state_is_private_is_counted_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queues, "_connection", lambda _: nullcontext(Cups()))
    (state,) = queues.listing()
    assert (state.jobs, state.held, state.stopped, state.hidden) == (3, (3,), (5,), 1)
