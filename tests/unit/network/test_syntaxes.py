"""Which syntaxes are proposed, and the byte order of words."""

from __future__ import annotations

import numpy as np
from pydicom import Dataset, Sequence

from dicom_printer.config.models import Remote
from dicom_printer.network.syntaxes import UNCOMPRESSED, VERIFICATION, allowed, in_byte_order

IMPLICIT, EXPLICIT, BIG = UNCOMPRESSED
RLE, CLASS = "1.2.840.10008.1.2.5", "1.2.840.10008.5.1.4.1.1.7"
CONTEXTS = [(CLASS, [RLE]), (CLASS, UNCOMPRESSED)]


def remote(*syntaxes: str) -> Remote:
    setting = {"transfer_syntaxes": syntaxes} if syntaxes else {}
    return Remote.model_validate({"ae_title": "A", "host": "h", "port": 104} | setting)


def test_all_by_default_in_their_order() -> None:
    assert allowed(remote(), CONTEXTS) == [(CLASS, [RLE]), (CLASS, [IMPLICIT, EXPLICIT, BIG])]


def test_the_setting_narrows_orders_and_never_widens() -> None:
    some = remote("ExplicitVRBigEndian", "JPEGBaseline8Bit", "ImplicitVRLittleEndian")
    assert allowed(some, CONTEXTS) == [(CLASS, [BIG, IMPLICIT])]
    assert allowed(remote("JPEGBaseline8Bit"), CONTEXTS) == []


def test_verification_stays() -> None:
    verification = [(VERIFICATION, UNCOMPRESSED)]
    assert allowed(remote("RLELossless"), verification) == [(VERIFICATION, list(UNCOMPRESSED))]
    assert allowed(remote("ImplicitVRLittleEndian"), verification) == [(VERIFICATION, [IMPLICIT])]


def words(values: list[int]) -> Dataset:
    ds = Dataset()
    ds.add_new("PixelData", "OW", np.array(values, "<u2").tobytes())
    ds.add_new("PatientID", "LO", "1")
    ds.add_new("EncapsulatedDocument", "OB", b"abcd")
    return ds


def test_words_are_turned_for_big_endian_only_and_in_items_too() -> None:
    ds = words([1, 0x0FFF])
    ds.ReferencedImageSequence = Sequence([words([2])])
    assert in_byte_order(ds, EXPLICIT) is ds
    turned = in_byte_order(ds, BIG)
    assert turned.PixelData == b"\x00\x01\x0f\xff"
    assert turned.ReferencedImageSequence[0].PixelData == b"\x00\x02"
    assert turned.EncapsulatedDocument == b"abcd"
    assert ds.PixelData == b"\x01\x00\xff\x0f", "the caller's own stays"
    assert ds.ReferencedImageSequence[0].PixelData == b"\x02\x00"
