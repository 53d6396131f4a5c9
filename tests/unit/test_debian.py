"""The Debian package's files agree with the program; that it installs is `packaging/try-*`'s."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from programs import require

from dicom_printer import __version__
from dicom_printer.config import Remote, Service

ROOT = Path(__file__).parents[2]
DEBIAN = ROOT / "packaging" / "debian"
SCRIPTS = [
    ROOT / "packaging" / "build-deb",
    ROOT / "packaging" / "fresh-debian",
    ROOT / "packaging" / "try-deb",
    ROOT / "packaging" / "try-demo",
    ROOT / "packaging" / "try-systemd",
    ROOT / "packaging" / "man" / "build",
    DEBIAN / "relocate",
    *sorted(DEBIAN.glob("dicom-printer.p*")),
]


def run(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(word) for word in words], capture_output=True, text=True, check=True, timeout=60
    )


def test_the_version_is_that_of_the_program() -> None:
    first = (DEBIAN / "changelog").read_text().splitlines()[0]
    assert first.startswith(f"dicom-printer ({__version__}) ")


def test_a_removal_stops_the_queues(tmp_path: Path) -> None:
    """One that goes on without its backend leaves each of its jobs stopped, for good."""
    said = "device for Q1: dicom:/spool\\ndevice for Other: ipp://x/\\ndevice for Q2: dicom:/spool"
    answers = {
        "lpstat": f"printf '{said}\\n'",
        "cupsdisable": f'for queue; do :; done; echo "$queue" >> {tmp_path}/disabled',
        "timeout": 'shift; "$@"',
        "py3clean": "exit 0",
    }
    for name, what in answers.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{what}\n")
        (tmp_path / name).chmod(0o755)
    for name in ("sed", "rm"):
        (tmp_path / name).symlink_to(f"/bin/{name}")
    text = (DEBIAN / "dicom-printer.prerm").read_text().replace("/run/", f"{tmp_path}/run/")
    script = tmp_path / "prerm"
    script.write_text(text)
    for act in ("upgrade", "remove"):
        assert not (tmp_path / "disabled").exists()
        env = {"PATH": str(tmp_path)}
        subprocess.run(["/bin/sh", script, act], check=True, timeout=60, env=env)
    assert (tmp_path / "disabled").read_text().split() == ["Q1", "Q2"]


@pytest.mark.parametrize("act", ["upgrade", "deconfigure", "remove"])
@pytest.mark.parametrize("state", ["active", "activating", "reloading", "failed", "inactive"])
def test_an_upgrade_stops_and_remembers_a_service_that_ran_or_was_about_to(
    act: str, state: str, tmp_path: Path
) -> None:
    answers = {
        "systemctl": f'[ "$1" = show ] && echo {state}',
        "deb-systemd-invoke": f'echo "$@" >> {tmp_path}/invoked',
        "touch": '/bin/touch "$@"',
        "rm": '/bin/rm "$@"',
        "py3clean": "exit 0",
    }
    for name, what in answers.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{what}\n")
        (tmp_path / name).chmod(0o755)
    (tmp_path / "run/systemd/system").mkdir(parents=True)
    text = (DEBIAN / "dicom-printer.prerm").read_text().replace("/run/", f"{tmp_path}/run/")
    script = tmp_path / "prerm"
    script.write_text(text)
    env = {"PATH": str(tmp_path)}
    subprocess.run(["/bin/sh", script, act], check=True, timeout=60, env=env)
    assert (tmp_path / "invoked").read_text() == "stop dicom-printer.service\n"
    ran = state in {"active", "activating", "reloading"}
    mark = tmp_path / "run/dicom-printer.was-running"
    assert mark.exists() is (ran and act != "remove")
    # That of an upgrade that was broken off does not outlive the package.
    mark.touch()
    subprocess.run(["/bin/sh", script, act], check=True, timeout=60, env=env)
    assert mark.exists() is (act != "remove")


@pytest.mark.parametrize("mounted", [True, False])
def test_a_purge_leaves_a_spool_that_is_a_mount(mounted: bool, tmp_path: Path) -> None:
    """It may be a share, with the jobs of other nodes."""
    spool, programs = tmp_path / "spool", tmp_path / "bin"
    (spool / "jobs").mkdir(parents=True)
    programs.mkdir()
    # `sh` and `rm` are the system's; of what else it calls there is nothing but this.
    answers = {"mountpoint": 0 if mounted else 1, "deluser": 0}
    for name, code in answers.items():
        (programs / name).write_text(f"#!/bin/sh\nexit {code}\n")
        (programs / name).chmod(0o755)
    for name in ("sh", "rm"):
        (programs / name).symlink_to(f"/bin/{name}")
    text = (DEBIAN / "dicom-printer.postrm").read_text()
    text = text.replace("/var/spool/dicom-printer", "@spool").replace("/etc/", "@etc/")
    assert "/var/" not in text.replace("/var/cache/cups/", "")  # nothing of this machine's
    script = tmp_path / "postrm"
    script.write_text(text.replace("@spool", str(spool)).replace("@etc", str(tmp_path / "etc")))
    subprocess.run(
        ["/bin/sh", script, "purge"], check=True, timeout=60, env={"PATH": str(programs)}
    )
    assert (spool / "jobs").exists() is mounted


@pytest.mark.parametrize("act", ["remove", "purge", "upgrade"])
def test_a_removal_forgets_that_the_service_ran(act: str, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    mark = tmp_path / "run/dicom-printer.was-running"
    mark.touch()
    text = (DEBIAN / "dicom-printer.postrm").read_text()
    for place in ("/run/", "/etc/", "/var/"):
        text = text.replace(place, f"{tmp_path}{place}")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/rm").symlink_to("/bin/rm")
    (tmp_path / "bin/mountpoint").symlink_to("/bin/false")
    (tmp_path / "postrm").write_text(text)
    env = {"PATH": str(tmp_path / "bin")}
    subprocess.run(["/bin/sh", tmp_path / "postrm", act], check=True, timeout=60, env=env)
    assert mark.exists() is (act == "upgrade")


@pytest.mark.parametrize("there", ["nothing", "link", "directory"])
def test_a_spool_that_is_a_link_to_nothing_is_left(there: str, tmp_path: Path) -> None:
    spool, programs = tmp_path / "var/spool/dicom-printer", tmp_path / "bin"
    spool.parent.mkdir(parents=True)
    programs.mkdir()
    if there == "link":
        spool.symlink_to(tmp_path / "not mounted")
    elif there == "directory":
        spool.mkdir()
    for name in ("getent", "py3compile"):
        (programs / name).symlink_to("/bin/true")
    (programs / "install").write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/installed\n')
    (programs / "install").chmod(0o755)
    text = (DEBIAN / "dicom-printer.postinst").read_text()
    for place in ("/run/", "/etc/", "/var/"):
        text = text.replace(place, f"{tmp_path}{place}")
    (tmp_path / "postinst").write_text(text)
    words = ["/bin/sh", f"{tmp_path}/postinst", "configure", "0.1.0"]
    subprocess.run(words, check=True, timeout=60, env={"PATH": str(programs)})
    assert (tmp_path / "installed").exists() is (there == "nothing")


def test_what_the_documents_say_is_an_example_is_in_the_package() -> None:
    listed = (DEBIAN / "dicom-printer.examples").read_text().split()
    named = re.findall(
        r"/doc/dicom-printer/examples/([\w.-]+)", (ROOT / "docs/operation.md").read_text()
    )
    assert sorted(named) == sorted(Path(name).name for name in listed)
    assert all((ROOT / name).is_file() for name in listed)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_the_scripts_are_shell(script: Path) -> None:
    run("sh", "-n", script)


def test_every_dependency_has_a_version_that_fits() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = re.search(r"(?m)^EXTRAS = (.*)$", (DEBIAN / "rules").read_text())
    assert extras
    wanted = list(project["dependencies"])
    for extra in extras[1].split(","):
        wanted += project["optional-dependencies"][extra]
    lines = (DEBIAN / "constraints.txt").read_text().splitlines()
    pinned = dict(line.split("==") for line in lines if not line.startswith("#"))
    versions = {canonicalize_name(name): version for name, version in pinned.items()}
    for text in wanted:
        requirement = Requirement(text)
        assert versions[canonicalize_name(requirement.name)] in requirement.specifier, text


def configuration_page() -> str:
    script, source = ROOT / "packaging/man/markdown_to_man.py", ROOT / "docs/configuration.md"
    return run("python3", script, source, __version__, "2026-11-23").stdout


def test_the_manual_page_of_the_configuration_has_every_key() -> None:
    page = configuration_page()
    for model in (Service, Remote):
        for key in set(model.model_fields) - {"name"}:
            assert f".TP\n\\fB{key}\\fR\n" in page
    assert "```" not in page
    assert not re.search(r"(?m)^\|", page)


def test_the_manual_page_has_no_mistakes(tmp_path: Path) -> None:
    require("man")
    file = tmp_path / "dicom-printer.toml.5"
    file.write_text(configuration_page())
    made = run("man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", file)
    assert made.stderr == ""
    assert len(made.stdout) > 10_000


def test_the_apparmor_profile_is_one() -> None:
    require("apparmor_parser")
    run(
        "apparmor_parser",
        "--skip-kernel-load",
        "--skip-cache",
        ROOT / "packaging/apparmor/dicom-printer",
    )
