# ruff: noqa: E501 - a mistake and its message stand on one line
import os
from pathlib import Path

import pytest
from certificates_made import Authority

from dicom_printer import checks
from dicom_printer.accounts import name_of
from dicom_printer.errors import ConfigError

GOOD = """
[service]
spool = "spool"

[defaults]
InstitutionName = "Example Hospital"

[remote.pacs]
ae_title = "PACS"
host = "127.0.0.1"
port = 104

[printer.DICOM_Printer]
workflow = "to_pacs"
ask = ["PatientID"]

[[workflow.to_pacs]]
action = "parse"
pattern = 'ACC(?P<AccessionNumber>\\d{8})'

[[workflow.to_pacs]]
action = "set"
attributes = { StudyDescription = "{job.title}", Modality = "DOC" }

[[workflow.to_pacs]]
action = "store"
remote = "pacs"
dpi = 200
when = { AccessionNumber = "." }
"""


def mistakes(old: str = "", new: str = "") -> list[str]:
    path = Path("dicom-printer.toml")
    assert old in GOOD
    path.write_text(GOOD.replace(old, new, 1))
    return [str(m) for m in checks.check(path)[1]]


def test_what_is_in_order_has_no_mistakes() -> None:
    assert mistakes() == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"store"', '"stroe"', 'workflow.to_pacs[3].action: there is no action "stroe"; did you mean "store"?'),
        ('action = "store"\n', "", "workflow.to_pacs[3].action: is missing"),
        ('remote = "pacs"', 'remote = "pasc"', 'workflow.to_pacs[3].remote: there is no remote "pasc"; did you mean "pacs"?'),
        ("dpi = 200", "dip = 200", 'workflow.to_pacs[3].dip: unknown key; did you mean "dpi"?'),
        ("dpi = 200", 'mode = "grey"', "workflow.to_pacs[3].mode: 'grey' is not one of 'color', 'gray' or 'auto'; did you mean \"gray\"?"),
        ("Modality =", "Modalty =", 'workflow.to_pacs[2].attributes.Modalty: "Modalty" is not a DICOM keyword; did you mean "Modality"?'),
        ("{job.title}", "{job.titel}", "workflow.to_pacs[2].attributes.StudyDescription: {job.titel} is not known; there are"),
        ("{job.title}", "{PatientId}", 'did you mean "PatientID"?'),
        ("{ AccessionNumber =", "{ Accession =", "workflow.to_pacs[3].when.Accession: "),
        ("{ AccessionNumber =", "{ title =", "workflow.to_pacs[3].when.title: "),
        ('"."', '"("', "workflow.to_pacs[3].when.AccessionNumber: is not a regular expression"),
        ('["PatientID"]', '["PatientIdentifier"]', "printer.DICOM_Printer.ask[1]: "),
        ("InstitutionName", "InstitutionNmae", 'defaults.InstitutionNmae: "InstitutionNmae" is not a DICOM keyword; did you mean "InstitutionName"?'),
        ("dpi = 200", 'retry = { first = "1h", longest = "1m" }', "workflow.to_pacs[3].retry: first, longest and give_up must be in rising order"),
        ('Modality = "DOC"', 'Modality = "not a code"', "workflow.to_pacs[2].attributes.Modality: the value of Modality does not fit its VR CS"),
        ('Modality = "DOC"', 'Rows = "1"', "workflow.to_pacs[2].attributes.Rows: Rows follows from the image itself"),
        ('InstitutionName = "Example Hospital"', 'StudyDate = "yesterday"', "defaults.StudyDate: the value of StudyDate does not fit"),
        ('["PatientID"]', '["Rows"]', "printer.DICOM_Printer.ask[1]: Rows follows from the image itself"),
        ('["PatientID"]', '["ScheduledProcedureStepDescription"]', "cannot be an option of a print queue"),
        ("dpi = 200", 'on_error = "ignore"', "'ignore' is not one of"),
    ],
)  # fmt: skip
def test_each_mistake_is_named_with_its_key(old: str, new: str, said: str) -> None:
    found = mistakes(old, new)
    assert len([f for f in found if said in f]) == 1, found


def test_all_mistakes_come_at_once_those_of_the_structure_too() -> None:
    Path("dicom-printer.toml").write_text(
        GOOD.replace("port = 104", 'port = "many"')
        .replace('"store"', '"stroe"')
        .replace("Modality =", "Modalty =")
    )
    with pytest.raises(ConfigError) as caught:
        checks.load(Path("dicom-printer.toml"))
    lines = str(caught.value).splitlines()
    assert len(lines) == 3
    assert all(line.startswith("dicom-printer.toml: ") for line in lines)


def test_the_files_of_tls(tmp_path: Path) -> None:
    pair = Authority(tmp_path).issue("we", days=3)
    port = "port = 104\n"
    assert mistakes(port, f'{port}tls = {{ cert = "{pair.cert}", key = "{pair.key}" }}\n') == []
    found, _ = checks.check(Path("dicom-printer.toml"))
    assert found is not None
    (warning,) = checks.warnings(found)
    assert str(warning).startswith(f"remote.pacs.tls.cert: {pair.cert}: ")
    assert mistakes(port, f'{port}tls = {{ ca = "certs/ca.crt" }}\n') == [
        f"remote.pacs.tls.ca: {Path('certs/ca.crt').resolve()} cannot be read by "
        f"user {name_of(os.geteuid())}: No such file or directory"
    ]


def test_a_workflow_without_steps() -> None:
    text = GOOD[: GOOD.index("[[workflow")] + "[workflow]\nto_pacs = []\n"
    Path("dicom-printer.toml").write_text(text)
    assert [str(m) for m in checks.check(Path("dicom-printer.toml"))[1]] == [
        "workflow.to_pacs: has no steps"
    ]


def test_a_remote_in_an_environment_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORE", "pacs")
    assert mistakes('remote = "pacs"', 'remote = "${STORE}"') == []
