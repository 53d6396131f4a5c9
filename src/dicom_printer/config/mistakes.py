"""A mistake in the configuration: where it is, what is wrong, the nearest right name."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic import BaseModel, ValidationError

# What pydantic says of a value of another type, in the words of the file.
_WRONG_TYPE = {
    "int": "must be a whole number, such as 104",
    "float": "must be a number",
    "bool": "must be true or false, without quotes",
    "string": "must be a text, in quotes",
    "path": "must be a path, in quotes",
    "list": 'must be a list, such as ["one", "two"]',
    "tuple": 'must be a list, such as ["one", "two"]',
    "dict": "must be a table, of keys and values",
    "model": "must be a table, of keys and values",
}
_KINDS = ("type", "parsing", "from", "attributes")


@dataclass(frozen=True)
class Mistake:
    """One mistake.

    Attributes
    ----------
    key : str
        The dotted key, for example ``workflow.to_pacs[2].remote``; empty for the whole file.
    message : str
        What is wrong with it.
    """

    key: str
    message: str

    def __str__(self) -> str:
        return f"{self.key}: {self.message}" if self.key else self.message


def nearest(name: str, known: Iterable[str], *, known_already: bool = False) -> str:
    """Return ``; did you mean "x"?`` for the nearest of `known`, or the short list of them.

    Parameters
    ----------
    known_already : bool
        Whether the message lists them anyway.
    """
    import difflib  # on use, as pydantic: looking reads the file without a mistake, as a rule

    names = sorted(known)
    folded = {n.lower(): n for n in names}
    found = difflib.get_close_matches(name.lower(), list(folded), n=1, cutoff=0.6)
    if found:
        return f'; did you mean "{folded[found[0]]}"?'
    listed = not known_already and 0 < len(names) <= 12
    return f"; known are: {', '.join(names)}" if listed else ""


def dotted(*parts: str | int) -> str:
    """Return a key as people write it: names joined by dots, positions in brackets.

    Positions are given from 0 and written from 1, as ``show`` numbers the steps.
    """
    text = ""
    for part in parts:
        if isinstance(part, int):
            text += f"[{part + 1}]"
        else:
            text += f".{part}" if text else part
    return text


def _names(model: type[BaseModel], parts: tuple[str | int, ...]) -> set[str]:
    """Return the keys that the table at `parts` knows, walking down from `model`."""
    from pydantic import BaseModel

    current: Any = model
    for part in parts:
        if not (isinstance(current, type) and issubclass(current, BaseModel)):
            continue
        field = current.model_fields.get(str(part))
        if field is None:
            continue
        inner: Any = field.annotation
        # dict[str, Table], list[Table] and Table | None: the last type argument that is a type.
        while arguments := [a for a in getattr(inner, "__args__", ()) if a is not type(None)]:
            inner = arguments[-1]
        current = inner
    if not (isinstance(current, type) and issubclass(current, BaseModel)):
        return set()
    # `name` is filled in from the table's own header and is no key of the file.
    return {f.alias or n for n, f in current.model_fields.items()} - {"name"}


def of_model(
    model: type[BaseModel], error: ValidationError, *prefix: str | int, quoting: bool = True
) -> Iterable[Mistake]:
    """Translate what pydantic found wrong with a `model` into mistakes below `prefix`.

    Parameters
    ----------
    quoting : bool
        False where a value may be a patient's: then no mistake says what it is.
    """
    for found in error.errors():
        # pydantic marks the key of a table that is itself wrong with "[key]".
        where = tuple(part for part in found["loc"] if part != "[key]")
        key = dotted(*prefix, *where)
        if found["type"] == "extra_forbidden":
            hint = nearest(str(where[-1]), _names(model, where[:-1]))
            yield Mistake(key, f"unknown key{hint}")
        elif found["type"] == "missing":
            yield Mistake(key, "is missing")
        elif found["type"] == "literal_error":
            expected = str(found.get("ctx", {}).get("expected", ""))
            choices = [c.strip("' ") for c in expected.replace(" or ", ", ").split(",")]
            hint = nearest(str(found["input"]), choices, known_already=True)
            value = repr(found["input"]) if quoting else "the value"
            yield Mistake(key, f"{value} is not one of {expected}{hint}")
        elif found["type"] == "value_error" and not quoting:
            # our own messages quote what they are about
            yield Mistake(key, "the value does not fit")
        elif found["type"] == "greater_than_equal":
            yield Mistake(key, f"must be {found['ctx']['ge']} or more")
        elif found["type"] == "less_than_equal":
            yield Mistake(key, f"must be {found['ctx']['le']} or less")
        elif wrong := _wrong_type(found["type"]):
            parts = (*prefix, *where)
            steps = found["type"] == "list_type" and parts[0] == "workflow" and len(parts) == 2
            yield Mistake(key, wrong + ("; steps are headed [[workflow.NAME]]" if steps else ""))
        else:
            text = found["msg"].removeprefix("Value error, ")
            text = text.replace("Input should", "should").replace("String should", "should")
            yield Mistake(key, text[:1].lower() + text[1:])


def _wrong_type(kind: str) -> str:
    """Return what is said of one of pydantic's ``int_parsing``, ``list_type`` and the like."""
    name, _, rest = kind.partition("_")
    return _WRONG_TYPE.get(name, "") if rest.partition("_")[0] in _KINDS else ""
