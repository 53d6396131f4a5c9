import json
import time

import pytest

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


def test_json_of_a_list_has_a_line_for_each_element(capsys: pytest.CaptureFixture[str]) -> None:
    found = [{"title": "Müller\n"}, {"title": "b", "pages": None}]
    output.print_json(found)
    said = capsys.readouterr().out
    assert json.loads(said) == found
    assert [line[:1] for line in said.splitlines()] == ["[", "{", "{", "]"]
    assert "Müller" in said
    others: list[object] = [[], {"a": [1, {"b": 2}]}]
    for value in others:
        output.print_json(value)
        assert json.loads(capsys.readouterr().out) == value


def test_a_pipe_has_no_width_and_no_colour_and_a_terminal_may_refuse_colour(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert output.terminal() == (None, False)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "72")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert output.terminal() == (72, True)
    assert output.in_style("held", "31") == "\x1b[31mheld\x1b[0m"
    monkeypatch.setenv("NO_COLOR", "1")
    assert output.terminal() == (72, False)
    assert output.in_style("held", "31") == "held"
