"""Start one fuzzer: our code and what it parses with are instrumented, then fed for ever."""

from __future__ import annotations

import sys

import atheris


def fuzz(name: str) -> None:
    """Feed the target `name` as libFuzzer's options say (``-help=1`` lists them).

    It ends at the first input that the target raises for, and writes that to a file.
    """
    with atheris.instrument_imports(include=["dicom_printer", "tomllib", "json", "shlex"]):
        from fuzz.targets import TARGETS, backend
    for function in ("parse_options", "make_ticket", "clean", "number"):
        atheris.instrument_func(backend()[function])
    atheris.Setup(sys.argv, TARGETS[name])
    atheris.Fuzz()
