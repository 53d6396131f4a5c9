"""What a message tells to do fits the way the program was installed."""

from __future__ import annotations

import shlex
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from dicom_printer import installed

ROOT = Path(__file__).parents[2]
EXTRAS = ("cups", "metrics", "postgresql")


@pytest.mark.parametrize("name", EXTRAS)
def test_without_the_package_pip_of_this_environment_brings_an_extra(name: str) -> None:
    _, command, _ = installed.without_extra(name).split("`")
    stated = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    words = shlex.split(command)
    assert words[:4] == [sys.executable, "-m", "pip", "install"]
    wanted = {Requirement(text) for text in stated["optional-dependencies"][name]}
    assert {Requirement(word) for word in words[4:]} == wanted


def test_without_the_package_documents_are_in_the_clone() -> None:
    assert installed.document("docs/errors.md") == "docs/errors.md"
    assert (ROOT / installed.example()).is_file()
    assert installed.missing("copy it") == "copy it"


def test_the_package_brings_everything_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    rules = (ROOT / "packaging" / "debian" / "rules").read_text()
    monkeypatch.setattr(sys, "prefix", "/usr/lib/dicom-printer")
    assert f"HOME_OF_IT = {sys.prefix}\n" in rules
    assert f"EXTRAS = {','.join(EXTRAS)}\n" in rules
    for remedy in (installed.without_extra("cups"), installed.missing("copy it")):
        assert "pip" not in remedy
        assert "apt install --reinstall" in remedy
    assert installed.document("docs/errors.md") == "/usr/share/doc/dicom-printer/docs/errors.md"
    assert f"$(ROOT){installed.example()}\n" in rules
