"""What became of each document, and what the stores and the wire say about it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from chaos.archive import Archive
from chaos.plan import WORKFLOWS, Print
from chaos.witness import Sent, Witness
from dicom_printer import capture

VARIANT = "36-gray"
"""Of `capture.uid`: how the store steps of a run send a page."""
BY_NAME = {"cancelled", "discarded by a person"}


@dataclass
class Verdict:
    """What was found; each list holds sentences, and is empty where all is well."""

    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    above: list[str] = field(default_factory=list)
    resent: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    states: Counter[str] = field(default_factory=Counter)
    again: int = 0
    """Stores that were sent again, and rightly: no answer to them had been recorded."""
    awoken: int = 0
    """Stores that were sent again by a node that had slept for longer than its lease."""

    @property
    def is_clean(self) -> bool:
        """Whether nothing at all was found."""
        return not (self.lost or self.doubled or self.above or self.resent or self.others)

    def sentences(self) -> list[str]:
        """Return everything that was found."""
        return [
            f"{name}: {text}"
            for name in ("lost", "doubled", "above", "resent", "others")
            for text in getattr(self, name)
        ]


@dataclass(frozen=True)
class Evidence:
    """What a run left.

    Attributes
    ----------
    rows : list of dict
        The job table as ``jobs --json`` has it.
    recorded : mapping of (str, str) to float
        When the service recorded an instance as acknowledged, by remote and SOP Instance UID.
    ended : set of str
        The jobs that an operator gave up by name.
    """

    prints: list[Print]
    accepted: set[int]
    rows: list[dict[str, Any]]
    recorded: Mapping[tuple[str, str], float]
    ended: set[str]
    archives: dict[str, Archive]
    witness: Witness


def judge(found: Evidence) -> Verdict:
    """Hold what a run left against what was promised."""
    verdict = Verdict(above=list(found.witness.above))
    by_title = defaultdict(list)
    for row in found.rows:
        by_title[row["title"]].append(row)
    for each in found.prints:
        rows = by_title.pop(each.title, [])
        if not rows and each.number in found.accepted:
            verdict.lost.append(f"{each.title} ({each.producer}) was accepted, and is nowhere")
        if len(rows) > 1:
            verdict.doubled.append(f"{each.title} ({each.producer}) became {len(rows)} jobs")
        for row in rows:
            verdict.states[row["state"]] += 1
            _judge_job(found, verdict, each, row)
    verdict.others += [f"a job {title!r} that nobody printed" for title in by_title]
    _judge_stores(found, verdict)
    _judge_wire(found, verdict)
    return verdict


def _judge_job(found: Evidence, verdict: Verdict, each: Print, row: dict[str, Any]) -> None:
    name = f"{each.title} (job {row['id'][:8]})"
    if row["state"] == "discarded":
        if row["reason"] not in BY_NAME or row["id"] not in found.ended:
            verdict.lost.append(f"{name} was discarded by nobody: {row['reason']}")
    elif row["state"] != "done":
        verdict.others.append(f"{name} is left {row['state']}: {row['reason']}: {row['error']}")
        return
    for remote in WORKFLOWS[each.printer]:
        for page in range(1, each.pages + 1):
            uid = capture.uid(row["id"], "page", page, VARIANT)
            if row["state"] == "done" and uid not in found.archives[remote].kept:
                verdict.lost.append(f"{name} is done, and {remote} has no page {page}")
            if row["state"] == "done" and (remote, uid) not in found.recorded:
                verdict.others.append(f"{name} is done; page {page} at {remote} is not recorded")


def _judge_stores(found: Evidence, verdict: Verdict) -> None:
    printed = {each.title: each for each in found.prints}
    for remote, archive in found.archives.items():
        for uid, digests in archive.kept.items():
            if len(digests) > 1:
                verdict.doubled.append(f"{remote} got two contents as {uid}")
        for (title, page), uids in archive.pages.items():
            if len(uids) > 1:
                verdict.doubled.append(f"{remote} has page {page} of {title} {len(uids)} times")
            each = printed.get(title)
            if each is None or page > each.pages or remote not in WORKFLOWS[each.printer]:
                verdict.others.append(f"{remote} has page {page} of {title}, which is not for it")


def _judge_wire(found: Evidence, verdict: Verdict) -> None:
    """Find what was sent again after its acknowledgement.

    An acknowledgement counts where the service recorded it before the other store began, by
    its own table; or where it went on to the next store of the same connection, which it does
    only behind the record. One whose answer was in the service's socket when the service was
    killed, or cut off, counts for neither: nobody can know whether it was read. Nor does the one
    store that a node had before it when it was stopped for longer than its lease: it asks whether
    the job is still its own, and may be stopped before the next instruction.
    """
    by_uid: dict[tuple[str, str], list[Sent]] = defaultdict(list)
    for sent in found.witness.sent:
        by_uid[sent.remote, sent.uid].append(sent)
    for (remote, uid), stores in by_uid.items():
        recorded = found.recorded.get((remote, uid))
        certain = False
        for i, sent in enumerate(sorted(stores, key=lambda s: s.at)):
            if sent.awoken and i > 0:
                verdict.awoken += 1
                continue
            verdict.again += i > 0
            if recorded is not None and sent.at > recorded:
                verdict.resent.append(
                    f"{uid} to {remote} {sent.at - recorded:.3f} s after it was recorded "
                    f"(node {sent.node}, life {sent.life})"
                )
            elif certain:
                verdict.resent.append(
                    f"{uid} to {remote} again, though its answer had been taken "
                    f"(node {sent.node}, life {sent.life})"
                )
            certain = certain or (sent.acknowledged and sent.followed)
