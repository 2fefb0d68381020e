"""What this machine has, what the lab needs, and one list of everything that is missing."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lab import cgroups
from lab.commands import PATH, completed

PROGRAMS = {
    "mmdebstrap": "mmdebstrap",
    "systemd-nspawn": "systemd-container",
    "systemctl": "systemd",
    "ip": "iproute2",
    "nft": "nftables",
    "mkfs.ext4": "e2fsprogs",
    "mount": "mount",
    "nsenter": "util-linux",
    "unshare": "util-linux",
    "setpriv": "util-linux",
    "chroot": "coreutils",
    "openssl": "openssl",
    "ssh-keygen": "openssh-client",
}
"""Programs the lab runs, and the Debian package that each comes from."""

OPTIONAL_PROGRAMS = {"lxcfs": "lxcfs"}
"""Programs that make nodes more real, and their packages."""

NETWORK = {
    "bridges": ("ip", "link", "add", "x0", "type", "bridge"),
    "virtual cables (veth)": ("ip", "link", "add", "x0", "type", "veth", "peer", "name", "x1"),
    "nftables for bridges": ("nft", "add table bridge x"),
}
"""What nodes' networks are made of, and how to try it in a network namespace to throw away."""

NEED_MEMORY = 2 << 30
NEED_DISK = 3 << 30
"""Bytes for one image and its layer with room to build the next one."""

WATCHERS = Path("/proc/sys/fs/inotify/max_user_instances")
NEED_WATCHERS = 1024
"""Instances of inotify for all nodes together, whose root is one user to the kernel. Six nodes use some 60, the kernel
gives 128, and a Prometheus that gets none finds no targets."""


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine as the lab sees it.

    Attributes:
        root: We run as root.
        programs: Names found on PATH.
        file_systems: Names of /proc/filesystems.
        devices: Those of /dev that the lab looks for and found.
        layout: Control groups.
        memory: Bytes available now.
        disk: Bytes free where images are kept.
        writable_cgroups: Groups can be made.
        network: Those of NETWORK that the kernel has; None where we could not try.
    """

    root: bool
    programs: frozenset[str]
    file_systems: frozenset[str]
    devices: frozenset[str]
    layout: cgroups.Layout
    memory: int
    disk: int
    writable_cgroups: bool
    network: frozenset[str] | None


@dataclass(frozen=True, slots=True)
class Lack:
    """One thing that is missing.

    Attributes:
        what: The thing, and what it is for.
        remedy: What to do about it.
        fatal: The lab cannot start without it.
    """

    what: str
    remedy: str
    fatal: bool = True


def this_machine(cache: Path) -> Machine:
    """Look at the machine we run on. Changes nothing."""
    names = (*PROGRAMS, *OPTIONAL_PROGRAMS)
    programs = frozenset(name for name in names if shutil.which(name, path=PATH))
    layout = cgroups.this_machine()
    return Machine(
        root=os.geteuid() == 0,
        programs=programs,
        file_systems=frozenset(
            line.split()[-1] for line in Path("/proc/filesystems").read_text().splitlines()
        ),
        devices=frozenset(
            name for name in ("loop-control", "fuse", "kmsg") if Path("/dev", name).exists()
        ),
        layout=layout,
        memory=_available_memory(Path("/proc/meminfo").read_text()),
        disk=shutil.disk_usage(_existing(cache)).free,
        writable_cgroups=all(os.access(each.path, os.W_OK) for each in layout.hierarchies),
        network=_network(programs),
    )


def lacks(machine: Machine) -> tuple[Lack, ...]:
    """Return everything that the machine lacks, at once; empty when the lab can start."""
    return (*_programs(machine), *_kernel(machine), *_room(machine))


def report(found: tuple[Lack, ...]) -> str:
    """Write the lacks as a list for people, with one line that installs all missing packages."""
    lines = [
        f"  {'needs' if lack.fatal else 'would like'} {lack.what}: {lack.remedy}" for lack in found
    ]
    packages = sorted(
        {lack.remedy.removeprefix("package ") for lack in found if "package " in lack.remedy}
    )
    if packages:
        lines.append(f"  apt-get install -y --no-install-recommends {' '.join(packages)}")
    return "\n".join(lines)


def _programs(machine: Machine) -> Iterator[Lack]:
    for name, package in PROGRAMS.items():
        if name not in machine.programs:
            yield Lack(f"the program {name}", f"package {package}")
    if "lxcfs" not in machine.programs:
        yield Lack(
            "the program lxcfs (nodes show the machine's memory else)", "package lxcfs", fatal=False
        )


def _kernel(machine: Machine) -> Iterator[Lack]:
    if not machine.root:
        yield Lack("root (namespaces, mounts, control groups)", "run it with sudo")
    if "overlay" not in machine.file_systems:
        yield Lack("overlayfs", "modprobe overlay, or a kernel that has it")
    if "loop-control" not in machine.devices:
        yield Lack("loop devices (/dev/loop-control)", "modprobe loop, or a kernel that has it")
    if "fuse" not in machine.devices:
        yield Lack("/dev/fuse (for lxcfs and hung mounts)", "modprobe fuse", fatal=False)
    if machine.network is not None:
        for name in NETWORK:
            if name not in machine.network:
                yield Lack(
                    f"{name} in the kernel", "modprobe bridge veth nf_tables, or its package"
                )
    yield from _control_groups(machine)


def _control_groups(machine: Machine) -> Iterator[Lack]:
    layout = machine.layout
    if not layout.hierarchies:
        yield Lack("control groups below /sys/fs/cgroup", "mount -t cgroup2 cgroup2 /sys/fs/cgroup")
        return
    if not machine.writable_cgroups and machine.root:
        yield Lack("writable control groups", "not in a container that mounts them read-only")
    systemd = any("name=systemd" in each.controllers for each in layout.hierarchies)
    if not layout.pure_v2 and not systemd:
        yield Lack(
            "systemd's own hierarchy (name=systemd) beside the version 1 controllers",
            "mkdir /sys/fs/cgroup/systemd; mount -t cgroup -o none,name=systemd cgroup /sys/fs/cgroup/systemd",
        )


def _network(programs: frozenset[str]) -> frozenset[str] | None:
    if os.geteuid() != 0 or not {"unshare", "ip", "nft"} <= programs:
        return None
    return frozenset(
        name
        for name, argv in NETWORK.items()
        if completed(["unshare", "--net", "--", *argv], timeout=20).code == 0
    )


def _room(machine: Machine) -> Iterator[Lack]:
    for have, need, what, remedy in (
        (
            machine.memory,
            NEED_MEMORY,
            "memory available",
            "end other programs, or a larger machine",
        ),
        (machine.disk, NEED_DISK, "bytes of disk for images", "free space in /var/cache/hale/lab"),
    ):
        if have < need:
            yield Lack(f"{need >> 20} MiB of {what}, has {have >> 20}", remedy)


def _available_memory(meminfo: str) -> int:
    for line in meminfo.splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return 0


def _existing(path: Path) -> Path:
    return path if path.exists() else _existing(path.parent)


def let_watch(limit: Path = WATCHERS) -> None:
    """Raise the kernel's limit of inotify instances for each user where it is too low; it stays so until a boot.

    Raises:
        OSError: It cannot be raised; nothing was changed.
    """
    if int(limit.read_text()) < NEED_WATCHERS:
        limit.write_text(str(NEED_WATCHERS))
