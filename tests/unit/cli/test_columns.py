from __future__ import annotations

import pytest

from dicom_printer.cli.columns import Table, plain

LONG = "a report of the ward with a very long title indeed"


def lines(rows: list[tuple[object, ...]], width: int | None = None) -> list[str]:
    return list(Table(["job", "title"], rows).lines(width))


def test_cells_stand_below_their_title_and_nothing_ends_in_blanks() -> None:
    assert lines([("4711", None), ("1", "ward")]) == [
        "JOB    TITLE",
        "------------",
        "4711",
        "1      ward",
    ]


def test_a_table_without_rows_has_its_titles() -> None:
    assert lines([]) == ["JOB   TITLE", "-----------"]


def test_without_a_width_a_row_is_one_line() -> None:
    assert len(lines([("1", LONG * 100)])) == 3


@pytest.mark.parametrize("title", [LONG, LONG.replace(" ", ""), "影像报告" * 20, "Ü" * 80])
def test_what_does_not_fit_goes_on_in_its_column(title: str) -> None:
    from rich.cells import cell_len

    _, _, *found = lines([("4711", title)], 30)
    assert max(map(cell_len, found)) <= 30
    assert len(found) > 1
    assert all(line.startswith(" " * 7) for line in found[1:]), "below its title"
    assert "".join(f[7:] for f in found).replace(" ", "") == title.replace(" ", "")


def test_words_stay_whole_where_they_can() -> None:
    _, _, *found = lines([("4711", LONG)], 30)
    assert " ".join(f[7:] for f in found) == LONG


def test_narrow_columns_stay_as_they_are_when_wide_ones_give_way() -> None:
    _, _, first, *_ = lines([("12345678", LONG)], 40)
    assert first.startswith("12345678   a report")


def test_a_terminal_too_narrow_for_anything_ends_and_loses_nothing() -> None:
    _, _, *found = lines([("4711", "影像" * 9)], 1)
    assert "".join(found).count("影") == 9


def test_wide_letters_take_two_cells() -> None:
    table = Table(["a", "b"], [("影", "x"), ("ab", "y")])
    assert list(table.lines())[2:] == ["影   x", "ab   y"]


def test_a_state_has_its_colour_and_its_column_stays_straight() -> None:
    table = Table(["state", "title"], [("held", "x"), ("odd", "held by")])
    _, _, held, odd = table.lines(80, colour=True)
    assert held == "\x1b[1;31mheld\x1b[0m    x"
    assert odd == "odd     held by"


def test_what_could_move_the_cursor_is_replaced() -> None:
    assert plain("Müller\x1b[2J\u202e\n") == "Müller�[2J��"
    assert lines([("1", "\x1b[31m\n")])[2] == "1     �[31m�"
