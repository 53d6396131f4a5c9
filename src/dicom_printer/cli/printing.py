"""The verbs that deal with documents: submit, preview."""

from __future__ import annotations

import argparse
import io
import os
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from dicom_printer import checks
from dicom_printer.cli import output
from dicom_printer.cli.access import job_table, opened, spool_of
from dicom_printer.cli.person import person
from dicom_printer.config import Config, nearest
from dicom_printer.errors import BadValueError, DocumentError, SpoolError, UsageError
from dicom_printer.hotfolder import SUFFIXES
from dicom_printer.jobs import look
from dicom_printer.jobs.store import Store
from dicom_printer.spool import Spool

_ENDED = {"done", "held", "discarded"}
_POLL_S = 0.3


def submit(args: argparse.Namespace) -> int:
    """Put files into the spool as jobs."""
    config = checks.load(args.config)
    if args.printer not in config.printer:
        hint = nearest(args.printer, config.printer)
        raise UsageError(f'there is no printer "{args.printer}"{hint}')
    attributes = stated(dict(args.attributes))
    if args.pages:
        _pages_in_order(args.pages)
    with ExitStack() as stack:
        # Opened before root is given up: the files are the caller's.
        sources = [(path, stack.enter_context(_document(path))) for path in args.files]
        user = person()
        spool = spool_of(config.service.spool)
        ids: list[str] = []
        try:
            for path, source in sources:
                ids.append(_commit(args, spool, path, source, attributes, user))
        except SpoolError as error:
            error.message = f"{path}: {error.message}"
            if ids:
                # Who tries again must know what is in the spool already.
                error.message += f"; before that these were accepted: {', '.join(ids)}"
            raise
    return _report(args, config, spool, ids)


def _commit(
    args: argparse.Namespace, spool: Spool, path: Path, source: BinaryIO,
    attributes: dict[str, str], user: str,
) -> str:  # fmt: skip
    title = args.title if args.title is not None else path.stem
    return spool.commit(
        source,
        f"document{SUFFIXES[path.suffix.lower()]}",
        lambda: True,
        printer=args.printer,
        source="submit",
        title=_text(title)[:4096],
        filename=_text(path.name)[:1024],
        user=user,
        host=socket.gethostname(),
        options=[("page-ranges", args.pages)] if args.pages else [],
        attributes=attributes,
    ).id


def _text(name: str) -> str:
    """Return a name of the file system as text: it may be any bytes."""
    return os.fsencode(name).decode("utf-8", "replace")


def _pages_in_order(ranges: str) -> None:
    """Refuse page ranges that no document could have, while somebody is there to read it."""
    from dicom_printer.pages.selection import selected

    try:
        selected(1, f"1,{ranges}", None)
    except DocumentError as error:
        raise UsageError(f"--pages {ranges}: {error.message}", "write for example 1-3,7") from None


def stated(attributes: dict[str, str]) -> dict[str, str]:
    """Check what ``--set`` states now, while somebody is there to read the error."""
    from dicom_printer.attributes import check_value, name_of

    for name, value in attributes.items():
        try:
            check_value(name, value)
        except BadValueError as error:
            raise UsageError(f"--set {name}: {error.message}", "correct it and try again") from None
    return {name_of(name): value for name, value in attributes.items()}


@contextmanager
def _document(path: Path) -> Iterator[BinaryIO]:
    if path.suffix.lower() not in SUFFIXES:
        raise UsageError(f"{path} cannot be printed", f"give one of {', '.join(sorted(SUFFIXES))}")
    try:
        source = path.open("rb")
    except OSError as error:
        raise UsageError(
            f"{path} cannot be read: {error.strerror}", "see its path and its mode"
        ) from None
    with source:
        yield source


def _report(args: argparse.Namespace, config: Config, spool: Spool, ids: list[str]) -> int:
    if not args.json:
        for job_id in ids:
            print(job_id, flush=True)
    # Of several nodes, none need run on this machine.
    if not config.service.database.get_secret_value() and not spool.service_runs():
        print("the service is not running; the jobs wait in the spool", file=sys.stderr)
    if not args.wait:
        if args.json:
            output.print_json([{"id": job_id} for job_id in ids])
        return 0
    with job_table(config, spool) as store:
        found = _wait(store, ids)
    if args.json:
        output.print_json(found)
    else:
        for job in found:
            print(job["id"][: look.SHORT], job["state"], job["error"])
    return 0 if all(job["state"] == "done" for job in found) else 1


def _wait(store: Store, ids: list[str]) -> list[dict[str, Any]]:
    """Wait until every job has ended or is held, saying on stderr how far they are."""
    from rich.console import Console

    with Console(stderr=True).status("waiting for the service") as line:
        while True:
            found = look.listing(store, ids=ids)
            if len(found) == len(ids) and all(job["state"] in _ENDED for job in found):
                return found
            line.update("; ".join(_progress(job) for job in found) or "waiting for the service")
            time.sleep(_POLL_S)


def _progress(job: dict[str, Any]) -> str:
    text = f"{job['id'][: look.SHORT]} {job['state']}"
    if job["pages"]:
        text += f", {job['accepted']} of {job['pages']} pages"
    if job["next_attempt"]:
        text += f", {job['reason']}, next attempt {output.clock(job['next_attempt'])}"
    return text


def preview(args: argparse.Namespace) -> int:
    """Write a page of a job as PNG, as its first store step sends it."""
    if str(args.output) == "-":
        sys.stdout.buffer.write(_png(args))
        return 0
    name = args.output or Path(f"{args.job[: look.SHORT]}-page{args.page}.png")
    is_new = not name.exists()
    # Opened before root is given up: it lies where the caller is, not in the spool. What is
    # there stays until there is something to put in its place.
    try:
        descriptor = os.open(name, os.O_WRONLY | os.O_CREAT, 0o600)
    except OSError as error:
        raise UsageError(f"{name} cannot be written: {error.strerror}", "name another") from None
    with os.fdopen(descriptor, "wb") as target:
        try:
            png = _png(args)
        except BaseException:
            if is_new:
                with suppress(OSError):
                    name.unlink()
            raise
        target.truncate(0)
        target.write(png)
    print(name)
    return 0


def _png(args: argparse.Namespace) -> bytes:
    from PIL import Image

    from dicom_printer.actions import store as store_action
    from dicom_printer.pages import How, Renderer

    with opened(args) as access:
        job_id = look.resolve(access.store, args.job)
        steps = look.show(access.store, job_id)["workflow"]
        ticket = access.spool.ticket(job_id)
        document = access.spool.document(ticket)
        first = next((s for s in steps if s["action"] == "store"), None)
        how = store_action.Settings.model_validate(first).how if first else How()
        renderer = Renderer(access.config.pages, workers=1)
        try:
            count = renderer.count(document)
            if not 1 <= args.page <= count:
                raise UsageError(f"job {job_id[: look.SHORT]} has {count} pages", "choose one")
            (page,) = renderer.stream(document, [args.page], how)
        finally:
            renderer.close()
    png = io.BytesIO()
    Image.fromarray(page.pixels).save(png, "PNG")
    return png.getvalue()
