"""Questions to the kernel over a netlink socket, and its answers taken apart: netlink(7).

Some questions wait for locks that a driver that hangs may never let go, which no timeout of ours ends: ask in a thread.
"""

import errno
import os
import socket
import struct
from collections.abc import Iterator

from exporter.collector import Malformed

HEADER = struct.Struct("=LHHLL")  # nlmsghdr: length, type, flags, sequence, port
ATTRIBUTE = struct.Struct("=HH")  # nlattr: length, type
NUMBER = struct.Struct("=l")

# linux/netlink.h
ERROR, DONE = 2, 3
REQUEST, INTERRUPTED, DUMP = 0x1, 0x10, 0x300
SOL_NETLINK, GET_STRICT_CHK = 270, 12
TYPE = 0x3FFF  # of an attribute; the two bits above say that it is nested, and its byte order

MOST_ERRNO = 4095  # linux/err.h
CHUNK = 64 * 1024  # more than the kernel ever puts into one answer
MOST_CHUNKS = 16 * 1024  # some six million sockets
PATIENCE = 1.0  # seconds for each answer
SEQUENCE = 1


def messages(data: bytes) -> Iterator[tuple[int, int, int, bytes]]:
    """Yield each message of an answer: its type, flags and sequence, and what it holds.

    Raises:
        Malformed: It ends within a message.
    """
    at = 0
    while at < len(data):
        if len(data) - at < HEADER.size:
            raise Malformed(f"netlink: an answer ends within a header, {len(data) - at} bytes")
        length, kind, flags, number, _ = HEADER.unpack_from(data, at)
        if not HEADER.size <= length <= len(data) - at:
            raise Malformed(f"netlink: a message of {length} bytes in {len(data) - at}")
        yield kind, flags, number, data[at + HEADER.size : at + length]
        at += _aligned(length)


def attributes(body: bytes) -> dict[int, bytes]:
    """Return what attributes hold by their types; of a type that is there twice the last.

    Raises:
        Malformed: They end within one.
    """
    found: dict[int, bytes] = {}
    at = 0
    while len(body) - at >= ATTRIBUTE.size:
        length, kind = ATTRIBUTE.unpack_from(body, at)
        if not ATTRIBUTE.size <= length <= len(body) - at:
            raise Malformed(f"netlink: an attribute of {length} bytes in {len(body) - at}")
        found[kind & TYPE] = body[at + ATTRIBUTE.size : at + length]
        at += _aligned(length)
    return found


def _aligned(length: int) -> int:
    return (length + 3) & ~3


def listed(protocol: int, kind: int, question: bytes) -> Iterator[bytes]:
    """Ask for a list and yield what each of its messages holds; may never return.

    Args:
        protocol: Of the socket, such as NETLINK_ROUTE.
        kind: The type of the question.
        question: What follows the header.

    Raises:
        Malformed: The kernel's answer could not be understood, or has no end.
        OSError: The kernel would not say, or what is listed changed meanwhile.
    """
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, protocol) as sock:
        sock.settimeout(PATIENCE)
        sock.bind((0, 0))
        length = HEADER.size + len(question)
        header = HEADER.pack(length, kind, REQUEST | DUMP, SEQUENCE, 0)
        sock.sendto(header + question, (0, 0))
        for _ in range(MOST_CHUNKS):
            bodies, done = part(sock.recv(CHUNK))
            yield from bodies
            if done:
                return
    raise Malformed(f"netlink: no end of the list after {MOST_CHUNKS} answers")


def part(data: bytes) -> tuple[list[bytes], bool]:
    """Take one answer to such a question apart; return what its messages hold, and whether it is the last.

    Raises:
        Malformed: It ends within a message, or its error is none.
        OSError: The kernel answered with an error, or says that what is listed changed meanwhile.
    """
    bodies = list[bytes]()
    done = False
    for kind, flags, number, body in messages(data):
        if number != SEQUENCE:
            continue
        if flags & INTERRUPTED:
            raise OSError(errno.EAGAIN, "netlink: what is listed has changed meanwhile")
        if kind in (ERROR, DONE):
            # Both begin with an errno, negative; 0 is success.
            code = NUMBER.unpack_from(body)[0] if len(body) >= NUMBER.size else 0
            if not -MOST_ERRNO <= code <= 0:
                raise Malformed(f"netlink: an error of number {code}")
            if code:
                raise OSError(-code, f"netlink: {os.strerror(-code)}")
            done = True
        else:
            bodies.append(body)
    return bodies, done
