"""The IP addresses of interfaces, asked of the kernel over a socket: rtnetlink(7), netlink(7).

Asking waits for the lock under which all devices are changed, and a driver that hangs may never let go of it: no
timeout of ours ends that. So it has to be done in a thread. Hearing that an address has changed waits for nothing.
"""

import errno
import fcntl
import os
import socket
import struct
from collections.abc import Collection
from ipaddress import ip_address
from typing import NamedTuple

from exporter.collector import Malformed
from exporter.netlink import (
    CHUNK,
    DONE,
    DUMP,
    ERROR,
    GET_STRICT_CHK,
    HEADER,
    INTERRUPTED,
    MOST_ERRNO,
    PATIENCE,
    REQUEST,
    SOL_NETLINK,
    attributes,
    messages,
)

ADDRESS = struct.Struct("=BBBBL")  # ifaddrmsg: family, prefix, flags, scope, interface
NUMBER = struct.Struct("=l")
INTERFACE = struct.Struct("=16sl20x")  # ifreq: name, index
SIOCGIFINDEX = 0x8933

# linux/netlink.h and linux/rtnetlink.h
NETLINK_ROUTE = 0
NEW_ADDRESS, GET_ADDRESS = 20, 22
GROUPS = 0x10 | 0x100  # RTMGRP_IPV4_IFADDR, RTMGRP_IPV6_IFADDR
# linux/if_addr.h
IFA_ADDRESS, IFA_LOCAL, IFA_FLAGS = 1, 2, 8
UNUSABLE = (
    0x08 | 0x40
)  # IFA_F_DADFAILED: somebody else has it; IFA_F_TENTATIVE: not yet sure that nobody has

FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}

EVERY = 0  # no interface's number

MOST_CHUNKS = 1024
TRIES = 3


class Address(NamedTuple):
    """One address of one interface.

    Attributes:
        interface: Its number.
        usable: Unless IPv6 has found, or still fears, another owner.
        prefix: Bits of the network's part.
    """

    interface: int
    address: str
    usable: bool
    prefix: int


class Part(NamedTuple):
    """What one answer holds; `interrupted` when something changed while the kernel was listing."""

    addresses: tuple[Address, ...]
    done: bool
    interrupted: bool


def parse(data: bytes, sequence: int) -> Part:
    """Take one answer apart; messages of other kinds, and to other questions, are passed over.

    Raises:
        Malformed: It ends within a message.
        OSError: The kernel answered with an error.
    """
    found = []
    done = interrupted = False
    for kind, flags, number, body in messages(data):
        if number != sequence:
            continue
        interrupted |= bool(flags & INTERRUPTED)
        if kind in (ERROR, DONE):
            # Both begin with an errno, negative; 0 is success.
            code = NUMBER.unpack_from(body)[0] if len(body) >= NUMBER.size else 0
            if not -MOST_ERRNO <= code <= 0:
                raise Malformed(f"rtnetlink: an error of number {code}")
            if code:
                raise OSError(-code, f"rtnetlink: {os.strerror(-code)}")
            done = True
        elif kind == NEW_ADDRESS and (address := _address(body)) is not None:
            found.append(address)
    return Part(tuple(found), done, interrupted)


def _address(body: bytes) -> Address | None:
    if len(body) < ADDRESS.size:
        raise Malformed(f"rtnetlink: an address of {len(body)} bytes")
    _, prefix, flags, _, interface = ADDRESS.unpack_from(body)
    found = attributes(body[ADDRESS.size :])
    if (
        len(found.get(IFA_FLAGS, b"")) == NUMBER.size
    ):  # the byte above is too small for the newer ones
        flags = NUMBER.unpack(found[IFA_FLAGS])[0]
    # With a peer at the other end of a line, IFA_ADDRESS is the peer's.
    packed = found.get(IFA_LOCAL, found.get(IFA_ADDRESS, b""))
    if len(packed) not in (4, 16):
        return None
    return Address(interface, str(ip_address(packed)), not flags & UNUSABLE, prefix)


def addresses(interface: str, versions: Collection[int] = (4, 6)) -> frozenset[str]:
    """Return the usable addresses of an interface, none when there is no such interface; may never return.

    Raises:
        Malformed: The kernel's answer could not be understood.
        OSError: The kernel would not say, or addresses changed faster than they could be listed.
    """
    with _connected() as sock:
        try:
            sock.setsockopt(SOL_NETLINK, GET_STRICT_CHK, 1)
        except OSError:
            pass  # before Linux 4.20 the kernel lists every interface, and we choose
        try:
            index = _index(sock, interface)
            found = [a for v in versions for a in _listed(sock, FAMILIES[v], index)]
        except OSError as error:
            if error.errno == errno.ENODEV:
                return frozenset()
            raise
    return frozenset(a.address for a in found if a.usable and a.interface == index)


def every_address() -> list[Address]:
    """Return the addresses of all interfaces, usable or not, in the kernel's order; may never return.

    Raises:
        Malformed: The kernel's answer could not be understood.
        OSError: The kernel would not say, or addresses changed faster than they could be listed.
    """
    with _connected() as sock:
        return [one for family in FAMILIES.values() for one in _listed(sock, family, EVERY)]


def _connected() -> socket.socket:
    sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_ROUTE)
    sock.settimeout(PATIENCE)
    sock.bind((0, 0))
    return sock


def _index(sock: socket.socket, interface: str) -> int:
    # socket.if_nametoindex says the same of an interface that is not there and of too many open files.
    answer: bytes = fcntl.ioctl(sock, SIOCGIFINDEX, INTERFACE.pack(os.fsencode(interface), 0))
    return int(INTERFACE.unpack(answer)[1])


def _listed(sock: socket.socket, family: int, index: int) -> list[Address]:
    for sequence in range(1, TRIES + 1):
        question = ADDRESS.pack(family, 0, 0, 0, index)
        length = HEADER.size + len(question)
        header = HEADER.pack(length, GET_ADDRESS, REQUEST | DUMP, sequence, 0)
        sock.sendto(header + question, (0, 0))
        found, whole = _answer(sock, sequence)
        if whole:
            return found
    raise OSError(errno.EAGAIN, "rtnetlink: addresses change faster than they can be listed")


def _answer(sock: socket.socket, sequence: int) -> tuple[list[Address], bool]:
    found: list[Address] = []
    whole = True
    for _ in range(MOST_CHUNKS):
        part = parse(sock.recv(CHUNK), sequence)
        found += part.addresses
        whole &= not part.interrupted
        if part.done:
            return found, whole
    raise Malformed(f"rtnetlink: no end of the list after {MOST_CHUNKS} answers")


class News:
    """Hears that some address of the node has changed, not which."""

    def __init__(self) -> None:
        """Begin to hear.

        Raises:
            OSError: There are no such sockets here.
        """
        kind = socket.SOCK_RAW | socket.SOCK_NONBLOCK
        self._sock = socket.socket(socket.AF_NETLINK, kind, NETLINK_ROUTE)
        try:
            self._sock.bind((0, GROUPS))
        except OSError:
            self._sock.close()
            raise

    def fileno(self) -> int:
        """Return the descriptor, readable when there is news."""
        return self._sock.fileno()

    def take(self) -> None:
        """Take what has come; never waits."""
        for _ in range(MOST_CHUNKS):
            try:
                self._sock.recv(CHUNK)
            except BlockingIOError:
                return
            except OSError:
                continue  # ENOBUFS: more news than there was room for is news too

    def close(self) -> None:
        """Hear no more."""
        self._sock.close()
