#!/usr/bin/env python3
"""Runs a command on a terminal of its own, and types each answer after its question.

    typed.py [QUESTION=ANSWER]… -- COMMAND…

Says what the terminal would show in the end: no progress, no colours. Ends as the command
does; with 3 where a question was not asked.
"""

from __future__ import annotations

import os
import pty
import re
import select
import sys
import termios

_LINES, _COLUMNS = 50, 120
# Nothing is said for so long: it waits for an answer that is not here.
_PATIENCE_S = 600.0
# The first is apt's own progress: drawn elsewhere between "save the cursor" and "restore" it.
_ESCAPES = re.compile(rb"\x1b7.*?\x1b8|\x1b\[[0-9;?]*[A-Za-z]|\x1b[78]")


def main() -> int:
    """Pass on what the command says, and answer it."""
    dashes = sys.argv.index("--")
    answers = [text.rsplit("=", 1) for text in sys.argv[1:dashes]]
    pid, terminal = pty.fork()
    if pid == 0:
        termios.tcsetwinsize(0, (_LINES, _COLUMNS))
        command = sys.argv[dashes + 1 :]
        os.execvp(command[0], command)  # noqa: S606 - a list of words, no shell
    line = b""
    while data := _read(terminal):
        *lines, line = (line + data).split(b"\n")
        _show(b"".join(_shown(whole) + b"\n" for whole in lines))
        if answers and answers[0][0].encode() in line:
            os.write(terminal, answers.pop(0)[1].encode() + b"\n")
    _show(_shown(line))
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    for question, _ in answers:
        sys.stderr.write(f"typed.py: it did not ask: {question}\n")
    return code or 3 * bool(answers)


def _read(terminal: int) -> bytes:
    if not select.select([terminal], [], [], _PATIENCE_S)[0]:
        sys.exit("typed.py: it waits for an answer, or for ever")  # and its terminal is gone
    try:
        return os.read(terminal, 4096)
    except OSError:  # EIO: nobody has the other end any more
        return b""


def _shown(line: bytes) -> bytes:
    """Return what is left of a line on which a progress was drawn again and again."""
    return _ESCAPES.sub(b"", line).rstrip(b"\r ").rsplit(b"\r", 1)[-1]


def _show(text: bytes) -> None:
    sys.stdout.buffer.write(text)
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    sys.exit(main())
