"""A power cut: what of a directory tree is left when everything that was not synced is gone.

`power.c` records, in the processes that it is loaded into, every write, rename and sync below
one directory. `Disk` replays the record up to any point, and writes down what a disk would then
hold: of a file what was synced with it, of a directory the names that were synced with it. That
is less than the file systems of Linux leave; with `left_over`, some of the rest is there as well,
as the kernel may have written it out by itself.

::

    recorder = Recorder(tmp_path / "record", tmp_path / "site")
    subprocess.run(command, env=os.environ | recorder.env)
    recorder.note("accepted 1")
    disk = recorder.before()
    for number, act in enumerate(recorder.acts()):
        disk.replay(act)
        if number in cuts:
            disk.write_to(tmp_path / f"after-{number}")
"""

from __future__ import annotations

import copy
import random
import struct
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from programs import require

_SOURCE = Path(__file__).with_suffix(".c")
_HEAD = struct.Struct("<IBxxxQQQQHH")
_MAPPED = "-shm"
"""SQLite's shared memory: not written with write(2), and made anew after a crash."""


@dataclass(frozen=True)
class Act:
    """One thing that a process did; inode numbers are the kernel's, 0 where there is none."""

    kind: str
    inode: int
    parent: int
    to: int
    offset: int
    name: str
    new_name: str
    data: bytes


@dataclass(eq=False)
class Node:
    """A file or a directory: what it is now, what of it is on disk, what was done since."""

    is_directory: bool
    names: dict[str, Node] = field(default_factory=dict)
    on_disk: dict[str, Node] = field(default_factory=dict)
    content: bytearray = field(default_factory=bytearray)
    pending: list[tuple[int, Callable[[View], None]]] = field(default_factory=list)


class View:
    """What is on disk for certain."""

    def names(self, node: Node) -> dict[str, Node]:
        """Return the names of a directory."""
        return node.on_disk

    def content(self, node: Node) -> bytearray:
        """Return the bytes of a file."""
        return node.content

    def write(self, node: Node, offset: int, data: bytes) -> None:
        """Write to a file."""
        content = self.content(node)
        content.extend(bytes(max(0, offset + len(data) - len(content))))
        content[offset : offset + len(data)] = data

    def truncate(self, node: Node, size: int) -> None:
        """Cut a file off, or fill it up."""
        content = self.content(node)
        del content[size:]
        content.extend(bytes(size - len(content)))


class LeftOver(View):
    """What is on disk, and some of what the kernel may have written out by itself.

    Of files any part; of names the first so many, for file systems keep these in order.
    """

    def __init__(self, disk: Disk, seed: int) -> None:
        self._names: dict[int, dict[str, Node]] = {}
        self._contents: dict[int, bytearray] = {}
        drawn = random.Random(seed)
        nodes = disk.nodes()
        changes = [each for node in nodes if node.is_directory for each in node.pending]
        upto = drawn.randrange(disk.count + 1)
        for at, change in sorted(changes, key=lambda each: each[0]):
            if at <= upto:
                change(self)
        for node in nodes:
            for _, change in () if node.is_directory else node.pending:
                if drawn.random() < 0.5:
                    change(self)

    def names(self, node: Node) -> dict[str, Node]:
        """Return the names of a directory."""
        return self._names.setdefault(id(node), dict(node.on_disk))

    def content(self, node: Node) -> bytearray:
        """Return the bytes of a file."""
        return self._contents.setdefault(id(node), bytearray(node.content))


class Disk:
    """A directory tree, as it is and as it would be after a power cut.

    Parameters
    ----------
    root : Path
        The tree before anything was recorded; all of it is on disk.

    Attributes
    ----------
    count : int
        How many acts were replayed.
    """

    def __init__(self, root: Path) -> None:
        self._nodes: dict[int, Node] = {}
        self._syncs: dict[tuple[int, int], int] = {}
        self.count = 0
        self.root = self._load(root)

    def _load(self, path: Path) -> Node:
        node = Node(path.is_dir())
        self._nodes[path.stat().st_ino] = node
        if node.is_directory:
            node.names = {each.name: self._load(each) for each in path.iterdir()}
            node.on_disk = dict(node.names)
        else:
            node.content = bytearray(path.read_bytes())
        return node

    def replay(self, act: Act) -> None:
        """Do what a process did."""
        self.count += 1
        node, parent = self._nodes.get(act.inode), self._nodes.get(act.parent)
        if act.kind in "CMU":
            if parent is not None:
                self._name(act, parent)
        elif act.kind in "RL":
            self._move(act, parent, self._nodes.get(act.to))
        elif node is None:
            return
        elif act.kind == "W":
            self._later(node, lambda view: view.write(node, act.offset, act.data))
        elif act.kind == "T":
            self._later(node, lambda view: view.truncate(node, act.offset))
        elif act.kind == "B":
            self._syncs[act.inode, act.offset] = self.count
        elif act.kind == "E":
            self._sync(node, self._syncs.get((act.inode, act.offset), 0))

    def _later(self, node: Node, change: Callable[[View], None]) -> None:
        node.pending.append((self.count, change))

    @staticmethod
    def _sync(node: Node, begun: int) -> None:
        """Put on disk what was done before the sync began."""
        for at, change in node.pending:
            if at < begun:
                change(View())
        node.pending = [each for each in node.pending if each[0] >= begun]

    def _name(self, act: Act, parent: Node) -> None:
        """Make or remove a name."""
        if act.kind != "U" and act.name not in parent.names:
            child = self._nodes[act.inode] = Node(act.kind == "M")
            parent.names[act.name] = child
            self._later(parent, lambda view: view.names(parent).update({act.name: child}))
        elif act.kind == "U" and act.name in parent.names:
            del parent.names[act.name]
            self._later(parent, lambda view: _forget(view, parent, act.name))

    def _move(self, act: Act, source: Node | None, target: Node | None) -> None:
        """Rename or link: on disk as one, with the directory that has the new name."""
        child = source.names.get(act.name) if source is not None else None
        moves = act.kind == "R"
        if source is None or child is None:
            return
        if moves:
            del source.names[act.name]
        if target is None:  # out of the tree
            self._later(source, lambda view: _forget(view, source, act.name))
            return
        target.names[act.new_name] = child

        def done(view: View) -> None:
            if moves and view.names(source).get(act.name) is child:
                _forget(view, source, act.name)
            view.names(target)[act.new_name] = child

        self._later(target, done)

    def nodes(self) -> list[Node]:
        """Return whatever has a name, now or on disk."""
        found: dict[int, Node] = {}
        todo = [self.root]
        while todo:
            node = todo.pop()
            if id(node) not in found:
                found[id(node)] = node
                todo += [*node.names.values(), *node.on_disk.values()]
        return list(found.values())

    def write_to(self, path: Path, left_over: int | None = None) -> None:
        """Write what is on disk to a directory that is not there yet.

        Parameters
        ----------
        left_over : int, optional
            A seed: with some of what was not synced.
        """
        view = View() if left_over is None else LeftOver(self, left_over)
        _write(view, self.root, path)


def _forget(view: View, parent: Node, name: str) -> None:
    view.names(parent).pop(name, None)


def _write(view: View, node: Node, path: Path) -> None:
    if not node.is_directory:
        path.write_bytes(view.content(node))
        path.chmod(0o600)
        return
    path.mkdir(mode=0o700)
    for name, child in view.names(node).items():
        if not name.endswith(_MAPPED):
            _write(view, child, path / name)


class Recorder:
    """Records what processes do below `root`, from now on.

    Parameters
    ----------
    work : Path
        Where the library and the record go; not below `root`.

    Attributes
    ----------
    env : dict of str to str
        What a process needs in its environment to be recorded.
    """

    def __init__(self, work: Path, root: Path) -> None:
        require("gcc")
        work.mkdir(parents=True)
        self._log, library = work / "log", work / "power.so"
        subprocess.run(
            ["gcc", "-shared", "-fPIC", "-O1", "-o", library, _SOURCE, "-ldl"], check=True
        )
        self._log.touch()
        self._start = Disk(root)
        self.env = {
            "LD_PRELOAD": str(library), "POWER_ROOT": str(root), "POWER_LOG": str(self._log),
        }  # fmt: skip

    def before(self) -> Disk:
        """Return the tree as it was before anything was recorded."""
        return copy.deepcopy(self._start)

    def note(self, text: str) -> None:
        """Write a note into the record: what is known from here on."""
        data = text.encode()
        with self._log.open("ab", buffering=0) as log:
            log.write(_HEAD.pack(len(data), ord("N"), 0, 0, 0, 0, 0, 0) + data)

    def acts(self) -> Iterator[Act]:
        """Return what was recorded so far."""
        record, at = self._log.read_bytes(), 0
        while at < len(record):
            length, kind, inode, parent, to, offset, n, m = _HEAD.unpack_from(record, at)
            body = record[at + _HEAD.size : at + _HEAD.size + length]
            at += _HEAD.size + length
            names = body[:n].decode(), body[n : n + m].decode()
            yield Act(chr(kind), inode, parent, to, offset, *names, body[n + m :])
