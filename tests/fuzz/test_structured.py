"""Inputs that are nearly right, which bytes seldom are: one place or two hold something else."""

import copy
import json
import tomllib
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from dicom_printer import ticket
from dicom_printer.errors import TicketError
from fuzz.targets import GOOD, JOB, TARGETS, options_target

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x7f"), max_size=40)
WORDS = st.sampled_from(
    ["", "*", "0", "-1", "1s", "99999999999w", "1G", "${HOME}", "${NONE}", "${X:-y}", "{PatientID}",
     "{", "{today-1d}", "(0010,0020)", "PatientID", "store", "P", "../..", "/", "ISO_IR 100",
     "(?P<", "(?P<PatientID>.)", "a" * 5000, "\\", "\n", "\u202e", "2.25.1"]
)  # fmt: skip
SCALARS = (
    TEXT | WORDS | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=True)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT | WORDS, inner, max_size=3),
    max_leaves=6,
)

CONFIGURATION: dict[str, Any] = {
    "service": {"spool": "spool", "ae_title": "US", "keep": "7d", "workers": 2},
    "network": {"max_pdu": 16384, "dimse_timeout": "5s"},
    "pages": {"memory": "1G", "max_pixels": 1_000_000},
    "defaults": {"Modality": "OT"},
    "remote": {"pacs": {"ae_title": "PACS", "host": "h", "port": 104, "character_set": "ISO_IR 6"}},
    "printer": {"P": {"workflow": "w", "ask": ["PatientID"], "hot_folders": ["in"]}},
    "workflow": {
        "w": [
            {"action": "parse", "pattern": "(?P<StudyID>x)", "when": {"Modality": "^CR$"}},
            {"action": "query", "remote": "pacs", "keys": {"PatientID": "{PatientID}"}},
            {"action": "store", "remote": "pacs", "on_error": "hold", "retry": {"first": "1m"}},
            {"action": "print", "remote": "pacs", "film_box": {"FilmSizeID": "14INX17IN"}},
        ]
    },
}


def toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{toml(key)} = {toml(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    if isinstance(value, float):
        return repr(value)
    # JSON's strings, numbers and truth are TOML's, but for one character that is left out
    return json.dumps(value, ensure_ascii=False)


def holders(value: Any) -> list[Any]:
    """Every table and list in `value`, itself too."""
    inner = list(value.values()) if isinstance(value, dict) else value
    nested = [h for v in inner if isinstance(v, dict | list) for h in holders(v)]
    return [value, *nested]


def changed(data: st.DataObject, good: dict[str, Any]) -> dict[str, Any]:
    """Return `good` with something else in one place, or two, or one more key."""
    made = copy.deepcopy(good)
    for _ in range(data.draw(st.integers(1, 2))):
        holder = data.draw(st.sampled_from([h for h in holders(made) if h]))
        keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
        key = data.draw(
            st.sampled_from(keys) | (TEXT if isinstance(holder, dict) else st.nothing())
        )
        holder[key] = data.draw(VALUES)
    return made


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_configuration(data: st.DataObject) -> None:
    tables = changed(data, CONFIGURATION)
    text = "\n".join(f"{toml(key)} = {toml(value)}" for key, value in tables.items())
    assert tomllib.loads(text).keys() == tables.keys()
    TARGETS["configuration"](text.encode())


def test_the_configuration_is_right_before_it_is_changed() -> None:
    text = "\n".join(f"{toml(key)} = {toml(value)}" for key, value in CONFIGURATION.items())
    assert tomllib.loads(text) == CONFIGURATION
    TARGETS["configuration"](text.encode())


@settings(deadline=None)
@given(data=st.data())
def test_ticket(data: st.DataObject) -> None:
    made = json.dumps(changed(data, GOOD)).encode()
    try:
        found = ticket.read(made, JOB)
    except TicketError as error:
        assert JOB in str(error)
    else:
        assert ticket.read(ticket.write(found), JOB) == found


@settings(deadline=None)
@given(st.lists(TEXT | WORDS | st.sampled_from([" ", "=", "'", '"', "\\ ", "no", "{a=b}"])))
def test_options(words: list[str]) -> None:
    options_target("".join(words).encode())
