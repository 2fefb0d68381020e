"""The /proc, /sys and / of a host with many of everything, as files."""

from collections.abc import Iterable
from pathlib import Path

# The columns of /proc/net/dev (net/core/net-procfs.c), of which a device has sixteen numbers.
NET_DEV = """\
Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
"""  # noqa: E501 - as the kernel writes it
IRQS = 300  # lines of /proc/interrupts


def write(folder: Path, *, cpus: int, interfaces: int, mounts: int) -> tuple[Path, Path, Path]:
    """Write the trees, and return where /proc, /sys and / are."""
    proc, sysfs, root = folder / "proc", folder / "sys", folder / "root"
    (proc / "1/net").mkdir(parents=True)
    for name in ("meminfo", "loadavg", "diskstats", "sys", "pressure"):
        (proc / name).symlink_to(f"/proc/{name}")
    (proc / "stat").write_text(_stat(range(cpus)))
    (proc / "interrupts").write_text(_interrupts(range(cpus)))
    devices = [f"enp{n}s0f0np{n}" for n in range(interfaces)]
    (proc / "1/net/dev").write_text(NET_DEV + "".join(map(_device, devices)))
    points = [f"/srv/tenants/customer-{n}/data" for n in range(mounts)]
    (proc / "1/mounts").write_text("".join(map(_mount, points)))
    for point in points:
        (root / point[1:]).mkdir(parents=True)
    for device in devices:
        _put(sysfs / "class/net" / device / "statistics/rx_nohandler", "0\n")
    for cpu in range(cpus):
        at = sysfs / f"devices/system/cpu/cpu{cpu}"
        _put(at / "topology/core_id", f"{cpu // 2}\n")
        _put(at / "topology/physical_package_id", f"{cpu // 64}\n")
        _put(at / "thermal_throttle/core_throttle_count", "3\n")
        _put(at / "thermal_throttle/package_throttle_count", "4\n")
    return proc, sysfs, root


def _put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def _stat(cpus: Iterable[int]) -> str:
    each = "".join(f"cpu{cpu} 10 20 30 40 50 60 70 80 90 100\n" for cpu in cpus)
    rest = "ctxt 9\nbtime 1700000000\nprocesses 8\nprocs_running 2\nprocs_blocked 0\n"
    return f"cpu  10 20 30 40 50 60 70 80 90 100\n{each}intr 123 0\n{rest}softirq 5 1 1 1 1 1 0 0 0 0 0\n"


def _interrupts(cpus: Iterable[int]) -> str:
    numbers = list(cpus)
    head = " " * 11 + "".join(f"CPU{cpu}       " for cpu in numbers)
    counts = "".join(f"{cpu:>10} " for cpu in numbers)
    rows = "".join(
        f"{irq:>4}: {counts} IR-PCI-MSI {irq}-edge      queue-{irq}\n" for irq in range(IRQS)
    )
    return f"{head}\n{rows}"


def _device(name: str) -> str:
    return f"{name}: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n"


def _mount(point: str) -> str:
    return f"/dev/mapper/{point.split('/')[3]} {point} xfs rw,relatime 0 0\n"
