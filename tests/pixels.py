"""Do two renderings show the same page? Ours, and one by ``pdftoppm`` that knows nothing of ours.

Two engines never agree in every pixel: they smooth edges differently, round a page's size
differently, and draw a font that is not embedded with another one. What is tolerated:

- one row or column more or less, cut off;
- 1 % of the blocks of 8 x 8 pixels may differ by more than 40 of 255 in their mean colour.
  Measured from 50 to 150 dpi were at most 0.5 %, from the edges of large digits; another page
  of the same report had 3.3 % and more, a page upside down 12 %;
- the place must be right to 5 pixels: no shift by 5 may make the two agree better. A page
  that is shifted by 10 is found by that, however little stands on it.

``tests/unit/test_pixels.py`` shows what fails.
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image
from programs import require

_BLOCK = 8
_UNLIKE = 40
_SHARE = 0.01
_SHIFT = 5


def rendered(pdf: Path, dpi: int) -> list[np.ndarray]:
    """Return the pages of a PDF as ``pdftoppm`` renders them, RGB."""
    require("pdftoppm")
    with tempfile.TemporaryDirectory() as directory:
        command = ["pdftoppm", "-r", str(dpi), str(pdf), f"{directory}/page"]
        subprocess.run(command, check=True, timeout=60)
        # pdftoppm pads the numbers, so that the names sort as the pages do
        return [np.asarray(Image.open(path)) for path in sorted(Path(directory).iterdir())]


def difference(ours: np.ndarray, theirs: np.ndarray) -> str:
    """Return what tells two pictures of a page apart, "" where they agree.

    Where one of the two is gray, colours do not count.
    """
    if any(abs(ours.shape[i] - theirs.shape[i]) > 1 for i in (0, 1)):
        return f"the size: {ours.shape[:2]} and {theirs.shape[:2]}"
    if ours.ndim != theirs.ndim:
        ours, theirs = _gray(ours), _gray(theirs)
    rows, columns = (min(ours.shape[i], theirs.shape[i]) for i in (0, 1))
    ours, theirs = ours[:rows, :columns], theirs[:rows, :columns]
    unlike = np.abs(_blocks(ours) - _blocks(theirs)) > _UNLIKE
    share = float(unlike.any(axis=-1).mean() if unlike.ndim == 3 else unlike.mean())
    if share > _SHARE:
        return f"{share:.1%} of the blocks"
    ours, theirs = _gray(ours), _gray(theirs)
    here = _distance(ours, theirs)
    for axis in (0, 1):
        for shift in (-_SHIFT, _SHIFT):
            if _distance(np.roll(ours, shift, axis), theirs) < here:
                return f"the place: it fits better where it is shifted by {shift} along {axis}"
    return ""


def assert_same_pages(ours: list[np.ndarray], theirs: list[np.ndarray]) -> None:
    """Fail where the pictures do not show the same pages, one by one."""
    assert len(ours) == len(theirs)
    found = [difference(a, b) for a, b in zip(ours, theirs, strict=True)]
    assert found == [""] * len(ours)


def _gray(pixels: np.ndarray) -> np.ndarray:
    return np.asarray(Image.fromarray(pixels).convert("L"))


def _blocks(pixels: np.ndarray) -> np.ndarray:
    """Return each block's mean colour."""
    return np.asarray(Image.fromarray(pixels).reduce(_BLOCK)).astype(int)


def _distance(one: np.ndarray, other: np.ndarray) -> float:
    """Return the mean difference, the edges left out: what was shifted is wrapped there."""
    inside = (slice(_SHIFT, -_SHIFT), slice(_SHIFT, -_SHIFT))
    return float(np.abs(one[inside].astype(np.int16) - other[inside]).mean())
