"""packaging/container: linted, and what can be run of it without a container is run.

The image itself is built nowhere here. The service runs as it would there: a user without a
name, no capabilities, a read-only root; the cupsd with its own configuration, without root.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import documents
import pytest
import yaml
from cups_fixtures import entries, make_spool, ticket_of, wait_for
from programs import require
from real_peers import storescp

from dicom_printer import checks

ROOT = Path(__file__).parents[2]
PLACE = ROOT / "packaging" / "container"
COMPOSE: dict[str, Any] = yaml.safe_load((PLACE / "compose.yaml").read_text(encoding="utf-8"))
OURS = ("service", "cups")
PATH = f"{Path(sys.executable).parent}:{os.environ['PATH']}"


def lint(name: str, *arguments: str) -> None:
    program = shutil.which(name, path=PATH)
    assert program is not None, f"{name}: pip install -e '.[dev]'"
    done = subprocess.run(
        [program, *arguments], cwd=PLACE, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def stages() -> dict[str, list[list[str]]]:
    """The instructions of each stage of the Containerfile, as words."""
    text = (PLACE / "Containerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    found: dict[str, list[list[str]]] = {}
    stage: list[list[str]] = []
    for line in text.splitlines():
        words = line.split()
        if words and words[0] == "FROM":
            stage = found.setdefault(words[-1], [])
        if words and not words[0].startswith("#"):
            stage.append(words)
    return found


def test_the_linters_are_content() -> None:
    lint("hadolint", "Containerfile")
    lint("check-jsonschema", "--builtin-schema", "vendor.compose-spec", "compose.yaml")
    lint("compose-lint", "compose.yaml")


@pytest.mark.parametrize("name", OURS)
def test_nothing_of_ours_is_root_or_writes_beside_its_volumes(name: str) -> None:
    users = [words[1] for words in stages()[name] if words[0] == "USER"]
    assert users[-1] == "10104:10104"
    service = COMPOSE["services"][name]
    assert service["user"] == users[-1]
    assert service["build"]["target"] == name
    assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
    volumes = {words[1] for words in stages()[name] if words[0] == "VOLUME"}
    writable = {v.split(":")[1] for v in service["volumes"] if not v.endswith(":ro")}
    assert volumes <= writable


def test_what_is_copied_is_there_and_not_ignored() -> None:
    let_in = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    for stage in stages().values():
        for words in stage:
            if words[0] != "COPY" or words[1].startswith("--from"):
                continue
            for source in [w for w in words[1:-1] if not w.startswith("--")]:
                assert (ROOT / source).exists()
                assert any(source.startswith(line[1:]) for line in let_in if line[0] == "!"), source


def test_images_have_versions_and_passwords_are_asked_for() -> None:
    base = re.search(r"^ARG BASE=(\S+)$", (PLACE / "Containerfile").read_text(), re.MULTILINE)
    images = [service["image"] for service in COMPOSE["services"].values()]
    assert base
    assert all(re.search(r":\d+\.\d+", image) for image in [base[1], *images])
    for service in COMPOSE["services"].values():
        for name, value in service.get("environment", {}).items():
            assert "PASSWORD" not in name or value.startswith("${DB_PASSWORD:?")


def test_the_configuration_is_in_order_and_names_the_peers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB_PASSWORD", "secret")
    config = checks.load(PLACE / "dicom-printer.toml")
    assert {remote.host for remote in config.remote.values()} <= set(COMPOSE["services"])
    assert all(printer.shared for printer in config.printer.values()), "all print from outside"
    assert "@db/" in config.service.database.get_secret_value()
    assert "db" in COMPOSE["services"]
    mounted = COMPOSE["services"]["service"]["volumes"]
    assert f"spool:{config.service.spool}" in mounted


class Cups(NamedTuple):
    """A cupsd with the container's configuration."""

    place: Path
    socket: Path
    port: int
    spool: Path


@pytest.fixture
def cups() -> Iterator[Cups]:
    require("cupsd", "lp", "lpstat")
    place = Path(tempfile.mkdtemp(prefix="dp-cups-", dir="/tmp"))
    state = place / "state"
    for name in ("etc/ppd", "spool/tmp", "cache", "run", "bin/backend"):
        (state / name).mkdir(parents=True)
    for name in ("filter", "daemon", "driver", "monitor", "notifier"):
        (state / "bin" / name).symlink_to(Path("/usr/lib/cups") / name)
    shutil.copy(ROOT / "cups-backend" / "dicom", state / "bin" / "backend")
    (state / "bin" / "backend" / "dicom").chmod(0o755)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    found = Cups(place, state / "run" / "cups.sock", port, make_spool(place / "var"))
    for name in ("cupsd.conf", "cups-files.conf"):
        text = (PLACE / name).read_text(encoding="utf-8").replace("*:6310", f"127.0.0.1:{port}")
        text = text.replace("/var/lib/dicom-cups", str(state))
        text = text.replace("ServerBin /usr/lib/cups", f"ServerBin {state}/bin")
        text = re.sub(r"^(User) .*", r"\1 nobody", text, flags=re.MULTILINE)
        text = re.sub(r"^(\w*Group) .*", r"\1 nogroup", text, flags=re.MULTILINE)
        (place / name).write_text(text)
    as_nobody = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "--no-new-privs"]
    if os.geteuid() == 0:
        subprocess.run(["chown", "-R", "nobody:nogroup", str(place)], check=True)
    cupsd = shutil.which("cupsd", path=f"{PATH}:/usr/sbin") or "cupsd"
    with (place / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                *(as_nobody if os.geteuid() == 0 else []),
                cupsd, "-f", "-c", f"{place}/cupsd.conf", "-s", f"{place}/cups-files.conf",
            ],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        )  # fmt: skip
    try:
        wait_for(lambda: found.socket.exists() or process.poll() is not None, "cupsd", 60)
        assert process.poll() is None, (place / "log").read_text()
        yield found
    finally:
        process.kill()
        process.wait(20)
        shutil.rmtree(place, ignore_errors=True)


def test_its_cupsd_prints_without_root(
    cups: Cups, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (PLACE / "dicom-printer.toml").read_text(encoding="utf-8")
    config = tmp_path / "dicom-printer.toml"
    config.write_text(text.replace("/var/spool/dicom-printer", str(cups.spool)))
    monkeypatch.setenv("DB_PASSWORD", "secret")
    monkeypatch.setenv("CUPS_SERVER", str(cups.socket))
    command = [sys.executable, "-m", "dicom_printer", "printers", "install", "--config"]
    done = subprocess.run(
        [*command, str(config)], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    pdf = documents.report(tmp_path / "report.pdf", pages=1)
    subprocess.run(
        ["lp", "-h", f"127.0.0.1:{cups.port}", "-d", "DICOM_Printer", "-o", "PatientID=4711", pdf],
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    wait_for(lambda: entries(cups.spool), "the job in the spool", 60)
    (entry,) = entries(cups.spool)
    assert ["PatientID", "4711"] in ticket_of(entry)["options"]
    assert (entry / "document.pdf").read_bytes() == pdf.read_bytes()


READ_ONLY = """
set -eu
mount --make-rprivate /
mount --bind "$1" "$1"
mount -o remount,ro,bind /
if touch /var/tmp/written 2>/dev/null; then exit 9; fi
shift
exec setpriv --reuid=10104 --regid=10104 --clear-groups --bounding-set=-all --inh-caps=-all \\
    --no-new-privs "$@"
"""
CONFIG = """
[service]
spool = "spool"

[remote.pacs]
ae_title = "STORESCP"
host = "127.0.0.1"
port = {port}

[printer.P]
workflow = "p"

[[workflow.p]]
action = "store"
remote = "pacs"
"""


def confined(place: Path, *command: str) -> list[str]:
    """What runs a command on a root that is read-only but for a directory, without any right."""
    return ["unshare", "--mount", "sh", "-c", READ_ONLY, "sh", str(place), *command]


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory of the container's user."""
    require("unshare", "setpriv", "storescp")
    made = Path(tempfile.mkdtemp(prefix="dp-container-", dir="/tmp"))
    (made / "tmp").mkdir()
    (made / "spool").mkdir(mode=0o700)
    try:
        if os.geteuid() == 0:
            for path in (made, made / "tmp", made / "spool"):
                os.chown(path, 10104, 10104)
        tried = subprocess.run(confined(made, "true"), capture_output=True, timeout=60, check=False)
        assert tried.returncode != 9, "the root is not read-only"
        if tried.returncode != 0:
            pytest.skip("needs root and mount namespaces")
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


def test_the_service_needs_no_root_no_capability_and_writes_to_the_spool_alone(
    place: Path, tmp_path: Path, python_for_others: str
) -> None:
    env = {**os.environ, "TMPDIR": str(place / "tmp"), "HOME": "/nonexistent"}
    program = [python_for_others, "-m", "dicom_printer"]
    config = ["--config", str(place / "dicom-printer.toml")]
    pdf = documents.report(place / "report.pdf", pages=2)
    with storescp(tmp_path / "store") as store:
        (place / "dicom-printer.toml").write_text(CONFIG.format(port=store.port))
        with (place / "log").open("wb") as log:
            serve = confined(place, *program, "serve", *config)
            service = subprocess.Popen(serve, env=env, cwd=place, stdout=log, stderr=log)
        try:
            ready = b"serving the spool"
            wait_for(lambda: ready in (place / "log").read_bytes(), "the service", 60)
            verb = [*program, "submit", *config, str(pdf), "-p", "P", "--wait"]
            submit = confined(place, *verb)
            done = subprocess.run(submit, env=env, capture_output=True, timeout=120, check=False)
            assert done.returncode == 0, done.stderr
            assert len(store.files()) == 2
            service.terminate()
            assert service.wait(60) == 0
        finally:
            service.kill()
            service.wait(20)
    assert not list((place / "tmp").iterdir())
