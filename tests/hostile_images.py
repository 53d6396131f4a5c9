"""Images that want to do harm, and files that are two things at once or nothing at all.

Like `hostile_pdfs`: by name, how each is made, and the reason that its job must be held with.
"""

from __future__ import annotations

import struct
import zipfile
import zlib
from io import BytesIO

from documents import picture
from hostile_pdfs import MIB, Attack, deflated, page, stream

PNG = b"\x89PNG\r\n\x1a\n"
LARGE, DAMAGED, KIND = "page too large", "document damaged", "type not supported"


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(
    width: int, height: int, *more: bytes, bits: int = 8, kind: int = 0, lace: int = 0
) -> bytes:
    """Return a PNG that says it is so large, with chunks of any kind behind its head."""
    head = struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, lace)
    return PNG + chunk(b"IHDR", head) + b"".join(more) + chunk(b"IEND", b"")


def pixels(data: bytes) -> bytes:
    return chunk(b"IDAT", data)


def pngs() -> dict[str, Attack]:
    small = pixels(zlib.compress(bytes(110)))
    profile = b"x\x00\x00" + deflated(bytes(MIB), 256)
    return {
        "png of 50 000 pixels a side": (
            lambda: png(50_000, 50_000, pixels(deflated(bytes(MIB), 300)), bits=1),
            LARGE,
        ),
        "png of the largest size": (lambda: png(0x7FFFFFFF, 0x7FFFFFFF, small), LARGE),
        "png of more than the largest size": (lambda: png(0xFFFFFFFF, 0xFFFFFFFF, small), ""),
        "png of no size": (lambda: png(0, 0, small), DAMAGED),
        "png that unpacks to a GiB": (lambda: png(10, 10, pixels(deflated(bytes(MIB), 1024))), ""),
        "png without pixels": (lambda: png(1000, 1000), DAMAGED),
        "png of noise": (lambda: png(99, 99, pixels(b"\x78\x9c" + b"\xa7" * 1000)), DAMAGED),
        "png with a profile of 256 MiB": (lambda: png(10, 10, chunk(b"iCCP", profile), small), ""),
        "png with a text of 256 MiB": (
            lambda: png(10, 10, chunk(b"zTXt", b"x\x00" + profile[2:]), small),
            "",
        ),
        "png with 100 000 texts": (
            lambda: png(10, 10, chunk(b"tEXt", b"x\x00" + b"y" * 50) * 100_000, small),
            "",
        ),
        "png of a thousand million frames": (
            lambda: png(10, 10, chunk(b"acTL", struct.pack(">II", 1_000_000_000, 0)), small),
            "",
        ),
        "png of colours that are not there": (lambda: png(10, 10, small, kind=3), ""),
        "png of unknown kind": (lambda: png(10, 10, small, kind=5, bits=77), DAMAGED),
        "png interlaced without end": (
            lambda: png(60_000, 60_000, pixels(deflated(bytes(MIB), 64)), lace=1),
            LARGE,
        ),
    }


def saved(format_: str, **settings: object) -> bytes:
    buffer = BytesIO()
    picture(1).save(buffer, format_, **settings)
    return buffer.getvalue()


def sized_jpeg(width: int, height: int) -> bytes:
    """Return a JPEG whose frame header states another size than its picture has."""
    data = bytearray(saved("JPEG"))
    frame = data.index(b"\xff\xc0")
    data[frame + 5 : frame + 9] = struct.pack(">HH", height, width)
    return bytes(data)


def scans(times: int) -> bytes:
    """Return a progressive JPEG that repeats its last scan."""
    data = saved("JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")
    return data[:last] + data[last:-2] * times + b"\xff\xd9"


def segment(marker: int, data: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data


def jpegs() -> dict[str, Attack]:
    def with_segment(marker: int, data: bytes, times: int = 1) -> bytes:
        whole = saved("JPEG")
        return whole[:2] + segment(marker, data) * times + whole[2:]

    loop = b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<HHHIII", 1, 0x8769, 4, 1, 8, 8)
    return {
        "jpeg of 65 535 pixels a side": (lambda: sized_jpeg(65_535, 65_535), LARGE),
        "jpeg of no width": (lambda: sized_jpeg(0, 100), DAMAGED),
        "jpeg of no height": (lambda: sized_jpeg(100, 0), DAMAGED),
        "jpeg that is larger than its pixels": (lambda: sized_jpeg(2000, 1900), ""),
        "jpeg of 5 000 scans": (lambda: scans(5000), ""),
        "jpeg cut off": (lambda: saved("JPEG")[:900], DAMAGED),
        "jpeg without tables": (lambda: saved("JPEG").replace(b"\xff\xdb", b"\xff\xfe"), DAMAGED),
        "jpeg with EXIF in a circle": (lambda: with_segment(0xE1, loop), ""),
        "jpeg with 200 000 comments": (lambda: with_segment(0xFE, b"x", 200_000), ""),
        "jpeg with a profile in 255 parts": (
            lambda: with_segment(0xE2, b"ICC_PROFILE\0\xff\xff" + bytes(65_000), 200),
            "",
        ),
        "jpeg of markers alone": (lambda: b"\xff\xd8" + b"\xff" * 500_000, DAMAGED),
        "jpeg turned round": (lambda: saved("JPEG", exif=_turned()), ""),
    }


def scanned() -> dict[str, Attack]:
    """Pages that are one JPEG image, which may be taken out of the PDF as it stands."""
    said = (
        b"/Type /XObject /Subtype /Image /Width 320 /Height 200 /ColorSpace /DeviceRGB "
        b"/BitsPerComponent 8 /Filter /DCTDecode"
    )

    def scan(data: bytes) -> bytes:
        drawn = b"300 0 0 188 0 0 cm /I Do"
        box = b"/MediaBox [0 0 300 188]"
        return page(drawn, b"/XObject << /I 5 0 R >>", stream(data, said), inside=box)

    made: dict[str, Attack] = {
        f"scan of {name}": (lambda make=make: scan(make()), "")  # type: ignore[misc]
        for name, (make, _) in jpegs().items()
    }
    return made | {"scan as it should be": (lambda: scan(saved("JPEG", quality=80)), "")}


def _turned() -> bytes:
    return b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\xff\xff\0\0\0\0\0\0"


def tiff(entries: list[tuple[int, int, int, int]], data: bytes = b"", onward: int = 0) -> bytes:
    """Return a TIFF by hand: tag, type, count and value; `data` is at 8, `onward` the next IFD."""
    directory = struct.pack("<H", len(entries))
    directory += b"".join(struct.pack("<HHII", *entry) for entry in entries)
    head = struct.pack("<2sHI", b"II", 42, 8 + len(data))
    return head + data + directory + struct.pack("<I", onward)


def gray(side: int, size: int, packed: int = 1, **other: int) -> list[tuple[int, int, int, int]]:
    tags = {256: side, 257: side, 258: 8, 259: packed, 262: 1, 273: 8, 277: 1, 278: side, 279: size}
    tags |= {int(tag[1:]): value for tag, value in other.items()}
    return [(tag, 4, 1, value) for tag, value in sorted(tags.items())]


def frames(times: int) -> bytes:
    """Return a TIFF of so many directories, all of one strip."""
    first = gray(10, 100)
    size = 2 + 12 * len(first) + 4
    body = b"".join(
        tiff(first, b"", 108 + (n + 1) * size if n + 1 < times else 0)[8:] for n in range(times)
    )
    return struct.pack("<2sHI", b"II", 42, 108) + bytes(100) + body


def tiffs() -> dict[str, Attack]:
    return {
        "tiff of directories in a circle": (lambda: tiff(gray(10, 100), bytes(100), 108), ""),
        "tiff of 20 000 directories": (lambda: frames(20_000), "too many pages"),
        "tiff of 30 000 pixels a side": (
            lambda: tiff(gray(30_000, 900_000_000), bytes(100)),
            LARGE,
        ),
        "tiff of 4 000 million pixels a side": (
            lambda: tiff(gray(0xFFFFFFFF, 100), bytes(100)),
            LARGE,
        ),
        "tiff whose strip is elsewhere": (
            lambda: tiff(gray(10, 0xFFFFFFFF, t273=0xFFFFFFF0), bytes(100)),
            DAMAGED,
        ),
        "tiff of 65 535 bits": (lambda: tiff(gray(10, 100, t258=65_535), bytes(100)), DAMAGED),
        "tiff of 65 535 samples": (lambda: tiff(gray(10, 100, t277=65_535), bytes(100)), DAMAGED),
        "tiff whose strip unpacks to a GiB": (
            lambda: (lambda data: tiff(gray(1000, len(data), 8), data))(deflated(bytes(MIB), 1024)),
            "",
        ),
        "tiff of 1 000 million strips": (
            lambda: tiff([*gray(10, 100)[:5], (273, 4, 1_000_000_000, 8), (278, 4, 1, 1)]),
            DAMAGED,
        ),
        "tiff of LZW noise": (lambda: tiff(gray(100, 5000, 5), b"\xa7" * 5000), ""),
        "tiff of JPEG noise": (lambda: tiff(gray(100, 5000, 7), b"\xff\xd8\xff" * 1700), ""),
        "tiff of unknown packing": (lambda: tiff(gray(10, 100, 34_925), bytes(100)), DAMAGED),
        "tiff without entries": (lambda: tiff([]), DAMAGED),
        "tiff of 65 535 entries": (lambda: tiff([(270, 2, 0xFFFFFFFF, 8)] * 65_535), DAMAGED),
        "big tiff of noise": (lambda: b"II+\0\x08\0\0\0" + b"\xff" * 1000, DAMAGED),
    }


def both() -> dict[str, Attack]:
    """Files that are two things at once, and files that are nothing at all."""
    whole = page(b"0 0 99 99 re f")

    def zipped() -> bytes:
        buffer = BytesIO(whole)
        with zipfile.ZipFile(buffer, "a") as archive:
            archive.writestr("../../../etc/cron.d/x", "* * * * * root true\n")
        return buffer.getvalue()

    return {
        "pdf and zip": (zipped, ""),
        "html and pdf": (lambda: b"<html><script>alert(1)</script>\n" + whole, ""),
        "jpeg and pdf": (lambda: b"\xff\xd8\xff\xfe\x00\x20" + whole + saved("JPEG"), ""),
        "png and pdf": (lambda: png(10, 10, chunk(b"tEXt", b"x\0" + whole)), ""),
        "pdf behind 1 000 bytes of noise": (lambda: bytes(range(250)) * 4 + whole, ""),
        "pdf behind 5 000 bytes of noise": (lambda: bytes(range(250)) * 20 + whole, KIND),
        "pdf with pdf behind": (lambda: whole + page(b"9 9 9 9 re f"), ""),
        "pdf with a mebibyte behind": (lambda: whole + bytes(MIB), DAMAGED),
        "shell and pdf": (lambda: b"#!/bin/sh\ntouch /tmp/launched\nexit\n" + whole, ""),
        "PostScript": (lambda: b"%!PS-Adobe-3.0\n(/etc/passwd) (r) file\nshowpage\n", KIND),
        "PostScript that names a PDF": (lambda: b"%!PS\n% %PDF-1.4\n{ } loop\n%%EOF\n", DAMAGED),
        "PJL": (lambda: b"\x1b%-12345X@PJL ENTER LANGUAGE=PDF\n" + whole + b"\x1b%-12345X", ""),
        "zip": (lambda: b"PK\x03\x04" + bytes(5000), KIND),
        "program": (lambda: b"\x7fELF\x02\x01\x01" + bytes(5000), KIND),
        "script": (lambda: b"#!/bin/sh\ntouch /tmp/launched\n", KIND),
        "SVG": (
            lambda: b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///"/></svg>',
            KIND,
        ),
        "GIF": (lambda: saved("GIF"), KIND),
        "nothing": (lambda: b"", "document empty"),
        "one byte": (lambda: b"%", KIND),
        "the first five bytes": (lambda: b"%PDF-", DAMAGED),
        "a mebibyte of nothing": (lambda: bytes(MIB), KIND),
        "a mebibyte of starts": (lambda: b"%PDF-1.4 startxref 9 " * 50_000, ""),
        "a mebibyte of objects": (
            lambda: b"%PDF-1.4\n" + b"1 0 obj " * 130_000 + b"startxref\n0\n",
            "",
        ),
    }


def attacks() -> dict[str, Attack]:
    """Everything made here."""
    return pngs() | jpegs() | scanned() | tiffs() | both()
