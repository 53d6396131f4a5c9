"""One run: the rounds of the plan, the quiet after them, and the verdict."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from chaos import plan
from chaos.nodes import Node
from chaos.plan import IDLE_S, LONGEST_S, WORKFLOWS, Act, Print, Round, Size
from chaos.site import Site
from chaos.verdict import Evidence, Verdict, judge

_QUIET_S = 300.0
_NUDGE_S = 1.0
_LOOK_S = 0.005
_EARLIEST = 0.7
"""Of a lease: how much of it is left at least to a node that renews it in time."""
_FINAL = {"done", "discarded"}


@dataclass
class Report:
    """What a run was, and what came of it."""

    size: Size
    verdict: Verdict
    accepted: int = 0
    duration_s: float = 0.0
    done: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    acts: Counter[str] = field(default_factory=Counter)

    def text(self) -> str:
        """Return the figures as they are printed."""
        v = self.verdict
        lines = [
            f"seed {self.size.seed}, {self.size.database}, nodes {self.size.nodes}, "
            f"{self.duration_s:.0f} s",
            f"documents {self.size.jobs}, of them acknowledged {self.accepted}",
            _counted("jobs", v.states),
            _counted("processes", self.done),
            _counted("faults", self.faults),
            _counted("operator", self.acts),
            f"lost {len(v.lost)}, doubled {len(v.doubled)}, above the limit {len(v.above)}, "
            f"resent after acknowledgement {len(v.resent)}, other findings {len(v.others)}",
            f"sent again rightly, their answer not having been recorded: {v.again}; "
            f"by a node that woke up: {v.awoken}",
        ]
        return "\n".join(lines + v.sentences())


def _counted(name: str, counter: Counter[str]) -> str:
    parts = ", ".join(f"{key} {n}" for key, n in sorted(counter.items()))
    return f"{name} {counter.total()}: {parts}"


def run(directory: Path, size: Size, command: Sequence[str] = ("-m", "dicom_printer")) -> Report:
    """Carry a run out, and judge it.

    Parameters
    ----------
    command : sequence of str
        What stands between the interpreter and ``serve``.
    """
    begin = time.monotonic()
    rounds = plan.rounds(size)
    done: Counter[str] = Counter()
    with Site(directory, size, list(command)) as site:
        for node in site.nodes:
            node.start()
        site.nodes[0].wait_ready()
        if size.lp:
            site.producers.install()
        with ThreadPoolExecutor(2) as printing, ThreadPoolExecutor(1) as operating:
            work = [_round(site, each, done, printing, operating) for each in rounds]
            for future in [f for futures in work for f in futures]:
                future.result()  # an error of the harness's own
        report = finished(site, [each for r in rounds for each in r.prints], begin)
        report.done.update(done)
    return report


def finished(site: Site, prints: list[Print], begin: float) -> Report:
    """Let everything come to its end, and judge it; `begin` is a time of the steady clock."""
    leftover = _quiet(site, prints)
    verdict = _judged(site, prints)
    verdict.others += leftover
    accepted = len(site.producers.accepted)
    report = Report(site.size, verdict, accepted, time.monotonic() - begin)
    report.done["producers killed"] = site.producers.killed
    report.faults, report.acts = site.witness.faults, site.person.acts
    return report


def _round(
    site: Site, each: Round, done: Counter[str], printing: ThreadPoolExecutor,
    operating: ThreadPoolExecutor,
) -> list[Future[None]]:  # fmt: skip
    """Let a node live as the plan says, with documents and operators about."""
    node = site.nodes[each.node]
    node.start()
    if not each.from_start:
        node.wait_ready()
    futures: list[Future[None]] = [printing.submit(site.producers.make, p) for p in each.prints]
    lived = _Life(site, each)
    futures += [operating.submit(_acting, site, lived, act) for act in each.acts]
    lived.wait(each.stores // 2)
    if each.pause_s:
        done["stopped and continued"] += each.end != "kill paused"
        _sleep(site, node, each.pause_s)
        if each.end != "kill paused":
            node.go_on()
    elif each.outage_s:
        site.outage(each.outage_s)
        done["PostgreSQL killed"] += 1
    if each.end != "kill paused":
        lived.wait(each.stores)
        time.sleep(each.extra_s)
    if each.end == "term":
        node.terminate()
        done["ended by SIGTERM"] += 1
    else:
        node.kill()
        done["killed by -9"] += 1
        done["killed while stopped"] += each.end == "kill paused"
    lived.is_over = True
    if not each.down:
        node.start()
    return futures


def _sleep(site: Site, node: Node, pause_s: float) -> None:
    """Stop a node; where it sleeps for too long, the others may take its jobs meanwhile."""
    node.stop()
    # It renewed its lease at some time before.
    early_s = site.size.lease_s * _EARLIEST
    if early_s and pause_s > early_s:
        time.sleep(early_s)
        site.witness.asleep(node.number)
        pause_s -= early_s
    time.sleep(pause_s)


class _Life:
    """How far a node is in its round."""

    def __init__(self, site: Site, each: Round) -> None:
        self._site, self._node = site, each.node
        self._begin = site.witness.stores[each.node]
        self._end = time.monotonic() + LONGEST_S
        self.is_over = each.from_start

    def wait(self, stores: int) -> None:
        """Wait until the node has begun so many stores, has nothing to do, or had its time."""
        idle_at = time.monotonic() + IDLE_S
        while self._stores() < stores and not self.is_over and time.monotonic() < self._end:
            before = self._stores()
            time.sleep(_LOOK_S)
            if self._stores() > before:
                idle_at = time.monotonic() + IDLE_S
            elif time.monotonic() > idle_at:
                if not _busy(self._site):
                    return
                idle_at = time.monotonic() + IDLE_S

    def _stores(self) -> int:
        return self._site.witness.stores[self._node] - self._begin


def _busy(site: Site) -> bool:
    """Tell whether there is anything that waits for no person."""
    states = {job["state"] for job in site.person.jobs()}
    return bool(states - _FINAL - {"held"} or _dropped(site))


def _acting(site: Site, lived: _Life, act: Act) -> None:
    lived.wait(act.stores)
    site.person.act(act)


def _quiet(site: Site, prints: Sequence[Print]) -> list[str]:
    """End the faults, and let the operator set free what is held, until nothing is left to do."""
    site.witness.calm = True
    for node in site.nodes:
        node.start()
    for node in site.nodes:
        node.wait_ready()
    expected = {each.title for each in prints if each.number in site.producers.accepted}
    end = time.monotonic() + _QUIET_S
    while time.monotonic() < end:
        jobs = site.person.jobs()
        ended = {job["title"] for job in jobs if job["state"] in _FINAL}
        if expected <= ended and len(ended) == len({job["title"] for job in jobs}) and (
            not _dropped(site)
        ):  # fmt: skip
            return []
        site.person.all("release")
        site.person.all("retry")
        for node in site.nodes:
            if node.look_after():
                node.start()
        time.sleep(_NUDGE_S)
    return [f"not all was through {_QUIET_S:.0f} s after the last fault"]


def _dropped(site: Site) -> list[Path]:
    folders = [site.producers.hot_folder(printer) for printer in WORKFLOWS]
    return [path for folder in folders for path in folder.iterdir()]


def _judged(site: Site, prints: list[Print]) -> Verdict:
    rows = site.person.jobs()
    found = Evidence(
        prints, site.producers.accepted, rows, site.recorded(), site.person.ended,
        site.archives, site.witness,
    )  # fmt: skip
    verdict = judge(found)
    verdict.others += [f"left in a hot folder: {path}" for path in _dropped(site)]
    verdict.others += site.producers.complaints + site.person.complaints
    for node in site.nodes:
        verdict.others += node.crashes + _tracebacks(node)
    return verdict


def _tracebacks(node: Node) -> list[str]:
    """Return a sentence where the service's log holds a traceback."""
    found = node.log.read_text(errors="replace").count("Traceback (most recent call last)")
    return [f"{found} tracebacks in {node.log}"] if found else []
