"""The configurations that we hand out are in order, complete, and say the true defaults."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, TypeAdapter

from dicom_printer import actions, checks
from dicom_printer.config import Config, Pages, Printer, Remote, Service, Step
from dicom_printer.config.models import Network
from dicom_printer.config.units import seconds
from dicom_printer.errors import ConfigError

ROOT = Path(__file__).parents[2]
PACKAGED = ROOT / "packaging" / "dicom-printer.toml"
UNIT = ROOT / "packaging" / "systemd" / "dicom-printer.service"


def uncommented(text: str) -> str:
    """Bring in the keys that are commented out: a `#` without a space after it."""
    return re.sub(r"(?m)^#(?=[^ \n])", "", text)


def keys(model: type[BaseModel]) -> set[str]:
    return {field.alias or name for name, field in model.model_fields.items()} - {"name"}


def in_use(config: str) -> Config:
    path = Path("dicom-printer.toml").resolve()
    path.write_text(config)
    return checks.load(path)


def complete() -> dict[str, Any]:
    return tomllib.loads(uncommented(PACKAGED.read_text()))


def test_the_packaged_configuration_is_in_order() -> None:
    found = checks.load(PACKAGED)
    assert found.service.spool == Path("/var/spool/dicom-printer")
    assert [step["action"] for step in found.workflow["to_pacs"]] == ["parse", "store"]


def test_it_is_in_order_with_every_key_that_is_commented_out() -> None:
    found = in_use(uncommented(PACKAGED.read_text()))
    assert [step["action"] for step in found.workflow["to_pacs"]] == [*actions.ACTIONS]
    assert found.defaults


@pytest.mark.parametrize("line", ['#ae_titel = "X"', "#dpi = 20", "#[servise]"])
def test_the_test_sees_a_wrong_line_that_is_commented_out(line: str) -> None:
    with pytest.raises(ConfigError):
        in_use(uncommented(f"{PACKAGED.read_text()}\n{line}\n"))


def test_a_line_commented_out_is_a_key_or_a_header() -> None:
    for line in PACKAGED.read_text().splitlines():
        if re.match(r"#[^ ]", line):
            assert re.match(r"#(\w+ = |\[)", line), line


@pytest.mark.parametrize(
    ("where", "model"),
    [
        (("service",), Service),
        (("network",), Network),
        (("pages",), Pages),
        (("remote", "pacs"), Remote),
        (("printer", "DICOM_Printer"), Printer),
    ],
    ids=str,
)
def test_it_has_every_key_of_the_tables(where: tuple[str, ...], model: type[BaseModel]) -> None:
    table = complete()
    for name in where:
        table = table[name]
    assert set(table) == keys(model)


def test_it_has_every_key_of_the_actions() -> None:
    steps = {step["action"]: set(step) for step in complete()["workflow"]["to_pacs"]}
    assert set(steps) == set(actions.ACTIONS)
    for name, found in steps.items():
        action = actions.find(name)
        assert action is not None
        own = keys(action.Settings) - keys(Step)
        assert found - keys(Step) == own
    assert keys(Step) <= set.union(*steps.values())


EXAMPLES = {"info", "location", "ask", "hot_folders", "attributes", "when"}


def test_a_value_that_is_commented_out_is_the_default() -> None:
    found = complete()
    tables: list[tuple[dict[str, Any], type[BaseModel]]] = [
        (found["service"], Service),
        (found["network"], Network),
        (found["pages"], Pages),
        (found["remote"]["pacs"], Remote),
    ]
    for step in found["workflow"]["to_pacs"]:
        action = actions.find(step["action"])
        assert action is not None
        tables.append((step, action.Settings))
    compared = 0
    for table, model in tables:
        for name, field in model.model_fields.items():
            key = field.alias or name
            if key not in table or field.is_required() or key in EXAMPLES:
                continue
            kind: Any = field.rebuild_annotation()
            assert TypeAdapter(kind).validate_python(table[key]) == field.default, key
            compared += 1
    assert compared >= 20


def test_the_unit_may_see_who_writes_to_another_users_file_and_no_more() -> None:
    lines = UNIT.read_text().splitlines()
    capabilities = [line for line in lines if re.match(r"(CapabilityBounding|Ambient)", line)]
    assert capabilities == ["CapabilityBoundingSet=CAP_LEASE", "AmbientCapabilities=CAP_LEASE"]


def test_the_unit_gives_a_stop_the_time_that_it_takes() -> None:
    lines = [line for line in UNIT.read_text().splitlines() if "=" in line and line[0] != "#"]
    unit = dict(line.split("=", 1) for line in lines if not line.startswith("SystemCallFilter"))
    service, network = Service(spool=Path("/x")), Network()
    longest = service.drain + network.dimse_timeout + Pages().page_timeout
    assert float(unit["TimeoutStopSec"]) > longest
    assert unit["Type"] == "notify"
    assert unit["NotifyAccess"] == "main"
    # while the job table is locked, the service says nothing for so long (jobs/schema.py)
    assert float(unit["WatchdogSec"]) > 2 * seconds("30s")
    # with the `-` a place that is not there, for it was moved, keeps the service from nothing
    assert f"-{checks.load(PACKAGED).service.spool}" == unit["ReadWritePaths"]
