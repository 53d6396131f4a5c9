"""The settings of ``store``: what goes together, what is proposed, whose UIDs are whose."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError
from scripted_job import job

from dicom_printer import capture, codec, network
from dicom_printer.actions import store

IMAGE, PDF = network.SECONDARY_CAPTURE, network.ENCAPSULATED_PDF


def step(**settings: Any) -> store.Settings:
    return store.Settings.model_validate({"action": "store", "remote": "pacs"} | settings)


@pytest.mark.parametrize(
    ("settings", "proposed"),
    [
        ({}, None),
        ({"compression": "none"}, None),
        ({"compression": "rle"}, "1.2.840.10008.1.2.5"),
        ({"compression": "jpeg"}, "1.2.840.10008.1.2.4.51"),
        ({"compression": "jpeg", "jpeg_process": "baseline"}, "1.2.840.10008.1.2.4.50"),
        ({"compression": "jpeg-lossless"}, "1.2.840.10008.1.2.4.70"),
    ],
)
def test_each_group_of_table_3_10_is_what_is_proposed(
    settings: dict[str, Any], proposed: str | None
) -> None:
    contexts = step(**settings).contexts
    assert {abstract for abstract, _ in contexts} == {IMAGE}
    group = {syntax for _, syntaxes in contexts for syntax in syntaxes}
    assert group == {*network.UNCOMPRESSED, *([proposed] if proposed else [])}
    assert contexts[-1] == (IMAGE, network.UNCOMPRESSED)


def test_a_pdf_is_proposed_uncompressed_only() -> None:
    pdf = (PDF, network.UNCOMPRESSED)
    assert step(**{"as": "pdf"}, compression="rle").contexts == [pdf]
    both = step(**{"as": "both"}, compression="rle").contexts
    assert both == [(IMAGE, (codec.RLE,)), (IMAGE, network.UNCOMPRESSED), pdf]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"bits": 12}, 'add mode = "gray"'),
        ({"bits": 12, "mode": "color"}, 'add mode = "gray"'),
        (
            {"bits": 12, "mode": "gray", "compression": "jpeg", "jpeg_process": "baseline"},
            "no 12 bits",
        ),
        ({"quality": 50}, "quality: only with compression"),
        ({"quality": 50, "compression": "jpeg-lossless"}, "quality: only with compression"),
        ({"jpeg_process": "baseline"}, "jpeg_process: only with compression"),
        ({"compression": "jpeg", "quality": 0}, "greater than or equal to 1"),
        ({"compression": "jpeg", "quality": 101}, "less than or equal to 100"),
        ({"compression": "gzip"}, "compression"),
        ({"bits": 16, "mode": "gray"}, "bits"),
        ({"as": "word"}, "as"),
        ({"kind": "pdf"}, "kind"),
    ],
)
def test_what_does_not_go_together_is_a_mistake(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        step(**settings)


def uids(settings: store.Settings, syntax: str | None) -> str:
    return capture.uid("job", "page", 1, settings.variant(syntax))


def test_without_loss_it_is_the_same_instance() -> None:
    plain, rle, lossless = (step(compression=c) for c in ("none", "rle", "jpeg-lossless"))
    assert uids(plain, None) == uids(rle, rle.compressed) == uids(lossless, lossless.compressed)


def test_with_loss_it_is_another_for_each_quality() -> None:
    some = [step(compression="jpeg", quality=q) for q in (70, 90)]
    assert len({uids(step(), None), *(uids(s, s.compressed) for s in some)}) == 3
    assert uids(some[0], None) == uids(step(), None), "not taken, it goes out as it is"


def test_twelve_bits_are_other_pixels() -> None:
    eight, twelve = step(mode="gray"), step(mode="gray", bits=12)
    assert uids(eight, None) != uids(twelve, None)
    assert twelve.rendering.bits == 12, "they are made from the colours, where these are"


def test_a_remote_that_has_the_page_as_it_is_or_compressed_has_it() -> None:
    lossy, plain = step(compression="jpeg"), step()
    made = job()
    at = [
        capture.uid(made.id, "page", n, s.variant(s.compressed))
        for n, s in ((1, lossy), (2, plain))
    ]
    assert lossy.pages_at(made, [1, 2, 3], set(at)) == {1, 2}
    assert plain.pages_at(made, [1, 2, 3], set(at)) == {2}, "what lost something is not enough"
