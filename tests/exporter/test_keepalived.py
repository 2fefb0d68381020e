"""VRRP states over a real bus, with a keepalived that we play on it, and what is made of them."""

import asyncio
import re
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from exporter.clock import Clock
from exporter.collector import State
from exporter.collectors.keepalived import Keepalived
from exporter.config import VirtualAddress
from exporter.vrrp import Instance, KeepalivedOnBus, parse, path_of
from tests.exporter.keepalived_on_bus import FakeKeepalived, keepalived_on, status_change
from tests.exporter.systemd_on_bus import dbus_daemon, forge

PATIENCE = 20.0  # seconds until a test that waits for something real gives up

VIP = VirtualAddress("vip", "10.77.0.100", "host0", "lb", 51)
SECOND = VirtualAddress("second", "10.77.0.101", "host0", "lb", 51)
SIX = VirtualAddress("six", "fd00:77::100", "eth0.7", "lb", 52)
PATH = "/org/keepalived/Vrrp1/Instance/host0/51/IPv4"
PATH_SIX = "/org/keepalived/Vrrp1/Instance/eth0_7/52/IPv6"


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    with dbus_daemon(tmp_path) as found:
        yield found


class Watching:
    """A collector that runs, and what it shows."""

    def __init__(self, collector: Keepalived) -> None:
        self.collector = collector

    @property
    def state(self) -> State:
        return self.collector.latest().state

    @property
    def up(self) -> str:
        found = re.findall(rb"^keepalived_up (\d)$", self.collector.latest().body, re.MULTILINE)
        return b"".join(found).decode()

    @property
    def states(self) -> dict[str, str]:
        """The state of each address."""
        pattern = rb'^keepalived_vrrp_state\{.*ip_address="([^"]*)".*\} (\d+)$'
        found = re.findall(pattern, self.collector.latest().body, re.MULTILINE)
        return {ip.decode(): state.decode() for ip, state in found}

    async def until(self, up: str, states: dict[str, str]) -> None:
        """Wait until exactly this is shown."""
        async with asyncio.timeout(PATIENCE):
            while (self.up, self.states) != (up, states):
                await asyncio.sleep(0.01)

    async def until_state(self, state: State) -> None:
        """Wait until the collector reports this."""
        async with asyncio.timeout(PATIENCE):
            while self.state is not state:
                await asyncio.sleep(0.01)


@asynccontextmanager
async def watching(
    address: str, *wanted: VirtualAddress, deadline: float = PATIENCE, resync: float = PATIENCE
) -> AsyncIterator[Watching]:
    collector = Keepalived(wanted, KeepalivedOnBus(address, deadline, resync), Clock())
    task = asyncio.create_task(collector.run())
    async with asyncio.timeout(PATIENCE):
        await collector.settled()
    yield Watching(collector)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def keepalived(address: str, state: int = 1) -> AsyncIterator[FakeKeepalived]:
    async with keepalived_on(address) as fake:
        fake.instances[PATH] = "vip", state
        yield fake


def test_paths_are_those_that_keepalived_makes() -> None:
    assert (path_of(VIP), path_of(SIX)) == (PATH, PATH_SIX)


@pytest.mark.parametrize(
    ("raw", "seen"),
    [
        ({"Name": ["vip"], "State": [2, "Master"]}, Instance("vip", 2)),
        ({"Name": "vip", "State": [0, "Init"]}, Instance("vip", 0)),
        ({"Name": "vip", "State": [97, "Deleted"]}, None),
        ({"Name": "vip", "State": []}, None),
        ({"Name": [], "State": [2, "Master"]}, None),
        ({"Name": "vip", "State": ["Master", 2]}, None),
        ({}, None),
    ],
)
def test_properties_of_an_instance(raw: dict[str, object], seen: Instance | None) -> None:
    assert parse(raw) == seen


async def test_every_address_has_the_state_of_the_instance_that_moves_it(address: str) -> None:
    async with keepalived(address) as fake:
        fake.instances[PATH_SIX] = 'V"6', 3
        async with watching(address, VIP, SECOND, SIX) as seen:
            assert (seen.up, seen.state) == ("1", State.OK)
            rows = seen.collector.latest().body.decode().splitlines()
            assert [row for row in rows if row.startswith("keepalived_vrrp")] == [
                'keepalived_vrrp_state{iname="vip",intf="host0",ip_address="10.77.0.100",vrid="51"} 1',
                'keepalived_vrrp_state{iname="vip",intf="host0",ip_address="10.77.0.101",vrid="51"} 1',
                'keepalived_vrrp_state{iname="V\\"6",intf="eth0.7",ip_address="fd00:77::100",vrid="52"} 3',
            ]
            assert sorted(fake.calls) == sorted({PATH, PATH_SIX})


async def test_a_change_is_told_by_its_signal_and_nothing_is_asked_again(address: str) -> None:
    async with keepalived(address) as fake, watching(address, VIP) as seen:
        asked = len(fake.calls)
        for state in (2, 3, 1):
            await fake.change(PATH, state)
            await seen.until("1", {"10.77.0.100": str(state)})
        assert len(fake.calls) == asked


async def test_what_somebody_else_sends_in_keepaliveds_form_is_not_heard(address: str) -> None:
    async with keepalived(address) as fake, watching(address, VIP) as seen:
        fake.instances[PATH_SIX] = "six", 1
        await forge(address, status_change(PATH, 3))
        await fake.change(PATH_SIX, 2)  # not of ours: leads to a look at all of ours
        async with asyncio.timeout(PATIENCE):
            while len(fake.calls) < 2:
                assert seen.states == {"10.77.0.100": "1"}
                await asyncio.sleep(0.01)


async def test_without_keepalived_on_the_bus_it_is_down_until_it_comes(address: str) -> None:
    async with watching(address, VIP) as seen:
        assert (seen.up, seen.states, seen.state) == ("0", {}, State.OK)
        for _ in range(2):
            async with keepalived(address, state=2):
                await seen.until("1", {"10.77.0.100": "2"})
            await seen.until("0", {})


async def test_a_keepalived_that_has_no_such_instance_is_up_and_says_nothing_of_it(
    address: str,
) -> None:
    async with keepalived(address) as fake:
        with capture_logs() as logs:
            async with watching(address, VIP, SIX) as seen:
                assert (seen.up, seen.states) == ("1", {"10.77.0.100": "1"})
                fake.instances[PATH_SIX] = "six", 2
                await fake.reloaded()
                await seen.until("1", {"10.77.0.100": "1", "fd00:77::100": "2"})
        told = [entry for entry in logs if entry["event"] == "vrrp.no_such_instance"]
        assert [entry["path"] for entry in told] == [PATH_SIX]


async def test_an_instance_that_is_being_deleted_has_no_state(address: str) -> None:
    async with keepalived(address) as fake, watching(address, VIP) as seen:
        await fake.change(PATH, 97)
        await seen.until("1", {})


async def test_a_keepalived_that_does_not_answer_is_unknown_and_not_down(address: str) -> None:
    """As one that was stopped: the next look finds it out, and the one after it that it lives again."""
    async with (
        keepalived(address) as fake,
        watching(address, VIP, deadline=0.5, resync=0.05) as seen,
    ):
        assert seen.up == "1"
        fake.stopped = True
        await seen.until_state(State.TIMED_OUT)
        assert (seen.up, seen.states) == ("", {})
        fake.stopped = False
        await seen.until("1", {"10.77.0.100": "1"})
        await seen.until_state(State.OK)


async def test_a_keepalived_that_forbids_it_is_unknown(address: str) -> None:
    async with keepalived(address) as fake:
        fake.refusal = "org.freedesktop.DBus.Error.AccessDenied"
        async with watching(address, VIP) as seen:
            assert (seen.state, seen.collector.latest().body) == (State.FAILED, b"")


async def test_without_a_bus_it_is_unknown(tmp_path: Path) -> None:
    with capture_logs() as logs:
        async with watching(f"unix:path={tmp_path}/nowhere", VIP) as seen:
            assert (seen.state, seen.collector.latest().body) == (State.FAILED, b"")
    assert [entry["reason"] for entry in logs] == [
        f"D-Bus at unix:path={tmp_path}/nowhere: [Errno 2] No such file or directory"
    ]


async def test_a_bus_that_hangs_is_unknown(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "bus"))
        silent.listen()
        async with watching(f"unix:path={tmp_path}/bus", VIP, deadline=0.2) as seen:
            assert (seen.state, seen.collector.latest().body) == (State.TIMED_OUT, b"")


async def test_a_bus_that_goes_away_takes_what_was_known_along(tmp_path: Path) -> None:
    with ExitStack() as bus:
        address = bus.enter_context(dbus_daemon(tmp_path))
        async with keepalived(address), watching(address, VIP) as seen:
            assert seen.up == "1"
            bus.close()
            await seen.until_state(State.FAILED)
            assert seen.collector.latest().body == b""


async def test_a_node_that_is_no_candidate_asks_nobody_until_it_is_one(address: str) -> None:
    async with keepalived(address) as fake, watching(address) as seen:
        assert (seen.state, seen.collector.latest().body) == (State.ABSENT, b"")
        assert fake.calls == []
        seen.collector.declare([VIP])
        await seen.until("1", {"10.77.0.100": "1"})
        seen.collector.declare([])
        await asyncio.sleep(0)
        assert (seen.state, seen.collector.latest().body) == (State.ABSENT, b"")
