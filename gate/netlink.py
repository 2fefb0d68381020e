"""The addresses on this node's interfaces, from the kernel itself: rtnetlink(7), RTM_GETADDR.

No program is run: `ip` may be missing, and a file in /proc has no interface beside an IPv4 address.
"""

import ipaddress
import socket
import struct
from collections.abc import Iterator

ANSWER_SECONDS = 2.0
_NETLINK_ROUTE = 0  # linux/netlink.h
_GETADDR, _NEWADDR, _DONE, _ERROR = 22, 20, 3, 2
_REQUEST_DUMP = 0x1 | 0x300
_HEADER = struct.Struct("=IHHII")  # nlmsghdr: length, type, flags, sequence, port
_ADDRESS = struct.Struct("=BBBBI")  # ifaddrmsg: family, prefix, flags, scope, index
_ATTRIBUTE = struct.Struct("=HH")  # rtattr: length, type
_IFA_ADDRESS, _IFA_LOCAL, _IFA_FLAGS = 1, 2, 8
_DUPLICATE = 0x08  # IFA_F_DADFAILED: somebody else has it, so we do not


class Unreadable(Exception):  # reads as what happened
    """The kernel could not be asked. Nothing is known about addresses."""


def held(address: str, interface: str) -> bool:
    """Tell whether an interface has an address now.

    Args:
        address: IPv4 or IPv6, without a prefix.
        interface: Its name; one that does not exist has no address.

    Raises:
        Unreadable: netlink did not answer.
    """
    wanted = ipaddress.ip_address(address).packed
    try:
        index = socket.if_nametoindex(interface)
    except OSError:
        return False
    family = socket.AF_INET if len(wanted) == 4 else socket.AF_INET6
    try:
        messages = list(_dump(family))
    except (OSError, struct.error) as error:
        raise Unreadable(f"addresses cannot be read: {error}") from error
    return any(_is(message, index, wanted) for message in messages)


def _dump(family: int) -> Iterator[bytes]:
    """Yield the body of each RTM_NEWADDR."""
    kind = socket.SOCK_RAW | socket.SOCK_CLOEXEC
    with socket.socket(socket.AF_NETLINK, kind, _NETLINK_ROUTE) as wire:
        wire.settimeout(ANSWER_SECONDS)
        body = _ADDRESS.pack(family, 0, 0, 0, 0)
        size = _HEADER.size + len(body)
        wire.send(_HEADER.pack(size, _GETADDR, _REQUEST_DUMP, 1, 0) + body)
        while True:
            datagram = wire.recv(1 << 20)
            while datagram:
                length, what, *_ = _HEADER.unpack_from(datagram)
                if what == _DONE:
                    return
                if what == _ERROR or length < _HEADER.size:
                    raise OSError(f"netlink answered with message type {what}")
                if what == _NEWADDR:
                    yield datagram[_HEADER.size : length]
                datagram = datagram[_aligned(length) :]


def _is(message: bytes, index: int, wanted: bytes) -> bool:
    _, _, flags, _, where = _ADDRESS.unpack_from(message)
    found = dict(_attributes(message[_ADDRESS.size :]))
    if _IFA_FLAGS in found:
        (flags,) = struct.unpack("=I", found[_IFA_FLAGS])
    # With a peer IFA_ADDRESS is the other end's; IPv6 without one has no IFA_LOCAL.
    own = found.get(_IFA_LOCAL, found.get(_IFA_ADDRESS))
    return where == index and own == wanted and not flags & _DUPLICATE


def _attributes(rest: bytes) -> Iterator[tuple[int, bytes]]:
    while len(rest) >= _ATTRIBUTE.size:
        length, kind = _ATTRIBUTE.unpack_from(rest)
        if length < _ATTRIBUTE.size:
            return
        yield kind, rest[_ATTRIBUTE.size : length]
        rest = rest[_aligned(length) :]


def _aligned(length: int) -> int:
    return (length + 3) & ~3
