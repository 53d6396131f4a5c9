from pathlib import Path

import pytest

from dicom_printer import config
from dicom_printer.config.tls import TLS
from dicom_printer.errors import ConfigError

GOOD = """
[service]
spool = "spool"
ae_title = "MY_PRINTER"

[network]
dimse_timeout = "5s"

[remote.pacs]
ae_title = "PACS"
host = "pacs.example"
port = 104
max_pdu = 65536

[printer.DICOM_Printer]
workflow = "to_pacs"
hot_folders = ["scans"]

[[workflow.to_pacs]]
action = "store"
remote = "pacs"
"""


def write(text: str) -> Path:
    path = Path("dicom-printer.toml").resolve()
    path.write_text(text)
    return path


def mistakes(text: str) -> list[str]:
    path = write(text)
    return [str(m) for m in config.parse(path, *config.read(path))[1]]


def test_paths_are_relative_to_the_file() -> None:
    path = write(GOOD)
    found = config.load(path)
    assert found.service.spool == path.parent / "spool"
    assert found.printer["DICOM_Printer"].hot_folders == [path.parent / "scans"]


def test_a_remote_inherits_what_it_does_not_state() -> None:
    remote = config.load(write(GOOD)).remote["pacs"]
    assert (remote.name, remote.calling_ae_title) == ("pacs", "MY_PRINTER")
    assert (remote.dimse_timeout, remote.association_timeout) == (5, 30)
    assert remote.max_pdu == 65536


def test_every_mistake_at_once_with_key_and_nearest_name() -> None:
    found = mistakes(
        GOOD.replace("ae_title =", "ae_titel =")
        .replace('"5s"', '"5 parsecs"')
        .replace("104", "104000")
        .replace('workflow = "to_pacs"\n', "")
    )
    text = "\n".join(found)
    assert 'service.ae_titel: unknown key; did you mean "ae_title"?' in text
    assert "network.dimse_timeout: must be a duration" in text
    assert "remote.pacs.port: must be 65535 or less" in text
    assert "remote.pacs.ae_title: is missing" in text
    assert 'remote.pacs.ae_titel: unknown key; did you mean "ae_title"?' in text
    assert "printer.DICOM_Printer.workflow: is missing" in text


def test_a_name_that_leads_nowhere() -> None:
    found = mistakes(GOOD.replace('workflow = "to_pacs"', 'workflow = "to_pcas"'))
    assert found == [
        'printer.DICOM_Printer.workflow: there is no workflow "to_pcas"; did you mean "to_pacs"?'
    ]


@pytest.mark.parametrize("title", ["", " ", "SEVENTEEN_LETTERS", "A\\B", "ÄE"])
def test_an_ae_title_that_cannot_be_one(title: str) -> None:
    (found,) = mistakes(GOOD.replace('"PACS"', f"'{title}'"))
    assert found.startswith("remote.pacs.ae_title: must be 1 to 16")


def test_hot_folders_must_not_lie_in_one_another() -> None:
    found = mistakes(GOOD.replace('["scans"]', '["scans", "scans/deep", "spool/x"]'))
    assert len(found) == 2


def test_a_mistake_in_one_key_hides_none_in_another() -> None:
    found = mistakes(
        GOOD.replace("port = 104", 'port = "many"').replace('= "to_pacs"', '= "to_pasc"', 1)
    )
    assert [m.split(":")[0] for m in found] == [
        "remote.pacs.port",
        "printer.DICOM_Printer.workflow",
    ]


def test_two_names_that_cups_takes_for_one() -> None:
    twin = '[printer.dicom_printer]\nworkflow = "to_pacs"\n\n[[workflow'
    (found,) = mistakes(GOOD.replace("[[workflow", twin, 1))
    assert 'it is the same queue as "DICOM_Printer"' in found


def test_a_mistake_of_the_network_is_reported_once() -> None:
    (found,) = mistakes(GOOD.replace('"5s"', '"5 parsecs"'))
    assert found.startswith("network.dimse_timeout")


@pytest.mark.parametrize("name", ["DICOM Printer", "a/b", "a#b"])
def test_a_name_that_cups_does_not_allow(name: str) -> None:
    (found,) = mistakes(GOOD.replace("printer.DICOM_Printer", f'printer."{name}"'))
    assert "CUPS allows no space" in found


def test_environment_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PACS_HOST", "10.0.0.9")
    text = GOOD.replace("pacs.example", "${PACS_HOST}").replace('"PACS"', '"${AE:-ARCHIVE}"')
    remote = config.load(write(text)).remote["pacs"]
    assert (remote.host, remote.ae_title) == ("10.0.0.9", "ARCHIVE")


def test_an_environment_variable_that_is_not_set() -> None:
    (found,) = mistakes(GOOD.replace("pacs.example", "x${NO_SUCH_VARIABLE}"))
    assert found == "remote.pacs.host: the environment variable NO_SUCH_VARIABLE is not set"


def test_an_unset_variable_stops_load_too() -> None:
    with pytest.raises(ConfigError, match="NO_SUCH_VARIABLE"):
        config.load(write(GOOD.replace("pacs.example", "x${NO_SUCH_VARIABLE}")))


def test_no_file_and_no_toml() -> None:
    with pytest.raises(ConfigError, match="No such file"):
        config.load(Path("nowhere.toml"))
    with pytest.raises(ConfigError, match="is not TOML"):
        config.load(write("[service"))


def test_a_file_that_is_not_for_everybody(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> str:
        raise PermissionError(13, "Permission denied")

    path = write(GOOD)
    monkeypatch.setattr(Path, "read_text", refuse)
    with pytest.raises(ConfigError, match=r"Permission denied; run this as root \(sudo\)$"):
        config.load(path)


def test_retry_doubles_up_to_the_longest() -> None:
    retry = config.Retry.model_validate({"first": "10s", "longest": "1m", "give_up": "1h"})
    assert [retry.delay(n) for n in (1, 2, 3, 4, 5)] == [10, 20, 40, 60, 60]


def test_retry_in_falling_order_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="rising order"):
        config.Retry.model_validate({"first": "10m", "longest": "1m"})


def test_one_word_of_on_error_is_for_every_failure() -> None:
    step = config.Step.model_validate({"action": "x", "on_error": "continue"})
    assert (step.on_error.transient, step.on_error.permanent) == ("continue", "continue")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('implementation_class_uid = "1.02"', "must be a UID"),
        ('implementation_class_uid = "one"', "must be a UID"),
        (f'implementation_class_uid = "1.{"2" * 63}"', "must be a UID"),
        ('implementation_version_name = "SEVENTEEN_LETTERS"', "1 to 16 printable"),
        ('implementation_version_name = "Ä"', "1 to 16 printable"),
        ('transfer_syntaxes = ["JPEG2000"]', "transfer_syntaxes"),
        ('transfer_syntaxes = ["RLELossless", "RLELossless"]', "twice"),
        ("transfer_syntaxes = []", "transfer_syntaxes"),
    ],
)
def test_what_an_association_request_cannot_say(line: str, words: str) -> None:
    for found in (
        mistakes(GOOD.replace("[network]", f"[network]\n{line}")),
        mistakes(GOOD.replace("max_pdu = 65536", line)),
    ):
        assert found and all(words in mistake for mistake in found)


def tls_of(tmp_path: Path, said: str) -> TLS | None:
    file = tmp_path / "dicom-printer.toml"
    text = '[service]\nspool = "spool"\n[remote.pacs]\nae_title = "P"\nhost = "h"\nport = 104\n'
    file.write_text(f"{text}tls = {said}\n")
    return config.load(file).remote["pacs"].tls


def test_tls_in_its_forms(tmp_path: Path) -> None:
    assert tls_of(tmp_path, "false") is None
    assert tls_of(tmp_path, "true") == tls_of(tmp_path, "{}") == TLS()
    found = tls_of(tmp_path, '{ ca = "certs/ca.crt", cert = "/etc/we.crt", key = "" }')
    assert found == TLS(ca=tmp_path / "certs" / "ca.crt", cert=Path("/etc/we.crt"))


@pytest.mark.parametrize(
    ("said", "key", "text"),
    [
        ('{ cacert = "x" }', "remote.pacs.tls.cacert", 'unknown key; did you mean "cert"?'),
        ('{ key = "x" }', "remote.pacs.tls", "`key` is stated, but no `cert`"),
        ('{ server_name = ".example" }', "remote.pacs.tls.server_name", "must be a host name"),
        ('"yes"', "remote.pacs.tls", "must be a table"),
    ],
)
def test_mistakes_in_tls(tmp_path: Path, said: str, key: str, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        tls_of(tmp_path, said)
    assert f"{key}: {text}" in str(caught.value)


def test_the_address_of_the_database_is_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB_PASSWORD", "geheim")
    address = "postgresql+psycopg://printer:${DB_PASSWORD}@db.example/printer"
    found = config.load(write(GOOD.replace("[service]", f'[service]\ndatabase = "{address}"')))
    assert ":geheim@" in found.service.database.get_secret_value()
    assert "geheim" not in f"{found!r} {found} {found.model_dump()} {found.model_dump_json()}"


def test_a_wrong_address_of_the_database_is_not_quoted() -> None:
    text = GOOD.replace("[service]", '[service]\ndatabase = "mysql://anna:geheim@db/x"')
    (mistake,) = mistakes(text)
    assert mistake.startswith("service.database: must be the address of a PostgreSQL database")
    assert "geheim" not in mistake


@pytest.mark.parametrize("node", ["a/b", "ward 3", "-a", "x" * 65])
def test_a_name_that_no_node_can_have(node: str) -> None:
    (mistake,) = mistakes(GOOD.replace("[service]", f'[service]\nnode = "{node}"'))
    assert mistake.startswith("service.node: ")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("port = 104", 'port = "dicom"', "remote.pacs.port: must be a whole number, such as 104"),
        ("port = 104", "port = 0", "remote.pacs.port: must be 1 or more"),
        ("port = 104", "port = [1]", "remote.pacs.port: must be a whole number, such as 104"),
        ('workflow = "to_pacs"', "workflow = 3", "printer.DICOM_Printer.workflow: must be a text"),
        (
            'hot_folders = ["scans"]',
            'hot_folders = "/srv"',
            'printer.DICOM_Printer.hot_folders: must be a list, such as ["one", "two"]',
        ),
        ("[remote.pacs]", "[workflow.w]\n[remote.pacs]", "steps are headed [[workflow.NAME]]"),
        (
            'workflow = "to_pacs"',
            'workflow = "to_pacs"\nask = "PatientID"',
            'printer.DICOM_Printer.ask: must be a list, such as ["one", "two"]\n',
        ),
        ("[remote.pacs]", "[remote]\nx = 1\n[remote.pacs]", "remote.x: must be a table"),
    ],
)
def test_a_value_of_another_type_is_named_in_the_words_of_the_file(
    old: str, new: str, said: str
) -> None:
    assert old in GOOD
    assert said in "\n".join([*mistakes(GOOD.replace(old, new, 1)), ""])


def test_a_file_in_another_encoding() -> None:
    path = write(GOOD)
    path.write_bytes(GOOD.encode() + "# Röntgen\n".encode("latin-1"))
    lines = GOOD.count("\n") + 1
    with pytest.raises(ConfigError, match=f"is not UTF-8 in line {lines}; save the file as UTF-8"):
        config.load(path)
