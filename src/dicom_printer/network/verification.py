"""Verification: whether a remote answers, and how the way to it is encrypted (PS3.4 Annex A)."""

from __future__ import annotations

import time
from typing import NamedTuple

from dicom_printer.config.models import Remote
from dicom_printer.network.association import associate
from dicom_printer.network.syntaxes import UNCOMPRESSED, VERIFICATION
from dicom_printer.network.tls import Session


class Answered(NamedTuple):
    """A remote that answers: the seconds it took, association included; its encryption."""

    seconds: float
    tls: Session | None = None


def echo(remote: Remote) -> Answered:
    """Verify a remote (C-ECHO)."""
    start = time.monotonic()
    with associate(remote, [(VERIFICATION, UNCOMPRESSED)]) as association:
        association.echo()
        return Answered(time.monotonic() - start, association.tls)
