"""Each outcome of an association and each status, as an error."""

import pytest

from dicom_printer.config.models import Remote
from dicom_printer.errors import (
    NoAnswerError,
    RemoteBusyError,
    RemoteRefusedError,
    RemoteUnreachableError,
    Verdict,
)
from dicom_printer.network import outcome

REMOTE = Remote.model_validate(
    {
        "name": "pacs",
        "ae_title": "ARCHIVE",
        "host": "pacs.example",
        "port": 104,
        "calling_ae_title": "PRINTER",
        "association_timeout": "7s",
        "dimse_timeout": "9s",
    }
)


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        ((1, 1, 1), RemoteRefusedError, "no reason given"),
        ((1, 1, 2), RemoteRefusedError, "application context"),
        ((1, 1, 3), RemoteRefusedError, "calling AE title not recognised"),
        ((1, 1, 7), RemoteRefusedError, "called AE title not recognised"),
        ((1, 1, 10), RemoteRefusedError, "reason 10"),
        ((1, 2, 2), RemoteRefusedError, "protocol version"),
        ((2, 1, 1), RemoteBusyError, "no reason given"),
        ((2, 2, 1), RemoteBusyError, "no reason given"),
        ((2, 3, 1), RemoteBusyError, "temporary congestion"),
        ((2, 3, 2), RemoteBusyError, "local limit exceeded"),
        ((1, 3, 2), RemoteBusyError, "local limit exceeded"),
    ],
)
def test_rejections(answer: tuple[int, int, int], kind: type[Exception], words: str) -> None:
    error = outcome.rejected(REMOTE, *answer)
    assert type(error) is kind
    assert words in error.message
    assert "'pacs'" in error.message
    assert "pacs.example:104" in error.message


def test_a_rejection_for_good_says_both_titles_and_what_to_do() -> None:
    called = outcome.rejected(REMOTE, 1, 1, 7)
    assert "called AE title ARCHIVE, calling PRINTER" in called.message
    assert called.remedy.startswith("correct `ae_title`, now ARCHIVE")
    calling = outcome.rejected(REMOTE, 1, 1, 3)
    assert calling.remedy.startswith("have PRINTER made known to the remote")


def test_who_is_to_be_asked_is_named() -> None:
    named = REMOTE.model_copy(update={"name": "the pacs"})
    for error in (outcome.no_connection(named, 1), outcome.silence(named)):
        assert error.remedy.endswith("see `dicom-printer echo 'the pacs'`")


def test_no_connection_tells_refusal_from_silence() -> None:
    refused, silent = outcome.no_connection(REMOTE, 0.1), outcome.no_connection(REMOTE, 7.01)
    assert "refused" in refused.message
    assert "within 7 s" in silent.message
    for error in (refused, silent, outcome.silence(REMOTE), outcome.broken_off(REMOTE)):
        assert type(error) is RemoteUnreachableError
        assert error.verdict is Verdict.TRANSIENT


@pytest.mark.parametrize("status", [0xB000, 0xB006, 0xB007, 0xB00F])
def test_warnings_are_not_failures(status: int) -> None:
    assert outcome.is_warning(status)


@pytest.mark.parametrize(
    ("status", "kind", "words"),
    [
        (0xA700, RemoteBusyError, "0xA700 (out of resources)"),
        (0xA7FF, RemoteBusyError, "0xA7FF (out of resources)"),
        (0x0213, RemoteBusyError, "0x0213 (resource limitation)"),
        (0x0110, RemoteRefusedError, "0x0110 (processing failure)"),
        (0x0111, RemoteRefusedError, "0x0111 (duplicate SOP instance)"),
        (0x0122, RemoteRefusedError, "0x0122 (SOP class not supported)"),
        (0x0124, RemoteRefusedError, "0x0124 (not authorized)"),
        (0xA900, RemoteRefusedError, "0xA900 (data set does not match SOP class)"),
        (0xA9FF, RemoteRefusedError, "0xA9FF (data set does not match SOP class)"),
        (0xC000, RemoteRefusedError, "0xC000 (cannot understand)"),
        (0xCFFF, RemoteRefusedError, "0xCFFF (cannot understand)"),
        (0xB603, RemoteRefusedError, "0xB603 (unknown status)"),
        (0x0001, RemoteRefusedError, "0x0001 (unknown status)"),
        (0xFF00, RemoteRefusedError, "0xFF00 (unknown status)"),
    ],
)
def test_failures(status: int, kind: type[Exception], words: str) -> None:
    assert not outcome.is_warning(status)
    error = outcome.failed(REMOTE, "C-STORE", status)
    assert type(error) is kind
    assert f"C-STORE failed with status {words}" in error.message


def test_an_answer_that_did_not_come() -> None:
    late = outcome.no_answer(REMOTE, "C-STORE", REMOTE.dimse_timeout)
    assert "did not come within 9 s" in late.message
    lost = outcome.no_answer(REMOTE, "C-STORE", None)
    assert "the answer to C-STORE did not come" in lost.message
    # Orthanc takes the association of an unknown calling AE title and aborts its C-STORE
    assert "calling AE title PRINTER" in lost.remedy
    assert type(late) is type(lost) is NoAnswerError


def test_no_context_names_what_was_proposed() -> None:
    error = outcome.no_context(REMOTE, "1.2.840.10008.5.1.4.1.1.7", ["1.2.840.10008.1.2"])
    assert type(error) is RemoteRefusedError
    assert "Secondary Capture Image Storage" in error.message
    assert "Implicit VR Little Endian" in error.message


def test_an_ipv6_address_is_bracketed() -> None:
    assert "[::1]:104" in outcome.where(REMOTE.model_copy(update={"host": "::1"}))
