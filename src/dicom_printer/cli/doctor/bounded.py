"""An examination that ends: each look in a child process, and not waited for beyond its time.

A thread would not do: one that stands still in the kernel, on a network file system whose server
is gone, keeps its process from giving up root, and from ending.
"""

from __future__ import annotations

import os
import signal
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, Pipe
from typing import Any

from dicom_printer.cli.doctor.finding import Finding, Grade, whatever, wrong

PATIENCE_S = 20.0
"""How long a look may take that has no time-outs of its own; on a sound machine none needs 1 s."""
FILES = "its file system, or what stands behind it, does not answer: see its mount (`findmnt -T`), \
and the kernel's log (`journalctl -k`)"


@dataclass(frozen=True)
class Look:
    """One look, at something that may never answer.

    Attributes
    ----------
    name : str
        What is looked at.
    find : callable
        Returns what is found: findings as a rule, or anything else that can be pickled.
    patience : float
        Seconds that it may take.
    cure : str
        What to do where it does not end.
    """

    name: str
    find: Callable[[], Iterable[Any]]
    patience: float = PATIENCE_S
    cure: str = FILES


class Unended(Finding):
    """A look that did not end."""


@dataclass(frozen=True)
class _Child:
    look: Look
    pid: int
    answers: Connection
    deadline: float


def ended(looks: Iterable[Look], at_once: int = 1) -> Iterator[Any]:
    """Return what each look finds, in their order; one that does not end is a finding.

    Parameters
    ----------
    looks : iterable of Look
        Each runs in a process of its own: what it changes, its user for example, is its own.
    at_once : int
        How many run at the same time.
    """
    waiting, running = deque(looks), deque[_Child]()
    while waiting or running:
        while waiting and len(running) < at_once:
            running.append(_start(waiting.popleft()))
        yield from _collected(running.popleft())


def _start(look: Look) -> _Child:
    ours, theirs = Pipe(duplex=False)
    deadline = time.monotonic() + look.patience
    pid = os.fork()
    if pid == 0:
        try:
            _work(look, theirs)
        finally:
            os._exit(0)
    theirs.close()
    return _Child(look, pid, ours, deadline)


def _work(look: Look, answers: Connection) -> None:
    # Whoever reads what we print must not wait for a child that cannot be ended.
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in range(3):
        os.dup2(nothing, standard)
    try:
        for found in whatever(look.name, look.find()):
            answers.send((found, ""))
    except BaseException:
        answers.send((None, traceback.format_exc()))
        raise
    answers.send((None, ""))


def _collected(child: _Child) -> Iterator[Finding]:
    try:
        while child.answers.poll(max(child.deadline - time.monotonic(), 0)):
            found, fault = child.answers.recv()
            if fault:
                raise RuntimeError(f"a fault in the look at {child.look.name}:\n{fault}")
            if found is None:
                return
            yield found
        took = f"the look at it did not end within {child.look.patience:g} s"
        yield Unended(child.look.name, Grade.WRONG, took, child.look.cure)
    except EOFError:
        yield wrong(child.look.name, "the look at it was ended from outside", "try again")
    finally:
        child.answers.close()
        with suppress(ProcessLookupError):
            os.kill(child.pid, signal.SIGKILL)
        # One that stands still in the kernel does not end now, and is not waited for.
        os.waitpid(child.pid, os.WNOHANG)
