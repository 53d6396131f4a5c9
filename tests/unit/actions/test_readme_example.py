"""The action that the README adds as an example: it is added, and its test runs."""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from dicom_printer import actions, checks

NAME = "dicom_printer.actions.at_most"
README = (Path(__file__).parents[3] / "README.md").read_text(encoding="utf-8")
ACTION, LINE, TEST = re.findall(r"```python\n(.*?)```", README, re.S)
CONFIG = """
[service]
spool = "spool"
[printer.P]
workflow = "w"
[[workflow.w]]
action = "at_most"
pages = {pages}
on_error = "discard"
"""


def module(name: str, text: str, path: Path) -> ModuleType:
    path.write_text(text)
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


@pytest.fixture
def at_most(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[ModuleType]:
    made = module(NAME, ACTION, tmp_path / "at_most.py")
    monkeypatch.setitem(sys.modules, NAME, made)
    monkeypatch.setattr(actions, "at_most", made, raising=False)
    yield made


def configured(pages: str) -> list[str]:
    path = Path("dicom-printer.toml").resolve()
    path.write_text(CONFIG.format(pages=pages))
    return [str(mistake) for mistake in checks.check(path)[1]]


def test_it_is_an_action_after_one_line(
    at_most: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert configured("3")  # not yet
    key, target = re.findall(r'"([\w.]+)"', LINE)
    monkeypatch.setitem(actions.ACTIONS, key, target)
    assert actions.find("at_most") is at_most
    assert configured("3") == []
    (mistake,) = configured('"three"')
    assert mistake.startswith("workflow.w[1].pages: must be a whole number")


def test_its_test_runs(at_most: ModuleType, tmp_path: Path) -> None:
    test = module("test_at_most", TEST, tmp_path / "test_at_most.py")
    (run,) = (f for name, f in vars(test).items() if name.startswith("test_"))
    run()
    vars(at_most)["run"] = lambda step, job: ""
    with pytest.raises(pytest.fail.Exception):
        run()


def test_a_package_of_ones_own_brings_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    registered = re.search(r"\[project\.entry-points\.\"([\w.]+)\"\]\n(.*?)```", README, re.S)
    assert registered
    entry = registered[2].replace('"', "")
    package = tmp_path / "site" / "your_package"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "at_most.py").write_text(ACTION)
    info = tmp_path / "site" / "your_package-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: your-package\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{registered[1]}]\n{entry}")
    monkeypatch.syspath_prepend(package.parent)
    assert "at_most" in actions.names()
    assert "your_package.at_most" not in sys.modules
    assert configured("3") == []
    assert "your_package.at_most" in sys.modules
    for name in ("your_package.at_most", "your_package"):
        monkeypatch.delitem(sys.modules, name)
