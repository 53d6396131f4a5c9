"""How long a request may last."""

import pytest
from pydicom import Dataset

from dicom_printer.network.watchdog import SLOWEST_BYTES_S, patience_s, size_of


def with_image(size: int) -> Dataset:
    ds = Dataset()
    ds.PixelData = bytes(size)
    return ds


def test_a_request_without_data_has_two_time_outs() -> None:
    assert size_of(None) == size_of(Dataset()) == 0
    assert patience_s(60, 0) == 120


@pytest.mark.parametrize("is_item", [False, True])
def test_data_have_the_time_that_a_slow_line_takes(is_item: bool) -> None:
    ds = with_image(100 * SLOWEST_BYTES_S)
    if is_item:
        outer = Dataset()
        outer.BasicGrayscaleImageSequence = [ds]
        ds = outer
    assert patience_s(60, size_of(ds)) == pytest.approx(220)
