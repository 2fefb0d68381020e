"""What the kernel answers over netlink sockets: captured in a network of its own, and of this machine.

fixtures/netlink: tcp.bin of a listener and three connections to it, of which one waits to be accepted and one is being
closed, and tcp6.bin of a listener; qdisc.bin of a device with tc's htb over a pfifo that has dropped five packets.
"""

import socket
import struct
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from exporter import netlink
from exporter.collector import Malformed
from exporter.collectors.qdisc import qdisc
from exporter.collectors.tcpstat import STATES, counted, tcpstat
from exporter.devices import EVERY, Devices
from exporter.gathered import Devices as Reader
from exporter.gathered import Sample
from tests.exporter.golden import same_as_golden
from tests.exporter.offered import FIXTURES, values

ANSWERS = {
    name: (FIXTURES / f"netlink/{name}.bin").read_bytes() for name in ("tcp", "tcp6", "qdisc")
}
NAMES = {1: "lo", 2: "d%d0"}

Ask = Callable[[int, int, bytes], Iterable[bytes]]


def captured(_: int, kind: int, question: bytes) -> list[bytes]:
    if kind == 38:
        return netlink.part(ANSWERS["qdisc"])[0]
    return netlink.part(ANSWERS["tcp" if question[0] == socket.AF_INET else "tcp6"])[0]


def disciplines(ask: Ask = captured, keep: Devices = EVERY) -> Reader:
    return qdisc(keep, ask, lambda: NAMES)


def connections(node: Path, ask: Ask = captured) -> Reader:
    return tcpstat(node / "proc", ask)


@pytest.fixture
def node(tmp_path: Path) -> Path:
    """A node with IPv6."""
    (tmp_path / "proc/net").mkdir(parents=True)
    (tmp_path / "proc/net/tcp6").touch()
    return tmp_path


def read(reader: Reader) -> tuple[Sample, ...]:
    (one,) = reader.find()
    return reader.read(one)


def test_the_states_of_connections_are_the_golden_ones(
    request: pytest.FixtureRequest, node: Path
) -> None:
    reader = connections(node)
    same_as_golden(request, "tcpstat", reader.body({"sockets": read(reader)}))


def test_the_queues_of_devices_are_the_golden_ones(request: pytest.FixtureRequest) -> None:
    reader = disciplines()
    same_as_golden(request, "qdisc", reader.body({"disciplines": read(reader)}))


def test_without_ipv6_only_ipv4_is_asked_about(node: Path) -> None:
    both = {one.labels[0][1]: one.value for one in read(connections(node))}
    (node / "proc/net/tcp6").unlink()
    alone = {one.labels[0][1]: one.value for one in read(connections(node))}
    assert both["listen"] - alone["listen"] == 1


def test_a_device_that_has_just_come_or_gone_is_left_out() -> None:
    assert {dict(one.labels)["device"] for one in read(disciplines())} == {"lo", "d%d0"}
    assert read(qdisc(EVERY, captured, dict)) == ()


def test_a_socket_in_a_state_that_nobody_knows() -> None:
    odd = struct.pack("=xB54xLL8x", 77, 1, 2)
    assert counted([odd]) == {"unknown": 1, "rx_queued_bytes": 1, "tx_queued_bytes": 2}


@pytest.mark.parametrize("reader", ["tcp", "qdisc"])
def test_what_is_too_short_is_malformed(reader: str, node: Path) -> None:
    made = {"tcp": connections(node, short), "qdisc": disciplines(short)}
    with pytest.raises(Malformed, match="of 3 bytes"):
        read(made[reader])


def short(*_: object) -> list[bytes]:
    return [b"abc"]


def test_an_answer_in_which_something_changed_is_not_taken() -> None:
    header = struct.pack("=LHHLL", 16, 36, netlink.INTERRUPTED, netlink.SEQUENCE, 0)
    with pytest.raises(OSError, match="changed meanwhile"):
        netlink.part(header)


def test_an_error_of_the_kernels_is_raised() -> None:
    answer = struct.pack("=LHHLLl", 20, netlink.ERROR, 0, netlink.SEQUENCE, 0, -1)
    with pytest.raises(PermissionError):
        netlink.part(answer)


@pytest.mark.parametrize("cut", [1, 7, 17, 40, 200])
def test_an_answer_that_is_cut_is_malformed(cut: int) -> None:
    with pytest.raises(Malformed, match="netlink"):
        netlink.part(ANSWERS["qdisc"][:-cut])


def test_attributes_that_are_cut_are_malformed() -> None:
    with pytest.raises(Malformed, match="attribute"):
        netlink.attributes(struct.pack("=HH", 40, 1))


async def test_this_machines_listeners_and_queues_are_counted() -> None:
    with socket.create_server(("127.0.0.1", 0)):
        seen = await values("tcpstat", Path("/"))
    assert seen[f'{STATES.name}{{state="listen"}}'] >= 1
    assert {series.partition("{")[0] for series in await values("qdisc", Path("/"))} <= {
        *(f"node_qdisc_{what}_total" for what in ("bytes", "drops", "overlimits", "packets")),
        *("node_qdisc_backlog", "node_qdisc_current_queue_length", "node_qdisc_requeues_total"),
    }
