import os
import pwd
from pathlib import Path

import pytest

from dicom_printer.cli import person as module
from dicom_printer.cli.person import person

OWN = pwd.getpwuid(os.getuid()).pw_name


@pytest.fixture
def login_uid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("SUDO_USER", raising=False)
    path = tmp_path / "loginuid"
    monkeypatch.setattr(module, "_LOGIN_UID", path)
    return path


def test_who_logged_in_is_the_person_whatever_the_environment_says(
    login_uid: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    login_uid.write_text(str(pwd.getpwnam("nobody").pw_uid))
    monkeypatch.setenv("SUDO_USER", "anna")
    monkeypatch.setenv("LOGNAME", "anna")
    assert person() == "nobody"
    login_uid.write_text("3999999")
    assert person() == "3999999", "a person without a name is still told apart"


@pytest.mark.parametrize("text", [None, "4294967295", ""])
def test_without_a_login_sudo_is_believed_and_then_the_process(
    text: str | None, login_uid: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if text is not None:
        login_uid.write_text(text)
    monkeypatch.setenv("LOGNAME", "anna")
    assert person() == OWN, "anybody may set LOGNAME"
    monkeypatch.setenv("SUDO_USER", "berta")
    assert person() == "berta"
