"""The verbs that only look: status, jobs, show."""

from __future__ import annotations

import argparse
import json
import sys
import time
from typing import Any

from dicom_printer.cli import health, output, queue_view
from dicom_printer.cli.access import Looking, coming, looking, printer_there
from dicom_printer.cli.columns import Table, plain
from dicom_printer.errors import TicketError, UsageError
from dicom_printer.jobs import look
from dicom_printer.spool import Spool

_REMOTE = {True: "up", False: "down", None: "not asked yet"}
_TITLES = 2  # lines above the rows of a table
_LOST = (
    "it is not heard of; the others have its jobs. Start it again, or see its host's network; "
    "where it is gone for good, it is forgotten after [service] keep"
)


def status(args: argparse.Namespace) -> int:
    """Show how printers, remotes and the spool are."""
    said = queue_view.asked()  # before root is given up: the spool's owner is not shown it all
    with looking(args) as access:
        found = _status(access)
        found["cups"] = queue_view.seen(access.known.printers, said)
        more = [*health.found(access), *queue_view.troubles(found["cups"]["queues"])]
        found["troubles"] += [text for text in more if text not in found["troubles"]]
    found["healthy"] = found["healthy"] and not found["troubles"]
    if args.json:
        output.print_json(found)
    else:
        _print_status(found)
    return 1 if args.check and not found["healthy"] else 0


def _status(access: Looking) -> dict[str, Any]:
    printers: dict[str, dict[str, Any]] = {
        name: dict.fromkeys(look.STATES, 0) | {"oldest": None, "last_error": ""}
        for name in access.known.printers
    }
    for row in look.counts(access.store):
        printer = printers.setdefault(
            row["printer"], dict.fromkeys(look.STATES, 0) | {"oldest": None, "last_error": ""}
        )
        printer[row["state"]] = row["jobs"]
        if row["state"] in look.WAITING:
            printer["oldest"] = min(t for t in (printer["oldest"], row["oldest"]) if t is not None)
    for name, error in look.last_error(access.store).items():
        printers[name]["last_error"] = error
    seen = look.remotes(access.store)
    remotes = {
        name: {"ae_title": r.ae_title, "address": f"{r.host}:{r.port}", "up": None, "waiting": 0}
        | seen.get(name, {})
        for name, r in access.known.remotes.items()
    }
    runs, nodes, troubles = services(access.spool, access.store)
    found = {
        "service": "running" if runs else "not running",
        "spool": str(access.spool.root),
        "free": access.spool.free(),
        "incoming": len(access.spool.incoming()),
        "rejected": len(access.spool.rejected()),
        "troubles": troubles,
        "nodes": nodes,
        "printers": printers,
        "remotes": remotes,
    }
    held = any(p["held"] for p in printers.values())
    down = any(r["up"] is False for r in remotes.values())
    found["healthy"] = runs and not (held or down or found["rejected"])
    return found


def services(spool: Spool, store: look.Reader) -> tuple[bool, list[dict[str, Any]], list[str]]:
    """Return whether a service runs, which there are, and what troubles them."""
    nodes = look.nodes(store)
    if not store.shared:
        if not spool.service_runs():
            return False, [], []  # what one that died has said holds no more
        return True, nodes, [trouble for node in nodes for trouble in node["troubles"]]
    troubles = [
        f"node {node['name']}: {trouble}"
        for node in nodes
        for trouble in ([_LOST] if node["lost"] else node["troubles"])
    ]
    return not all(node["lost"] for node in nodes), nodes, troubles


def _print_status(found: dict[str, Any]) -> None:
    service = found["service"]
    if service == "not running":
        service += "; start it with `dicom-printer serve` or `systemctl start dicom-printer`"
    print(f"service   {service}")
    print(
        f"spool     {found['spool']}, {output.size(found['free'])} free, "
        f"{found['incoming']} incoming, {found['rejected']} rejected"
    )
    if len(found["nodes"]) > 1:
        print()
        output.draw(_nodes(found["nodes"]))
    for trouble in found["troubles"]:
        print(f"trouble   {plain(trouble)}")
    print()
    output.draw(_printers(found["printers"]))
    print()
    output.draw(queue_view.printed(found["cups"]))
    print()
    output.draw(
        Table(
            ["remote", "AE title", "address", "state", "waiting", "next attempt", "error"],
            [
                (
                    name,
                    r["ae_title"],
                    r["address"],
                    _REMOTE[r["up"]],
                    r["waiting"] or "",
                    output.clock(r.get("next_attempt")),
                    r.get("error", ""),
                )
                for name, r in found["remotes"].items()
            ],
        )
    )


def _nodes(nodes: list[dict[str, Any]]) -> Table:
    return Table(
        ["node", "state", "running", "version", "since", "last heard of"],
        [
            (n["name"], "lost" if n["lost"] else "up", n["running"] or "", n["version"],
             output.clock(n["since"]), output.clock(n["heard"]))
            for n in nodes
        ],
    )  # fmt: skip


def _printers(printers: dict[str, dict[str, Any]]) -> Table:
    states = [state for state in look.STATES if state != "incoming"]
    return Table(
        ["printer", *states, "oldest", "last error"],
        [
            (n, *(p[s] or "" for s in states), output.age(p["oldest"]), p["last_error"])
            for n, p in printers.items()
        ],
    )


def jobs(args: argparse.Namespace) -> int:
    """Show a line for every job."""
    with looking(args) as access:
        known = set(access.known.printers)
        if args.printer not in {None, *known}:  # its jobs may be on their way in
            known |= {ticket.printer for ticket in coming(access.spool)}
        printer_there(access.store, known, args.printer)
        if args.watch:
            return _watch(access, args)
        found = _listing(access, args)
    if args.json:
        output.print_json(found)
    else:
        output.draw(_table(found))
    return 0


def _listing(access: Looking, args: argparse.Namespace) -> list[dict[str, Any]]:
    found = look.listing(access.store, args.state, args.printer, limit=args.limit)
    if args.state not in {None, "incoming"}:
        return found
    ids = {job["id"] for job in found}
    for ticket in coming(access.spool):
        if ticket.id not in ids and args.printer in {None, ticket.printer}:
            found.append(
                {"id": ticket.id, "state": "incoming", "printer": ticket.printer}
                | {"title": ticket.title, "user": ticket.user, "source": ticket.source}
            )
    return found[-args.limit :] if args.limit else found


def _table(found: list[dict[str, Any]]) -> Table:
    return Table(
        ["job", "state", "pages", "printer", "user", "title", "since", "next attempt", "reason"],
        [
            (
                job["id"][: look.SHORT],
                job["state"],
                f"{job['accepted']}/{job['pages']}" if job.get("pages") else "",
                job["printer"],
                job["user"],
                job["title"],
                output.clock(job.get("updated")),
                output.clock(job.get("next_attempt")),
                job.get("reason", ""),
            )
            for job in found
        ],
    )


def _watch(access: Looking, args: argparse.Namespace) -> int:
    if not sys.stdout.isatty() or args.json:
        raise UsageError("--watch draws on a terminal", "use --json without --watch in a program")
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    limit = args.limit
    with Live(console=Console(), screen=True, auto_refresh=False) as live:
        while True:
            # The newest are at the end: what does not fit goes from the beginning.
            height = live.console.height
            args.limit = min(limit or height, height)
            lines = list(_table(_listing(access, args)).lines(*output.terminal()))
            fitting = [*lines[:_TITLES], *lines[_TITLES:][-max(height - _TITLES, 1) :]]
            live.update(Text.from_ansi("\n".join(fitting), no_wrap=True), refresh=True)
            time.sleep(1)


def show(args: argparse.Namespace) -> int:
    """Show everything about one job."""
    with looking(args) as access:
        job_id = look.resolve(access.store, args.job)
        found = look.show(access.store, job_id)
        try:
            found["ticket"] = access.spool.ticket_as_written(job_id)
        except TicketError as error:
            found["ticket"] = {"error": str(error)}
    if args.json:
        output.print_json(found)
    else:
        _print_job(found)
    return 0


def _print_job(found: dict[str, Any]) -> None:
    ticket = found["ticket"]
    accepted = f"{found['accepted']} of {found['pages']} pages" if found["pages"] else ""
    facts = {
        "job": found["id"],
        "state": found["state"] + (f" ({found['reason']})" if found["reason"] else ""),
        "error": found["error"],
        "next attempt": output.clock(found["next_attempt"]),
        "given up at": output.clock(found["give_up_at"]),
        "printer": found["printer"],
        "title": found["title"],
        "from": f"{found['user']} {ticket.get('host', '')} by {found['source']}",
        "document": f"{ticket.get('document', '')}, {output.size(ticket.get('size', 0))}",
        "came in": output.clock(found["created"]),
        "accepted": accepted,
        "attempts": found["attempt"],
    }
    for name, text in facts.items():
        if text not in {"", None}:
            print(f"{name:<13} {plain(str(text))}")
    _section("step", ["", "action", "remote"], [
        ("->" if i == found["step"] and found["state"] not in {"done", "discarded"} else i,
         step.get("action"), step.get("remote"))
        for i, step in enumerate(found["workflow"], 1)
    ])  # fmt: skip
    _section("attributes", ["keyword", "value"], [
        (name, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
        for name, value in sorted(found["attributes"].items())
    ])  # fmt: skip
    _print_history(found)


def _print_history(found: dict[str, Any]) -> None:
    _section("accepted instances", ["page", "remote", "status", "SOP Instance UID"], [
        (i["page"], i["remote"], f"0x{i['status']:04X}", i["sop_instance_uid"])
        for i in found["instances"]
    ])  # fmt: skip
    _section("films", ["film", "pages", "printer", "sent", "status"], [
        (f["number"], ", ".join(map(str, f["pages"])), f["remote"], output.clock(f["sent"]),
         "unknown" if f["status"] is None else f"0x{f['status']:04X}")
        for f in found["films"]
    ])  # fmt: skip
    _section("events", ["at", "event", "detail", "by"], [
        (output.clock(e["at"]), e["what"], e["detail"], e["user"]) for e in found["events"]
    ])  # fmt: skip


def _section(title: str, columns: list[str], rows: list[Any]) -> None:
    if rows:
        print(f"\n{output.in_style(title, '1')}")
        output.draw(Table(columns, rows))
