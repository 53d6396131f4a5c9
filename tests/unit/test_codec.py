"""Frames: what is checked of one that a render worker made. What is in them: test_encode.py."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from compressed import KINDS, SYNTAXES, page

from dicom_printer import codec
from dicom_printer.codec import Encoding, Frame, check

EVERY = [
    (syntax, kind)
    for syntax in SYNTAXES.values()
    for kind in KINDS
    if (syntax, kind) != (codec.JPEG_BASELINE, "gray12")
]


def made(syntax: str, kind: str) -> Frame:
    return codec.encoded(page(kind), Encoding(syntax))


@pytest.mark.parametrize(("syntax", "kind"), EVERY)
def test_what_was_encoded_here_is_in_order(syntax: str, kind: str) -> None:
    frame = made(syntax, kind)
    assert (frame.syntax, frame.shape) == (syntax, page(kind).shape)
    assert frame.bits == (12 if kind == "gray12" else 8)
    check(frame)


@pytest.mark.parametrize(("syntax", "kind"), EVERY)
def test_a_frame_that_is_something_else_is_not(syntax: str, kind: str) -> None:
    frame = made(syntax, kind)
    other = {"gray8": "rgb", "rgb": "gray8", "gray12": "gray8"}[kind]
    wrong = [
        replace(frame, data=b""),
        replace(frame, data=frame.data[:40]),
        replace(frame, data=made(syntax, other).data),
        replace(frame, syntax=codec.RLE if syntax != codec.RLE else codec.JPEG_BASELINE),
    ]
    if syntax != codec.RLE:
        rows, columns, *samples = frame.shape
        wrong += [replace(frame, shape=(rows + 1, columns, *samples)),
                  replace(frame, data=frame.data[:-4])]  # fmt: skip
    for each in wrong:
        with pytest.raises(ValueError, match=r"header|stream"):
            check(each)


def test_columns_that_lie_apart_are_encoded_as_they_look() -> None:
    pixels = page("gray8")
    apart = np.repeat(pixels, 2, axis=1)[:, ::2]
    assert codec.encoded(apart, Encoding(codec.RLE)).data == made(codec.RLE, "gray8").data
