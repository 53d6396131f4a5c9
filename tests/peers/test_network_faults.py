"""Associations against a scripted store: every fault ends, in time, as the right error."""

import logging
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom import Dataset
from pynetdicom import AE, evt
from pynetdicom.dimse_primitives import C_ECHO, C_STORE, N_EVENT_REPORT
from real_peers import free_port, storescp, wait_until
from scp import HalfAnswering, ScriptedSCP, SilentListener

from dicom_printer import capture, network
from dicom_printer.config.models import IMPLEMENTATION_CLASS_UID, Remote
from dicom_printer.errors import (
    BadValueError,
    NoAnswerError,
    RemoteBusyError,
    RemoteRefusedError,
    RemoteUnreachableError,
    StepError,
)
from dicom_printer.network import mend, reactor, storage
from dicom_printer.network.reactor import stir

PAGES = [(network.SECONDARY_CAPTURE, network.UNCOMPRESSED)]
ECHO = [(network.VERIFICATION, network.UNCOMPRESSED)]
PRINT_META = "1.2.840.10008.5.1.1.9"
PRINTER = "1.2.840.10008.5.1.1.16"
PRINTER_INSTANCE = "1.2.840.10008.5.1.1.17"
TIMEOUT_S = 0.6
SLACK_S = 3.0


def remote(port: int, host: str = "127.0.0.1", timeout_s: float = TIMEOUT_S, **more: Any) -> Remote:
    made = Remote.model_validate(
        {"name": "pacs", "ae_title": "SCRIPTED", "host": host, "port": port, **more}
    )
    return made.model_copy(update={"association_timeout": timeout_s, "dimse_timeout": timeout_s})


def page(number: int, *shape: int, **attributes: str) -> Dataset:
    pixels = np.full(shape or (5, 3), number % 256, np.uint8)
    created = datetime.now().astimezone()
    return capture.dataset("job", number, number, pixels, None, attributes, created=created)


def send(to: Remote, *numbers: int) -> list[int]:
    with network.associate(to, PAGES) as association:
        return [association.store(page(number)) for number in numbers]


@contextmanager
def fails(kind: type[StepError], words: str, within_s: float = SLACK_S) -> Iterator[None]:
    start = time.monotonic()
    with pytest.raises(kind, match=words):
        yield
    assert time.monotonic() - start < within_s


# no association


def test_refused_tcp() -> None:
    with fails(RemoteUnreachableError, r"remote 'pacs' .* refused"):
        network.echo(remote(free_port()))


def test_a_name_that_is_not_resolved() -> None:
    with fails(RemoteUnreachableError, "nowhere.invalid is not resolved", within_s=30):
        network.echo(remote(104, "nowhere.invalid"))
    with fails(RemoteUnreachableError, "not a host name"):
        network.echo(remote(104, "x" * 70 + ".example"))


def test_a_peer_that_takes_tcp_and_says_nothing() -> None:
    with SilentListener() as peer, fails(RemoteUnreachableError, "no answer to the association"):
        network.echo(remote(peer.port))


def test_a_host_that_does_not_answer_tcp() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, ExitStack() as stack:
        port = full.getsockname()[1]
        for _ in range(20):  # fill the backlog; the kernel then leaves new ones unanswered
            client = stack.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(("127.0.0.1", port))
        with fails(RemoteUnreachableError, "within 0.6 s|no answer"):
            network.echo(remote(port))


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        ((2, 3, 2), RemoteBusyError, "local limit exceeded"),
        ((2, 1, 1), RemoteBusyError, "rejected"),
        ((1, 1, 7), RemoteRefusedError, "called AE title SCRIPTED, calling DICOM_PRINTER"),
        ((1, 1, 3), RemoteRefusedError, "calling AE title not recognised"),
        ((1, 2, 2), RemoteRefusedError, "protocol version"),
    ],
)
def test_rejections(answer: tuple[int, int, int], kind: type[StepError], words: str) -> None:
    with ScriptedSCP(reject=answer) as scp, fails(kind, words):
        network.echo(remote(scp.port))


def test_a_peer_that_is_full() -> None:
    with ScriptedSCP(maximum_associations=1) as scp:
        to = remote(scp.port)
        with (
            network.associate(to, PAGES),
            fails(RemoteBusyError, "local limit"),
        ):
            send(to, 1)
        wait_until(lambda: not scp.is_busy, "the end of the association at the store")
        assert send(to, 1) == [0]


def test_ae_titles_that_the_peer_does_not_know() -> None:
    with ScriptedSCP(ae_title="OTHER", require_called_ae_title=True) as scp:
        with fails(RemoteRefusedError, "called AE title not recognised"):
            network.echo(remote(scp.port))
        network.echo(remote(scp.port).model_copy(update={"ae_title": "OTHER"}))
    with ScriptedSCP(require_calling=("CT1",)) as scp:
        with fails(RemoteRefusedError, "calling AE title not recognised"):
            network.echo(remote(scp.port))
        network.echo(remote(scp.port, calling_ae_title="CT1"))


def test_no_context_accepted() -> None:
    with (
        ScriptedSCP(sop_classes=("1.2.840.10008.1.1",)) as scp,
        fails(RemoteRefusedError, "does not accept Secondary Capture Image Storage in any of"),
    ):
        send(remote(scp.port), 1)


def test_one_context_of_two_accepted() -> None:
    both = [*PAGES, *ECHO]
    with (
        ScriptedSCP(sop_classes=("1.2.840.10008.1.1",)) as scp,
        network.associate(remote(scp.port), both) as association,
    ):
        association.echo()
        with fails(RemoteRefusedError, "does not accept Secondary Capture"):
            association.store(page(1))


def test_an_abort_instead_of_an_answer() -> None:
    with ScriptedSCP(abort_association=True) as scp, fails(RemoteUnreachableError, "broke off"):
        network.echo(remote(scp.port))


def test_a_peer_that_closes_the_connection() -> None:
    class Closing(ScriptedSCP):
        def _requested(self, event: Any) -> None:
            event.assoc.dul.socket.socket.shutdown(socket.SHUT_RDWR)

    with Closing() as scp, fails(RemoteUnreachableError, "broke off"):
        network.echo(remote(scp.port))


@pytest.mark.parametrize(
    ("said", "pause_s"),
    [
        (b"\x02\x00\x00", 0.0),
        (b"\x02\x00\x00\x00\x00\xb8\x00\x01", 0.0),
        (b"\x02\x00\x00\x00\x00\xb8" + bytes(184), 0.1),
    ],
)
def test_a_part_of_an_answer_to_the_association_request(said: bytes, pause_s: float) -> None:
    ended = threading.Event()

    def tried(port: int) -> None:
        with fails(RemoteUnreachableError, "no answer to the association"):
            network.echo(remote(port))
        ended.set()

    with HalfAnswering(said, pause_s) as peer:
        # not in this thread: what it is about is an echo that never ends
        threading.Thread(target=tried, args=(peer.port,), daemon=True).start()
        assert ended.wait(SLACK_S)


# what is proposed


def test_what_the_association_request_says() -> None:
    with ScriptedSCP() as scp:
        send(remote(scp.port, calling_ae_title="ME", max_pdu=32768), 1)
        (request,) = scp.requests
    assert (request.calling_ae_title, request.called_ae_title) == ("ME", "SCRIPTED")
    assert request.maximum_length_received == 32768
    assert request.implementation_class_uid == IMPLEMENTATION_CLASS_UID
    assert pydicom.uid.UID(IMPLEMENTATION_CLASS_UID).is_valid
    assert request.user_information[2].implementation_version_name == "DICOM_PRINTER_01"
    (context,) = request.presentation_context_definition_list
    assert context.abstract_syntax == network.SECONDARY_CAPTURE
    assert tuple(context.transfer_syntax) == (
        "1.2.840.10008.1.2",
        "1.2.840.10008.1.2.1",
        "1.2.840.10008.1.2.2",
    )


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_names_and_addresses(host: str) -> None:
    with ScriptedSCP() as scp:
        assert 0 < network.echo(remote(scp.port, host)).seconds < SLACK_S
        assert scp.echoes == 1


def test_ipv6() -> None:
    ae = AE()
    ae.add_supported_context("1.2.840.10008.1.1")
    try:
        server = ae.start_server(("::1", 0), block=False)
    except OSError:
        pytest.skip("no IPv6 on this machine")
    try:
        assert server is not None and server.socket is not None
        assert network.echo(remote(server.socket.getsockname()[1], "::1")).seconds < SLACK_S
    finally:
        ae.shutdown()


# statuses


@pytest.mark.parametrize(
    ("status", "kind", "words"),
    [
        (0xA700, RemoteBusyError, "0xA700"),
        (0x0213, RemoteBusyError, "0x0213"),
        (0x0122, RemoteRefusedError, r"0x0122 \(SOP class not supported\)"),
        (0xA900, RemoteRefusedError, "0xA900"),
        (0xC123, RemoteRefusedError, r"0xC123 \(cannot understand\)"),
        (0x0110, RemoteRefusedError, "0x0110"),
        (0xB603, RemoteRefusedError, "0xB603"),
    ],
)
def test_a_failure_status_aborts_and_raises(status: int, kind: type[StepError], words: str) -> None:
    aborted: list[Any] = []

    class Listening(ScriptedSCP):
        def _closed(self, event: Any) -> None:
            super()._closed(event)
            aborted.append(event.event.name)

    with Listening(statuses={2: status}) as scp:
        with fails(kind, words):
            send(remote(scp.port), 1, 2, 3)
        assert scp.stored_uids == [capture.uid("job", "page", 1)]
        # the seed's Table 3.11: the service will abort association
        wait_until(lambda: "EVT_ABORTED" in aborted, "an A-ABORT at the store")


def test_warnings_are_returned_and_the_association_is_released() -> None:
    ended: list[str] = []

    class Listening(ScriptedSCP):
        def _closed(self, event: Any) -> None:
            super()._closed(event)
            ended.append(event.event.name)

    with Listening(statuses={1: 0xB000, 3: 0xB007}) as scp:
        assert send(remote(scp.port), 1, 2, 3) == [0xB000, 0, 0xB007]
        wait_until(lambda: bool(ended), "the end of the association")
        assert ended[0] == "EVT_RELEASED"
        assert (scp.associations, scp.max_simultaneous) == (1, 1)


def test_an_error_of_the_caller_releases() -> None:
    ended: list[str] = []

    class Listening(ScriptedSCP):
        def _closed(self, event: Any) -> None:
            super()._closed(event)
            ended.append(event.event.name)

    with Listening() as scp:
        with (
            pytest.raises(KeyError),
            network.associate(remote(scp.port), PAGES) as association,
        ):
            association.store(page(1))
            raise KeyError
        wait_until(lambda: bool(ended), "the end of the association")
        assert ended[0] == "EVT_RELEASED"


# in the middle


def test_an_answer_that_never_comes() -> None:
    with (
        ScriptedSCP(hang_on=frozenset({2})) as scp,
        fails(NoAnswerError, r"answer to C-STORE did not come within 0.6 s"),
    ):
        send(remote(scp.port), 1, 2)


def test_an_answer_that_is_late_but_in_time() -> None:
    with ScriptedSCP(delay_s=TIMEOUT_S / 2) as scp:
        assert send(remote(scp.port), 1, 2, 3) == [0, 0, 0]


def test_an_abort_in_the_middle() -> None:
    with (
        ScriptedSCP(abort_on=frozenset({2})) as scp,
        fails(NoAnswerError, "C-STORE did not come: the remote released or aborted"),
    ):
        send(remote(scp.port, timeout_s=20), 1, 2)
    assert len(scp.stored) == 1


def test_a_connection_that_is_lost_in_the_middle() -> None:
    with (
        ScriptedSCP(drop_on=frozenset({2})) as scp,
        fails(NoAnswerError, "connection was lost"),
    ):
        send(remote(scp.port, timeout_s=20), 1, 2)


def test_a_peer_that_goes_away_between_two_pages() -> None:
    with ScriptedSCP() as scp:
        with (
            fails(NoAnswerError, "did not come"),
            network.associate(remote(scp.port, timeout_s=20), PAGES) as association,
        ):
            association.store(page(1))
            scp.stop()
            association.store(page(2))
        assert len(scp.stored) == 1


def test_a_peer_that_stops_reading(tmp_path: Path) -> None:
    """The socket's buffers are full and the sender is stuck: nothing but a shut socket ends it."""
    with storescp(tmp_path / "store") as peer:
        with (
            fails(NoAnswerError, "did not come within", within_s=8),
            network.associate(remote(peer.port), PAGES) as association,
        ):
            peer.pause()
            association.store(page(1, 5000, 4000, 3))
        peer.resume()


def test_a_reactor_that_has_died() -> None:
    """pynetdicom then waits for ever for a sign that nobody gives any more."""
    with (
        ScriptedSCP() as scp,
        fails(NoAnswerError, "did not come within"),
        network.associate(remote(scp.port), PAGES) as association,
    ):
        raw = association._raw
        raw._kill = True
        stir(raw)
        wait_until(lambda: not raw.is_alive(), "the end of the reactor")
        raw._is_paused = False
        association.store(page(1))


def test_while_nothing_happens_nothing_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """With pynetdicom's own loops both would have looked hundreds of times until the time-out."""
    turns: list[str] = []

    def counted(do: Any, name: str) -> Any:
        def does(*args: Any) -> Any:
            turns.append(name)
            return do(*args)

        return does

    monkeypatch.setattr(reactor, "_turn", counted(reactor._turn, "upper layer"))
    monkeypatch.setattr(reactor.Checkpoint, "wait", counted(reactor.Checkpoint.wait, "association"))
    with (
        ScriptedSCP(hang_on=frozenset({3})) as scp,
        fails(NoAnswerError, "did not come within"),
        network.associate(remote(scp.port, timeout_s=1), PAGES) as association,
    ):
        for number in (1, 2, 3):
            association.store(page(number))
    assert 0 < turns.count("upper layer") < 60
    assert 0 < turns.count("association") < 10


def test_a_slow_line_is_not_a_silent_peer() -> None:
    """As long as something moves, sending may take many times the time-out."""
    with ScriptedSCP() as scp, SlowLine(scp.port, bytes_per_s=5_000_000) as line:
        start = time.monotonic()
        with network.associate(remote(line.port, timeout_s=2), PAGES) as a:
            assert a.store(page(1, 5000, 5000)) == 0
        assert time.monotonic() - start > 4


def test_strays_without_end_are_no_movement() -> None:
    with (
        ScriptedSCP(strays_on=frozenset({1})) as scp,
        fails(NoAnswerError, "answer to C-STORE did not come within 0.6 s"),
    ):
        send(remote(scp.port), 1)


def test_an_echo_that_is_only_chattered_at() -> None:
    class Chattering(ScriptedSCP):
        def _echo(self, event: Any) -> int:
            end = time.monotonic() + 3 * SLACK_S
            while event.assoc.is_established and time.monotonic() < end:
                event.assoc.dimse.send_msg(event_report(), event.context.context_id)
                time.sleep(0.05)
            return 0xC000

    with Chattering() as scp, fails(NoAnswerError, "answer to C-ECHO did not come within 0.6 s"):
        network.echo(remote(scp.port))


def test_a_release_that_is_put_off() -> None:
    """Shortly before the time is up the peer asks for a release itself, and then says nothing."""
    release_rq, timeout_s = bytes.fromhex("0500 00000004 00000000"), 1.5
    asked: list[bytes] = []

    class PuttingOff(ScriptedSCP):
        def _established(self, event: Any) -> None:
            super()._established(event)
            event.assoc.bind(evt.EVT_DATA_RECV, self._collide)

        def _collide(self, event: Any) -> None:
            if event.data[0] == release_rq[0] and not asked:
                self._over.wait(0.8 * timeout_s)
                event.assoc.dul.socket.socket.sendall(release_rq)
                asked.append(release_rq)
                self._over.wait(2 * timeout_s)

    with PuttingOff() as scp:
        start = time.monotonic()
        assert send(remote(scp.port, timeout_s=timeout_s), 1) == [0]
        assert time.monotonic() - start < 1.5 * timeout_s
        assert asked


class SlowLine:
    """Forwards to a port, one way no faster than stated."""

    def __init__(self, port: int, bytes_per_s: int) -> None:
        self._target = port
        self._rate = bytes_per_s
        self._listener = socket.socket()
        # small buffers, which those that are accepted inherit: the sender feels the line
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen()
        self.port: int = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._run, daemon=True)]

    def __enter__(self) -> "SlowLine":
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()
        for thread in self._threads:
            thread.join(10)

    def _run(self) -> None:
        client, _ = self._listener.accept()
        server = socket.create_connection(("127.0.0.1", self._target))
        back = threading.Thread(target=self._copy, args=(server, client, 0), daemon=True)
        self._threads.append(back)
        back.start()
        self._copy(client, server, self._rate)

    @staticmethod
    def _copy(source: socket.socket, target: socket.socket, rate: int) -> None:
        with source:
            try:
                while data := source.recv(65536):
                    if rate:
                        time.sleep(len(data) / rate)
                    target.sendall(data)
                target.shutdown(socket.SHUT_WR)
            except OSError:
                return


# what pynetdicom loses


def test_no_answer_is_lost() -> None:
    """Hundreds of quick requests: an answer that the reactor takes would cost its time-out."""
    both = [*PAGES, *ECHO]
    with (
        ScriptedSCP() as scp,
        network.associate(remote(scp.port, timeout_s=5), both) as association,
    ):
        for number in range(150):
            association.echo()
            association.store(page(number))
            association.echo()
    assert (scp.echoes, len(scp.stored)) == (300, 150)


def test_no_answer_of_dcmtk_is_lost(tmp_path: Path) -> None:
    """Its answers come fast enough to lose one in three hundred without the mend."""
    with (
        storescp(tmp_path / "store") as peer,
        network.associate(remote(peer.port, timeout_s=5), ECHO) as association,
    ):
        for _ in range(1000):
            association.echo()


def test_the_reactor_leaves_answers_alone() -> None:
    """The same without luck: an answer waits while nobody asks for it, and it is still there."""
    with (
        ScriptedSCP() as scp,
        network.associate(remote(scp.port), ECHO) as association,
    ):
        raw = association._raw
        answer = C_ECHO()
        answer.MessageIDBeingRespondedTo = 7
        raw.dimse.msg_queue.put((1, answer))
        end = time.monotonic() + 0.1
        while time.monotonic() < end:  # the reactor looks every millisecond
            assert raw.dimse.msg_queue.qsize() == 1
        assert raw.dimse.get_msg(block=True) == (1, answer)


def test_an_event_report_does_not_disturb_the_pause() -> None:
    """A printer reports an event with every answer; stock pynetdicom hangs within some dozens."""
    requests: list[Any] = []

    def get(event: Any) -> tuple[int, Dataset]:
        ds = Dataset()
        ds.PrinterStatus = "NORMAL"
        event.assoc.dimse.send_msg(event_report(), event.context.context_id or 0)
        return 0x0000, ds

    def reported(event: Any) -> tuple[int, None]:
        requests.append(event)
        return 0x0000, None

    ae = AE("PRINTER")
    ae.add_supported_context(PRINT_META)
    server = ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_N_GET, get)])
    contexts = [(PRINT_META, network.UNCOMPRESSED)]
    try:
        assert server is not None and server.socket is not None
        to = remote(server.socket.getsockname()[1], timeout_s=5)
        with network.associate(to, contexts) as association:
            raw = association._raw
            raw.bind(evt.EVT_N_EVENT_REPORT, reported)
            for _ in range(200):
                status = association._operate(
                    "N-GET",
                    lambda: raw.send_n_get([], PRINTER, PRINTER_INSTANCE, meta_uid=PRINT_META)[0],
                )
                assert status == 0
            wait_until(lambda: len(requests) == 200, "every event report")
            # and without luck: the reactor is paused, an event is served, it is paused still
            raw._reactor_checkpoint.clear()
            wait_until(lambda: raw._is_paused, "the pause")
            (context,) = raw.accepted_contexts
            raw._serve_request(event_report(), context.context_id or 0)
            assert len(requests) == 201
            assert raw._is_paused
            raw._reactor_checkpoint.set()
    finally:
        ae.shutdown()


def event_report() -> Any:
    report = N_EVENT_REPORT()
    report.MessageID = 5
    report.AffectedSOPClassUID = PRINTER
    report.AffectedSOPInstanceUID = PRINTER_INSTANCE
    report.EventTypeID = 1
    return report


def test_the_mend_is_for_one_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pynetdicom.__version__", "3.0.5")
    with pytest.raises(ImportError, match=r"3\.0\.5 is installed"):
        mend.apply()


@pytest.mark.parametrize("pause_s", [0.0, 0.1])
def test_a_second_answer_is_none_to_the_next_request(pause_s: float) -> None:
    with (
        ScriptedSCP(twice_on=frozenset({1, 2}), statuses={3: 0xC000}) as scp,
        network.associate(remote(scp.port, timeout_s=5), PAGES) as association,
    ):
        for number in (1, 2):
            assert association.store(page(number)) == 0
            time.sleep(pause_s)
        with fails(RemoteRefusedError, "0xC000"):
            association.store(page(3))
        assert scp.stored_uids == [capture.uid("job", "page", n) for n in (1, 2)]


def test_an_answer_from_before_the_request_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Though its Message ID is that of the request."""
    with (
        ScriptedSCP(hang_on=frozenset({1})) as scp,
        network.associate(remote(scp.port), [*PAGES, *ECHO]) as association,
    ):
        raw, command = association._raw, storage.command

        def answered_before(message_id: int, *args: str) -> bytes:
            answer = C_STORE()
            answer.MessageIDBeingRespondedTo = message_id
            answer.Status = 0x0000
            raw.dimse.msg_queue.put((1, answer))
            return command(message_id, *args)

        monkeypatch.setattr(storage, "command", answered_before)
        with fails(NoAnswerError, "did not come within"):
            association.store(page(1))


# nothing of the patient's


def test_a_dataset_that_cannot_be_encoded_is_not_quoted(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    ds = page(1)
    ds["PixelData"]._value = "secret"
    with (
        ScriptedSCP() as scp,
        pytest.raises(BadValueError, match="cannot be encoded"),
        network.associate(remote(scp.port), PAGES) as association,
    ):
        association.store(ds)
    assert "secret" not in caplog.text


def test_logs_and_errors_hold_nothing_of_the_patient(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with (
        ScriptedSCP(statuses={2: 0xC000}) as scp,
        pytest.raises(RemoteRefusedError) as caught,
        network.associate(remote(scp.port), PAGES) as association,
    ):
        association.store(page(1, PatientName="Secret^Name", PatientID="SECRET7"))
        association.store(page(2, PatientName="Secret^Name", PatientID="SECRET7"))
    assert "secret" not in (caplog.text + str(caught.value)).lower()


def test_pynetdicom_is_quiet_unless_debugging(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with pytest.raises(RemoteUnreachableError):
        network.echo(remote(free_port()))
    assert not caplog.records


# the store of the demonstration


def test_the_receiver_keeps_what_it_gets(tmp_path: Path) -> None:
    with network.Receiver(tmp_path / "in") as receiver:
        network.echo(remote(receiver.port))
        assert send(remote(receiver.port), 1, 2) == [0, 0]
        assert receiver.received == 2
        kept = sorted(each.name for each in receiver.directory.iterdir())
        assert kept == sorted(f"{capture.uid('job', 'page', n)}.dcm" for n in (1, 2))
        ds = pydicom.dcmread(receiver.directory / f"{capture.uid('job', 'page', 2)}.dcm")
        assert np.array_equal(ds.pixel_array, np.full((5, 3), 2))


@pytest.mark.filterwarnings("ignore:Invalid value for VR UI")
def test_the_receiver_writes_no_file_outside_its_directory(tmp_path: Path) -> None:
    ds = page(1)
    ds.SOPInstanceUID = "../../x"
    with (
        network.Receiver(tmp_path / "in") as receiver,
        pytest.raises(RemoteRefusedError, match="0xC000"),
        network.associate(remote(receiver.port), PAGES) as association,
    ):
        association.store(ds)
    assert [each.name for each in tmp_path.rglob("*")] == ["in"]
