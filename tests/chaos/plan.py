"""What a run does, by its seed: the documents, the kills, the operator's acts, the faults.

Everything that is drawn is drawn here, from generators that are named by the seed and by what
they draw for: who comes first in a run changes nothing for the others.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Literal

REMOTES = {"one": 1, "two": 2}
"""The stores, with the associations that each admits."""

WORKFLOWS = {"One": ("one",), "Two": ("two",), "Both": ("one", "two")}
"""The printers, with the stores that get their pages, in this order."""

IDLE_S = 1.0
"""After how long without a store a node is asked whether it has anything to do."""
LONGEST_S = 10.0
"""How long a node lives at the most, whatever it has to do."""

_STORES = 40
_LEASE_S = 6.0
_LISTENING_S = 2.0
"""So much later than its lease is over the others may notice it."""

Producer = Literal["hot folder", "submit", "backend", "lp"]
Mishap = Literal["", "killed", "twice"]


@dataclass(frozen=True)
class Print:
    """A document that is printed.

    Attributes
    ----------
    number : int
        Which it is; in its title, and so in the Accession Number of its pages.
    mishap : str
        "killed": its producer is killed after `after_s`. "twice": cupsd hands it over again.
    """

    number: int
    producer: Producer
    printer: str
    pages: int
    mishap: Mishap
    after_s: float

    @property
    def title(self) -> str:
        """Its title, which nothing else in a run has."""
        return f"D{self.number:05d}"


@dataclass(frozen=True)
class Act:
    """What an operator does: to the job of a document, or to all where `document` is None.

    `stores` is after how many stores of the round.
    """

    verb: str
    document: int | None
    stores: int


@dataclass(frozen=True)
class Round:
    """A life of a node, and what is done meanwhile.

    Attributes
    ----------
    from_start : bool
        Whether it ends `extra_s` after its start, ready or not.
    stores : int
        After how many stores of the node its life is over otherwise, so that a slow machine is
        not killed before it does anything. One with nothing to do is ended earlier.
    extra_s : float
        How long it goes on after that.
    pause_s : float
        For how long it is stopped (SIGSTOP) when half of its life is over; 0 for not at all.
    down : bool
        Whether it stays down until its next round, and not only for a moment: of several nodes,
        the others take its jobs over.
    outage_s : float
        For how long PostgreSQL is dead when half of the life is over; 0 for not at all.
    end : str
        "kill" (-9), "term" (SIGTERM), or "kill paused": -9 while it is stopped.
    """

    node: int
    from_start: bool
    stores: int
    extra_s: float
    pause_s: float
    down: bool
    outage_s: float
    end: Literal["kill", "term", "kill paused"]
    prints: tuple[Print, ...]
    acts: tuple[Act, ...]


@dataclass(frozen=True)
class Size:
    """How large a run is."""

    seed: int
    kills: int
    jobs: int
    nodes: int = 1
    lp: bool = False
    """Whether a part of the documents goes through a real cupsd."""
    database: Literal["sqlite", "postgresql"] = "sqlite"
    pauses: float = 0.2
    """The share of the rounds in which a node is stopped for a while."""
    pages: int = 1
    """How many times as many pages a document has."""

    @property
    def lease_s(self) -> float:
        """How long a node may be silent; 0 where there is one node only."""
        return _LEASE_S if self.nodes > 1 else 0.0


def rounds(size: Size) -> list[Round]:
    """Return the lives of the nodes, one after the other, with what is done meanwhile."""
    rng = random.Random(f"rounds {size.seed}")
    # One in eight ends in good order; those come on top of the kills.
    ends = ["kill"] * size.kills + ["term"] * (size.kills // 8)
    rng.shuffle(ends)
    documents = _prints(size)
    made: list[Round] = []
    for i, end in enumerate(ends):
        # The last rounds only carry on what is there already.
        share = min(1.0, (i + 1) / max(1, round(len(ends) * 0.9)))
        begun = sum(len(r.prints) for r in made)
        prints = tuple(documents[begun : round(share * size.jobs)])
        known = begun + len(prints)
        made.append(_round(rng, size, end, prints, known))
    return made


def _round(
    rng: random.Random, size: Size, end: str, prints: tuple[Print, ...], known: int
) -> Round:
    from_start = rng.random() < 0.15
    paused = rng.random() < size.pauses
    pause_s = 0.0
    quiet = not (from_start or paused)
    outage = size.database == "postgresql" and quiet and rng.random() < 0.1
    if paused:
        # Of several nodes, one that sleeps longer than its lease is the case that matters.
        pause_s = rng.uniform(0.3, 2.0)
        if size.lease_s and rng.random() < 0.7:
            pause_s += size.lease_s + _LISTENING_S
    return Round(
        node=rng.randrange(size.nodes),
        from_start=from_start,
        stores=rng.randrange(1, 1 + _STORES // size.nodes),
        extra_s=rng.uniform(0.0, 1.2) if from_start else rng.uniform(0.0, 0.1),
        pause_s=pause_s,
        down=size.nodes > 1 and rng.random() < 0.4,
        outage_s=rng.uniform(0.2, 2.0) if outage else 0.0,
        end="kill paused" if paused and end == "kill" and rng.random() < 0.3 else end,  # type: ignore[arg-type]
        prints=prints,
        acts=tuple(_act(rng, size, known) for _ in range(rng.randrange(1, 5))),
    )


def _act(rng: random.Random, size: Size, known: int) -> Act:
    verbs = ["hold", "release", "retry", "cancel", "discard"]
    verb = rng.choices(verbs, [35, 20, 25, 5, 5])[0]
    everything = verb in {"release", "retry"} and rng.random() < 0.3
    # What was printed lately is still on its way; the rest is mostly done.
    document = max(0, known - 1 - int(rng.expovariate(0.15)))
    return Act(verb, None if everything else document, rng.randrange(_STORES // size.nodes))


def _prints(size: Size) -> list[Print]:
    rng = random.Random(f"prints {size.seed}")
    producers: list[Producer] = ["hot folder", "submit", "backend", "lp"]
    made = []
    for number in range(size.jobs):
        producer = rng.choices(producers, [40, 30, 30, 4 if size.lp else 0])[0]
        mishaps: list[Mishap] = {"submit": ["killed"], "backend": ["killed", "twice"]}.get(
            producer, []
        )  # type: ignore[assignment]
        made.append(
            Print(
                number,
                producer,
                rng.choice(list(WORKFLOWS)),
                rng.choices([1, 2, 3, 5, 8], [4, 3, 3, 2, 1])[0] * size.pages,
                rng.choice(mishaps) if mishaps and rng.random() < 0.15 else "",
                rng.uniform(0.0, 0.25),
            )
        )
    return made


LineFault = Literal[
    "", "refuse", "cut in request", "cut before answer", "cut after answer", "reset in request",
    "reset before answer", "reset after answer", "half-close", "delay", "black hole",
]  # fmt: skip


@dataclass(frozen=True)
class Line:
    """What happens to a connection: a fault, at which of its stores (from 1), how long."""

    fault: LineFault
    at: int = 1
    delay_s: float = 0.0


def line(seed: int, remote: str, number: int) -> Line:
    """Return what happens to a remote's connection of this number."""
    rng = random.Random(f"line {seed} {remote} {number}")
    if rng.random() < 0.7:
        return Line("")
    faults: tuple[LineFault, ...] = LineFault.__args__  # type: ignore[attr-defined]
    return Line(rng.choice(faults[1:]), rng.choice([1, 1, 2, 3]), rng.uniform(0.2, 2.5))


Answer = Literal["", "out of resources", "cannot", "warning", "slow", "forget", "abort"]


def answer(seed: int, remote: str, number: int) -> Answer:
    """Return how a remote answers its C-STORE of this number."""
    rng = random.Random(f"store {seed} {remote} {number}")
    answers: tuple[Answer, ...] = Answer.__args__  # type: ignore[attr-defined]
    return rng.choices(answers, [850, 40, 15, 35, 25, 15, 20])[0]


Welcome = Literal["", "refused for now", "refused for good", "abort"]


def welcome(seed: int, remote: str, number: int) -> Welcome:
    """Return how a remote answers its association request of this number."""
    rng = random.Random(f"association {seed} {remote} {number}")
    welcomes: tuple[Welcome, ...] = Welcome.__args__  # type: ignore[attr-defined]
    return rng.choices(welcomes, [920, 45, 10, 25])[0]
