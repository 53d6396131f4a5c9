"""An operator at work: the real verbs, from processes of their own, at the wrong moments."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from chaos.hands import Hands
from chaos.plan import Act

_FINE = 0


class Person:
    """The operator.

    Attributes
    ----------
    acts : Counter of str
        The verbs that were carried out.
    ended : set of str
        The jobs that were given to cancel or discard, by id.
    complaints : list of str
        What a verb may not answer.
    excuse : int
        Odd while the database is down, and higher than before where it was.
    """

    def __init__(self, hands: Hands, config: str) -> None:
        self._hands, self._config = hands, config
        self.acts: Counter[str] = Counter()
        self.ended: set[str] = set()
        self.complaints: list[str] = []
        self.excuse = 0

    def jobs(self) -> list[dict[str, Any]]:
        """Return what ``jobs --json`` says."""
        code, said = self._run("jobs", "--json")
        if code != _FINE:
            return []
        found: list[dict[str, Any]] = json.loads(said)
        return found

    def act(self, act: Act) -> None:
        """Do what the plan says, where the job is there already."""
        if act.document is None:
            self.all(act.verb)
            return
        title = f"D{act.document:05d}"
        # What has no row yet can be looked at, and not operated on.
        jobs = [job for job in self.jobs() if job["state"] != "incoming"]
        ids = [job["id"] for job in jobs if job["title"] == title]
        for job_id in ids:
            reason = ["--reason", "by the plan"] if act.verb == "discard" else []
            if act.verb in {"cancel", "discard"}:
                self.ended.add(job_id)
            self._do(act.verb, job_id, *reason)

    def all(self, verb: str) -> None:
        """Carry a verb out on all jobs that it takes."""
        self._do(verb, "--all")

    def _do(self, verb: str, *args: str) -> None:
        before = self.excuse
        code, said = self._run(verb, *args)
        if code == _FINE:
            self.acts[verb] += 1
        # The job may have got on since it was looked at: that is refused with its state.
        elif "cannot be given to" not in said and before == self.excuse and before % 2 == 0:
            self.complaints.append(f"{verb} ended with {code}: {said}")

    def _run(self, verb: str, *args: str) -> tuple[int, str]:
        return self._hands.run(verb, "--config", self._config, *args)
