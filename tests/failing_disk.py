"""A disk on which nothing can be written for a while, for processes that load `failing_disk.c`."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from programs import require

_SOURCE = Path(__file__).with_suffix(".c")


class FailingDisk:
    """Everything below a directory, as the processes with its :attr:`env` see it.

    Parameters
    ----------
    work : Path
        A directory outside of `root`.
    """

    def __init__(self, work: Path, root: Path) -> None:
        require("gcc")
        library, self._now = work / "failing_disk.so", work / "failing"
        subprocess.run(
            ["gcc", "-shared", "-fPIC", "-O1", "-o", library, _SOURCE, "-ldl"], check=True
        )
        self.env = {
            "LD_PRELOAD": str(library), "FAILING_ROOT": str(root), "FAILING_NOW": str(self._now),
        }  # fmt: skip

    @contextmanager
    def fails(self, code: int) -> Iterator[None]:
        """Let every write fail with an errno: ENOSPC, EROFS, EIO."""
        self._now.write_text(str(code))
        try:
            yield
        finally:
            self._now.unlink()
