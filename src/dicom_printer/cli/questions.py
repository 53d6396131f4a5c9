"""What ``init`` wants to know: answered by flags, by a person at the terminal, or as is usual."""

from __future__ import annotations

import argparse
from typing import Any, NamedTuple

from pydantic import TypeAdapter, ValidationError

from dicom_printer.errors import UsageError


class Question(NamedTuple):
    """One thing to know.

    Attributes
    ----------
    name : str
        The flag's name, with underscores.
    text : str
        What is asked; empty where nobody is asked, for a flag says it or it is as usual.
    default : str
        The answer where none is given.
    kind : type
        What the answer has to be.
    is_needed : bool
        Whether nothing is no answer.
    """

    name: str
    text: str
    default: str = ""
    kind: Any = str
    is_needed: bool = True

    @property
    def flag(self) -> str:
        """The flag that answers it."""
        return "--" + self.name.replace("_", "-")


class Answering(NamedTuple):
    """Who answers.

    Attributes
    ----------
    args : argparse.Namespace
        The flags.
    can_ask : bool
        Whether a person is there.
    """

    args: argparse.Namespace
    can_ask: bool

    def text(self, question: Question) -> str:
        """Return what a flag says, or a person; else what is usual.

        Raises
        ------
        UsageError
            Where nothing is usual, or a flag's value is no good.
        """
        stated: str | None = getattr(self.args, question.name)
        if stated is None and not (self.can_ask and question.text):
            if question.is_needed and not question.default:
                raise UsageError(f"{question.flag} is missing, and there is no terminal to ask on")
            stated = question.default
        if stated is not None:
            if wrong := _wrong(question, stated):
                raise UsageError(f"{question.flag}: {wrong}")
            return stated
        while True:
            typed = _typed(question.text, question.default)
            if not (wrong := _wrong(question, typed)):
                return typed
            print(wrong)

    def yes(self, question: Question) -> bool:
        """Return whether the flag is there, or a person says yes; Enter is no."""
        return bool(getattr(self.args, question.name)) or (self.can_ask and agreed(question.text))


def agreed(text: str) -> bool:
    """Ask a person for a yes; Enter is no."""
    return _typed(f"{text} (y/n)", "n").lower().startswith("y")


def _typed(text: str, default: str) -> str:
    """Ask on the terminal; Enter takes the answer that is usual."""
    usual = f" [{default}]" if default else ""
    try:
        return input(f"{text}{usual}: ").strip() or default
    except EOFError:
        raise UsageError("the answers ended", "run it again, or state all by flags") from None


def _wrong(question: Question, value: str) -> str:
    if not value.strip():
        return "cannot be empty" if question.is_needed else ""
    try:
        TypeAdapter(question.kind).validate_python(value)
    except ValidationError as error:
        return str(error.errors()[0]["msg"])
    return ""
