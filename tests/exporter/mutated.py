"""A tree of captured /proc and /sys that is changed, and put back: what a kernel may say next, and what none says."""

import random
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

# Of each collector, the files that it reads, below the tree. Not dmi, which node_exporter reads once, at its start.
SOURCES = {
    "arp": ("proc/net/arp",),
    "bcache": ("sys/fs/bcache/**/*",),
    "bonding": (
        "sys/class/net/bonding_masters",
        "sys/class/net/*/*/slaves",
        "sys/class/net/*/slave_*/*/*",
    ),
    "btrfs": ("sys/fs/btrfs/*/*", "sys/fs/btrfs/*/allocation/**/*", "sys/fs/btrfs/*/devices/*/*"),
    "buddyinfo": ("proc/buddyinfo",),
    "cgroups": ("proc/cgroups",),
    "conntrack": ("proc/sys/net/netfilter/*", "proc/net/stat/nf_conntrack"),
    "cpu": (
        "proc/stat",
        "proc/cpuinfo",
        "sys/devices/system/cpu/cpu*/*",
        "sys/devices/system/cpu/cpu*/thermal_throttle/*",
    ),
    "cpufreq": ("sys/devices/system/cpu/cpu*/cpufreq/*",),
    "diskstats": ("proc/diskstats",),
    "drbd": ("proc/drbd",),
    "edac": ("sys/devices/system/edac/mc/*/*", "sys/devices/system/edac/mc/*/*/*"),
    "entropy": ("proc/sys/kernel/random/*",),
    "fibrechannel": ("sys/class/fc_host/*/*", "sys/class/fc_host/*/statistics/*"),
    "filefd": ("proc/sys/fs/file-nr",),
    "hwmon": ("sys/class/hwmon/*/*",),
    "infiniband": (
        "sys/class/infiniband/*/*",
        "sys/class/infiniband/*/ports/*/*",
        "sys/class/infiniband/*/ports/*/*/*",
    ),
    "interrupts": ("proc/interrupts",),
    "ipvs": ("proc/net/ip_vs*",),
    "ksmd": ("sys/kernel/mm/ksm/*",),
    "lnstat": ("proc/net/stat/*",),
    "loadavg": ("proc/loadavg",),
    "mdadm": ("proc/mdstat",),
    "meminfo": ("proc/meminfo",),
    "meminfo_numa": ("sys/devices/system/node/node*/*",),
    "mountstats": ("proc/10/*",),
    "netclass": ("sys/class/net/*/*",),
    "netdev": ("proc/net/dev",),
    "netstat": ("proc/net/netstat", "proc/net/snmp*"),
    "nfs": ("proc/net/rpc/nfs",),
    "nfsd": ("proc/net/rpc/nfsd",),
    "nvme": ("sys/class/nvme/*/*",),
    "powersupplyclass": ("sys/class/power_supply/*/*",),
    "pressure": ("proc/pressure/*",),
    "rapl": ("sys/class/powercap/*/*",),
    "schedstat": ("proc/schedstat",),
    "slabinfo": ("proc/slabinfo",),
    "sockstat": ("proc/net/sockstat*",),
    "softnet": ("proc/net/softnet_stat",),
    "stat": ("proc/stat",),
    "tapestats": ("sys/class/scsi_tape/*/stats/*",),
    "thermal_zone": ("sys/class/thermal/*/*",),
    "udp_queues": ("proc/net/udp*",),
    "vmstat": ("proc/vmstat",),
    "xfs": ("sys/fs/xfs/*/stats/stats",),
    "zfs": ("proc/spl/kstat/zfs/*", "proc/spl/kstat/zfs/*/*"),
    "zoneinfo": ("proc/zoneinfo",),
}

NUMBER = re.compile(rb"(?<![\w.:-])[0-9]{1,15}(?![\w.:-])")

Change = Callable[[bytes, random.Random], bytes]


def raised(data: bytes, chance: random.Random) -> bytes:
    """Raise one of the numbers."""
    return _another(data, chance, lambda number: number + chance.choice((1, 17, 4096)))


def zeroed(data: bytes, chance: random.Random) -> bytes:
    """Set one of the numbers to 0."""
    return _another(data, chance, lambda number: 0)


def huge(data: bytes, chance: random.Random) -> bytes:
    """Set one of the numbers to what still fits into 63 bits."""
    return _another(data, chance, lambda number: 2**62)


def _another(data: bytes, chance: random.Random, change: Callable[[int], int]) -> bytes:
    found = list(NUMBER.finditer(data))
    if not found:
        return data
    one = chance.choice(found)
    return data[: one.start()] + b"%d" % change(int(one[0])) + data[one.end() :]


def without_a_line(data: bytes, chance: random.Random) -> bytes:
    """Take out one line: a device that has gone."""
    lines = data.splitlines(keepends=True)
    if len(lines) > 1:
        del lines[chance.randrange(len(lines))]
    return b"".join(lines)


def empty(data: bytes, chance: random.Random) -> bytes:
    """Leave nothing."""
    return b""


def truncated(data: bytes, chance: random.Random) -> bytes:
    """Leave the beginning."""
    return data[: chance.randrange(len(data) or 1)]


def binary(data: bytes, chance: random.Random) -> bytes:
    """Write bytes over a part."""
    at = chance.randrange(len(data) or 1)
    return data[:at] + bytes(chance.randrange(256) for _ in range(12)) + data[at + 12 :]


# What a kernel may say next, and what none says.
POSSIBLE: tuple[Change, ...] = (raised, zeroed, huge, without_a_line)
BROKEN: tuple[Change, ...] = (empty, truncated, binary)


@dataclass(frozen=True)
class Mutation:
    """One file of the tree, and what it holds instead; None where it is gone."""

    collector: str
    kind: str
    path: str
    data: bytes | None


def mutations(tree: Path, seed: int, each: int) -> Iterator[Mutation]:
    """Yield up to so many mutations of each collector that has files here, the same for the same seed.

    No two are the same, and none leaves its file as it was. Each collector has its chances for itself, so that another
    one changes none of them.
    """
    for name, globs in sorted(SOURCES.items()):
        files = _files(tree, globs)
        chance = random.Random(f"{seed} {name}")  # noqa: S311 - no secret, but the same every time
        seen: set[tuple[str, bytes | None]] = {(path, (tree / path).read_bytes()) for path in files}
        for _ in range(each if files else 0):
            path = chance.choice(files)
            data = (tree / path).read_bytes()
            change = chance.choice((*POSSIBLE, *BROKEN, None))
            changed = None if change is None else change(data, chance)
            if (path, changed) not in seen:
                seen.add((path, changed))
                yield Mutation(name, change.__name__ if change else "gone", path, changed)


def _files(tree: Path, globs: tuple[str, ...]) -> list[str]:
    found = {one for pattern in globs for one in tree.glob(pattern) if one.is_file()}
    return sorted(str(one.relative_to(tree)) for one in found)


@contextmanager
def mutated(tree: Path, *changes: Mutation) -> Iterator[None]:
    """Have the tree so for a while."""
    before = {one.path: (tree / one.path).read_bytes() for one in changes}
    try:
        for one in changes:
            if one.data is None:
                (tree / one.path).unlink()
            else:
                (tree / one.path).write_bytes(one.data)
        yield
    finally:
        for path, data in before.items():
            (tree / path).write_bytes(data)


def copied(fixtures: Path, tree: Path) -> Path:
    """Copy the captured tree, so that both programs find the network where each looks for it."""
    for part in ("proc", "sys", "udev"):
        shutil.copytree(fixtures / part, tree / part, symlinks=True)
    shutil.copytree(tree / "proc/1/net", tree / "proc/net", dirs_exist_ok=True)
    shutil.rmtree(tree / "proc/1/net")
    (tree / "proc/1/net").symlink_to("../net")
    without_what_is_newer(tree)
    return tree


def without_what_is_newer(tree: Path) -> None:
    """Take out what makes 1.5 give up: a line that it does not know, and a port that has not every file."""
    shutil.rmtree(tree / "sys/class/fc_host/host1")
    nfsd = tree / "proc/net/rpc/nfsd"
    rows = nfsd.read_bytes().splitlines(keepends=True)
    nfsd.write_bytes(b"".join(row for row in rows if not row.startswith(b"wdeleg_getattr ")))


def special(tree: Path) -> list[Mutation]:
    """What people ask a monitor for: a lost disk, a memory that fails, a host with very many of something."""
    mdstat, net, stat = (tree / "proc" / name for name in ("mdstat", "net/dev", "stat"))
    many = b"".join(
        b"  veth%d: %s\n" % (n, b" ".join(b"%d" % (n + at) for at in range(16))) for n in range(240)
    )
    cpus = b"".join(
        b"cpu%d %s\n" % (n, b" ".join(b"%d" % (n * 7 + at) for at in range(10))) for n in range(128)
    )
    head, _, rest = stat.read_bytes().partition(b"\ncpu0 ")
    after = rest[rest.index(b"\nintr ") + 1 :]
    errors = "sys/devices/system/edac/mc/mc0/ce_count"
    return [
        Mutation(
            "mdadm",
            "degraded",
            "proc/mdstat",
            mdstat.read_bytes().replace(b"[2/2] [UU]", b"[2/1] [U_]"),
        ),
        Mutation("edac", "failing memory", errors, b"4711\n"),
        Mutation(
            "bonding",
            "dropped slave",
            "sys/class/net/dmz/slave_eth4/bonding_slave/mii_status",
            b"down\n",
        ),
        Mutation("netdev", "240 interfaces", "proc/net/dev", net.read_bytes() + many),
        Mutation("cpu", "128 processors", "proc/stat", head + b"\n" + cpus + after),
    ]


def rare(tree: Path) -> list[Mutation]:
    """What chance seldom comes to."""

    def without(path: str, line: bytes) -> bytes:
        rows = (tree / path).read_bytes().splitlines(keepends=True)
        return b"".join(row for row in rows if not row.lstrip().startswith(line))

    def changed(path: str, old: bytes, new: bytes) -> bytes:
        data = (tree / path).read_bytes()
        assert old in data, path
        return data.replace(old, new, 1)

    size = "sys/fs/btrfs/0abb23a9-579b-43e6-ad30-227ef47fcb9d/devices/loop26/size"
    throttles = "sys/devices/system/cpu/cpu0/thermal_throttle/package_throttle_count"
    lines = (
        ("cpu", "proc/stat", b"cpu0 "),
        ("interrupts", "proc/interrupts", b"CPU0"),
        ("netdev", "proc/net/dev", b"face"),
        ("pressure", "proc/pressure/io", b"full"),
        ("stat", "proc/stat", b"btime"),
        ("xfs", "sys/fs/xfs/sda1/stats/stats", b"rw "),
        ("zoneinfo", "proc/zoneinfo", b"Node 0, zone      DMA\n"),
        ("zoneinfo", "proc/zoneinfo", b"Node 0, zone   Normal"),
    )
    return [
        *(
            Mutation(name, "without_a_line", path, without(path, line))
            for name, path, line in lines
        ),
        Mutation("cpu", "empty", throttles, b""),
        Mutation("entropy", "gone", "proc/sys/kernel/random/poolsize", None),
        Mutation("tapestats", "gone", "sys/class/scsi_tape/st0/stats/in_flight", None),
        Mutation("rapl", "empty", "sys/class/powercap/intel-rapl:0:0/name", b""),
        Mutation("btrfs", "huge", size, b"4611686018427387904\n"),
        Mutation(
            "powersupplyclass", "binary", "sys/class/power_supply/BAT0/model_name", b"LNV\xfe\xff\n"
        ),
        Mutation(
            "diskstats",
            "huge",
            "proc/diskstats",
            changed("proc/diskstats", b"\n   8 ", b"\n   4611686018427387904 "),
        ),
        Mutation(
            "mdadm",
            "huge",
            "proc/mdstat",
            changed("proc/mdstat", b"[2/2]", b"[4611686018427387904/2]"),
        ),
    ]
