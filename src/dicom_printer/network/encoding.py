"""Data sets as bytes: what one has in common with the last one is not encoded again."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from itertools import chain
from typing import cast

from pydicom import DataElement, Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import correct_ambiguous_vr, write_data_element
from pydicom.uid import UID

from dicom_printer.errors import BadValueError
from dicom_printer.network.inbound import MALFORMED
from dicom_printer.network.syntaxes import in_byte_order

_BULK = 1 << 12
"""Longer values are pixels or documents: those do not come again, and are not copied about."""


class Encoder:
    """Encodes the instances of one association (PS3.5 section 7.1).

    The pages of a job share the elements that they have in common: the same objects, made
    once. Their bytes are made once as well.
    """

    def __init__(self) -> None:
        self._made_for: tuple[str, object] | None = None
        self._known: dict[int, tuple[DataElement, bytes]] = {}

    def encoded(self, ds: Dataset, syntax: str) -> bytes:
        """Return a data set in a transfer syntax, without its file meta information.

        Parameters
        ----------
        ds : pydicom.Dataset
            Made here, little endian. It is not changed, but for a VR that other elements decide.
        syntax : str
            The UID of the transfer syntax; its pixels must be in it, or uncompressed.

        Raises
        ------
        BadValueError
            Where a value cannot be encoded.
        """
        ds = in_byte_order(ds, syntax)
        try:
            return b"".join(self._parts(ds, UID(syntax)))
        except MALFORMED:
            # without the cause: it may quote the value, and values are the patient's
            raise BadValueError("the instance cannot be encoded for C-STORE") from None

    def _parts(self, ds: Dataset, syntax: UID) -> chain[bytes]:
        correct_ambiguous_vr(ds, syntax.is_little_endian)
        characters = ds.get("SpecificCharacterSet")
        made_for = (str(syntax), characters)
        known = self._known if made_for == self._made_for else {}
        self._made_for, self._known = made_for, {}
        parts: list[tuple[bytes, ...]] = []
        made = cast("Iterable[DataElement]", ds.elements())  # none was read from a file
        for element in sorted(made, key=_number):
            before = known.get(element.tag)
            if before is not None and before[0] is element:
                data = before[1]
            elif isinstance(element.value, bytes) and len(element.value) > _BULK:
                parts.append(_bulk(element, syntax))
                continue
            else:
                data = _written(element, syntax, characters)
            self._known[element.tag] = element, data
            parts.append((data,))
        return chain.from_iterable(parts)


def _number(element: DataElement) -> int:
    """Return a tag as a number: tags are slow to compare."""
    return int(element.tag)


def _written(element: DataElement, syntax: UID, characters: str | list[str] | None) -> bytes:
    buffer = DicomBytesIO()
    buffer.is_implicit_VR, buffer.is_little_endian = syntax.is_implicit_VR, syntax.is_little_endian
    write_data_element(buffer, element, characters)
    return buffer.getvalue()


def _bulk(element: DataElement, syntax: UID) -> tuple[bytes, ...]:
    """Return an element whose value is bytes, around the value itself (PS3.5 section 7.1)."""
    empty = DataElement(element.tag, element.VR, b"")
    length, end = len(element.value), b""
    if element.is_undefined_length:
        length, end = 0xFFFFFFFF, b"\xfe\xff\xdd\xe0\0\0\0\0"
    elif length % 2:  # every value is of even length
        length, end = length + 1, b"\0"
    # the length is the last of what stands before the value, for OB and OW always 4 bytes
    packed = struct.pack("<L" if syntax.is_little_endian else ">L", length)
    return _written(empty, syntax, None)[:-4] + packed, element.value, end
