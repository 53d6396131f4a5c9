"""What a render worker gives away for good: privileges, the network, files to write to.

All of it holds for what it starts, poppler, as well. Each fence is put up where the kernel has
it and is left out without a word where it has not: the limits of :mod:`.limits` hold
everywhere. No namespaces: service managers and containers forbid them, these they allow.
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct

_PR_CAP_AMBIENT, _CLEAR_ALL = 47, 4
_PR_SET_SECCOMP, _FILTER = 22, 2
_CAPABILITY_VERSION_3 = 0x20080522

# seccomp(2): the machine as AUDIT_ARCH_*, the numbers of its calls, and those of another ABI.
_MACHINES = {
    "x86_64": (0xC000003E, {
        "socket": 41, "socketpair": 53, "ptrace": 101, "add_key": 248, "request_key": 249,
        "keyctl": 250, "unshare": 272, "perf_event_open": 298, "setns": 308,
        "process_vm_readv": 310, "process_vm_writev": 311, "bpf": 321, "userfaultfd": 323,
        "io_uring_setup": 425, "pidfd_getfd": 438,
    }),
    "aarch64": (0xC00000B7, {
        "unshare": 97, "ptrace": 117, "socket": 198, "socketpair": 199, "add_key": 217,
        "request_key": 218, "keyctl": 219, "perf_event_open": 241, "setns": 268,
        "process_vm_readv": 270, "process_vm_writev": 271, "bpf": 280, "userfaultfd": 282,
        "io_uring_setup": 425, "pidfd_getfd": 438,
    }),
}  # fmt: skip
_X32 = 0x40000000
_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_NUMBER, _ARCH = 0, 4  # offsets in struct seccomp_data
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050001  # SECCOMP_RET_ERRNO with EPERM

# Numbers and bits of landlock(7), the same on every machine.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION, _PATH_BENEATH = 1, 1
_WRITE_FILE, _TRUNCATE = 1 << 1, 1 << 14
_MAKE_OR_REMOVE = 0b1_1111_1111 << 4  # files, directories, links, sockets, pipes, devices
_SCOPE_SIGNAL = 1 << 1


def give_up(libc: ctypes.CDLL) -> None:
    """Give everything up; no_new_privs must be set already."""
    _privileges(libc)
    _calls(libc)
    _writing(libc)


def _privileges(libc: ctypes.CDLL) -> None:
    """Drop the capabilities that the service has (capabilities(7)), ``CAP_LEASE`` above all."""
    libc.prctl(_PR_CAP_AMBIENT, _CLEAR_ALL, 0, 0, 0)
    libc.capset(struct.pack("Ii", _CAPABILITY_VERSION_3, 0), bytes(24))


def program(machine: str) -> bytes:
    """Return the filter for `machine` as the kernel reads it, empty for one that is not known."""
    if machine not in _MACHINES:
        return b""
    arch, calls = _MACHINES[machine]
    refused = len(calls) + 1  # instructions from the first comparison of a number to the refusal
    steps = [
        (_LOAD, 0, 0, _ARCH),
        (_EQUAL, 0, refused + 2, arch),
        (_LOAD, 0, 0, _NUMBER),
        (_AT_LEAST, refused, 0, _X32),  # the same calls by other numbers
        *((_EQUAL, refused - 1 - i, 0, number) for i, number in enumerate(calls.values())),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _REFUSE),
    ]
    return b"".join(struct.pack("HBBI", *step) for step in steps)


def _calls(libc: ctypes.CDLL) -> None:
    """Refuse the calls that reach the network, other processes, or the kernel's dark corners."""
    steps = ctypes.create_string_buffer(program(platform.machine()))
    if len(steps) > 1:
        # struct sock_fprog: how many instructions, and where they are
        filter_ = struct.pack("HP", len(steps) // 8, ctypes.addressof(steps))
        libc.prctl(_PR_SET_SECCOMP, _FILTER, filter_, 0, 0)


def _writing(libc: ctypes.CDLL) -> None:
    """Refuse every file but /dev/null for writing, and signals to others than its own."""
    version = libc.syscall(_CREATE_RULESET, None, 0, _VERSION)
    if version < 1:
        return
    writing = _WRITE_FILE | _MAKE_OR_REMOVE | (_TRUNCATE if version >= 3 else 0)
    rules = struct.pack("Q", writing)
    if version >= 6:
        rules += struct.pack("QQ", 0, _SCOPE_SIGNAL)
    ruleset = libc.syscall(_CREATE_RULESET, rules, len(rules), 0)
    if ruleset < 0:
        return
    null = os.open(os.devnull, os.O_PATH)
    allowed = struct.pack("=Qi", writing & (_WRITE_FILE | _TRUNCATE), null)
    libc.syscall(_ADD_RULE, ruleset, _PATH_BENEATH, allowed, 0)
    os.close(null)
    libc.syscall(_RESTRICT_SELF, ruleset, 0)
    os.close(ruleset)
