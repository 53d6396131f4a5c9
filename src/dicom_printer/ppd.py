"""The PPD of our queues: the base file, and a question in the print dialog for each keyword.

A keyword that a printer asks for becomes a custom string option. Whatever a person types
there arrives among the ticket's options; `typed_value` takes it out of its wrapping.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from dicom_printer.errors import ConfigError

MARKER = "*% The service puts the options of `ask` here.\n"
"""The line of the base PPD that gives way to the custom options."""

_CHOSEN_NOTHING = "None"
_CUSTOM = "Custom."

# CUPS cuts off no main keyword, it refuses the file: 40 letters, "ParamCustom" among them.
_KEYWORD_MAX = 40 - len("ParamCustom")
_LABEL_MAX = 80

# The longest answer. Not the VR's own limit where that is shorter: a dialog cuts without a
# word, and a cut-off identifier may be another patient's. The service says what is too long.
_ANSWER_MAX = 64
_LONG_ANSWER_MAX = 255
_LONG_VRS = frozenset({"LT", "PN", "ST", "UC", "UR", "UT"})

_OPTION = """\
*OpenUI *{keyword}/{label}: PickOne
*OrderDependency: 20 AnySetup *{keyword}
*Default{keyword}: None
*{keyword} None/(from document): ""
*CloseUI: *{keyword}
*Custom{keyword} True: "pop"
*ParamCustom{keyword} Text/{label}: 1 string 0 {longest}
"""


def backend_directory() -> Path:
    """Return the directory with the CUPS backend and its PPD: in the package, or the checkout's."""
    package = Path(__file__).resolve().parent
    packaged = package / "_cups_backend"
    return packaged if packaged.is_dir() else package.parent.parent / "cups-backend"


def base_ppd() -> str:
    """Return the text of the PPD that every queue starts from."""
    return (backend_directory() / "dicom.ppd").read_text(encoding="utf-8")


def with_questions(base: str, ask: Iterable[str]) -> str:
    """Return `base` with a custom string option for each DICOM keyword of `ask`.

    Parameters
    ----------
    base : str
        A PPD that holds the line `MARKER`.
    ask : iterable of str
        DICOM keywords, in the order the dialog shows them.

    Raises
    ------
    ConfigError
        For a keyword that DICOM does not have or that does not fit into a PPD.
    """
    options = "".join(_option(keyword, base) for keyword in dict.fromkeys(ask))
    if not options:
        return base
    before, marker, after = base.partition(MARKER)
    if not marker:
        raise ConfigError("the PPD has no place for the options of `ask`", "use our dicom.ppd")
    return f"{before}*OpenGroup: DICOM/DICOM\n{options}*CloseGroup: DICOM\n{after}"


def typed_value(raw: str) -> str:
    """Return what a person typed into a custom option, "" where the field was left alone.

    >>> typed_value("Custom.4711"), typed_value("4711"), typed_value("None")
    ('4711', '4711', '')
    """
    return "" if raw == _CHOSEN_NOTHING else raw.removeprefix(_CUSTOM)


def _option(keyword: str, base: str) -> str:
    from pydicom.datadict import dictionary_description, dictionary_VR, tag_for_keyword

    tag = tag_for_keyword(keyword) if keyword else None  # "" stands for tags without a keyword
    if tag is None:
        raise ConfigError(f"ask: {keyword!r} is not a DICOM keyword")
    if len(keyword) > _KEYWORD_MAX or f"*OpenUI *{keyword}/" in base:
        raise ConfigError(
            f"ask: {keyword} cannot be an option of a print queue",
            f"ask for a keyword of at most {_KEYWORD_MAX} letters, "
            "or take the value from the title with the action `parse`",
        )
    label = re.sub(r"[/:]", " ", dictionary_description(tag))[:_LABEL_MAX]
    longest = _LONG_ANSWER_MAX if dictionary_VR(tag) in _LONG_VRS else _ANSWER_MAX
    return _OPTION.format(keyword=keyword, label=label, longest=longest)
