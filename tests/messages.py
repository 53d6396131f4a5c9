"""The messages that the source can give, as far as its syntax shows them; `…` is what differs."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import product
from pathlib import Path

from dicom_printer import errors

# Which argument of a call is a message.
PLACES = {name: 0 for name, found in vars(errors).items() if isinstance(found, type)}
PLACES |= {"CertificateError": 0, "damaged": 0, "_unusable": 0, "_error": 0, "_contradiction": 0}
PLACES |= {"Mistake": 1, "_failed": 1}
# A validator's ValueError is a mistake in the configuration; elsewhere it is a fault of ours.
VALIDATORS = {"config", "actions", "keys.py", "keywords.py", "film.py", "expressions.py"}
# The tables of network/tls_outcome.py, and its function that returns message and remedy.
TABLES = {"_OUR_CERTIFICATE", "_NOTHING_SHARED", "_WRONG_TYPE"}
PAIRS = {"_wrong"}

Assigned = dict[str, list[ast.expr]]


def skeleton(text: str) -> str:
    """Return what is constant in a message, so that a document may write the rest as it likes."""
    parts = (part.strip(" :;,()\"'`/.") for part in text.split("…"))
    return "…".join(part for part in parts if part)


def messages(source: Path) -> set[str]:
    """Return the skeletons of what a package's modules can say."""
    found: set[str] = set()
    for path in source.rglob("*.py"):
        places = dict(PLACES)
        if VALIDATORS & set(path.relative_to(source).parts):
            places["ValueError"] = 0
        found.update(map(skeleton, _of_module(path.read_text(encoding="utf-8"), places)))
    return found - {""}


def _of_module(text: str, places: dict[str, int]) -> Iterator[str]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Assign) and _name(node.targets[0]) in TABLES:
            assert isinstance(node.value, ast.Dict)
            yield from (t for value in node.value.values for t in _texts(value, {}))
        if isinstance(node, ast.FunctionDef):
            yield from _of_function(node, places)


def _of_function(function: ast.FunctionDef, places: dict[str, int]) -> Iterator[str]:
    assigned: Assigned = {}
    for node in ast.walk(function):
        if isinstance(node, ast.Assign):
            assigned.setdefault(_name(node.targets[0]), []).append(node.value)
    for node in ast.walk(function):
        if isinstance(node, ast.Call):
            place = places.get(_name(node.func))
            if place is not None and len(node.args) > place:
                yield from _texts(node.args[place], assigned)
    for node in ast.walk(function) if function.name in PAIRS else ():
        if isinstance(node, ast.Return) and isinstance(node.value, ast.Tuple):
            yield from _texts(node.value.elts[0], assigned)


def _name(node: ast.expr) -> str:
    return str(getattr(node, "id", getattr(node, "attr", "")))


def _texts(node: ast.expr, assigned: Assigned) -> list[str]:
    """Return what an expression can be as a text; a name stands for all that it was given."""
    if isinstance(node, ast.Constant):
        return [str(node.value)]
    if isinstance(node, ast.JoinedStr):
        return ["".join(parts) for parts in product(*(_texts(v, assigned) for v in node.values))]
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        sides = product(_texts(node.left, assigned), _texts(node.right, assigned))
        return ["".join(parts) for parts in sides]
    if isinstance(node, ast.FormattedValue):
        return _texts(node.value, assigned)
    if isinstance(node, ast.Name) and node.id in assigned:
        given = assigned[node.id]
        if all(isinstance(value, ast.Constant | ast.JoinedStr) for value in given):
            return [text for value in given for text in _texts(value, {})]
    return ["…"]
