"""What a network device's driver tells ethtool(8), asked by ioctl (linux/ethtool.h).

The kernel asks the driver under the lock of all network devices, so a call may never return: make it in a thread. The
questions here need no privileges.
"""

import ctypes
import fcntl
import os
import socket
import struct
from typing import NamedTuple

from exporter.collector import Malformed

SIOCETHTOOL = 0x8946
REQUEST = struct.Struct("@16sP16x")  # ifreq: the device's name, and where the question lies
GET_SETTINGS, GET_DRIVER, GET_STRINGS, GET_STATISTICS = 0x1, 0x3, 0x1B, 0x1D
SETTINGS = struct.Struct("=LLLHBBBBBBLLHBBL8x")  # ethtool_cmd
DRIVER = struct.Struct("=L32s32s32s32s32s12xLL12x")  # ethtool_drvinfo
STRINGS = struct.Struct("=LLL")  # ethtool_gstrings: command, set, how many
NAMES_OF_STATISTICS = 1  # ETH_SS_STATS
STATISTICS = struct.Struct("=LL")  # ethtool_stats: command, how many
NAME_BYTES, COUNT_BYTES = 32, 8

MOST_STATISTICS = 64 * 1024
# A device that is set up anew between two questions may have more of them, and the kernel writes all that it has.
SPARE = 4096


class Link(NamedTuple):
    """The modes that a port can and does offer, by the bits of ethtool_link_mode_bit_indices, and if it negotiates."""

    supported: int
    advertised: int
    negotiates: int


class Driver(NamedTuple):
    """What drives the device, and how many statistics it has."""

    driver: str
    version: str
    firmware_version: str
    bus_info: str
    expansion_rom_version: str
    statistics: int = 0


class Ethtool:
    """Asks the kernel."""

    def link(self, device: str) -> Link:
        """Return a port's modes.

        Raises:
            OSError: There is no such device, or its driver does not say.
        """
        answer = _asked(device, SETTINGS.pack(GET_SETTINGS, *[0] * 15))
        _, supported, advertised, _, _, _, _, _, negotiates, *_ = SETTINGS.unpack(answer)
        return Link(supported, advertised, negotiates)

    def driver(self, device: str) -> Driver:
        """Return what drives a device.

        Raises:
            OSError: There is no such device, or its driver does not say.
        """
        question = struct.pack("=L", GET_DRIVER).ljust(DRIVER.size, b"\0")
        _, *texts, _, statistics = DRIVER.unpack(_asked(device, question))
        name, version, firmware, bus, rom = map(_text, texts)
        return Driver(name, version, firmware, bus, rom, statistics)

    def statistics(self, device: str) -> dict[str, int]:
        """Return what the driver counts; of a name that is there twice the last.

        Raises:
            Malformed: The driver has more of them than any.
            OSError: There is no such device, or its driver does not say.
        """
        number = self.driver(device).statistics
        if number > MOST_STATISTICS:
            raise Malformed(f"ethtool: {device} has {number} statistics")
        if not number:
            return {}
        spare = number + SPARE
        question = STRINGS.pack(GET_STRINGS, NAMES_OF_STATISTICS, number)
        names = _asked(device, question.ljust(STRINGS.size + NAME_BYTES * spare, b"\0"))
        question = STATISTICS.pack(GET_STATISTICS, number)
        counts = _asked(device, question.ljust(STATISTICS.size + COUNT_BYTES * spare, b"\0"))
        found = zip(
            _names(names), struct.iter_unpack("=Q", counts[STATISTICS.size :]), strict=False
        )
        return {name: count for name, (count,) in list(found)[: STATISTICS.unpack_from(counts)[1]]}


def _names(answer: bytes) -> list[str]:
    _, _, number = STRINGS.unpack_from(answer)
    places = range(STRINGS.size, STRINGS.size + NAME_BYTES * number, NAME_BYTES)
    return [_text(answer[at : at + NAME_BYTES]) for at in places]


def _text(data: bytes) -> str:
    return data.partition(b"\0")[0].decode("utf-8", "replace")


def _asked(device: str, question: bytes) -> bytes:
    """Have the kernel write its answer over the question."""
    buffer = ctypes.create_string_buffer(question, len(question))
    request = REQUEST.pack(os.fsencode(device), ctypes.addressof(buffer))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        fcntl.ioctl(sock, SIOCETHTOOL, request)
    return buffer.raw
