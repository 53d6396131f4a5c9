"""Lines that fail below TCP, on loopback and without the rights of root."""

from __future__ import annotations

import ctypes
import socket
import struct

_SO_ATTACH_FILTER = 26
_RETURN_NOTHING = struct.pack("HBBI", 0x06, 0, 0, 0)  # BPF_RET | BPF_K: keep 0 bytes


def deaf(sock: socket.socket) -> None:
    """Let nothing that is sent to a socket arrive from now on, not even for TCP (socket(7)).

    The other side gets no acknowledgement, as where a machine lost its power or a firewall
    forgot the connection.
    """
    program = ctypes.create_string_buffer(_RETURN_NOTHING, len(_RETURN_NOTHING))
    filter_ = struct.pack("HL", 1, ctypes.addressof(program))
    sock.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, filter_)
