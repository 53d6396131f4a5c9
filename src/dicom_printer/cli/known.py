"""What a verb that looks has to know of the configuration, without checking all of it anew.

The configuration's models take longer to load than looking may take in all. So what they made of
the file is kept in the spool, with the digest of what they were given. While that is the same,
they would say the same again; where anything has changed, they are asked.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dicom_printer import __version__

if TYPE_CHECKING:
    from dicom_printer.config import Config, Mistake

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


def kept(path: Path, tables: dict[str, Any], mistakes: Sequence[Mistake]) -> Known | None:
    """Return what is kept of a configuration; None where it has to be checked.

    Parameters
    ----------
    path : Path
        The file.
    tables, mistakes
        What :func:`~dicom_printer.config.read` returned of it.
    """
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
        if found["digest"] != digest(path, tables):
            return None
        remotes = {name: Remote(**remote) for name, remote in found["remotes"].items()}
        made = Known(root, found["min_free"], True, remotes, found["printers"])
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None
    return made if _is_typed(made) else None


def _is_typed(made: Known) -> bool:
    """Tell whether what came out of the spool has the types of a `Known`; bool is no number."""
    numbers = [made.min_free, *(remote.port for remote in made.remotes.values())]
    texts: list[Any] = [t for r in made.remotes.values() for t in (r.ae_title, r.host)]
    if not (isinstance(made.printers, dict) and all(type(n) is int for n in numbers)):
        return False
    folders = list(made.printers.values())
    if not all(isinstance(f, list) for f in folders):
        return False
    texts += [text for listed in folders for text in listed]
    return all(isinstance(text, str) and "\0" not in text for text in texts)


def keep(known: Known, digest: str) -> None:
    """Keep what is `known` for the next time; not where there is another table than the embedded.

    Then SQLAlchemy is loaded anyway, and a password would be digested.

    Parameters
    ----------
    known : Known
        Of the tables that were checked.
    digest : str
        Of the same tables. The file is not read again: it may be another by now, and one that
        root alone may read is closed to the spool's owner, who keeps this.
    """
    if not known.embedded:
        return
    found = asdict(known) | {"digest": digest}
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


def digest(path: Path, tables: dict[str, Any]) -> str:
    """Return the digest of all that the models' word depends on: a version's word is its own."""
    base = str(path.resolve().parent)
    given = json.dumps([_FORM, __version__, base, tables], default=str)
    return hashlib.sha256(given.encode("utf-8", "surrogatepass")).hexdigest()
