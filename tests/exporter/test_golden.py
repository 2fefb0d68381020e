"""The whole exposition, byte for byte, from captured sources and a node that we play.

`pytest --rewrite` accepts what comes out; read the diff.
"""

import asyncio
import os
from pathlib import Path

import pytest

from exporter.collectors.addresses import Interfaces
from exporter.collectors.cpu import Cpu
from exporter.collectors.diskstats import Diskstats
from exporter.collectors.filesystem import Filesystems, Usage
from exporter.collectors.keepalived import Keepalived
from exporter.collectors.loadavg import Loadavg
from exporter.collectors.marks import Marks
from exporter.collectors.meminfo import Memory
from exporter.collectors.netdev import Netdev
from exporter.collectors.peers import Peers
from exporter.collectors.pressure import Stalls
from exporter.collectors.services import Services
from exporter.collectors.stat import Statistics
from exporter.collectors.uname import Kernel
from exporter.config import Peer, Probe, Service, TcpProbe, VirtualAddress
from exporter.devices import EVERY
from exporter.disk_info import DiskInfo
from exporter.inventory.storage import DISKS
from exporter.netns import NetFile
from exporter.processors import Processors
from exporter.procfile import ProcFile
from exporter.rotation import Rotation
from exporter.schedule import Periodic
from exporter.scrape import Scraper
from exporter.selfmetrics import build_info
from exporter.serving import Probed
from exporter.udev import Udev
from exporter.unit_cgroup import UnitCgroup
from exporter.vrrp import Instance, path_of
from tests.exporter.fakes import (
    FakeBlocking,
    FakeProber,
    FakeSystemd,
    FakeVrrp,
    loop_clock,
    unit,
)
from tests.exporter.golden import GOLDEN, same_as_golden
from tests.exporter.tools import complaints

HERE = Path(__file__).parent
PROC = HERE / "fixtures/proc"
SYS = HERE / "fixtures/sys"
UDEV = HERE / "fixtures/udev"

UNAME = os.uname_result(("Linux", "web1", "6.1.0-37-amd64", "#1 SMP Debian 6.1.140-1", "x86_64"))
TCP = Probe(TcpProbe("::1", 80), interval=1.0)
SERVICES = (
    Service("nginx", "nginx.service", "web", TCP),
    Service("backend", "backend.service", "web"),
    Service("database", "database.service", "data"),
    Service("ghost", "ghost.service", "data"),
)
ADDRESSES = (
    VirtualAddress("vip", "10.77.0.100", "host0", "lb", 51),
    VirtualAddress("six", "fd00:77::100", "host0", "lb", 52),
)
VRRP = FakeVrrp({path_of(ADDRESSES[0]): Instance("vip", 2)})


def node() -> FakeSystemd:
    """A node of which one service serves, one waits for systemd, one failed and one is unknown."""
    systemd = FakeSystemd()
    systemd.units = {
        "nginx.service": unit(cgroup="/system.slice/nginx.service"),
        "backend.service": unit("activating", "auto-restart", result="exit-code", restarts=2),
        "database.service": unit("failed", "failed", result="oom-kill", memory_bytes=None),
    }
    return systemd


def usage(path: bytes) -> Usage:
    if path in (b"/srv/data", b"/mnt/filer"):
        raise OSError(5, "Input/output error")
    return Usage(size=4_000_000_000, free=1_500_000_000, avail=1_200_000_000, files=9, files_free=7)


async def alive(peer: Peer) -> bool:
    return peer.node == "web2"


async def exposition() -> bytes:
    clock, prober, blocking = loop_clock(), FakeProber(), FakeBlocking()
    prober.answer, prober.earliest_expiry = Probed.SUCCESS, 1_795_000_000.0
    background = (
        Keepalived(ADDRESSES, VRRP, clock),
        Periodic(Interfaces(ADDRESSES, blocking, lambda *_: {"10.77.0.100"}), clock),
        Periodic(Filesystems(PROC, Path("/"), blocking, ask=usage), clock),
        Periodic(Peers([Peer("web2", "", 22), Peer("mon1", "", 22)], 5.0, alive), clock),
        Services(SERVICES, node(), clock, lambda how: prober, UnitCgroup(SYS / "fs/cgroup")),
    )
    on_scrape = (
        Cpu(ProcFile(PROC / "stat"), Processors(SYS)),
        Diskstats(ProcFile(PROC / "diskstats"), DiskInfo(Udev(UDEV), Rotation(SYS)), DISKS.default),
        Loadavg(ProcFile(PROC / "loadavg")),
        Marks(HERE / "fixtures/marks.json"),
        Memory(ProcFile(PROC / "meminfo")),
        Netdev(NetFile(PROC, "dev"), SYS / "class/net", EVERY),
        Stalls(PROC / "pressure"),
        Statistics(ProcFile(PROC / "stat")),
        Kernel(ProcFile(PROC / "sys/kernel/domainname"), lambda: UNAME),
    )
    tasks = [asyncio.create_task(collector.run()) for collector in background]
    await asyncio.sleep(6)
    seen = Scraper([*background, *on_scrape], lambda: build_info("1.2.3"), clock).scrape()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return seen


@pytest.mark.looptime(start=0)
async def test_the_exposition_is_the_golden_one(request: pytest.FixtureRequest) -> None:
    same_as_golden(request, "metrics", await exposition())


@pytest.mark.tools
def test_promtool_has_nothing_to_say_of_our_own_names() -> None:
    golden = (GOLDEN / "metrics.prom").read_bytes()
    ours = {text for text in complaints(golden) if not text.startswith("node_memory_")}
    assert ours == set()
