#!/usr/bin/python3
"""Turn docs/configuration.md into a manual page: `markdown_to_man.py FILE VERSION DATE`.

Tables of keys become lists, a term and its meaning, because four columns fit no terminal.
It knows the Markdown of that file, and fails on what it does not.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

NAME = "dicom-printer.toml"


def escaped(text: str) -> str:
    """Return plain text as roff has it; a line that begins with a dot is no request."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq")
    return re.sub(r"(?m)^(?=\.)", r"\\&", text)


def inline(text: str) -> str:
    """Return a text with its code in bold and its links as their words."""
    text = re.sub(r"\[([^\]]+)\]\([^)]*\)", r"\1", text).replace("\\|", "|")
    parts = re.split(r"`([^`]+)`|\*\*([^*]+)\*\*", text)
    made = ""
    for plain, code, strong in zip(parts[::3], [*parts[1::3], ""], [*parts[2::3], ""], strict=True):
        made += escaped(plain)
        if code or strong:
            made += f"\\fB{escaped(code or strong)}\\fR"
    return made


def table(lines: list[str]) -> Iterator[str]:
    """Return a table as a list: of keys with type and default, or of a word and the rest."""
    rows = [[c.strip() for c in re.split(r"(?<!\\)\|", line.strip())[1:-1]] for line in lines]
    head, body = rows[0], rows[2:]
    for row in body:
        yield ".TP"
        yield inline(row[0]) or "\\&"
        rest = row[1:]
        if head[1:3] == ["type", "default"]:
            default = f"default {inline(row[2])}" if row[2] else "required"
            yield f"{inline(row[1])}; {default}."
            yield ".br"
            rest = row[3:]
        yield from (inline(cell) for cell in rest if cell)


def blocks(text: str) -> Iterator[str]:
    """Return the roff of each heading, table, list, example and paragraph."""
    lines = text.splitlines()
    while lines:
        line = lines.pop(0)
        if line.startswith("```"):
            end = next(i for i, other in enumerate(lines) if other.startswith("```"))
            yield from (".PP", ".EX", *map(escaped, lines[:end]), ".EE")
            del lines[: end + 1]
        elif line.startswith("### "):
            yield f'.SS "{inline(line[4:])}"'
        elif line.startswith("## "):
            yield f'.SH "{inline(line[3:])}"'
        elif line.startswith("|"):
            end = next((i for i, other in enumerate(lines) if other[:1] != "|"), len(lines))
            yield from table([line, *lines[:end]])
            del lines[:end]
        elif line.startswith(("- ", "* ")):
            yield '.IP "\\(bu" 2'
            yield inline(line[2:])
        elif not line:
            # the next one says itself what it is
            if lines and re.match(r"[^#|`\-* ]|\*\*|`[^`]", lines[0]):
                yield ".PP"
        else:
            yield inline(line.strip())


def page(text: str, version: str, date: str) -> str:
    """Return the manual page."""
    body = text.split("\n", 1)[1]
    head = [
        f'.TH DICOM\\-PRINTER.TOML 5 "{date}" "DICOM Printer {version}" "File formats"',
        ".nh",  # no hyphen that somebody would type
        ".ad l",
        ".SH NAME",
        f"{escaped(NAME)} \\- configuration of dicom\\-printer",
        ".SH DESCRIPTION",
    ]
    foot = [".SH SEE ALSO", ".BR dicom\\-printer (1),", ".BR lpadmin (8)"]
    made = [line for line in blocks(body.strip()) if line]
    return "\n".join([*head, *made, *foot]) + "\n"


if __name__ == "__main__":
    sys.stdout.write(page(Path(sys.argv[1]).read_text(encoding="utf-8"), *sys.argv[2:]))
