"""Transfer syntaxes: which are proposed to a remote, and the byte order of what goes out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pydicom import DataElement, Dataset
from pydicom.uid import UID, ExplicitVRBigEndian

from dicom_printer.config.models import Remote

VERIFICATION = "1.2.840.10008.1.1"
UNCOMPRESSED = ("1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2")
"""Implicit and Explicit VR Little Endian, Explicit VR Big Endian (seed's Table 3.10, group 1)."""

Contexts = Sequence[tuple[str, Sequence[str]]]
"""Abstract syntaxes, each with the transfer syntaxes to propose for it."""


def allowed(remote: Remote, contexts: Contexts) -> list[tuple[str, list[str]]]:
    """Return `contexts` without the syntaxes that the remote's ``transfer_syntaxes`` lacks.

    The setting's order becomes the order of proposal: some peers choose by it. Verification
    has no data set, and is proposed whatever the setting leaves.
    """
    chosen = []
    for abstract, syntaxes in contexts:
        of_keyword = {UID(syntax).keyword: syntax for syntax in syntaxes}
        left = [of_keyword[name] for name in remote.transfer_syntaxes if name in of_keyword]
        if not left and abstract == VERIFICATION:
            left = list(syntaxes)
        if left:
            chosen.append((abstract, left))
    return chosen


def in_byte_order(ds: Dataset, syntax: str) -> Dataset:
    """Return a dataset whose words have the byte order of a transfer syntax.

    pydicom writes OW as it stands (PS3.5 section 6.2): what was made little endian has to
    be turned for Explicit VR Big Endian. Items of sequences are seen to as well.

    Parameters
    ----------
    ds : pydicom.Dataset
        Made here, little endian. It is not changed; without a word in it, it comes back.
    syntax : str
        The UID of the transfer syntax it is written in.
    """
    if syntax != ExplicitVRBigEndian:
        return ds
    turned = Dataset()  # Dataset(ds) would share what the elements lie in
    for element in ds:
        turned.add(element)
        if element.VR == "OW" and element.value:
            words = np.frombuffer(element.value, "<u2").astype(">u2").tobytes()
            turned[element.tag] = DataElement(element.tag, "OW", words)
        elif element.VR == "SQ" and element.value:
            items = [in_byte_order(item, syntax) for item in element.value]
            turned[element.tag] = DataElement(element.tag, "SQ", items)
    return turned
