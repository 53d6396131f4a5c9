"""The names of attributes: DICOM keywords, ``(gggg,eeee)`` where there is none (PS3.6)."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator

_TAG = re.compile(r"\(([0-9A-Fa-f]{4}),([0-9A-Fa-f]{4})\)")


def keyword(name: str) -> str:
    """Return `name` where it is a DICOM keyword or a tag.

    Raises
    ------
    ValueError
        With the nearest keyword.
    """
    # The dictionary takes a quarter of a second to import: only who checks names pays it.
    from pydicom.datadict import keyword_dict

    from dicom_printer.config import nearest

    # pydicom has "" for the attributes that have no keyword.
    if not name or (name not in keyword_dict and not _TAG.fullmatch(name)):
        raise ValueError(f'"{name}" is not a DICOM keyword{nearest(name, keyword_dict)}')
    return name


Keyword = Annotated[str, AfterValidator(keyword)]
"""A DICOM keyword, checked."""
