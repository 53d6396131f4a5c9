import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jobs_made import ticket

from dicom_printer import ticket as tickets
from dicom_printer.errors import TicketError


def broken(**fields: Any) -> bytes:
    return json.dumps({**json.loads(tickets.write(ticket())), **fields}).encode()


def test_a_ticket_is_read_as_it_was_written() -> None:
    made = ticket(title="Schlüssel €", options=[("page-ranges", "1-2"), ("x", "y")])
    assert tickets.read(tickets.write(made), made.id) == made


def test_the_last_of_an_options_values_counts() -> None:
    assert ticket(options=[("a", "1"), ("a", "2")]).option("a") == "2"
    assert ticket().option("a") is None


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"schema": 2}, "schema"),
        ({"document": "../../etc/passwd"}, "document"),
        ({"document": "ticket.json"}, "document"),
        ({"document": "a\0b"}, "document"),
        ({"size": -1}, "size"),
        ({"size": "many"}, "size"),
        ({"sha256": "abc"}, "sha256"),
        ({"options": [["only one"]]}, "options"),
        ({"title": "x" * 5000}, "title"),
    ],
)
def test_a_ticket_that_breaks_the_contract(fields: dict[str, Any], named: str) -> None:
    with pytest.raises(TicketError, match=named):
        tickets.read(broken(**fields), ticket().id)


def test_the_error_never_tells_the_value() -> None:
    with pytest.raises(TicketError) as caught:
        tickets.read(broken(title="Mustermann" * 1000), ticket().id)
    assert "Mustermann" not in str(caught.value)


def test_a_ticket_of_another_job() -> None:
    with pytest.raises(TicketError, match="another job"):
        tickets.read(tickets.write(ticket(1)), ticket(2).id)


def test_fields_of_a_later_version_are_no_error() -> None:
    assert tickets.read(broken(invented_later=True), ticket().id) == ticket()


@given(st.binary(max_size=200) | st.just(b"[" * 100_000))
def test_no_file_does_harm(data: bytes) -> None:
    with pytest.raises(TicketError):
        tickets.read(data, ticket().id)


def test_a_ticket_is_utf_8() -> None:
    made = ticket()
    assert tickets.read(tickets.write(made), made.id) == made
    with pytest.raises(TicketError, match="is not JSON"):
        tickets.read(tickets.write(made).decode().encode("utf-16"), made.id)


@pytest.mark.parametrize(
    "changed",
    [
        {"id": "0" * 32},
        {"document": "../../etc/passwd"},
        {"document": "ticket.json"},
        {"document": None},
        {"size": "9"},
        {"size": True},
    ],
)
def test_what_is_shown_of_a_ticket_leads_nowhere_else(changed: dict[str, object]) -> None:
    job_id = "1" * 32
    whole = {"id": job_id, "document": "document.pdf", "size": 9, "host": "ward"}
    assert tickets.as_written(json.dumps(whole).encode(), job_id).fields == whole
    with pytest.raises(TicketError):
        tickets.as_written(json.dumps(whole | changed).encode(), job_id)
    for data in (b"[]", b"null", b"{", b"\xff", b"[" * 100_000, b" " * (tickets.MAX_BYTES + 1)):
        with pytest.raises(TicketError):
            tickets.as_written(data, job_id)
