"""A job to a store that speaks TLS, and whose certificate runs out and is renewed."""

from __future__ import annotations

import json
from pathlib import Path

import documents
import real_peers
from certificates_made import Authority, Pair
from jobs_made import commit
from running_service import RunningService

from dicom_printer.spool import Spool

CONFIG = """
[service]
spool = "spool"

[remote.pacs]
ae_title = "ORTHANC"
host = "localhost"
port = {port}
tls = {{ ca = "../ca/ca.crt", cert = "../ca/we.crt", key = "../ca/we.key" }}

[printer.pacs]
workflow = "pacs"

[[workflow.pacs]]
action = "store"
remote = "pacs"
dpi = 36
retry = {{ first = "1s", longest = "1s", give_up = "1d" }}
"""


def certificate(peer: real_peers.Orthanc, server: Pair, authority: Authority) -> None:
    """Give it a certificate for its next start; it wants one of ours in any case."""
    peer.overrides |= {
        "DicomTlsEnabled": True,
        "DicomTlsCertificate": str(server.cert),
        "DicomTlsPrivateKey": str(server.key),
        "DicomTlsTrustedCertificates": str(authority.file),
        "DicomTlsRemoteCertificateRequired": True,
    }


def submit(service: RunningService) -> str:
    pdf = documents.report(service.directory / "report.pdf", 3)
    return commit(Spool(service.spool), pdf.read_bytes(), printer="pacs").id


def test_a_job_waits_for_a_certificate_to_be_renewed(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "ca")
    authority.issue("we")
    old = authority.issue("old", days=-1, common_name="PACS of the ward")
    new = authority.issue("new")
    with real_peers.orthanc(tmp_path / "orthanc") as peer:
        peer.kill()
        certificate(peer, old, authority)
        peer.start()
        text = CONFIG.format(port=peer.port)
        with RunningService(tmp_path / "service", text) as service:
            submit(service)
            (job,) = service.wait_until(lambda jobs: [j["state"] for j in jobs] == ["suspended"])
            assert job["reason"] == "certificate expired"
            assert "CN=PACS of the ward" in job["error"]
            assert "expired on 20" in job["error"]
            assert peer.statistics()["CountInstances"] == 0

            echo = service.cli("echo", "--json", check=False)
            assert echo.returncode == 1
            (row,) = json.loads(echo.stdout)
            assert row["tls"] is None
            assert "expired on 20" in row["error"]

            peer.kill()
            certificate(peer, new, authority)
            peer.start()
            service.wait_until(lambda jobs: [j["state"] for j in jobs] == ["done"])
            assert peer.statistics()["CountInstances"] == 3

            (row,) = json.loads(service.cli("echo", "--json").stdout)
            assert row["tls"]["version"] == "TLSv1.3"
            assert row["tls"]["days"] == 89
            assert "TLSv1.3 TLS_AES_256_GCM_SHA384" in service.cli("echo").stdout
