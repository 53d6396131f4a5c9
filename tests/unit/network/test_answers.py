"""The bytes of an answer: in which characters they are read, and that none break us."""

from __future__ import annotations

from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.uid import UID

from dicom_printer.config import Remote
from dicom_printer.errors import RemoteRefusedError
from dicom_printer.network.answers import check_characters, decoded

# what pydicom says of nonsense is for nobody
pytestmark = pytest.mark.filterwarnings("ignore")

IMPLICIT, EXPLICIT, BIG = map(
    UID, ("1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2")
)
SYNTAXES = [IMPLICIT, EXPLICIT, BIG]


def remote(character_set: str = "ISO_IR 100") -> Remote:
    return Remote(name="ris", ae_title="RIS", host="h", port=1, character_set=character_set)


def written(ds: Dataset, syntax: UID) -> bytes:
    file = DicomBytesIO()
    file.is_implicit_VR, file.is_little_endian = syntax.is_implicit_VR, syntax.is_little_endian
    write_dataset(file, ds)
    return file.getvalue()


def answer(name: bytes, declared: str | None = None, nested: bool = False) -> Dataset:
    ds = Dataset()
    if declared is not None:
        ds.SpecificCharacterSet = declared.split("\\")
    ds.PatientID = "4711"
    ds.add_new("PatientName", "PN", name)
    if nested:
        item = Dataset()
        item.add_new("ScheduledPerformingPhysicianName", "PN", name)
        ds.ScheduledProcedureStepSequence = [item]
    return ds


def read(ds: Dataset, syntax: UID = EXPLICIT, character_set: str = "ISO_IR 100") -> Dataset:
    return decoded(BytesIO(written(ds, syntax)), syntax, remote(character_set))


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize("declared", [None, ""])
@pytest.mark.parametrize(
    ("name", "character_set"),
    [
        ("Müller^Zoë", "ISO_IR 100"),
        ("Παπαδόπουλος", "ISO_IR 126"),
        ("Иванова", "ISO_IR 144"),
        ("Kovač", "ISO_IR 192"),
    ],
)
def test_undeclared_text_is_read_as_the_remote_is_configured(
    syntax: UID, declared: str | None, name: str, character_set: str
) -> None:
    codec = {"100": "latin-1", "126": "iso8859-7", "144": "iso8859-5", "192": "utf-8"}
    content = name.encode(codec[character_set[-3:]])
    ds = read(answer(content, declared, nested=True), syntax, character_set)
    assert str(ds.PatientName) == name
    item = ds.ScheduledProcedureStepSequence[0]
    assert str(item.ScheduledPerformingPhysicianName) == name
    check_characters(remote(character_set), ds)


def test_what_is_declared_goes_before_the_configuration() -> None:
    ds = read(answer("Παπ".encode("iso8859-7"), "ISO_IR 126"), character_set="ISO_IR 192")
    assert str(ds.PatientName) == "Παπ"


@pytest.mark.parametrize(
    ("content", "declared", "character_set"),
    [
        ("Kovač".encode(), None, "ISO_IR 100"),
        ("Müller".encode(), "ISO_IR 100", "ISO_IR 100"),
        ("Müller".encode(), "ISO_IR 126", "ISO_IR 100"),
        ("Müller".encode("latin-1"), "ISO_IR 192", "ISO_IR 100"),
        ("Müller".encode("latin-1"), None, "ISO_IR 192"),
        ("Müller".encode().decode("latin-1").encode(), "ISO_IR 192", "ISO_IR 100"),
        (b"Yamada=$B;3ED(B^$BB@O:(B", "ISO_IR 192", "ISO_IR 100"),
        (b"Yamada=\x1b$B;3ED\x1b(B", "ISO_IR 100", "ISO_IR 100"),
    ],
)
@pytest.mark.parametrize("nested", [False, True])
def test_text_in_another_character_set_than_stated(
    content: bytes, declared: str | None, character_set: str, nested: bool
) -> None:
    ds = read(answer(content, declared, nested), character_set=character_set)
    with pytest.raises(RemoteRefusedError) as caught:
        check_characters(remote(character_set), ds)
    assert caught.value.reason == "characters unclear"
    assert "ller" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "declared"),
    [
        ("Muster^Eva", None),
        ("Müller^Zoë", "ISO_IR 100"),
        ("ÄÖÜ^Ñandú", "ISO_IR 100"),
        ("Kovač^Žofie", "ISO_IR 192"),
        ("山田^太郎", "ISO_IR 192"),
        ("Preis$Best^(Bea)", "ISO_IR 192"),
    ],
)
def test_text_that_is_right(name: str, declared: str | None) -> None:
    codec = "utf-8" if declared == "ISO_IR 192" else "latin-1"
    check_characters(remote(), read(answer(name.encode(codec), declared)))


def test_an_element_that_cannot_be_read_is_left_out() -> None:
    ds = answer(b"Eva")
    ds.Rows = 512
    content = written(ds, EXPLICIT).replace(b"US\x02\x00\x00\x02", b"US\x01\x00\x02")
    found = decoded(BytesIO(content), EXPLICIT, remote())
    assert "Rows" not in found
    assert found.PatientID == "4711"


@pytest.mark.parametrize("content", [None, b"", b"\0", b"nons"])
def test_what_is_no_dataset(content: bytes | None) -> None:
    stream = None if content is None else BytesIO(content)
    with pytest.raises(RemoteRefusedError, match="cannot be read"):
        decoded(stream, EXPLICIT, remote())


@given(st.binary(max_size=200), st.sampled_from(SYNTAXES))
def test_no_bytes_break_it(content: bytes, syntax: UID) -> None:
    try:
        ds = decoded(BytesIO(content), syntax, remote())
        check_characters(remote(), ds)
    except RemoteRefusedError:
        return


@given(st.data())
def test_no_damage_breaks_it(data: st.DataObject) -> None:
    syntax = data.draw(st.sampled_from(SYNTAXES))
    content = bytearray(written(answer("Müller".encode(), "ISO_IR 192", nested=True), syntax))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(content)))
    try:
        check_characters(remote(), decoded(BytesIO(bytes(content[:cut])), syntax, remote()))
    except RemoteRefusedError:
        return
