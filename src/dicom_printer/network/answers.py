"""The answers to C-FIND: read in the right character set, and never trusted to be readable."""

from __future__ import annotations

import logging
import re
import struct
import warnings
from collections.abc import Iterator
from io import BytesIO

from pydicom import DataElement, Dataset
from pydicom.charset import convert_encodings
from pydicom.filereader import read_dataset
from pydicom.uid import UID

from dicom_printer.config.models import Remote
from dicom_printer.errors import RemoteRefusedError, StepError
from dicom_printer.network import outcome
from dicom_printer.network.inbound import MALFORMED

_TEXT = {"LO", "LT", "PN", "SH", "ST", "UC", "UT"}
_STRIPPED = re.compile(r"\x1b|(?:^|[\^= ])\$[@B][!-~]+\([BJ](?:[\^= ]|$)")
"""Escape sequences of ISO 2022 in text: Orthanc hands Japanese on so, without the escape."""

# What pydicom says of a value that is wrong quotes it, and stderr is the service's log.
logging.getLogger("pydicom").setLevel(logging.CRITICAL)
warnings.filterwarnings("ignore", module=r"pydicom\.")


def decoded(stream: BytesIO | None, syntax: UID, remote: Remote) -> Dataset:
    """Read the identifier of an answer, in the character set that it or the remote states.

    An element that cannot be read is left out, so that it never matches.

    Raises
    ------
    RemoteRefusedError
        Nothing of it can be read.
    """
    content = stream.getvalue() if stream is not None else b""
    try:
        ds = read_dataset(
            BytesIO(_without_empty_character_set(content, syntax)),
            syntax.is_implicit_VR,
            syntax.is_little_endian,
            parent_encoding=convert_encodings(remote.character_set.split("\\")),
        )
        settle(ds)
    except MALFORMED:
        # without the cause: it may quote a value
        raise unreadable(remote) from None
    if len(ds) == 0:
        raise unreadable(remote)
    return ds


def _without_empty_character_set(content: bytes, syntax: UID) -> bytes:
    """Leave out an empty (0008,0005): it declares nothing, and hides what the remote states."""
    order = "<" if syntax.is_little_endian else ">"
    vr = b"\0\0" if syntax.is_implicit_VR else b"CS"
    empty = struct.pack(order + "HH", 8, 5) + vr + b"\0\0"
    # the first element, or behind a group length and (0008,0001) of old peers
    at = content.find(empty, 0, 32)
    return content if at < 0 else content[:at] + content[at + len(empty) :]


def settle(ds: Dataset) -> None:
    """Have every element of a peer's data set read now, and leave out what cannot be."""
    for tag in list(ds.keys()):
        try:
            element = ds[tag]
            for item in element.value if element.VR == "SQ" else ():
                settle(item)
        except MALFORMED:
            del ds._dict[tag]  # `del ds[tag]` would read it once more


def unreadable(remote: Remote) -> StepError:
    """Say that an answer is no answer to the query, or no dataset."""
    return RemoteRefusedError(f"{outcome.where(remote)}: an answer to C-FIND cannot be read")


def check_characters(remote: Remote, ds: Dataset) -> None:
    """Make sure that the text of an answer was read in the character set it was written in.

    Raises
    ------
    RemoteRefusedError
        Where it certainly was not.
    """
    declared = ds.get("SpecificCharacterSet")
    codec = convert_encodings(declared or remote.character_set.split("\\"))[0]
    for text in _texts(ds):
        broken = "\N{REPLACEMENT CHARACTER}" in text or _STRIPPED.search(text)
        if broken or _is_utf8(text, codec):
            stated = "that it declares" if declared else remote.character_set
            raise RemoteRefusedError(
                f"{outcome.where(remote)}: an answer to C-FIND is not in the character set "
                f"{stated}",
                "correct the remote's `character_set`, or have the remote declare the right one; "
                "then restart and `dicom-printer retry JOB`",
                reason="characters unclear",
            )


def _texts(ds: Dataset) -> Iterator[str]:
    for element in ds.iterall():
        if element.VR in _TEXT and element.value:
            yield from _strings(element)


def _strings(element: DataElement) -> Iterator[str]:
    values = element.value if element.VM > 1 else [element.value]
    yield from (str(value) for value in values)


def _is_utf8(text: str, codec: str) -> bool:
    """Tell UTF-8 that was read with another codec from real text.

    Letters of Latin-1 in such an order that they are UTF-8 make no name: "Ã¼", "Î ".
    """
    codec = "latin-1" if codec.lower() == "utf8" else codec  # then it was UTF-8 twice
    try:
        return not text.isascii() and bool(text.encode(codec).decode("utf-8"))
    except UnicodeError:
        return False
