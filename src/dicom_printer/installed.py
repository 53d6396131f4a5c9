"""How the program was installed, for what a message tells a person to do about it."""

from __future__ import annotations

import sys

# Where the Debian package has the program (packaging/debian/rules), and what is to be read.
_PACKAGE = "/usr/lib/dicom-printer"
_DOCUMENTS = "/usr/share/doc/dicom-printer"
_EXAMPLE = "/usr/share/dicom-printer/dicom-printer.toml"
_REINSTALL = "the package brings it: `apt install --reinstall ./dicom-printer_*.deb`"


def by_package() -> bool:
    """Tell whether the Debian package brought this program."""
    return sys.prefix == _PACKAGE


def without_extra(name: str) -> str:
    """Return what brings the libraries of an extra that is not there.

    Parameters
    ----------
    name : str
        As ``[project.optional-dependencies]`` has it.
    """
    if by_package():  # which has every one
        return _REINSTALL
    from importlib import metadata  # not for nothing: this is read when something is missing

    # By their own names: this program may have come from a clone, and be in no index.
    wanted = [
        repr(requirement.partition(";")[0].strip())
        for requirement in metadata.requires("dicom-printer") or ()
        if requirement.replace('"', "'").endswith(f"extra == '{name}'")
    ]
    return f"install it: `{sys.executable} -m pip install {' '.join(wanted)}`"


def missing(cure: str) -> str:
    """Return what to do about a file that the package brings; `cure` where there is none."""
    return _REINSTALL if by_package() else cure


def document(path: str) -> str:
    """Return where a document is, ``docs/errors.md`` for example: installed, or in the clone."""
    return f"{_DOCUMENTS}/{path}" if by_package() else path


def example() -> str:
    """Return where the commented configuration is."""
    return _EXAMPLE if by_package() else "packaging/dicom-printer.toml"
