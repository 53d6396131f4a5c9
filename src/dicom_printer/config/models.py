"""The tables of ``dicom-printer.toml`` as models; unknown keys are errors."""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationInfo,
    field_validator,
    model_validator,
)

from dicom_printer.config.quantities import Address, Duration, Size
from dicom_printer.config.tls import TLS, from_short
from dicom_printer.expressions import compiled


def ae_title(value: str) -> str:
    """Check an AE title: 1 to 16 characters of ASCII without backslash (PS3.5 section 6.2)."""
    if not value.strip() or len(value) > 16 or not re.fullmatch(r"[ -\[\]-~]+", value):
        raise ValueError("must be 1 to 16 printable ASCII characters without a backslash")
    return value.strip()


def character_set(value: str) -> str:
    """Check a Specific Character Set: its defined terms (PS3.3 section C.12.1.1.2)."""
    terms = value.split("\\")
    if not value or not all(_TERM.fullmatch(term) for term in terms):
        raise ValueError(
            'must be a defined term such as "ISO_IR 100", "ISO_IR 192", or several joined by \\'
        )
    return value


_TERM = re.compile(
    "ISO_IR (6|13|100|101|109|110|126|127|138|144|148|166|192)|GB18030|GBK"
    "|ISO 2022 IR (6|13|58|87|100|101|109|110|126|127|138|144|148|149|159|166)"
)

AETitle = Annotated[str, AfterValidator(ae_title)]
CharacterSet = Annotated[str, AfterValidator(character_set)]
Port = Annotated[int, Field(ge=1, le=65535)]
PDUSize = Annotated[int, Field(ge=4096, le=1048576)]

IMPLEMENTATION_CLASS_UID = "2.25.102908957795781592110860321882508366471"
"""Derived once from a UUID (PS3.5 section B.2); it names this software, whatever its version."""
IMPLEMENTATION_VERSION_NAME = "DICOM_PRINTER_01"


def _uid(value: str) -> str:
    if len(value) > 64 or not re.fullmatch(r"(0|[1-9]\d*)(\.(0|[1-9]\d*))+", value):
        raise ValueError("must be a UID: numbers and dots, at most 64, no number begins with 0")
    return value


def _version_name(value: str) -> str:
    if not value.strip() or not re.fullmatch(r"[ -~]{1,16}", value):
        raise ValueError("must be 1 to 16 printable ASCII characters")
    return value


UIDText = Annotated[str, AfterValidator(_uid)]
VersionName = Annotated[str, AfterValidator(_version_name)]
TransferSyntax = Literal[
    "ImplicitVRLittleEndian",
    "ExplicitVRLittleEndian",
    "ExplicitVRBigEndian",
    "RLELossless",
    "JPEGBaseline8Bit",
    "JPEGExtended12Bit",
    "JPEGLosslessSV1",
]
"""Every transfer syntax that is ever proposed, by its keyword (PS3.6 Table A-1)."""


def _no_twin(value: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(value)) < len(value):
        raise ValueError("names a transfer syntax twice")
    return value


TransferSyntaxes = Annotated[
    tuple[TransferSyntax, ...], Field(min_length=1), AfterValidator(_no_twin)
]


class Table(BaseModel):
    """A table whose unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _address(value: SecretStr) -> SecretStr:
    address = value.get_secret_value()
    if address and not re.match(r"postgresql(\+psycopg)?://", address):
        raise ValueError(
            "must be the address of a PostgreSQL database, "
            "postgresql+psycopg://USER:PASSWORD@HOST/DATABASE"
        )
    return value


NodeName = Annotated[str, Field(pattern=r"^([A-Za-z0-9][A-Za-z0-9._-]{0,63})?$")]
Shortly = Annotated[Duration, Field(le=60.0)]
Lease = Annotated[Duration, Field(ge=2.0, le=3600.0)]


class Service(Table):
    """``[service]``: the daemon itself."""

    spool: Path
    database: Annotated[SecretStr, AfterValidator(_address)] = SecretStr("")
    node: NodeName = ""
    lease: Lease = 60.0
    ae_title: AETitle = "DICOM_PRINTER"
    keep: Duration = 7 * 86400.0
    workers: Annotated[int, Field(ge=1, le=64)] = 4
    render_workers: Annotated[int, Field(ge=1, le=64)] = 2
    drain: Duration = 300.0
    rescan: Duration = 30.0
    settle: Duration = 2.0
    min_free: Size = 500 << 20
    log: Literal["text", "json"] = "text"
    metrics_for_all: bool = False
    metrics: Address = None

    @field_validator("metrics")
    @classmethod
    def _loopback(cls, value: tuple[str, int] | None, info: ValidationInfo) -> Any:
        stated = info.data.get("metrics_for_all", False)
        if value and not stated and not ipaddress.ip_address(value[0]).is_loopback:
            raise ValueError(
                f"{value[0]} is not this machine alone; say metrics_for_all = true where others "
                "may read the figures"
            )
        return value


class Network(Table):
    """``[network]``: the seed's Table 3.18; any of them also under a remote."""

    max_pdu: PDUSize = 16384
    association_timeout: Duration = 30.0
    dimse_timeout: Duration = 60.0
    keep_open: Shortly = 2.0
    transfer_syntaxes: TransferSyntaxes = get_args(TransferSyntax)
    implementation_class_uid: UIDText = IMPLEMENTATION_CLASS_UID
    implementation_version_name: VersionName = IMPLEMENTATION_VERSION_NAME


class Remote(Table):
    """``[remote.NAME]``: a logical name for a remote AE's presentation address.

    A remote that came out of :func:`dicom_printer.config.load` has every general
    value of ``[service]`` and ``[network]`` filled in.
    """

    name: str = ""
    ae_title: AETitle
    host: Annotated[str, Field(min_length=1)]
    port: Port
    calling_ae_title: AETitle = "DICOM_PRINTER"
    tls: Annotated[TLS | None, BeforeValidator(from_short)] = None
    character_set: CharacterSet = "ISO_IR 100"
    associations: Annotated[int, Field(ge=1, le=64)] = 1
    max_pdu: PDUSize = 16384
    association_timeout: Duration = 30.0
    dimse_timeout: Duration = 60.0
    keep_open: Shortly = 2.0
    transfer_syntaxes: TransferSyntaxes = get_args(TransferSyntax)
    implementation_class_uid: UIDText = IMPLEMENTATION_CLASS_UID
    implementation_version_name: VersionName = IMPLEMENTATION_VERSION_NAME


class Pages(Table):
    """``[pages]``: the limits that rendering is held to, whatever the document says."""

    max_pixels: Annotated[int, Field(ge=10_000, le=1_000_000_000)] = 40_000_000
    max_pages: Annotated[int, Field(ge=1, le=1_000_000)] = 5000
    memory: Size = 1 << 30
    page_timeout: Duration = 60.0


class Printer(Table):
    """``[printer.NAME]``: a CUPS queue, its hot folders and its workflow."""

    name: str = ""
    info: str = ""
    location: str = ""
    workflow: str
    ask: list[str] = []
    shared: bool = False
    hot_folders: list[Path] = []


class Retry(Table):
    """``retry``: how a suspended step comes back."""

    first: Duration = 60.0
    longest: Duration = 900.0
    give_up: Duration = 3 * 86400.0

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not 0 < self.first <= self.longest <= self.give_up:
            raise ValueError("first, longest and give_up must be in rising order and not 0")
        return self

    def delay(self, failures: int) -> float:
        """Return the seconds to wait after so many failures in a row (1 is the first)."""
        return float(min(self.first * 2 ** min(failures - 1, 30), self.longest))


Policy = Literal["suspend", "hold", "continue", "discard"]


class OnError(Table):
    """``on_error``: what becomes of the job, by the failure's verdict."""

    transient: Policy = "suspend"
    permanent: Policy = "hold"


def _both(value: object) -> object:
    """Let one word stand for every failure; a wrong word is one mistake and not two."""
    if not isinstance(value, str):
        return value
    if value not in get_args(Policy):
        raise ValueError(f"'{value}' is not one of {', '.join(get_args(Policy))}")
    return {"transient": value, "permanent": value}


def _regex(value: str) -> str:
    compiled(value)
    return value


Regex = Annotated[str, AfterValidator(_regex)]


class Step(Table):
    """What every step of a workflow may say; an action's own settings derive from it.

    Attributes
    ----------
    verbatim : frozenset of str
        Keys whose strings are taken as they stand: braces in them are no placeholders.
    takes_kept : bool
        Whether it goes on with the association that an earlier job left open.
    """

    verbatim: ClassVar[frozenset[str]] = frozenset({"action", "when", "on_error", "retry", "then"})
    takes_kept: ClassVar[bool] = False

    action: str
    when: dict[str, Regex] = {}
    on_error: Annotated[OnError, BeforeValidator(_both)] = OnError()
    retry: Retry = Retry()
    then: Literal["hold", "discard"] = "hold"

    def stated(self) -> dict[str, dict[str, str]]:
        """Return the attributes that this step states outright, by its key, to be checked."""
        return {}


class RemoteStep(Step):
    """A step that talks to a remote: it waits for one of the remote's associations."""

    verbatim: ClassVar[frozenset[str]] = Step.verbatim | {"remote"}

    remote: str


class Config(Table):
    """The whole file. Steps stay as they were written: each action checks its own."""

    service: Service
    network: Network = Network()
    pages: Pages = Pages()
    defaults: dict[str, str] = {}
    remote: dict[str, Remote] = {}
    printer: dict[str, Printer] = {}
    workflow: dict[str, list[dict[str, Any]]] = {}
