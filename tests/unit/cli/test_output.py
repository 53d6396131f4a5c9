import time

from dicom_printer.cli import output


def test_a_moment_of_today_is_a_time_and_an_older_one_a_date() -> None:
    now = time.time()
    assert output.clock(now) == time.strftime("%H:%M:%S", time.localtime(now))
    assert output.clock(0.0).startswith(("1970-01-01", "1969-12-31"))
    assert output.clock(None) == ""


def test_sizes_and_ages() -> None:
    assert [output.size(n) for n in (0, 999, 1500, 2_000_000_000_000)] == [
        "0 B", "999 B", "1.5 KB", "2 TB",
    ]  # fmt: skip
    assert output.age(time.time() - 120) == "2m"
    assert output.age(None) == ""


def test_what_could_move_the_cursor_is_replaced() -> None:
    assert output.plain("Müller\x1b[2J\u202e\n") == "Müller�[2J��"
