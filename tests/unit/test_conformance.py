"""docs/conformance.md says what the code proposes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dicom_printer import network
from dicom_printer.actions import store
from dicom_printer.config.models import Network, Remote
from dicom_printer.config.tls import TLS
from dicom_printer.network import print_status, printing, tls
from dicom_printer.network.find import PATIENT_ROOT, WORKLIST
from dicom_printer.network.inbound import PENDING

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "conformance.md").read_text()


def table(heading: str, number: int = 0) -> list[list[str]]:
    """The rows of a table below a heading, without its own heading row."""
    part = TEXT.split(f"\n{heading}\n", 1)[1]
    part = re.split(r"\n#{2,4} ", part, maxsplit=1)[0]
    tables = re.findall(r"(?:^\|.*\|\n)+", part, flags=re.MULTILINE)
    rows = [
        [c.strip() for c in line.strip("|\n").split(" | ")] for line in tables[number].splitlines()
    ]
    return rows[2:]


def part_of(chapter: str, heading: str) -> list[list[str]]:
    """The table below `heading` in the chapter that begins with `chapter`."""
    start = TEXT.index(f"\n{chapter}\n")
    body = TEXT[start:].split(f"\n{heading}\n", 1)[1]
    lines = re.findall(r"(?:^\|.*\|\n)+", body, flags=re.MULTILINE)[0].splitlines()
    return [[c.strip() for c in line.strip("|\n").split("|")] for line in lines][2:]


UNCOMPRESSED = ", ".join(network.UNCOMPRESSED)


def test_the_sop_classes() -> None:
    stated = {row[1] for row in table("## 1 Overview")}
    assert stated == {
        network.VERIFICATION,
        network.SECONDARY_CAPTURE,
        network.ENCAPSULATED_PDF,
        WORKLIST,
        PATIENT_ROOT,
        printing.GRAYSCALE,
        printing.COLOR,
        printing.PRESENTATION_LUT,
        printing.ANNOTATION_BOX,
    }


def test_the_implementation_and_the_limit() -> None:
    stated = {row[0]: row[1] for row in table("### 3.1 Common to all")}
    assert stated["Implementation class UID"] == Network().implementation_class_uid
    assert stated["Implementation version name"] == Network().implementation_version_name
    limit = Remote.model_fields["associations"].default
    assert stated["Associations to a remote at the same time"] == str(limit)


def test_the_defaults() -> None:
    stated = {row[1].strip("`"): row[4] for row in table("### 5.2 Parameters")}
    general = Network()
    assert stated["max_pdu"] == f"{general.max_pdu} bytes"
    assert stated["association_timeout"] == f"{general.association_timeout:.0f} s"
    assert stated["dimse_timeout"] == f"{general.dimse_timeout:.0f} s"
    assert stated["character_set"] == Remote.model_fields["character_set"].default
    for row in table("### 5.2 Parameters"):
        key = row[1].strip("`")
        assert row[2] == ("Yes" if key in Network.model_fields else "No")
        assert key in Remote.model_fields


SETTINGS = {
    "`none`": {},
    "`rle`": {"compression": "rle"},
    "`jpeg`": {"compression": "jpeg"},
    '`jpeg`, `jpeg_process = "baseline"`': {"compression": "jpeg", "jpeg_process": "baseline"},
    "`jpeg-lossless`": {"compression": "jpeg-lossless"},
    '`as = "pdf"`, or beside the images with `as = "both"`': {"as": "pdf"},
}


@pytest.mark.parametrize("label", SETTINGS)
def test_what_store_proposes(label: str) -> None:
    (row,) = [
        r for r in part_of("### 3.3 Store SCU", "#### Presentation contexts") if r[0] == label
    ]
    step = store.Settings.model_validate({"action": "store", "remote": "x"} | SETTINGS[label])
    assert {abstract for abstract, _ in step.contexts} == {row[1]}
    proposed = [syntax for _, syntaxes in step.contexts for syntax in syntaxes]
    assert sorted(proposed) == sorted(row[2].split(", "))


def test_every_store_row_is_compared() -> None:
    rows = part_of("### 3.3 Store SCU", "#### Presentation contexts")
    assert {row[0] for row in rows} == set(SETTINGS)


def test_what_find_and_print_propose() -> None:
    found = part_of("### 3.2 Find SCU", "#### Presentation contexts")
    assert {(r[0], r[1]) for r in found} == {
        (WORKLIST, UNCOMPRESSED),
        (PATIENT_ROOT, UNCOMPRESSED),
    }
    films = part_of("### 3.4 Print SCU", "#### Presentation contexts")
    assert {(r[0], r[1]) for r in films} == {
        (printing.GRAYSCALE, UNCOMPRESSED),
        (printing.COLOR, UNCOMPRESSED),
    }
    assert table("### 3.5 Verification SCU") == [
        [network.VERIFICATION, UNCOMPRESSED, "SCU", "None"]
    ]


def test_the_statuses_of_find_and_print() -> None:
    rows = {row[0]: row[1] for row in part_of("### 3.2 Find SCU", "#### Behaviour")}
    assert {
        int(s, 16) for s in next(k for k, v in rows.items() if v == "pending").split(", ")
    } == set(PENDING)
    body = TEXT[TEXT.index("\n### 3.4 Print SCU\n") :]
    statuses = re.search(r"^\| ([^|]*) \| warning \|", body, flags=re.MULTILINE)
    empty = re.search(r"^\| ([^|]*) \| a film without an image \|", body, flags=re.MULTILINE)
    assert statuses is not None
    assert empty is not None
    assert {int(s, 16) for s in statuses[1].split(", ")} == set(print_status.WARNINGS)
    assert {int(s, 16) for s in empty[1].split(", ")} == set(print_status.EMPTY)


def test_every_test_that_is_named_is_there() -> None:
    named = set(re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", TEXT))
    assert named
    for path, function in named:
        source = ROOT / path
        assert source.exists(), path
        assert not function or f"def {function}(" in source.read_text(), f"{path}::{function}"


SEED_TABLES = (
    "1.1", "3.1", "3.2", "3.3", "3.4", "3.5", "3.6", "3.7", "3.8", "3.9", "3.10", "3.11", "3.12",
    "3.13", "3.14", "3.15", "3.16", "3.17", "3.18",
)  # fmt: skip


def test_every_table_of_the_seed_is_shown_by_a_test() -> None:
    rows = table("## 10 What shows it")
    shown = {number for row in rows for number in row[0].split(", ")}
    assert shown >= set(SEED_TABLES)


def test_the_cipher_suites() -> None:
    remote = Remote(ae_title="PACS", host="pacs.example", port=2762, tls=TLS())
    arguments = tls.arguments(remote)
    assert arguments is not None
    offered: dict[str, set[str]] = {"TLSv1.3": set(), "TLSv1.2": set()}
    for suite in arguments[0].get_ciphers():
        name = re.sub("AES(128|256)", r"WITH_AES_\1", suite["name"].replace("-", "_"))
        offered[suite["protocol"]].add(name if name.startswith("TLS_") else f"TLS_{name}")
    stated = {row[0]: row[1] for row in table("### 8.1 Secure transport connection profiles", 1)}
    for version, names in offered.items():
        said = stated[f"Cipher suites of {version.replace('v', ' ')}"]
        assert set(said.split(", ")) == names
