"""A store that refuses, is out of resources, or forgets to answer; and keeps account of all."""

from __future__ import annotations

import hashlib
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from pynetdicom import AE, evt
from pynetdicom.transport import ThreadedAssociationServer

from chaos.plan import Answer, Welcome
from chaos.witness import Witness

SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
UNCOMPRESSED = ["1.2.840.10008.1.2.1"]
_STATUS: dict[Answer, int] = {"out of resources": 0xA700, "cannot": 0xC000, "warning": 0xB000}
_REJECTIONS: dict[Welcome, tuple[int, int, int]] = {
    "refused for now": (2, 3, 1),  # temporary congestion
    "refused for good": (1, 1, 1),
}
_FORGETS_S = 4.0


class Archive:
    """The SCP of one remote.

    Parameters
    ----------
    welcomed, answered : callable
        Return what it does with its next association, and with its next C-STORE.

    Attributes
    ----------
    kept : dict of str to set of str
        For each SOP Instance UID the digests of what came under it.
    pages : dict of (str, int) to set of str
        For each Accession Number and Instance Number the SOP Instance UIDs that came with it.
    """

    def __init__(
        self,
        witness: Witness,
        name: str,
        welcomed: Callable[[], Welcome],
        answered: Callable[[], Answer],
    ) -> None:
        self._witness, self.name = witness, name
        self._welcomed, self._answered = welcomed, answered
        self._lock = threading.Lock()
        self._over = threading.Event()
        self.kept: dict[str, set[str]] = defaultdict(set)
        self.pages: dict[tuple[str, int], set[str]] = defaultdict(set)
        self.received = 0
        ae = AE(name.upper())
        ae.maximum_associations = 10_000
        ae.network_timeout = 30
        ae.add_supported_context(SECONDARY_CAPTURE, UNCOMPRESSED)
        self._server = ae.make_server(
            ("127.0.0.1", 0),
            evt_handlers=[(evt.EVT_REQUESTED, self._requested), (evt.EVT_C_STORE, self._store)],
            server_class=ThreadedAssociationServer,
        )
        ae._servers.append(self._server)
        assert self._server.socket is not None
        self.port: int = self._server.socket.getsockname()[1]
        threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True).start()

    def close(self) -> None:
        """Abort whatever is open, and listen no longer."""
        self._over.set()
        self._server.ae.shutdown()

    def _requested(self, event: Any) -> None:
        welcome: Welcome = "" if self._witness.calm else self._welcomed()
        if not welcome:
            return
        self._witness.fault(f"association: {welcome}")
        if welcome == "abort":
            event.assoc.abort()
        else:
            event.assoc.acse.send_reject(*_REJECTIONS[welcome])
            event.assoc.kill()

    def _store(self, event: Any) -> int:
        answer: Answer = "" if self._witness.calm else self._answered()
        if answer:
            self._witness.fault(f"store: {answer}")
        status = _STATUS.get(answer, 0)
        if status in {0, 0xB000}:
            self._keep(event)
        if answer == "slow":
            time.sleep(0.4)
        elif answer == "forget":
            self._over.wait(_FORGETS_S)
        elif answer == "abort":
            event.assoc.abort()
        return status

    def _keep(self, event: Any) -> None:
        ds = event.dataset
        digest = hashlib.sha256(event.request.DataSet.getvalue()).hexdigest()
        with self._lock:
            self.received += 1
            self.kept[str(ds.SOPInstanceUID)].add(digest)
            self.pages[str(ds.AccessionNumber), int(ds.InstanceNumber)].add(str(ds.SOPInstanceUID))
