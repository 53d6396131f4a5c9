"""Several nodes: who lives, who is silent, whose jobs are taken over; no clock has a say in it."""

from __future__ import annotations

import fcntl
from collections.abc import Callable
from dataclasses import replace

import pytest
import sqlalchemy as sa
from jobs_made import STORE_STEP, Clock, claim, commit, submit

from dicom_printer.errors import NodeTakenError, SpoolError
from dicom_printer.jobs import films, look, nodes, table
from dicom_printer.jobs.films import Film
from dicom_printer.jobs.nodes import Node
from dicom_printer.jobs.running import LostClaimError, Running
from dicom_printer.jobs.schema import job as job_table
from dicom_printer.jobs.schema import node as node_table
from dicom_printer.jobs.store import Snapshot, Store
from dicom_printer.journal import FILE_NAME, Journal
from dicom_printer.spool import JOBS, Spool

LEASE_S = 60.0
HEARD_S = 12.0
"""Two looks at what the others say."""
SHARED = pytest.mark.parametrize("database", ["postgresql"], indirect=True)


class Steady(Clock):
    """The clock that nobody can set; the one on the wall goes with it."""

    wall: Clock

    def forward(self, seconds: float) -> None:
        super().forward(seconds)
        self.wall.forward(seconds)


@pytest.fixture
def steady(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> Clock:
    made = Steady(1000.0)
    made.wall = clock
    monkeypatch.setattr("dicom_printer.jobs.nodes.time.monotonic", made)
    return made


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Let what follows happen on a machine that was started at another time."""

    def other(boot: str) -> None:
        monkeypatch.setattr(nodes, "_boot", lambda: boot)

    other("this machine")
    return other


def enter(store: Store, name: str) -> tuple[Store, Node]:
    own = replace(store, node=name)
    made = Node(own, LEASE_S, "1.0")
    made.join()
    return own, made


def row(store: Store, job_id: str) -> dict[str, object]:
    with store.reading() as c:
        query = sa.select(job_table).where(job_table.c.id == job_id)
        return dict(c.execute(query).mappings().one())


def watch(steady: Clock, seconds: float, *living: Node) -> list[int]:
    """Let time pass, in which the living take their turns; return what they took over."""
    taken = [0] * len(living)
    for _ in range(int(seconds)):
        steady.forward(1.0)
        for i, each in enumerate(living):
            taken[i] += each.turn()
    return taken


@SHARED
def test_a_silent_node_loses_its_jobs_after_its_lease(store: Store, steady: Clock) -> None:
    a, node_a = enter(store, "a")
    b, node_b = enter(store, "b")
    first, second = submit(store, 1), submit(store, 2)
    assert claim(a).acquire("pacs") is True
    assert claim(b).id == second
    assert watch(steady, LEASE_S, node_a, node_b) == [0, 0]
    # Its last word is up to a quarter of the lease old.
    assert watch(steady, LEASE_S * 3 / 4 - 2, node_b) == [0]
    assert watch(steady, LEASE_S / 4 + HEARD_S, node_b) == [1]
    found = row(store, first)
    assert (found["state"], found["slot"], found["crashes"]) == ("ready", None, 1)
    assert "the node a ended" in look.show(store, first)["events"][-1]["detail"]
    assert row(store, second)["crashes"] == 0, "who lives is not to blame"
    assert claim(b).acquire("pacs") is True


@SHARED
@pytest.mark.parametrize("step_s", [-3600.0, 3600.0])
def test_a_clock_that_is_set_kills_nobody(
    store: Store, clock: Clock, steady: Clock, step_s: float
) -> None:
    a, node_a = enter(store, "a")
    _, node_b = enter(store, "b")
    submit(store, 1)
    claim(a)
    watch(steady, 5, node_a, node_b)
    clock.forward(step_s)
    assert watch(steady, 2 * LEASE_S, node_a, node_b) == [0, 0]
    clock.forward(-step_s)
    assert watch(steady, LEASE_S + HEARD_S, node_b) == [1], "and keeps nobody alive"


@SHARED
def test_who_could_not_listen_has_heard_no_silence(store: Store, steady: Clock) -> None:
    a, node_a = enter(store, "a")
    _, node_b = enter(store, "b")
    submit(store, 1)
    claim(a)
    watch(steady, 5, node_a, node_b)
    steady.forward(3600)
    assert (node_b.turn(), node_a.turn(), node_b.turn()) == (0, 0, 0)
    assert watch(steady, 5, node_a, node_b) == [0, 0]


WRITES: dict[str, Callable[[Running], object]] = {
    "acquire": lambda job: job.acquire("pacs"),
    "advance": lambda job: job.advance(1, "done"),
    "sends_as": lambda job: job.sends_as("anna"),
    "accept": lambda job: job.accept("pacs", 1, "2.25.1", 0),
    "requested": lambda job: job.requested(),
    "put_back": lambda job: job.put_back("why"),
    "suspend": lambda job: job.suspend(1.0, 2.0, "no answer", "lost", counts=True),
    "hold": lambda job: job.hold("no answer", "lost"),
    "discard": lambda job: job.discard("no answer", "lost"),
    "finish": lambda job: job.finish(),
    "film sent": lambda job: films.sending(job, "pacs", 0, [Film("b", 2, (2,))]),
    "film taken": lambda job: films.taken(job, "pacs", [Film("a", 1, (1,))], 0),
    "film refused": lambda job: films.refused(job, [Film("a", 1, (1,))]),
}


@SHARED
@pytest.mark.parametrize("write", WRITES)
def test_a_node_that_wakes_up_writes_nothing(store: Store, steady: Clock, write: str) -> None:
    a, node_a = enter(store, "a")
    b, node_b = enter(store, "b")
    job_id = submit(store, 1)
    overtaken = claim(a)
    overtaken.sends_as("anna")
    watch(steady, 2 * LEASE_S, node_b)
    again = claim(b)
    films.sending(again, "pacs", 0, [Film("a", 1, (1,))])
    before, history = row(store, job_id), look.show(store, job_id)
    node_a.turn()
    with pytest.raises(LostClaimError):
        WRITES[write](overtaken)
    assert row(store, job_id) == before
    assert look.show(store, job_id) == history
    again.finish()


@SHARED
def test_a_film_that_was_on_its_way_is_not_sent_by_another_node(
    store: Store, steady: Clock
) -> None:
    a, _ = enter(store, "a")
    _, node_b = enter(store, "b")
    job_id = submit(store, 1)
    films.sending(claim(a), "pacs", 0, [Film("a", 1, (1,))])
    assert sum(watch(steady, LEASE_S + HEARD_S, node_b)) == 1
    assert (row(store, job_id)["state"], row(store, job_id)["reason"]) == (
        "held", "outcome unknown",
    )  # fmt: skip


@SHARED
def test_the_limit_of_a_remote_holds_for_all_nodes(store: Store) -> None:
    stores = [enter(store, name)[0] for name in "abc"]
    for number in range(4):
        submit(store, number)
    jobs = [claim(stores[number % 3]) for number in range(4)]
    assert [job.acquire("wide") for job in jobs] == [True, True, True, False]


@SHARED
def test_a_restart_brings_back_its_own_jobs_and_no_other(store: Store) -> None:
    a, _ = enter(store, "a")
    b, _ = enter(store, "b")
    own, other = submit(store, 1), submit(store, 2)
    claim(a), claim(b)
    again = Node(a, LEASE_S, "1.0")
    again.join()
    assert again.recover() == 1
    assert (row(store, own)["state"], row(store, other)["state"]) == ("ready", "running")


@SHARED
def test_a_node_that_worked_on_nothing_is_missed_as_well(store: Store, steady: Clock) -> None:
    enter(store, "a")
    _, node_b = enter(store, "b")
    watch(steady, LEASE_S, node_b)
    assert node_b.silent == set()
    watch(steady, HEARD_S, node_b)
    assert node_b.silent == {"a"}


@SHARED
def test_journal_that_cannot_be_written_keeps_no_other_job_from_being_taken_over(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = replace(store, node="a")
    submit(store, 1)
    submit(store, 2)
    films.sending(claim(own), "imager", 0, [Film("a", 1, (1,))])
    claim(own)

    def locked(*_: object, **__: object) -> None:
        raise SpoolError("another process keeps it locked")

    monkeypatch.setattr(Journal, "append", locked)
    assert table.recover(store, ["a"]) == 2
    assert {job["state"] for job in look.listing(store)} == {"held", "ready"}


@SHARED
def test_node_that_was_stopped_while_it_wrote_a_journal_holds_no_takeover_up(
    store: Store, spool: Spool
) -> None:
    own = replace(store, node="a")
    ticket = commit(spool)
    spool.adopt(ticket.id)
    table.submit(store, ticket, Snapshot(defaults={}, steps=[STORE_STEP]), {})
    films.sending(claim(own), "imager", 0, [Film("a", 1, (1,))])
    with (spool.root / JOBS / ticket.id / FILE_NAME).open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        # waiting for it, this transaction must not stand idle until PostgreSQL ends it
        assert table.recover(store, ["a"]) == 1
    assert [job["state"] for job in look.listing(store)] == ["held"]


@SHARED
def test_a_spool_that_has_nothing_of_the_table_is_refused(store: Store) -> None:
    nodes.require_same_spool(store, lambda _: False)
    ids = [submit(store, 1), submit(store, 2)]
    nodes.require_same_spool(store, lambda job_id: job_id == ids[0])
    with pytest.raises(SpoolError, match=r"none of the newest 2 jobs.*see that its share"):
        nodes.require_same_spool(store, lambda _: False)


@SHARED
def test_one_name_is_for_one_node(
    store: Store, clock: Clock, started: Callable[[str], None], steady: Clock
) -> None:
    _, first = enter(store, "a")
    started("another machine")
    with pytest.raises(NodeTakenError, match=r"heard of 0 s ago.*\[service\] node.*in 60 s"):
        enter(store, "a")
    clock.forward(LEASE_S + 1)
    enter(store, "a")
    with pytest.raises(NodeTakenError, match="another service is the node a now"):
        watch(steady, 1, first)


@SHARED
def test_who_leaves_is_not_missed(store: Store) -> None:
    a, node_a = enter(store, "a")
    _, node_b = enter(store, "b")
    submit(store, 1)
    claim(a)
    node_a.leave()
    assert [n["name"] for n in look.nodes(store)] == ["b"]
    assert node_b.turn() == 1, "what it left behind in spite of all is taken at once"


@SHARED
def test_nodes_are_shown(store: Store, clock: Clock, steady: Clock) -> None:
    a, _ = enter(store, "a")
    _, node_b = enter(store, "b")
    submit(store, 1)
    claim(a)
    node_b.report(["no room"])
    clock.forward(LEASE_S + 1 - 30)
    watch(steady, 30, node_b)
    one, two = look.nodes(store)
    assert (one["name"], one["lost"], one["running"]) == ("a", True, 1)
    assert one["heard"] == one["since"] == clock() - LEASE_S - 1
    assert (two["lost"], two["troubles"]) == (False, ["no room"])
    assert clock() - two["heard"] <= LEASE_S / 4
    nodes.forget(replace(store, node="b"), clock())
    assert [n["name"] for n in look.nodes(store)] == ["b"]
    with store.engine.begin() as c:
        c.execute(sa.delete(node_table))
    node_b.report([])
    assert [n["name"] for n in look.nodes(store)] == ["b"], "who was forgotten enters again"


def test_a_service_alone_takes_back_whatever_was_running(store: Store) -> None:
    if store.shared:
        pytest.skip("of SQLite")
    submit(store, 1)
    claim(replace(store, node="the host's old name"))
    made = Node(replace(store, node="new"), LEASE_S, "1.0")
    made.join()
    assert made.recover() == 1
    assert made.turn() == 0
    assert [(n["name"], n["lost"]) for n in look.nodes(store)] == [("new", False)]
    assert table.claim(store) is not None
