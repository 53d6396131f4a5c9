"""Page ranges and page sets: each page once, ascending, in a range and of the right parity."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicom_printer.errors import DocumentError
from dicom_printer.pages.selection import selected

numbers = st.integers(1, 60)
ranges = st.one_of(
    numbers.map(lambda n: (n, n, f"{n}")),
    numbers.map(lambda n: (n, 10**9, f"{n}-")),
    numbers.map(lambda n: (1, n, f"-{n}")),
    st.tuples(numbers, numbers).map(sorted).map(lambda p: (p[0], p[1], f"{p[0]}-{p[1]}")),
)


@given(st.integers(1, 50), st.lists(ranges, max_size=5), st.sampled_from([None, "odd", "even"]))
def test_a_page_is_kept_where_its_number_is_in_a_range_and_its_parity_fits(
    count: int, wanted: list[tuple[int, int, str]], page_set: str | None
) -> None:
    parity = {None: (0, 1), "odd": (1,), "even": (0,)}[page_set]
    expected = [
        n
        for n in range(1, count + 1)
        if n % 2 in parity and (not wanted or any(a <= n <= b for a, b, _ in wanted))
    ]
    text = ",".join(text for _, _, text in wanted) or None
    if expected:
        assert selected(count, text, page_set) == expected
    else:
        with pytest.raises(DocumentError):
            selected(count, text, page_set)


@pytest.mark.parametrize(
    ("count", "page_ranges", "page_set", "pages"),
    [
        (10, "1-3,5,8-", None, [1, 2, 3, 5, 8, 9, 10]),
        (10, "5,1-3,2-3", "all", [1, 2, 3, 5]),
        (10, " 2 , 4 ", None, [2, 4]),
        (5, "2-99", "even", [2, 4]),
        (3, "", "", [1, 2, 3]),
        (3, "2,7-", None, [2]),
        (5, "1-999999999", "odd", [1, 3, 5]),
    ],
)
def test_examples(
    count: int, page_ranges: str | None, page_set: str | None, pages: list[int]
) -> None:
    assert selected(count, page_ranges, page_set) == pages


@pytest.mark.parametrize(
    "page_ranges",
    [
        "3-1",
        "0",
        "0-2",
        "a",
        "1,,2",
        "-",
        "1--2",
        "1-2-3",
        "1;2",
        "1.5",
        "-1-",
        "²",
        "9" * 5000,
        ",",
    ],
)
def test_a_malformed_range_is_an_error(page_ranges: str) -> None:
    with pytest.raises(DocumentError) as caught:
        selected(5, page_ranges, None)
    assert caught.value.reason == "no such pages"
    assert "range" in caught.value.message


def test_a_range_that_leaves_nothing_is_an_error() -> None:
    with pytest.raises(DocumentError, match="none of the document's 5"):
        selected(5, "7-9", None)
    with pytest.raises(DocumentError, match="none of the document's 1"):
        selected(1, None, "even")


def test_an_unknown_page_set_is_an_error() -> None:
    with pytest.raises(DocumentError, match="page set"):
        selected(5, None, "prime")


def test_as_many_ranges_as_fit_a_ticket() -> None:
    # with a set of numbers this takes minutes
    assert selected(5000, "1-999999999," * 80_000 + "1", None) == list(range(1, 5001))
