import errno
import io
import os
import stat
import time
from pathlib import Path

import pytest
from jobs_made import commit

from dicom_printer.errors import SpoolError, TicketError
from dicom_printer.spool import INCOMING, JOBS, REJECTED, TMP, Spool


def test_a_committed_job_is_whole_and_nobody_elses(spool: Spool) -> None:
    made = commit(spool, b"%PDF- invented", title="Befund")
    assert spool.incoming() == [made.id]
    place = spool.root / INCOMING / made.id
    assert spool.ticket(made.id, INCOMING) == made
    assert (place / "document.pdf").read_bytes() == b"%PDF- invented"
    assert list((spool.root / TMP).iterdir()) == []
    assert stat.S_IMODE(place.stat().st_mode) == 0o700
    assert {stat.S_IMODE(f.stat().st_mode) for f in place.iterdir()} == {0o600}


def test_everything_is_on_disk_before_the_rename(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    fsync, rename = os.fsync, Path.rename

    def noted_fsync(descriptor: int) -> None:
        done.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)
        fsync(descriptor)

    def noted_rename(self: Path, target: Path) -> Path:
        done.append("rename")
        return rename(self, target)

    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(Path, "rename", noted_rename)
    made = commit(spool)
    assert done == ["document.pdf", "ticket.json", made.id, "rename", "incoming"]


def test_a_document_that_changed_while_it_was_read_leaves_nothing(spool: Spool) -> None:
    with pytest.raises(SpoolError, match="changed"):
        spool.commit(io.BytesIO(b"x"), "document.pdf", lambda: False, printer="p", source="t")
    assert spool.incoming() == []
    assert list((spool.root / TMP).iterdir()) == []


def test_the_digest_goes_into_dedup(spool: Spool) -> None:
    made = commit(spool, dedup="hot:1:{sha256}")
    assert made.dedup == f"hot:1:{made.sha256}"


def test_adopting_and_removing(spool: Spool) -> None:
    made = commit(spool)
    spool.adopt(made.id)
    assert (spool.incoming(), spool.adopted()) == ([], [made.id])
    assert spool.document(made).read_bytes() == b"%PDF-1.4 invented"
    spool.remove(made.id)
    spool.remove(made.id)
    assert spool.adopted() == []


@pytest.mark.parametrize("damage", ["ticket gone", "document gone", "document cut"])
def test_a_job_that_is_not_whole(spool: Spool, damage: str) -> None:
    made = commit(spool)
    place = spool.root / INCOMING / made.id
    if damage == "ticket gone":
        (place / "ticket.json").unlink()
    elif damage == "document gone":
        (place / "document.pdf").unlink()
    else:
        (place / "document.pdf").write_bytes(b"%P")
    with pytest.raises(TicketError):
        spool.ticket(made.id, INCOMING)


@pytest.mark.parametrize("number", [errno.EMFILE, errno.EIO, errno.EACCES, errno.ENOMEM])
def test_a_ticket_that_cannot_be_read_now_is_not_a_broken_one(
    spool: Spool, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def fail(*_: object) -> int:
        raise OSError(number, os.strerror(number))

    made = commit(spool)
    with monkeypatch.context() as patch:
        patch.setattr(os, "open", fail)
        with pytest.raises(SpoolError, match=os.strerror(number)):
            spool.ticket(made.id, INCOMING)
    assert spool.ticket(made.id, INCOMING) == made


@pytest.mark.parametrize("what", ["link", "directory", "pipe", "file for a directory"])
def test_a_ticket_that_is_something_else(spool: Spool, tmp_path: Path, what: str) -> None:
    made = commit(spool)
    place = spool.root / INCOMING / made.id
    (place / "ticket.json").rename(tmp_path / "ticket.json")
    if what == "link":
        (place / "ticket.json").symlink_to(tmp_path / "ticket.json")
    elif what == "directory":
        (place / "ticket.json").mkdir()
    elif what == "pipe":
        os.mkfifo(place / "ticket.json")
    else:
        place.rename(tmp_path / "job")
        place.touch()
    with pytest.raises(TicketError):
        spool.ticket(made.id, INCOMING)


def test_a_document_with_a_name_that_no_disk_holds(spool: Spool) -> None:
    made = commit(spool)
    path = spool.root / INCOMING / made.id / "ticket.json"
    path.write_text(path.read_text().replace("document.pdf", "\u00fc" * 200))
    with pytest.raises(TicketError, match="File name too long"):
        spool.ticket(made.id, INCOMING)


def test_what_is_rejected_keeps_its_reason(spool: Spool) -> None:
    for _ in range(2):
        (spool.root / INCOMING / "stranger").mkdir()
        target = spool.reject("stranger", "not named by a job id")
        assert target
        assert (target / "reason.txt").read_text() == "not named by a job id\n"
    assert len(list((spool.root / REJECTED).iterdir())) == 2


def test_only_what_was_abandoned_is_swept(spool: Spool) -> None:
    old, new = spool.root / TMP / "old", spool.root / TMP / "new"
    for place in (old, new):
        place.mkdir()
    os.utime(old, (time.time() - 2 * 86400,) * 2)
    spool.sweep()
    assert list((spool.root / TMP).iterdir()) == [new]


def test_one_service_a_spool(spool: Spool) -> None:
    assert not spool.service_runs()
    with spool.only_service():
        assert spool.service_runs()
        with pytest.raises(SpoolError, match="another service"), spool.only_service():
            pass
    assert not spool.service_runs()


def test_several_nodes_share_a_spool_each_under_its_own_name(spool: Spool) -> None:
    with spool.only_service("a"), spool.only_service("b"):
        with pytest.raises(SpoolError, match="as the node b"), spool.only_service("b"):
            raise AssertionError
        with pytest.raises(SpoolError, match="another service"), spool.only_service():
            raise AssertionError
    with (
        spool.only_service(),
        pytest.raises(SpoolError, match="another service"),
        spool.only_service("a"),
    ):
        raise AssertionError


def test_a_spool_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SpoolError, match="Not a directory"):
        Spool(tmp_path / "file" / "spool").create()


def test_a_full_disk_says_that_nothing_was_lost(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(SpoolError, match="nothing was lost"):
        commit(spool)
    assert list((spool.root / JOBS).iterdir()) == []


def test_job_that_is_half_removed_is_no_new_one(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = commit(spool)
    spool.adopt(made.id)
    monkeypatch.setattr("shutil.rmtree", lambda *_, **__: None)  # as if it was killed there
    assert not spool.remove(made.id)
    with pytest.raises(TicketError, match="is not whole"):
        spool.ticket(made.id)
