"""The command line: the verbs, and the only package that prints.

`parser` says what can be typed, `look` shows, `operate` changes jobs, `printing` submits,
`admin` serves, checks, and manages queues, `init` begins, `doctor` examines; `output` knows
how tables and JSON look.
"""

from __future__ import annotations

import importlib
import logging
import os
import sys
from collections.abc import Sequence

from dicom_printer import logs
from dicom_printer.cli.parser import parser
from dicom_printer.errors import DicomPrinterError

INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb.

    Parameters
    ----------
    argv : sequence of str, optional
        Without the program's name; the process's own where it is not given.

    Returns
    -------
    int
        The exit code, as ``docs/errors.md`` lists them.
    """
    args = parser().parse_args(argv)
    level = (
        logging.DEBUG if args.verbose else logging.INFO if args.verb == "serve" else logging.ERROR
    )
    logs.set_up(level)
    # Each verb imports what it needs and no more: looking has to be instant.
    module, name = args.run
    verb = getattr(importlib.import_module(f"dicom_printer.cli.{module}"), name)
    try:
        return int(verb(args))
    except DicomPrinterError as error:
        print(f"dicom-printer {args.verb}: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # The reader (`| head`) has gone; Python would complain again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
