"""``tls`` of a remote: with what the associations to it are encrypted."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, model_validator


def _none_if_empty(value: object) -> object:
    """Let an environment variable that is empty stand for a key that is left out."""
    return None if value == "" else value


File = Annotated[Path | None, BeforeValidator(_none_if_empty)]


def _server_name(value: str) -> str:
    if value.startswith(".") or len(value) > 253 or re.search(r"[^!-~]", value):
        raise ValueError("must be a host name or an address, such as pacs.example")
    return value


class TLS(BaseModel):
    """``tls``: the association is encrypted (PS3.15 sections B.9, B.10 and B.12).

    Files are in PEM. Without `ca` the system's own authorities are trusted; without
    `key` the key stands in `cert`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    ca: File = None
    cert: File = None
    key: File = None
    verify: bool = True
    server_name: Annotated[str, AfterValidator(_server_name)] = ""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.key is not None and self.cert is None:
            raise ValueError("`key` is stated, but no `cert` that it belongs to")
        return self

    def below(self, base: Path) -> Self:
        """Return it with paths that are absolute: relative ones are relative to `base`."""
        files = {name: getattr(self, name) for name in ("ca", "cert", "key")}
        return self.model_copy(update={n: f and base / f for n, f in files.items()})


def from_short(value: object) -> object:
    """Take ``true`` for TLS with nothing else stated, and ``false`` for none."""
    if isinstance(value, bool):
        return {} if value else None
    return value
