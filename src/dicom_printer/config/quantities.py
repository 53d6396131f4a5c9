"""Durations, sizes and addresses as types of a model's fields."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator

from dicom_printer.config.units import address, octets, seconds

Duration = Annotated[float, BeforeValidator(seconds)]
"""Seconds, written with a unit."""

Size = Annotated[int, BeforeValidator(octets)]
"""Bytes, written with a unit."""

Address = Annotated[tuple[str, int] | None, BeforeValidator(address)]
"""An IP address and a port to listen on, or None."""
