"""Wireless devices, as node_exporter's fixtures have them, told in the kernel's messages (linux/nl80211.h).

fixtures/wifi: collector/fixtures/wifi of node_exporter (Apache-2.0), file for file; expected.txt is what its
e2e-output.txt makes of them.
"""

import json
import struct
from base64 import b64decode
from typing import Any

import pytest

from exporter import nl80211
from exporter.collector import Absent, Malformed
from exporter.collectors.wifi import wifi
from exporter.netlink import ATTRIBUTE
from tests.exporter.golden import GOLDEN, same_as_golden
from tests.exporter.offered import FIXTURES

WIFI = FIXTURES / "wifi"
FAMILY = 29
INTERFACES = json.loads((WIFI / "interfaces.json").read_text())


def attribute(kind: int, data: bytes) -> bytes:
    return ATTRIBUTE.pack(ATTRIBUTE.size + len(data), kind) + data + b"\0" * (-len(data) % 4)


def number(kind: int, value: int) -> bytes:
    return attribute(kind, struct.pack("=L", value))


def interface(index: int, one: dict[str, Any]) -> bytes:
    name = attribute(nl80211.INTERFACE, one["name"].encode() + b"\0") if "name" in one else b""
    return number(nl80211.INDEX, index) + name + number(nl80211.FREQUENCY, one.get("frequency", 0))


def cell(said: dict[str, Any]) -> bytes:
    name = said["ssid"].encode()
    inside = attribute(nl80211.CELL_ADDRESS, b64decode(said["bssid"]))
    # A second element, as every access point has.
    elements = bytes([nl80211.NETWORK_NAME, len(name)]) + name + b"\1\1\x82"
    inside += attribute(nl80211.CELL_ELEMENTS, elements)
    return attribute(nl80211.CELL, inside + number(nl80211.CELL_STATUS, said["status"]))


HEARD = attribute(nl80211.CELL, attribute(nl80211.CELL_ADDRESS, b"\0" * 6))


def station(said: dict[str, Any]) -> bytes:
    rates = [
        attribute(kind, number(nl80211.RATE_32, said[key] // nl80211.HUNDRED_KILOBITS))
        for kind, key in (
            (nl80211.RECEIVE_RATE, "receivebitrate"),
            (nl80211.SEND_RATE, "transmitbitrate"),
        )
    ]
    inside = (
        number(nl80211.CONNECTED, said["connected"] // 10**9)
        + number(nl80211.INACTIVE, said["inactive"] // 10**6)
        + attribute(nl80211.SIGNAL, struct.pack("=b", said["signal"]))
        + number(nl80211.RETRIES, said["transmitretries"])
        + number(nl80211.FAILED, said["transmitfailed"])
        + number(nl80211.BEACON_LOSS, said["beaconloss"])
        + b"".join(rates)
    )
    address = attribute(nl80211.ADDRESS, b64decode(said["hardwareaddr"]))
    return address + attribute(nl80211.STATION, inside)


def kernel(_: int, family: int, question: bytes) -> list[bytes]:
    """Answer as a kernel with these devices would."""
    command = question[0]
    if family == nl80211.CONTROL:
        names = ((b"nlctrl\0", 16), (nl80211.NAME, FAMILY))
        bodies = [
            attribute(nl80211.FAMILY_ID, struct.pack("=H", one))
            + attribute(nl80211.FAMILY_NAME, name)
            for name, one in names
        ]
    elif command == nl80211.GET_INTERFACE:
        bodies = [interface(index, one) for index, one in enumerate(INTERFACES)]
    elif question[-4:] != struct.pack("=L", 0):  # only wlan0 has joined anything
        bodies = []
    elif command == nl80211.GET_SCAN:
        bodies = [HEARD, cell(json.loads((WIFI / "wlan0/bss.json").read_text()))]
    else:
        bodies = list(map(station, json.loads((WIFI / "wlan0/stationinfo.json").read_text())))
    return [b"\0" * nl80211.HEADER.size + body for body in bodies]


def test_the_series_are_the_golden_ones_and_those_that_node_exporter_expects(
    request: pytest.FixtureRequest,
) -> None:
    reader = wifi(kernel)
    (one,) = reader.find()
    same_as_golden(request, "wifi", reader.body({one: reader.read(one)}))
    ours = (GOLDEN / "wifi.prom").read_text().splitlines()
    theirs = (WIFI / "expected.txt").read_text().splitlines()
    assert sorted(map(_counted, ours)) == sorted(map(_counted, theirs))


def _counted(line: str) -> tuple[str, float | str]:
    what, _, last = line.rpartition(" ")
    return (line, "") if line.startswith("#") else (what, float(last))


def test_a_kernel_without_wireless_devices_has_none() -> None:
    with pytest.raises(Absent):
        wifi(lambda *_: []).find()


def test_counters_of_64_bits_go_before_those_of_32() -> None:
    wide, narrow = nl80211.RECEIVED_BYTES
    inside = number(narrow, 7) + attribute(wide, struct.pack("=Q", 2**40))
    inside += number(nl80211.SENT_BYTES[1], 9)
    bodies = {nl80211.GET_STATION: [attribute(nl80211.STATION, inside)], nl80211.GET_SCAN: []}

    def ask(protocol: int, family: int, question: bytes) -> list[bytes]:
        bodies_of = bodies.get(question[0]) if family == FAMILY else None
        if bodies_of is None:
            return kernel(protocol, family, question)
        return [b"\0" * nl80211.HEADER.size + body for body in bodies_of]

    (one,) = next(nl80211.devices(ask)).stations
    assert (one.received_bytes, one.sent_bytes) == (2**40, 9)


@pytest.mark.parametrize("data", [b"", b"\0", b"\0\5abc", b"\1\1x\0", bytes(range(256)) * 3])
def test_what_an_access_point_says_of_itself_may_be_anything(data: bytes) -> None:
    assert all(len(value) < 256 for value in nl80211.elements(data).values())


def test_a_number_that_is_none_is_malformed() -> None:
    name = attribute(nl80211.FAMILY_NAME, nl80211.NAME)
    odd = attribute(nl80211.FAMILY_ID, b"123456789") + name
    with pytest.raises(Malformed, match="a number of 9 bytes"):
        nl80211.family(lambda *_: [b"\0" * nl80211.HEADER.size + odd])
