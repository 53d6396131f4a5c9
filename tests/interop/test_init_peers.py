"""``init`` as an administrator runs it, against a PACS that wants TLS and a film printer."""

from __future__ import annotations

import getpass
import os
import subprocess
import sys
from pathlib import Path

import documents
import pytest
import real_peers
from certificates_made import Authority, Pair
from film_peers import DcmPrSCP
from programs import require
from running_service import RunningService

_PATIENCE_S = 240.0


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def we(authority: Authority) -> Pair:
    return authority.issue("we")


def init(directory: Path, pacs: real_peers.Orthanc, *flags: str | Path) -> tuple[int, str, str]:
    """Run it where there is no CUPS; return exit code, what it says, what it complains of."""
    command = [sys.executable, "-m", "dicom_printer", "init", "--spool", "spool"]
    command += ["--config", str(directory / "dicom-printer.toml"), "--user", getpass.getuser()]
    command += ["--pacs-host", "127.0.0.1", "--pacs-port", str(pacs.port), "--pacs-ae-title"]
    done = subprocess.run(
        [*command, pacs.ae_title, *map(str, flags)],
        env=os.environ | {"CUPS_SERVERBIN": str(directory / "no-cups")},
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_PATIENCE_S, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


def test_a_pacs_with_tls_and_a_film_printer(tmp_path: Path, authority: Authority, we: Pair) -> None:
    require("Orthanc", "dcmprscp")
    server = authority.issue("server", "127.0.0.1")
    options = {
        "DicomTlsEnabled": True,
        "DicomTlsCertificate": str(server.cert),
        "DicomTlsPrivateKey": str(server.key),
        "DicomTlsTrustedCertificates": str(authority.file),
    }
    mine = ["--tls-cert", str(we.cert), "--tls-key", str(we.key)]
    other = Authority(tmp_path / "other", "other")
    site = tmp_path / "site"
    site.mkdir()
    for name in ("orthanc", "printer"):
        (tmp_path / name).mkdir()
    with (
        real_peers.Orthanc(tmp_path / "orthanc", **options) as pacs,
        DcmPrSCP(tmp_path / "printer") as printer,
    ):
        code, said, wrong = init(site, pacs)
        assert code == 2
        assert "wants `tls`" in said, "without TLS it is told what may lack"
        assert "nothing was written" in wrong
        code, said, _ = init(site, pacs, "--pacs-tls", "--tls-ca", other.file, *mine)
        assert code == 2
        assert "not trusted by" in said
        assert "issuer's certificate" in said
        code, said, _ = init(site, pacs, "--pacs-tls", "--tls-ca", authority.file)
        assert code == 2
        assert "wants a certificate of ours" in said
        assert not (site / "dicom-printer.toml").exists()
        film = ["--film-host", "127.0.0.1", "--film-port", str(printer.port)]
        film += ["--film-ae-title", printer.ae_title]
        tls = ["--pacs-tls", "--tls-ca", str(authority.file), *mine]
        code, said, wrong = init(site, pacs, *tls, *film)
        assert code == 0, said + wrong
        assert "encrypted with TLSv1." in said
        assert "film printer: answers a C-ECHO" in said
        with RunningService(site, (site / "dicom-printer.toml").read_text()) as service:
            pdf = str(documents.report(tmp_path / "report.pdf", pages=1))
            for queue in ("DICOM_Printer", "DICOM_Printer_Film"):
                service.cli("submit", pdf, "-p", queue)
            service.wait_until(lambda jobs: [job["state"] for job in jobs] == ["done"] * 2)
        assert len(pacs.instances()) == printer.count() == 1
