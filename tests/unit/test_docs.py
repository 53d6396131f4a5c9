"""What the documents say is compared with the code: keys, defaults, reasons, verbs, links."""

from __future__ import annotations

import argparse
import ast
import re
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from messages import messages, skeleton
from pydantic import BaseModel, TypeAdapter

from dicom_printer import actions, capture, checks, errors, hotfolder, placeholders
from dicom_printer.cli import INTERRUPTED
from dicom_printer.cli.parser import parser
from dicom_printer.config import (
    OnError,
    Pages,
    Printer,
    Remote,
    RemoteStep,
    Retry,
    Service,
    Step,
)
from dicom_printer.config.models import Network
from dicom_printer.config.tls import TLS
from dicom_printer.errors import DicomPrinterError, StepError
from dicom_printer.jobs import look

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "dicom_printer"
DOCS = [
    ROOT / "README.md",
    ROOT / "CHANGELOG.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "packaging" / "container" / "README.md",
    ROOT / "spool" / "README.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]


def read(*parts: str) -> str:
    return ROOT.joinpath(*parts).read_text(encoding="utf-8")


def sections(text: str) -> dict[str, str]:
    """Return each heading with what stands below it, up to the next heading."""
    parts = re.split(r"(?m)^#{1,4} (.+)\n", text)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def rows(text: str) -> Iterator[list[str]]:
    """Return the cells of each row of the tables in `text`, headers left out."""
    for table in re.findall(r"(?m)(?:^\|.*\n)+", text):
        for row in table.splitlines()[2:]:
            yield [cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]]


# -- docs/configuration.md --

TABLES: dict[str, type[BaseModel]] = {
    "[service]": Service,
    "[network]": Network,
    "[remote.NAME]": Remote,
    "tls": TLS,
    "[pages]": Pages,
    "[printer.NAME]": Printer,
    "[[workflow.NAME]]": Step,
    "on_error": OnError,
    "retry": Retry,
}


def settings(name: str) -> type[BaseModel]:
    action = actions.find(name)
    assert action is not None
    return action.Settings


TABLES |= {f"Action {name}": settings(name) for name in actions.ACTIONS}


def fields(model: type[BaseModel]) -> dict[str, Any]:
    common = Step.model_fields if issubclass(model, Step) and model is not Step else {}
    return {
        field.alias or name: field
        for name, field in model.model_fields.items()
        if name != "name" and name not in common
    }


@pytest.mark.parametrize("heading", TABLES)
def test_every_key_stands_in_the_documents_with_its_default(heading: str) -> None:
    section = sections(read("docs", "configuration.md"))[heading]
    documented = {
        row[0].strip("`"): row[2] for row in rows(section) if len(row) == 4 and row[0] != "word"
    }
    known = fields(TABLES[heading])
    assert set(documented) == set(known)
    for key, cell in documented.items():
        field = known[key]
        assert (cell == "") == field.is_required(), key
        if cell:
            value = tomllib.loads(f"x = {cell.strip('`')}")["x"]
            assert TypeAdapter(field.rebuild_annotation()).validate_python(value) == field.default


def test_every_placeholder_of_a_job_is_documented() -> None:
    text = sections(read("docs", "configuration.md"))["Placeholders"]
    assert set(re.findall(r"\{job\.(\w+)\}", text)) == placeholders.JOB_NAMES
    for name in Step.verbatim | RemoteStep.verbatim | {"from", "pattern"}:
        assert f"`{name}`" in text


def test_every_environment_variable_is_documented() -> None:
    text = sections(read("docs", "configuration.md"))["Environment variables"]
    sources = [path.read_text() for path in SOURCE.rglob("*.py")]
    used = {name for t in sources for name in re.findall(r'environ(?:\.get\(|\[)"(\w+)"', t)}
    assert {"DICOM_PRINTER_CONFIG", "NOTIFY_SOCKET"} <= used
    for name in used - {"PATH"}:
        assert f"`{name}`" in text, name


@pytest.mark.parametrize("shape", [(2, 3), (2, 3, 3)])
def test_every_attribute_of_a_dataset_is_documented(shape: tuple[int, ...]) -> None:
    text = sections(read("docs", "configuration.md"))["What the datasets hold"]
    created = datetime(2026, 1, 2, tzinfo=UTC)
    made = capture.dataset("0" * 32, 1, 1, np.zeros(shape, np.uint8), 0.1, {}, created=created)
    for element in made:
        assert f"`{element.keyword}`" in text
    for keyword, said in (("Modality", "OT"), ("ConversionType", "WSD"), ("StudyID", None)):
        assert said is None or str(made[keyword].value) == said


# -- docs/errors.md --


def stated_by_call(call: ast.Call) -> list[ast.expr]:
    """Return where a call states a reason: `hold` and `discard` first, `_error` third."""
    if isinstance(call.func, ast.Attribute) and call.func.attr in {"hold", "discard"}:
        return call.args[:1]
    if isinstance(call.func, ast.Name) and call.func.id == "_error":  # pages/worker.py
        return call.args[2:3]
    return []


def stated_by_name(node: ast.Assign) -> list[ast.expr]:
    """Return where an assignment states a reason."""
    names = {target.id for target in node.targets if isinstance(target, ast.Name)}
    if names & {"reason", "WAITS_FOR_REMOTE"} and isinstance(node.value, ast.Constant):
        return [node.value]
    if names & {"held", "_UNKNOWN"} and isinstance(node.value, ast.Tuple):
        return node.value.elts[:1]
    return []


def stated(node: ast.AST) -> list[ast.expr]:
    """Return the expressions by which a node states a reason."""
    if isinstance(node, ast.keyword):
        return [node.value] if node.arg == "reason" else []
    if isinstance(node, ast.Dict):
        pairs = zip(node.keys, node.values, strict=True)
        return [v for k, v in pairs if isinstance(k, ast.Constant) and k.value == "reason"]
    if isinstance(node, ast.Assign):
        return stated_by_name(node)
    return stated_by_call(node) if isinstance(node, ast.Call) else []


def reasons_in(text: str) -> Iterator[str]:
    """Return the reasons that a module's source states."""
    for node in ast.walk(ast.parse(text)):
        for value in stated(node):
            for inner in ast.walk(value):
                if isinstance(inner, ast.Constant) and isinstance(inner.value, str):
                    yield inner.value


def reasons() -> set[str]:
    found = {r for path in SOURCE.rglob("*.py") for r in reasons_in(path.read_text())}
    # operate.py puts two of them together; the rest are words of expressions, no reasons.
    return {r for r in found if " " in r.strip()} | {"held by a person", "discarded by a person"}


def test_the_test_sees_reasons_however_they_are_stated() -> None:
    text = (
        "class A(E):\n    reason = 'of a class'\n"
        "def f():\n    raise E('x', reason='of a keyword')\n"
        "def g(r):\n    r.hold('of a call', 'text')\n    d = {'reason': 'of a dict'}\n"
        "    held = ('of a tuple', 'text')\n    m = _error('x', 'y', 'of the worker')\n"
    )
    assert len(set(reasons_in(text))) == 6


def test_every_reason_has_its_cause_and_cure() -> None:
    found = reasons()
    assert {"remote unreachable", "document encrypted", "service died", "spool damaged"} <= found
    section = read("docs", "errors.md").partition("## Reasons")[2].partition("## Troubles")[0]
    documented = {row[0] for row in rows(section)}
    assert found - documented == set()
    assert documented - found - {"cancelled"} == set()
    assert all(len(row) == 3 and all(row) for row in rows(section))


def classes(root: type[DicomPrinterError]) -> Iterator[type[DicomPrinterError]]:
    for found in root.__subclasses__():
        if found.__module__ == errors.__name__:
            yield found
            yield from classes(found)


def test_every_error_is_documented_with_its_exit_code_or_verdict() -> None:
    text = read("docs", "errors.md")
    documented = {row[0].strip("`"): row for row in rows(text) if row[0].startswith("`")}
    for found in classes(DicomPrinterError):
        row = documented[found.__name__]
        if issubclass(found, StepError):
            assert row[1] == found.verdict.value
            assert row[2].split(",")[0] == found.reason
        else:
            assert row[1] == str(found.exit_code)


def test_every_exit_code_is_documented() -> None:
    codes = {row[0] for row in rows(sections(read("docs", "errors.md"))["Exit codes"])}
    used = {found.exit_code for found in classes(DicomPrinterError)} | {0, INTERRUPTED}
    assert codes == {str(code) for code in used}


# -- docs/messages.md --


def said(text: str) -> set[str]:
    """Return the messages that a document names."""
    cells = (part for row in rows(text) for part in row[0].split("<br>"))
    return {skeleton(part.replace("\\|", "|")) for part in cells}


def test_the_test_sees_messages_however_they_are_put_together(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(
        "def f(x):\n    how = 'late' if x else f'{x} never'\n    text = 'one'\n"
        "    raise SpoolError(f'{x}: it came {text}')\n"
        "def g(x):\n    return _failed(x, f'{x} of the second: {x}' + 'part')\n"
        "def h(x):\n    message = 'of a name'\n    raise damaged(message)\n"
    )
    found = {"it came one", "of the second…part", "of a name"}
    assert messages(tmp_path) == found


def test_every_message_has_its_cause_and_cure() -> None:
    text, found = read("docs", "messages.md"), messages(SOURCE)
    assert "another service works on the spool" in found
    assert found - said(text) == set(), "write a row for each of these into docs/messages.md"
    assert said(text) - found == set(), "nothing says these any more: take them out of the page"
    assert all(len(row) == 3 and all(row) for row in rows(text))


# -- the verbs --


def verbs() -> dict[str, argparse.ArgumentParser]:
    for action in parser()._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    raise AssertionError


def test_the_command_table_names_every_verb() -> None:
    table = sections(read("README.md"))["The commands"]
    assert {row[0].strip("`").split()[0] for row in rows(table)} == set(verbs())


@pytest.mark.parametrize("name", sorted(verbs()))
def test_the_command_table_names_every_option(name: str) -> None:
    section = sections(read("README.md"))["The commands"]
    row = next(r for r in rows(section) if r[0].strip("`").split()[0] == name)
    options = {s for a in verbs()[name]._actions for s in a.option_strings}
    written = set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", row[0]))
    assert written <= options
    shared = {"--help", "--config", "--verbose"}
    for action in verbs()[name]._actions:
        strings = set(action.option_strings)
        # those of retry, hold, ... stand in the text below the table
        assert not strings or strings & (shared | written) or any(s in section for s in strings)


@pytest.mark.parametrize("path", DOCS, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_command_that_is_written_down_can_be_typed(path: Path) -> None:
    known = verbs()
    for line in re.findall(r"dicom-printer (?!-)([a-z].*?)(?=[`\n])", path.read_text()):
        words = line.split("#")[0].split()
        if words[0] not in known:  # `systemctl start dicom-printer`, `-u dicom-printer`
            assert words[0] in {"dicom-printer"}, line
            continue
        options = {s for a in known[words[0]]._actions for s in a.option_strings}
        used = {w for w in words[1:] if w.startswith("-") and w != "-"}
        assert used <= options, line


def test_every_figure_is_documented_and_every_alert_has_its_figure() -> None:
    source = read("src", "dicom_printer", "metrics", "exposition.py")
    section = sections(read("docs", "operation.md"))["Prometheus"]
    names = {n for row in rows(section) for n in re.findall(r"`(\w+)`", row[0])}
    documented = {name.removesuffix("_total") for name in names} - {"dicom_printer_"}
    assert documented >= {"jobs", "remote_up", "troubles"}
    for name in documented:
        assert name in source or name.removeprefix("remote_") in source, name
    rules = read("packaging", "prometheus", "dicom-printer.rules.yml")
    for name in re.findall(r"dicom_printer_(\w+)", rules):
        assert name.removesuffix("_total") in documented, name


def test_the_pacs_is_told_what_the_conformance_statement_says() -> None:
    text, whole = read("docs", "for-the-pacs.md"), read("docs", "conformance.md")
    stated = {row[1] for row in rows(sections(whole)["1 Overview"])}
    asked = {row[2] for row in rows(text) if len(row) == 3 and row[2].startswith("1.2.840")}
    assert len(asked) == 7
    assert asked <= stated
    for uid in re.findall(r"1\.2\.840[\d.]+\d", text):
        assert uid in whole, uid


def test_the_architecture_says_where_each_module_stands() -> None:
    text = sections(read("docs", "architecture.md"))["What stands where"]
    for path in SOURCE.iterdir():
        name = path.stem + "/" * path.is_dir()
        if not name.startswith("__") and path.suffix in {"", ".py"}:
            assert f"`{name}`" in text, f"docs/architecture.md: where does {name} stand?"


def test_every_state_is_documented() -> None:
    states = {row[0].strip("`") for row in rows(sections(read("docs", "operation.md"))["States"])}
    assert states == set(look.STATES)


# -- the rest --


def test_what_hot_folders_take_and_leave_is_documented() -> None:
    text = sections(read("docs", "operation.md"))["Hot folders"]
    for name in (*hotfolder.SUFFIXES, *hotfolder._UNFINISHED):
        assert name in text
    for name in hotfolder._CLUTTER:
        assert name in text.lower()


@pytest.mark.parametrize("path", DOCS, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)", path.read_text()):
        assert target.startswith("https://") or (path.parent / target).exists(), target


def test_the_example_of_the_readme_is_in_order() -> None:
    example = re.search(r"```toml\n(# dicom-printer.toml\n.*?)```", read("README.md"), re.S)
    assert example
    path = Path("dicom-printer.toml").resolve()
    path.write_text(example[1])
    steps = checks.load(path).workflow["to_pacs"]
    assert [step["action"] for step in steps] == list(actions.ACTIONS)
