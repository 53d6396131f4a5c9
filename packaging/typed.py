#!/usr/bin/env python3
"""Runs a command on a terminal of its own, and types each answer after its question.

    typed.py [QUESTION=ANSWER]… -- COMMAND…

Ends as the command does; with 3 where a question was not asked.
"""

from __future__ import annotations

import os
import pty
import sys


def main() -> int:
    """Pass on what the command says, and answer it."""
    dashes = sys.argv.index("--")
    answers = [text.rsplit("=", 1) for text in sys.argv[1:dashes]]
    pid, terminal = pty.fork()
    if pid == 0:
        command = sys.argv[dashes + 1 :]
        os.execvp(command[0], command)  # noqa: S606 - a list of words, no shell
    seen = b""
    while data := _read(terminal):
        sys.stdout.buffer.write(data.replace(b"\r\n", b"\n"))
        sys.stdout.buffer.flush()
        seen += data
        if answers and answers[0][0].encode() in seen:
            os.write(terminal, answers.pop(0)[1].encode() + b"\n")
            seen = b""
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    for question, _ in answers:
        sys.stderr.write(f"typed.py: it did not ask: {question}\n")
    return code or 3 * bool(answers)


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:  # EIO: nobody has the other end any more
        return b""


if __name__ == "__main__":
    sys.exit(main())
