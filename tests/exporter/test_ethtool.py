"""What drivers tell: as ethtool(8) printed it for node_exporter's test, with what that expects; and this machine's.

fixtures/ethtool: eth0 as it stands in node_exporter's collector/fixtures (Apache-2.0), expected.txt from its
ethtool_linux_test.go.
"""

import errno
import re
from pathlib import Path

import pytest

from exporter.collectors.ethtool import ethtool, metric, named
from exporter.devices import EVERY
from exporter.ethtool import Driver, Ethtool, Link
from exporter.gathered import Devices
from tests.exporter.golden import GOLDEN, same_as_golden
from tests.exporter.offered import FIXTURES, values

PRINTED = FIXTURES / "ethtool"
EVERY_STATISTIC = re.compile(".*")
BITS = {
    "10baseT/Half": 0,
    "10baseT/Full": 1,
    "100baseT/Half": 2,
    "100baseT/Full": 3,
    "1000baseT/Full": 5,
    "10000baseT/Full": 12,
}
PORTS, NEGOTIATION, PAUSE = {"TP": 7, "MII": 9}, 1 << 6, 1 << 13


class Printed:
    """Tells what ethtool(8) printed; of a device of which it printed nothing, as of one whose driver says nothing."""

    def link(self, device: str) -> Link:
        text = self._text(device, "settings")
        both = [_bits(re.findall(r"\d+base\S+", part)) for part in _modes(text)]
        ports = re.findall(r"Supported ports: \[(.*)\]", text)[0].split()
        supported = both[0] | sum(1 << PORTS[port] for port in ports) | NEGOTIATION | PAUSE
        return Link(supported, both[1] | NEGOTIATION | PAUSE, int("Auto-negotiation: on" in text))

    def driver(self, device: str) -> Driver:
        rows = re.findall(r"^([\w-]+): (.*)$", self._text(device, "driver"), re.MULTILINE)
        said = {key.replace("-", "_"): value for key, value in rows if "supports" not in key}
        return Driver(**said)

    def statistics(self, device: str) -> dict[str, int]:
        text = self._text(device, "statistics")
        return {name: int(count) for name, count in re.findall(r"^ +(.+): (\d+)$", text, re.M)}

    def _text(self, device: str, what: str) -> str:
        try:
            return (PRINTED / device / what).read_text()
        except FileNotFoundError:
            raise OSError(errno.EOPNOTSUPP, "Operation not supported") from None


def _modes(text: str) -> tuple[str, str]:
    supported, _, advertised = text.partition("Advertised link modes:")
    return supported.partition("Supported link modes:")[2], advertised


def _bits(modes: list[str]) -> int:
    return sum(1 << BITS[mode] for mode in modes)


def reader(shown: re.Pattern[str] = EVERY_STATISTIC, sysfs: Path = FIXTURES / "sys") -> Devices:
    return ethtool(sysfs, EVERY, shown, Printed())


def body(made: Devices) -> bytes:
    return made.body({device: made.read(device) for device in made.find()})


def test_the_series_are_the_golden_ones_and_those_that_node_exporter_expects(
    request: pytest.FixtureRequest,
) -> None:
    same_as_golden(request, "ethtool", body(reader()))
    ours = (GOLDEN / "ethtool.prom").read_text().splitlines()
    theirs = (PRINTED / "expected.txt").read_text().splitlines()
    assert sorted(map(_counted, ours)) == sorted(map(_counted, theirs))


def _counted(line: str) -> tuple[str, float | str]:
    what, _, last = line.rpartition(" ")
    return (line, "") if line.startswith("#") else (what, float(last))


def test_statistics_are_chosen_by_the_drivers_words() -> None:
    seen = body(reader(re.compile("^rx_missed$")))
    assert b'node_ethtool_received_missed{device="eth0"} 401\n' in seen
    assert b"node_ethtool_received_unicast" not in seen


# The cases of node_exporter's TestBuildEthtoolFQName.
@pytest.mark.parametrize(
    ("word", "name"),
    [
        ("port.rx_errors", "port_received_errors"),
        ("rx_errors", "received_errors"),
        ("Queue[0] AllocFails", "queue_0_allocfails"),
        ("Tx LPI entry count", "transmitted_lpi_entry_count"),
        ("port.VF_admin_queue_requests", "port_vf_admin_queue_requests"),
        ("[3]: tx_bytes", "3_transmitted_bytes"),
        ("     err", "err"),
    ],
)
def test_a_drivers_word_becomes_a_name(word: str, name: str) -> None:
    assert metric(word) == name


def test_words_that_make_no_name_or_the_same_one_are_all_left_out() -> None:
    words = {"a b": 1, "a_b": 2, "A-B": 3, "c": 4, "\xff\n\x00": 5}
    found = [(one.name, count) for one, count in named(words, EVERY_STATISTIC)]
    assert found == [("node_ethtool_c", 4)]


def test_a_device_that_is_not_there_is_an_error() -> None:
    kernel = Ethtool()
    for ask in (kernel.link, kernel.driver, kernel.statistics):
        with pytest.raises(OSError, match=r"No such device|not supported"):
            ask("nowhere0")


async def test_this_machines_devices_are_asked() -> None:
    """Whatever devices there are: a loopback has no driver that would say anything."""
    assert not any('device="lo"' in series for series in await values("ethtool", Path("/")))
