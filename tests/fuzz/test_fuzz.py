"""What the fuzzers start from and once found, and that they still run."""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fuzz.targets import TARGETS

CORPUS = Path(__file__).parent / "corpus"
FILES = sorted(path.relative_to(CORPUS) for path in CORPUS.glob("*/*"))


@pytest.mark.parametrize("file", FILES, ids=str)
def test_what_is_known_holds(file: Path) -> None:
    TARGETS[file.parts[0]]((CORPUS / file).read_bytes())


@pytest.mark.parametrize("name", TARGETS)
@given(data=st.binary(max_size=500) | st.text(max_size=500).map(lambda t: t.encode("utf-8")))
def test_any_bytes_at_all(name: str, data: bytes) -> None:
    TARGETS[name](data)


@pytest.mark.skipif(
    importlib.util.find_spec("atheris") is None, reason="atheris has no wheel for this machine"
)
@pytest.mark.parametrize("name", TARGETS)
def test_the_fuzzer_runs(name: str, tmp_path: Path) -> None:
    shutil.copytree(CORPUS / name, tmp_path / "corpus")
    done = subprocess.run(
        [sys.executable, "-m", f"fuzz.fuzz_{name}", tmp_path / "corpus", "-max_total_time=3"],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
        cwd=tmp_path,
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode(errors="replace")[-3000:]
    assert b"DONE" in done.stderr
