"""A job for the unit tests of actions: no spool, no table, no renderer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from jobs_made import ticket

from dicom_printer.actions import Job
from dicom_printer.config import Remote
from dicom_printer.jobs.running import Running
from dicom_printer.kept import Place
from dicom_printer.pages import Renderer


@dataclass
class FakeRunning:
    """The part of a running job that actions use."""

    attributes: dict[str, str]
    created: float = 1_800_000_000.0
    pages: int | None = None
    instances: dict[str, dict[str, int]] = field(default_factory=dict)
    identities: set[str] = field(default_factory=set)

    def accepted(self, name: str) -> set[str]:
        return set(self.instances.get(name, {}))

    def sends_as(self, identity: str) -> bool:
        self.identities.add(identity)
        return len(self.identities) == 1

    def accept(self, name: str, page: int, uid: str, status: int) -> None:
        assert uid not in self.instances.setdefault(name, {})
        self.instances[name][uid] = page


@dataclass
class FakeRenderer:
    """A document's text, and nothing else."""

    words: str

    def text(self, document: Path) -> str:
        return self.words


def job(
    text: str = "",
    attributes: dict[str, str] | None = None,
    remotes: dict[str, Remote] | None = None,
    renderer: Any = None,
    document: Path = Path("document.pdf"),
    interruption: Callable[[], None] = lambda: None,
    **fields: Any,
) -> Job:
    return Job(
        ticket=ticket(**fields),
        document=document,
        running=cast("Running", FakeRunning(dict(attributes or {}))),
        defaults={},
        remotes=remotes or {},
        renderer=cast("Renderer", renderer or FakeRenderer(text)),
        place=Place(keeps=False),
        interruption=interruption,
    )
