"""The settings of a ``print`` step, and which films a job has."""

from __future__ import annotations

from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any, cast

import pytest
from pydantic import ValidationError

from dicom_printer.actions import Job
from dicom_printer.actions import print as print_action
from dicom_printer.actions.print import Settings


def settings(**given: Any) -> Settings:
    return Settings.model_validate({"action": "print", "remote": "imager", **given})


def test_the_defaults_print_a_page_a_film_in_gray() -> None:
    step = settings()
    assert (step.mode, step.bits, step.print_level, step.format) == (
        "grayscale", 8, "session", r"STANDARD\1,1"
    )  # fmt: skip
    assert step.how.mode == "color", "twelve bits are made from the colours themselves"
    assert settings(film_box={"FilmSizeID": "A4"}).format == r"STANDARD\1,1"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"film_session": {"NumberOfCopys": 2}}, 'did you mean "NumberOfCopies"'),
        ({"film_box": {"FilmSizeId": "A4"}}, 'did you mean "FilmSizeID"'),
        ({"film_box": {"Polarity": "NORMAL"}}, "film_box.Polarity: unknown key"),
        ({"image_box": {"Polarty": "NORMAL"}}, 'did you mean "Polarity"'),
        ({"image_box": {"Polarity": "INVERSE"}}, "NORMAL, REVERSE"),
        ({"film_box": {"FilmOrientation": "portrait"}}, "PORTRAIT, LANDSCAPE"),
        ({"film_session": {"PrintPriority": "URGENT"}}, "HIGH, MED, LOW"),
        ({"film_box": {"ImageDisplayFormat": "STANDARD\x01,1"}}, "ImageDisplayFormat must be"),
        ({"film_box": {"ImageDisplayFormat": "SLIDE"}}, "ImageDisplayFormat must be"),
        ({"mode": "color", "bits": 12}, "in colour a film has 8 bits"),
        ({"bits": 10}, "8 or 12"),
        ({"annotations": ["x"]}, "AnnotationDisplayFormatID"),
        ({"presentation_lut": "LINOD"}, "LIN OD"),
        ({"max_pixels": [0, 10]}, "greater than or equal to 1"),
        ({"film_session": {"NumberOfCopies": True}}, "valid string"),
    ],
)
def test_mistakes_are_found_before_printing(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=None) as found:
        settings(**given)
    assert said in str(found.value)


def test_every_mistake_at_once() -> None:
    with pytest.raises(ValidationError) as found:
        settings(film_session={"X": 1}, film_box={"Y": 1}, image_box={"Z": 1})
    assert all(f"{name}: unknown key" in str(found.value) for name in ("session.X", "_box.Y", ".Z"))


def test_what_a_placeholder_becomes_is_checked_when_it_is_known() -> None:
    box = {"FilmOrientation": "{job.title}", "ImageDisplayFormat": "{job.title}"}
    assert settings(film_box=box).film_box == box


def test_numbers_stand_for_their_text() -> None:
    step = settings(film_session={"NumberOfCopies": 2}, image_box={"RequestedImageSize": 20.5})
    assert (step.film_session, step.image_box) == (
        {"NumberOfCopies": "2"}, {"RequestedImageSize": "20.5"}
    )  # fmt: skip


def planned(filled: Settings, pages: Iterable[int], nth: int = 0, before: int = 0) -> list[Any]:
    job = cast("Job", SimpleNamespace(id="0" * 32))
    return print_action.planned(filled, job, nth, list(pages), before)


def test_films_are_numbered_and_their_keys_differ() -> None:
    four = settings(film_box={"ImageDisplayFormat": r"STANDARD\2,2"})
    films = planned(four, range(1, 8))
    assert [(f.number, f.pages) for f in films] == [(1, (1, 2, 3, 4)), (2, (5, 6, 7))]
    assert len({f.key for f in films}) == 2
    assert [(f.number, f.pages) for f in planned(four, [5, 6, 7], before=1)] == [(2, (5, 6, 7))]
    assert planned(four, []) == []


def test_a_film_is_the_same_whatever_its_settings_become() -> None:
    one = planned(settings(film_session={"FilmSessionLabel": "100000"}), [1, 2])
    assert one == planned(settings(film_session={"FilmSessionLabel": "110000"}, dpi=100), [1, 2])


def test_the_same_pages_in_another_step_are_another_film() -> None:
    assert planned(settings(), [1]) != planned(settings(), [1], nth=1)


def test_which_step_it_is_does_not_hang_on_its_place_or_its_settings() -> None:
    def nth(*steps: dict[str, Any]) -> int:
        running = SimpleNamespace(snapshot={"steps": list(steps)}, step=len(steps) - 1)
        job = cast("Job", SimpleNamespace(running=running))
        return print_action._nth(settings(), job)

    mine = {"action": "print", "remote": settings().remote}
    assert nth(mine) == 0
    assert nth({"action": "parse"}, {**mine, "remote": "elsewhere"}, {**mine, "dpi": 100}) == 0
    assert nth({**mine, "dpi": 100}, mine) == 1
