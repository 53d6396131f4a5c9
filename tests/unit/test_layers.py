"""Imports point down the list of DESIGN.md and never up or sideways; only X imports Y."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "dicom_printer"

# From the top to the ground. A module may import what stands in a line below its own, and
# what belongs to its own package; those of one line do not know each other.
LAYERS = [
    {"__main__"},
    {"cli"},
    {"demo"},
    {"service"},
    {"workflow", "intake", "queues", "checks", "metrics", "notices"},
    {"actions"},
    {"hotfolder", "encode", "encapsulated", "kept"},
    {"network", "mapping", "capture", "film", "pages", "ppd", "bell", "taking", "rounds"},
    {"matching", "image_pixel"},
    {"keys", "defaults"},
    {"attributes", "keywords", "placeholders", "gray", "folder_listing", "certificates"},
    {"codec"},
    {"jobs", "spool"},
    {"journal", "locks"},
    {"ticket", "config", "durable", "figures", "logs", "systemd"},
    {"expressions"},
    {"errors", "jpeg", "accounts", "__init__"},
    {"installed"},
]
ONLY = {
    "pynetdicom": "network",
    "pypdfium2": "pages",
    "pdf2image": "pages",
    "pikepdf": "pages",
    "cups": "queues",
    "watchdog": "bell",
    "rich": "cli",
    "prometheus_client": "metrics",
    "regex": "expressions",
    "cryptography": "certificates",
}


def imports(text: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def part(module: str) -> str | None:
    """The top-level part of dicom_printer that a dotted name belongs to."""
    if module == "dicom_printer" or not module.startswith("dicom_printer."):
        return None
    name = module.split(".")[1]
    return name if (SOURCE / name).is_dir() or (SOURCE / f"{name}.py").exists() else None


def layer(name: str) -> int:
    return next(i for i, names in enumerate(LAYERS) if name in names)


def upward(owner: str, text: str, module: str = "") -> list[str]:
    """What `text`, a module of the part `owner`, imports that it must not."""
    wrong = []
    for imported in imports(text):
        target = part(imported)
        if target and target != owner and layer(target) <= layer(owner):
            wrong.append(imported)
        if owner == "actions" and module != "__init__":
            others = imported.removeprefix("dicom_printer.actions.")
            if others != imported and (SOURCE / "actions" / f"{others.split('.')[0]}.py").exists():
                wrong.append(imported)
        library = imported.split(".")[0]
        if ONLY.get(library, owner) != owner:
            wrong.append(imported)
    return wrong


FILES = sorted(SOURCE.rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_imports_point_down(path: Path) -> None:
    owner = path.relative_to(SOURCE).parts[0].removesuffix(".py")
    assert upward(owner, path.read_text(), path.stem) == []


@pytest.mark.parametrize(
    ("owner", "text"),
    [
        ("config", "from dicom_printer.jobs import table"),
        ("jobs", "import dicom_printer.service"),
        ("spool", "from dicom_printer import jobs"),
        ("workflow", "from dicom_printer.intake import Intake"),
        ("capture", "from pynetdicom import AE"),
        ("actions", "from dicom_printer.actions.parse import Settings"),
        ("service", "def f():\n    from dicom_printer.cli import main"),
    ],
)
def test_the_test_sees_an_import_that_goes_up(owner: str, text: str) -> None:
    assert upward(owner, text)


def test_every_part_stands_in_one_layer() -> None:
    parts = {p.relative_to(SOURCE).parts[0].removesuffix(".py") for p in FILES}
    assert sorted(parts) == sorted(name for names in LAYERS for name in names)


def test_modules_and_functions_stay_small() -> None:
    for path in FILES:
        text = path.read_text()
        assert text.count("\n") < 300, f"{path.name} has more than 300 lines"
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                body = node.body
                documented = isinstance(body[0], ast.Expr) and len(body) > 1
                start = (body[1] if documented else body[0]).lineno
                lines = (node.end_lineno or 0) - start + 1
                assert lines <= 40, f"{path.name}: {node.name} has {lines} lines"


def test_the_sentence_of_the_readme_is_true_of_the_folder_listing() -> None:
    root = SOURCE.parents[1]
    sentence = next(
        line
        for line in (root / "README.md").read_text().splitlines()
        if line.startswith("> CUPS runs")
    )
    for word in ("cups-backend/dicom", "spool/incoming"):
        assert f"`{word}`" in sentence
    assert (root / "cups-backend" / "dicom").exists()
    for name in ("intake", "service", "workflow", "actions", "pages", "capture", "network"):
        assert f"`{name}`" in sentence, name
        assert (SOURCE / name).is_dir() or (SOURCE / f"{name}.py").exists(), name
