"""Everything that runs in a run: stores, proxies, nodes, hands, CUPS; made and taken down."""

from __future__ import annotations

import argparse
import itertools
import os
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Self, TypeVar

import sqlalchemy as sa
from postgres import Postgres

from chaos import plan
from chaos.archive import Archive
from chaos.hands import Hands
from chaos.nodes import Node
from chaos.person import Person
from chaos.plan import REMOTES, WORKFLOWS, Size
from chaos.producers import Producers
from chaos.proxy import Proxy
from chaos.witness import Witness
from dicom_printer.cli.access import opened
from dicom_printer.demo.cupsd import PrivateCups
from dicom_printer.jobs.schema import instance

TESTS = Path(__file__).parents[1]
T = TypeVar("T")
_SERVICE = """\
[service]
spool = "spool"
settle = "0.1s"
rescan = "2s"
drain = "5s"
render_workers = 1
{more}
[network]
association_timeout = "2s"
dimse_timeout = "1.5s"
"""
_REMOTE = """
[remote.{name}]
ae_title = "{title}"
host = "127.0.0.1"
port = {port}
associations = {limit}
"""
_PRINTER = """
[printer.{name}]
workflow = "{name}"
hot_folders = ["drop-{name}"]

[[workflow.{name}]]
action = "parse"
from = "title"
pattern = '(?P<AccessionNumber>D\\d+)'
"""
_STORE = """
[[workflow.{name}]]
action = "store"
remote = "{remote}"
dpi = 36
mode = "gray"
retry = {{ first = "0.1s", longest = "0.4s", give_up = "1h" }}
"""


class Site:
    """A run's surroundings; a context manager.

    Parameters
    ----------
    command : list of str
        What stands between the interpreter and ``serve``; a sabotage puts itself there.
    """

    def __init__(self, directory: Path, size: Size, command: list[str]) -> None:
        self.directory, self.size, self._command = directory, size, command
        self.spool = directory / "spool"
        self.witness = Witness(REMOTES)
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._build(stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _build(self, stack: ExitStack) -> None:
        for name in ("documents", *(f"drop-{printer}" for printer in WORKFLOWS)):
            (self.directory / name).mkdir(parents=True)
        self.archives = {name: self._archive(name, stack) for name in REMOTES}
        lines = {name: self._drawn(plan.line, name) for name in REMOTES}
        kept = {k: v for k, v in os.environ.items() if not k.startswith("DICOM_PRINTER_")}
        kept.pop("NOTIFY_SOCKET", None)
        cups = stack.enter_context(PrivateCups()) if self.size.lp else None
        path = os.pathsep.join([str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])])
        server = cups.socket if cups else self.directory / "no-cups"
        env = {**kept, "CUPS_SERVER": str(server), "PYTHONPATH": path}
        self._postgres: Postgres | None = None
        self._database = ""
        if self.size.database == "postgresql":
            self._postgres = stack.enter_context(Postgres(durable=True))
            self._database = self._postgres.create()
        self.nodes: list[Node] = []
        for number in range(self.size.nodes):
            ports = {}
            for name, archive in self.archives.items():
                proxy = Proxy(self.witness, name, number, archive.port, lines[name])
                stack.callback(proxy.close)
                ports[name] = proxy.port
            config = self.directory / f"node-{number}.toml"
            config.write_text(_config(ports, self._more(number)), encoding="utf-8")
            node = Node(number, config, env, self._command, self._died)
            stack.callback(node.kill)
            self.nodes.append(node)
        submitting, operating = Hands(self.directory, env), Hands(self.directory, env)
        stack.callback(submitting.close)
        stack.callback(operating.close)
        self.person = Person(operating, str(self.nodes[0].config))
        self.producers = Producers(self.directory, self.spool, submitting, cups)

    def _more(self, number: int) -> str:
        """Return what a database of its own and several nodes need in ``[service]``."""
        more = f'database = "{self._database}"\n' if self._database else ""
        if self.size.nodes > 1:
            more += f'node = "node-{number}"\nlease = "{self.size.lease_s:.0f}s"\n'
        return more

    def outage(self, seconds: float) -> None:
        """Kill PostgreSQL, and start it again after a while."""
        assert self._postgres is not None
        # A service that starts meanwhile ends with a message, and nothing is learned of it.
        for node in self.nodes:
            if node.is_running():
                node.wait_ready()
        self.person.excuse += 1
        self._postgres.kill9()
        time.sleep(seconds)
        self._postgres.start()
        self.person.excuse += 1

    def _died(self, node: int, why: str) -> None:
        self.witness.died(node, why)
        self.witness.lives[node] += 1

    def _archive(self, name: str, stack: ExitStack) -> Archive:
        made = Archive(
            self.witness, name, self._drawn(plan.welcome, name), self._drawn(plan.answer, name)
        )
        stack.callback(made.close)
        return made

    def _drawn(self, draw: Callable[[int, str, int], T], name: str) -> Callable[[], T]:
        """Return what draws for a remote's first, second, … event, whichever thread asks."""
        numbers, lock = itertools.count(1), threading.Lock()

        def drawn() -> T:
            with lock:
                return draw(self.size.seed, name, next(numbers))

        return drawn

    def recorded(self) -> dict[tuple[str, str], float]:
        """Return when each instance was recorded as acknowledged, by remote and UID."""
        with (
            opened(argparse.Namespace(config=self.nodes[0].config)) as access,
            access.store.reading() as c,
        ):
            return {(r.remote, r.sop_instance_uid): r.at for r in c.execute(sa.select(instance))}


def _config(ports: dict[str, int], more: str) -> str:
    text = _SERVICE.format(more=more)
    for name, port in ports.items():
        text += _REMOTE.format(name=name, title=name.upper(), port=port, limit=REMOTES[name])
    for name, remotes in WORKFLOWS.items():
        text += _PRINTER.format(name=name)
        text += "".join(_STORE.format(name=name, remote=remote) for remote in remotes)
    return text
