"""Wireless devices and the stations that they see, asked of the kernel over generic netlink (linux/nl80211.h).

Some of it is asked of the driver under a lock of all wireless devices, so a call may never return: make it in a thread.
"""

import struct
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from exporter import netlink
from exporter.collector import Absent, Malformed

# linux/genetlink.h
NETLINK_GENERIC = 16
CONTROL = 16  # GENL_ID_CTRL
GET_FAMILY, FAMILY_ID, FAMILY_NAME = 3, 1, 2
HEADER = struct.Struct("=BB2x")  # genlmsghdr: command, version
NAME = b"nl80211\0"

GET_INTERFACE, GET_STATION, GET_SCAN = 5, 17, 32
INDEX, INTERFACE, ADDRESS, STATION, FREQUENCY, CELL = 3, 4, 6, 21, 38, 47
CELL_ADDRESS, CELL_ELEMENTS, CELL_STATUS = 1, 6, 9
INACTIVE, SIGNAL, CONNECTED, BEACON_LOSS = 1, 7, 16, 18
RECEIVED_PACKETS, SENT_PACKETS, RETRIES, FAILED = 9, 10, 11, 12
# The counters of 64 bits, where a driver has them, and the older ones.
RECEIVED_BYTES, SENT_BYTES = (23, 2), (24, 3)
RECEIVE_RATE, SEND_RATE = 14, 8
RATE_32, RATE_16 = 5, 1
NETWORK_NAME = 0  # of the elements of IEEE 802.11

# What a device that has a cell with one of these states is: NL80211_BSS_STATUS_*.
MODES = {0: "client", 1: "client", 2: "ad-hoc"}
HUNDRED_KILOBITS = 100_000

Ask = Callable[[int, int, bytes], Iterable[bytes]]
Attributes = dict[int, bytes]


class Cell(NamedTuple):
    """What a device has joined: the access point's address, the network's name, and as what."""

    address: str
    name: str
    mode: str


class Station(NamedTuple):
    """One station that a device hears, in seconds, bits a second, bytes and dBm; 0 where the driver does not say."""

    address: str
    connected: int
    inactive: float
    receive_rate: int
    send_rate: int
    received_bytes: int
    sent_bytes: int
    signal: int
    retries: int
    failed: int
    beacon_loss: int
    sent_packets: int
    received_packets: int


class Wireless(NamedTuple):
    """One wireless device, its frequency in MHz, the cell that it has joined, and its stations."""

    name: str
    frequency: int
    cell: Cell | None
    stations: tuple[Station, ...]


def family(ask: Ask) -> int:
    """Return the number by which wireless devices are asked about.

    Raises:
        Absent: This kernel has none.
        Malformed: Its answer could not be understood.
        OSError: It would not say.
    """
    for one in _asked(ask, CONTROL, GET_FAMILY, b""):
        if one.get(FAMILY_NAME) == NAME:
            return _number(one, FAMILY_ID)
    raise Absent("wifi: there is no wireless device")


def devices(ask: Ask) -> Iterator[Wireless]:
    """Yield each wireless device that has a name, which not every one has.

    Raises:
        Absent, Malformed, OSError: As `family`.
    """
    number = family(ask)
    for one in _asked(ask, number, GET_INTERFACE, b""):
        if name := _text(one.get(INTERFACE, b"")):
            index = netlink.ATTRIBUTE.pack(8, INDEX) + one.get(INDEX, b"\0\0\0\0")
            cells = map(_cell, _asked(ask, number, GET_SCAN, index))
            stations = map(_station, _asked(ask, number, GET_STATION, index))
            yield Wireless(
                name=name,
                frequency=_number(one, FREQUENCY),
                cell=next(filter(None, cells), None),
                stations=tuple(filter(None, stations)),
            )


def _asked(ask: Ask, family_number: int, command: int, question: bytes) -> list[Attributes]:
    answers = ask(NETLINK_GENERIC, family_number, HEADER.pack(command, 1) + question)
    return [netlink.attributes(body[HEADER.size :]) for body in answers]


def _cell(message: Attributes) -> Cell | None:
    """Return the cell of a message; None of one that the device has only heard."""
    cell = netlink.attributes(message.get(CELL, b""))
    if CELL_STATUS not in cell:
        return None
    name = elements(cell.get(CELL_ELEMENTS, b"")).get(NETWORK_NAME, b"")
    mode = MODES.get(_number(cell, CELL_STATUS), "unknown")
    return Cell(_address(cell.get(CELL_ADDRESS, b"")), name.decode("utf-8", "replace"), mode)


def elements(data: bytes) -> dict[int, bytes]:
    """Return what an access point says of itself, by the numbers of IEEE 802.11; strangers send it.

    Of an element that is there twice the last counts; one that is cut off is left out, with all behind it.
    """
    found: dict[int, bytes] = {}
    at = 0
    while at + 2 <= len(data) and at + 2 + data[at + 1] <= len(data):
        found[data[at]] = data[at + 2 : at + 2 + data[at + 1]]
        at += 2 + data[at + 1]
    return found


def _station(message: Attributes) -> Station | None:
    if STATION not in message:
        return None
    said = netlink.attributes(message[STATION])
    return Station(
        address=_address(message.get(ADDRESS, b"")),
        connected=_number(said, CONNECTED),
        inactive=_number(said, INACTIVE) / 1000,
        receive_rate=_rate(said.get(RECEIVE_RATE, b"")),
        send_rate=_rate(said.get(SEND_RATE, b"")),
        received_bytes=_number(said, *RECEIVED_BYTES),
        sent_bytes=_number(said, *SENT_BYTES),
        signal=_number(said, SIGNAL, signed=True),
        retries=_number(said, RETRIES),
        failed=_number(said, FAILED),
        beacon_loss=_number(said, BEACON_LOSS),
        sent_packets=_number(said, SENT_PACKETS),
        received_packets=_number(said, RECEIVED_PACKETS),
    )


def _rate(rate: bytes) -> int:
    return _number(netlink.attributes(rate), RATE_32, RATE_16) * HUNDRED_KILOBITS


def _number(found: Attributes, *kinds: int, signed: bool = False) -> int:
    """Return the first of the numbers that is there, and not 0, in this machine's byte order."""
    for kind in kinds:
        data = found.get(kind, b"")
        if len(data) > 8:
            raise Malformed(f"nl80211: a number of {len(data)} bytes")
        if number := int.from_bytes(data, sys.byteorder, signed=signed):
            return number
    return 0


def _text(data: bytes) -> str:
    return data.partition(b"\0")[0].decode("utf-8", "replace")


def _address(data: bytes) -> str:
    return data.hex(":")
