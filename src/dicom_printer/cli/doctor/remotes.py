"""The remotes: whether they answer, how soon, and whether their settings are sound."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from functools import partial
from typing import Any

from pydicom import Dataset

from dicom_printer import certificates, checks, network
from dicom_printer.cli.admin import asked, cure, film_mode
from dicom_printer.cli.doctor.bounded import PATIENCE_S, Look, ended
from dicom_printer.cli.doctor.finding import Finding, fine, warning, wrong
from dicom_printer.config import Config, Remote
from dicom_printer.config.units import spoken
from dicom_printer.errors import StepError
from dicom_printer.installed import document
from dicom_printer.spool import Spool

_AT_ONCE = 8
_ASK = "see the name service (`getent hosts`), the network, and the log of the remote"
_SLOW_MS = 2000
_SHORT_S = 5.0
_MODELS = {"worklist": network.WORKLIST, "patient-root": network.PATIENT_ROOT}


def look(config: Config, *, as_owner: bool = True) -> Iterator[Finding]:
    """Look at every remote; those that do not answer are waited for at the same time.

    Parameters
    ----------
    as_owner : bool
        Whether root is given up for the spool's owner, whom the spool then has to name.
    """
    find = _as_owner if as_owner else remote
    looks = [
        Look(f"remote {name}", partial(find, config, name), _patience(config, name), _ASK)
        for name in config.remote
    ]
    yield from ended([*looks, Look("tls", lambda: _warnings(config))], at_once=_AT_ONCE)


def _as_owner(config: Config, name: str) -> Iterator[Finding]:
    """Look at a remote as the service would: with the certificates that it may read."""
    Spool(config.service.spool).become_owner()
    yield from remote(config, name)


def _patience(config: Config, name: str) -> float:
    """Return how long the associations of a look may take, if each uses up its time-outs."""
    there = config.remote[name]
    associations = 1 + len(_models(config, name))
    return PATIENCE_S + 2 * associations * (there.association_timeout + there.dimse_timeout)


def _warnings(config: Config) -> Iterator[Finding]:
    for mistake in checks.warnings(config):
        key, _, text = str(mistake).partition(": ")
        yield warning(key, text, f"see {document('docs/configuration.md')}, `tls`")


def remote(config: Config, name: str) -> Iterator[Finding]:
    """Ask one remote, and look at its settings."""
    there = config.remote[name]
    check = f"remote {name}"
    yield from time_outs(check, there)
    try:
        row = asked(there, film_mode(config, name))
    except StepError as error:
        yield wrong(check, f"does not answer: {error.message}", cure(error, there.calling_ae_title))
        return
    yield from answer(check, row)
    for model in sorted(_models(config, name)):
        yield from query(f"{model} of {name}", there, model)


def time_outs(check: str, there: Remote) -> Iterator[Finding]:
    """Look for time-outs that make a busy archive look dead."""
    for key in ("association_timeout", "dimse_timeout"):
        stated = getattr(there, key)
        if stated < _SHORT_S:
            yield warning(
                check, f"{key} is {spoken(stated)}: a busy remote takes longer, and looks dead",
                f'leave it out, or state `{key} = "30s"` or more',
            )  # fmt: skip


def answer(check: str, row: dict[str, Any]) -> Iterator[Finding]:
    """Judge what a remote answered to `echo`."""
    said = row["printer"]
    if row["ms"] > _SLOW_MS:
        yield warning(
            check, f"answers after {row['ms']} ms only",
            "see the network, and that both sides can look one another up by name",
        )  # fmt: skip
    elif said.startswith(("FAILURE", "WARNING")):
        judge = wrong if said.startswith("FAILURE") else warning
        yield judge(check, f"the printer says {said}", "see to the printer")
    else:
        yield fine(check, f"answers within {row['ms']} ms" + (f"; {said}" if said else ""))
    if row["tls"] and row["tls"]["days"] < certificates.SOON.days:
        yield warning(
            check, f"its certificate expires in {row['tls']['days']} days",
            "have its administrator renew it",
        )  # fmt: skip


def query(check: str, there: Remote, model: str) -> Iterator[Finding]:
    """Ask with a key that nothing has: whether queries are answered at all, and keys heeded."""
    ds = Dataset()
    ds.AccessionNumber = uuid.uuid4().hex[:16].upper()  # SH has 16 characters, PS3.5 section 6.2
    ds.PatientID = ""
    if model != "worklist":
        ds.QueryRetrieveLevel = "STUDY"
        ds.StudyInstanceUID = ""
    try:
        found = network.query(there, _MODELS[model], ds, 1)
    except StepError as error:
        yield wrong(check, f"a query was not answered: {error.message}", error.remedy)
        return
    if found.answers:
        yield warning(
            check, "answers with entries that were not asked for: it ignores the accession number",
            "ask its administrator; every answer is checked here, so none is taken by mistake",
        )  # fmt: skip
    else:
        yield fine(
            check, f"answers queries; text without a character set is read as {there.character_set}"
        )


def _models(config: Config, name: str) -> set[str]:
    """Return by which models the workflows query a remote."""
    steps = [step for steps in config.workflow.values() for step in steps]
    return {
        str(step.get("model", "worklist"))
        for step in steps
        if step.get("action") == "query" and step.get("remote") == name
    }
