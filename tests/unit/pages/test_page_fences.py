import errno
import struct

import pytest

from dicom_printer.pages import fences

X32, X86_64, AARCH64, I386 = 0x40000000, 0xC000003E, 0xC00000B7, 0x40000003


def verdict(machine: str, arch: int, number: int) -> int:
    """Run a machine's filter as the kernel does."""
    steps = list(struct.iter_unpack("HBBI", fences.program(machine)))
    loaded, at = 0, 0
    while True:
        code, yes, no, value = steps[at]
        at += 1
        if code == 0x20:
            loaded = {0: number, 4: arch}[value]
        elif code == 0x15:
            at += yes if loaded == value else no
        elif code == 0x35:
            at += yes if loaded >= value else no
        else:
            assert code == 0x06
            return int(value)


ALLOWED, REFUSED = 0x7FFF0000, 0x00050000 | errno.EPERM


@pytest.mark.parametrize(
    ("machine", "arch", "socket", "read"),
    [("x86_64", X86_64, 41, 0), ("aarch64", AARCH64, 198, 63)],
)
def test_the_filter(machine: str, arch: int, socket: int, read: int) -> None:
    assert verdict(machine, arch, read) == ALLOWED
    assert verdict(machine, arch, socket) == REFUSED
    assert verdict(machine, I386, read) == REFUSED, "another ABI has other numbers"
    assert verdict(machine, arch, read | X32) == REFUSED
    _, calls = fences._MACHINES[machine]
    for number in range(600):
        assert verdict(machine, arch, number) == (REFUSED if number in calls.values() else ALLOWED)


def test_no_filter_for_a_machine_that_is_not_known() -> None:
    assert fences.program("riscv64") == b""
