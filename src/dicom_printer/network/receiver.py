"""A small store that receives: for the demonstration, and as a peer in tests."""

from __future__ import annotations

import re
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pynetdicom import AE, evt

from dicom_printer.config.models import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from dicom_printer.network.association import SECONDARY_CAPTURE
from dicom_printer.network.syntaxes import UNCOMPRESSED, VERIFICATION

OUT_OF_RESOURCES = 0xA700
CANNOT_UNDERSTAND = 0xC000


class Receiver:
    """A C-STORE and C-ECHO SCP on 127.0.0.1 that keeps what it receives (PS3.4 Annex B).

    Parameters
    ----------
    directory : Path
        Where each instance becomes a Part 10 file ``<SOPInstanceUID>.dcm``.
    port : int, optional
        The port; any free one by default, see :attr:`port`.
    ae_title : str, optional
        Its AE title; any called AE title is accepted.

    Attributes
    ----------
    port : int
        The port it listens on, once entered.
    received : int
        How many C-STORE requests it has accepted.
    """

    def __init__(self, directory: Path, port: int = 0, ae_title: str = "DEMO_STORE") -> None:
        self.directory = directory
        self.port = port
        self.ae_title = ae_title
        self.received = 0
        self._lock = threading.Lock()
        self._server: Any = None

    def __enter__(self) -> Self:
        self.directory.mkdir(parents=True, exist_ok=True)
        ae = AE(self.ae_title)
        ae.implementation_class_uid = IMPLEMENTATION_CLASS_UID
        ae.implementation_version_name = IMPLEMENTATION_VERSION_NAME
        ae.add_supported_context(VERIFICATION, list(UNCOMPRESSED))
        ae.add_supported_context(SECONDARY_CAPTURE, list(UNCOMPRESSED))
        self._server = ae.start_server(
            ("127.0.0.1", self.port), block=False, evt_handlers=[(evt.EVT_C_STORE, self._store)]
        )
        self.port = self._server.socket.getsockname()[1]
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._server is not None:
            self._server.ae.shutdown()
            self._server = None

    def _store(self, event: Any) -> int:
        uid = str(event.request.AffectedSOPInstanceUID)
        # it names a file, and comes from the network
        if not re.fullmatch(r"[0-9.]{1,64}", uid):
            return CANNOT_UNDERSTAND
        file = self.directory / f"{uid}.dcm"
        try:
            with self._lock:
                file.write_bytes(event.encoded_dataset())
                self.received += 1
        except OSError:
            return OUT_OF_RESOURCES
        return 0x0000
