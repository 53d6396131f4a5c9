import threading
import time

import pytest

from dicom_printer import expressions
from dicom_printer.errors import ExpressionError

RUNAWAY, TEXT = "(?:a|aa)+$", "a" * 40_000 + "b"


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expressions, "TIMEOUT_S", 0.3)


@pytest.mark.usefixtures("impatient")
def test_a_runaway_expression_ends_and_says_why() -> None:
    for search in (expressions.fits, lambda p, t: list(expressions.matches(p, t))):
        with pytest.raises(ExpressionError, match="40001 characters") as caught:
            search(RUNAWAY, TEXT)
        assert caught.value.reason == "expression too slow"
        assert "show JOB" in str(caught.value)


@pytest.mark.usefixtures("impatient")
def test_other_threads_run_while_an_expression_does() -> None:
    ended = threading.Event()

    def search() -> None:
        with pytest.raises(ExpressionError):
            expressions.fits(RUNAWAY, TEXT)
        ended.set()

    thread = threading.Thread(target=search)
    thread.start()
    turns = 0
    while not ended.is_set():  # with `re` this loop would not get a turn until the search ends
        turns += 1
        time.sleep(0.001)
    thread.join()
    assert turns > 10


@pytest.mark.usefixtures("impatient")
def test_the_time_is_that_of_all_matches_together() -> None:
    with pytest.raises(ExpressionError):
        for _ in expressions.matches("a(?=.*b)", "a" * 100_000 + "b"):
            pass


def test_found_anywhere_and_everywhere() -> None:
    assert expressions.fits("CR|DX", "a DX")
    assert not expressions.fits("^CT$", "CTA")
    assert [m["n"] for m in expressions.matches(r"A(?P<n>\d)", "A1 A2")] == ["1", "2"]


@pytest.mark.parametrize("pattern", ["(", "*", "(?P<n>", "[", "a{2,1}", "(" * 100_000])
def test_what_is_no_expression_is_a_value_error(pattern: str) -> None:
    with pytest.raises(ValueError, match="is not a regular expression"):
        expressions.compiled(pattern)
