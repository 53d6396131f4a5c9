"""What a verb that looks has to know of the configuration, without checking all of it anew.

The configuration's models take longer to load than looking may take in all. So what they made of
the file is kept in the spool, with the digest of what they were given. While that is the same,
they would say the same again; where anything has changed, they are asked.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dicom_printer import __version__
from dicom_printer.config import read

if TYPE_CHECKING:
    from dicom_printer.config import Config

NAME = "configuration.json"
_FORM = 1
"""Another number where what is kept changes."""
_MOST = 1 << 20


@dataclass(frozen=True)
class Remote:
    """Where a remote is."""

    ae_title: str
    host: str
    port: int


@dataclass(frozen=True)
class Known:
    """Of a configuration that has no mistake, what is shown.

    Attributes
    ----------
    spool : Path
        The spool directory.
    min_free : int
        Bytes that must be free on its file system.
    embedded : bool
        Whether the job table is the file in the spool.
    remotes : mapping of str to Remote
        By their logical names.
    printers : mapping of str to list of str
        The hot folders of each.
    """

    spool: Path
    min_free: int
    embedded: bool
    remotes: Mapping[str, Remote]
    printers: Mapping[str, list[str]]


def of(config: Config) -> Known:
    """Return what is shown of a configuration that the models have made."""
    return Known(
        spool=config.service.spool,
        min_free=config.service.min_free,
        embedded=not config.service.database.get_secret_value(),
        remotes={n: Remote(r.ae_title, r.host, r.port) for n, r in config.remote.items()},
        printers={n: [str(f) for f in p.hot_folders] for n, p in config.printer.items()},
    )


def kept(path: Path) -> Known | None:
    """Return what is kept of the configuration in `path`; None where it has to be checked.

    Raises
    ------
    ConfigError
        Where there is no such file, or it is not TOML.
    """
    tables, mistakes = read(path)
    service = tables.get("service")
    spool = service.get("spool") if isinstance(service, dict) else None
    if mistakes or not isinstance(spool, str) or "\0" in spool:
        return None
    root = path.resolve().parent / spool
    try:
        # Maybe as root, and the directory is another's: no link of that one's is followed.
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        with os.fdopen(os.open(root / NAME, flags), "rb") as file:
            found = json.loads(file.read(_MOST))
        if found["digest"] != _digest(path, tables):
            return None
        remotes = {name: Remote(**remote) for name, remote in found["remotes"].items()}
        return Known(root, found["min_free"], True, remotes, found["printers"])
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None


def keep(path: Path, known: Known) -> None:
    """Keep what is `known` for the next time; not where there is another table than the embedded.

    Then SQLAlchemy is loaded anyway, and a password would be digested.
    """
    if not known.embedded:
        return
    tables, _ = read(path)
    found = asdict(known) | {"digest": _digest(path, tables)}
    del found["spool"], found["embedded"]
    new = known.spool / f".{NAME}.{os.getpid()}"
    with suppress(OSError):  # on a full disk looking takes longer, and that is all
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        try:
            with os.fdopen(os.open(new, flags, 0o600), "w", encoding="utf-8") as file:
                json.dump(found, file, ensure_ascii=False)
            new.replace(known.spool / NAME)
        finally:
            new.unlink(missing_ok=True)


def _digest(path: Path, tables: dict[str, Any]) -> str:
    """Return the digest of all that the models' word depends on: a version's word is its own."""
    base = str(path.resolve().parent)
    given = json.dumps([_FORM, __version__, base, tables], default=str)
    return hashlib.sha256(given.encode("utf-8", "surrogatepass")).hexdigest()
