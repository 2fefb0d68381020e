"""A large node's /proc, /sys and file systems as files, for exporters to be pointed at.

Forms: proc(5), Documentation/admin-guide/iostats.rst, Documentation/accounting/psi.rst.
"""

import os
import random
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Size:
    """How much of each the node has."""

    cpus: int = 128
    interfaces: int = 240
    disks: int = 120
    mounts: int = 100


NETDEV_HEAD = (
    "Inter-|   Receive                                                |  Transmit\n"
    " face |bytes    packets errs drop fifo frame compressed multicast|"
    "bytes    packets errs drop fifo colls carrier compressed\n"
)


def plant(folder: Path, size: Size = Size()) -> list[str]:
    """Make the tree below `folder`; return the flags that point an exporter at it."""
    chance = random.Random(1)  # noqa: S311 -- figures, no secrets
    _processors(folder, size.cpus, chance)
    _network(folder, size.interfaces, chance)
    _disks(folder, size.disks, chance)
    _mounts(folder, size.mounts)
    for name in ("meminfo", "loadavg", "vmstat"):
        (folder / "proc" / name).write_bytes(Path("/proc", name).read_bytes())
    for name in ("cpu", "io", "memory"):
        _write(folder / "proc/pressure" / name, _pressure(chance))
    return [
        *(f"--path.{name}={folder}/{at}" for name, at in (("procfs", "proc"), ("sysfs", "sys"))),
        f"--path.rootfs={folder}/root",
        f"--path.udev.data={folder}/udev",
    ]


def _processors(folder: Path, count: int, chance: random.Random) -> None:
    rows = [
        f"cpu{n} " + " ".join(str(chance.randrange(10**8)) for _ in range(10)) for n in range(count)
    ]
    interrupts = " ".join(str(chance.randrange(10**6)) for _ in range(8 * count))
    _write(
        folder / "proc/stat",
        "cpu  1 2 3 4 5 6 7 8 9 10\n"
        + "\n".join(rows)
        + f"\nintr 123456789 {interrupts}\nctxt 987654321\nbtime 1700000000\nprocesses 4711\n"
        "procs_running 3\nprocs_blocked 1\nsoftirq 10 1 2 3 4 5 6 7 8 9 10\n",
    )
    for n in range(count):
        cpu = folder / f"sys/devices/system/cpu/cpu{n}"
        _write(cpu / "topology/core_id", f"{n // 2}\n")
        _write(cpu / "topology/physical_package_id", f"{n // 64}\n")
        _write(cpu / "thermal_throttle/core_throttle_count", f"{n // 2}\n")
        _write(cpu / "thermal_throttle/package_throttle_count", "7\n")
    _write(folder / "sys/devices/system/cpu/isolated", "\n")


def _network(folder: Path, count: int, chance: random.Random) -> None:
    rows = [
        f"{f'eth{n}':>6}: " + " ".join(str(chance.randrange(10**12)) for _ in range(16)) + "\n"
        for n in range(count)
    ]
    for place in ("proc/net/dev", "proc/1/net/dev"):
        _write(folder / place, NETDEV_HEAD + "".join(rows))
    for n in range(count):
        _write(folder / f"sys/class/net/eth{n}/statistics/rx_nohandler", f"{n}\n")


def _disks(folder: Path, count: int, chance: random.Random) -> None:
    rows = []
    for n in range(count):
        numbers = " ".join(str(chance.randrange(10**9)) for _ in range(17))
        rows.append(f"{8 + n // 16:4}{16 * (n % 16):8} disk{n} {numbers}\n")
        _write(folder / f"sys/block/disk{n}/queue/rotational", "1\n")
        _write(
            folder / f"udev/b{8 + n // 16}:{16 * (n % 16)}",
            f"E:ID_MODEL=MODEL{n}\nE:ID_SERIAL_SHORT=S{n}\nE:ID_WWN=0x{n:016x}\n",
        )
    _write(folder / "proc/diskstats", "".join(rows))


def _mounts(folder: Path, count: int) -> None:
    rows = ["/dev/root / ext4 rw,relatime 0 0\n"]
    (folder / "root").mkdir()
    for n in range(count):
        (folder / f"root/srv/{n}").mkdir(parents=True)
        rows.append(f"/dev/disk{n} {folder}/root/srv/{n} ext4 rw,relatime 0 0\n")
    for place in ("proc/mounts", "proc/1/mounts", f"proc/{os.getpid()}/mounts"):
        _write(folder / place, "".join(rows))


def _pressure(chance: random.Random) -> str:
    return "".join(
        f"{kind} avg10=0.12 avg60=0.34 avg300=0.56 total={chance.randrange(10**9)}\n"
        for kind in ("some", "full")
    )


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
