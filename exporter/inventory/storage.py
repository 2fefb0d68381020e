"""Disks, arrays and file systems."""

import asyncio
import re
from pathlib import Path

from exporter.blocking import Threads
from exporter.collector import OnScrape
from exporter.collectors.bcache import Bcache
from exporter.collectors.bcachefs import bcachefs
from exporter.collectors.btrfs import Btrfs
from exporter.collectors.diskerrors import DiskErrors
from exporter.collectors.diskstats import DEVICE_EXCLUDE, Diskstats
from exporter.collectors.dmmultipath import Multipath
from exporter.collectors.filesystem import (
    FS_TYPES,
    LANES,
    MOUNT_POINTS,
    MOUNT_TABLE,
    MOUNT_TIMEOUT,
    Filesystems,
    Filter,
)
from exporter.collectors.fserrors import FsErrors
from exporter.collectors.mdadm import Mdadm
from exporter.collectors.mounts import Mounts
from exporter.collectors.smartctl import Smartctl
from exporter.collectors.xfs import Xfs
from exporter.collectors.zfs import zfs
from exporter.devices import Devices
from exporter.disk_info import DiskInfo
from exporter.document import duration
from exporter.hardware import in_background
from exporter.offers import Flag, Node, Offer, Pair, Switch
from exporter.procfile import ProcFile
from exporter.programs import Programs
from exporter.rotation import Rotation
from exporter.schedule import Periodic
from exporter.smart import FOLDER
from exporter.udev import Udev

DISKS = Pair(
    "diskstats.device",
    Devices(exclude=re.compile(DEVICE_EXCLUDE)),
    were=("diskstats.ignored-devices", ""),
)


def _diskstats(node: Node) -> Diskstats:
    info = DiskInfo(Udev(node.udev_data), Rotation(node.sysfs))
    return Diskstats(ProcFile(node.procfs / "diskstats"), info, node.chosen.kept(DISKS))


def _mount_timeout(text: str) -> float:
    seconds = duration(text)
    if seconds is None or not 0.0 < seconds <= 300.0:
        raise ValueError(f"wanted a duration such as 5s, saw {text!r}")
    return seconds


PLACES = Pair(
    "filesystem.mount-points",
    MOUNT_POINTS,
    "mount points",
    were=("filesystem.ignored-mount-points", ""),
)
TYPES = Pair(
    "filesystem.fs-types",
    FS_TYPES,
    "types of file system",
    were=("filesystem.ignored-fs-types", ""),
)
PRIORITY = Switch("bcache.priorityStats", False, "serve what is expensive to read; default off")
ANSWERS = Flag("smartctl.folder", FOLDER, Path, "where hale-smart.service writes", "DIR")
SPLIT_BRAINS = Flag(
    "drbd9.split-brain-path",
    Path("/run/drbd/splitbrain"),
    Path,
    "where a split-brain handler leaves its files",
    "DIR",
)
PATIENCE = Flag(
    "filesystem.mount-timeout", MOUNT_TIMEOUT, _mount_timeout, "until a mount is hung", "DURATION"
)


def _filesystem(node: Node) -> Periodic:
    chosen = node.chosen
    # Without a place of its own the mount table would wait behind hung mounts, and lose the others.
    wake = asyncio.Event()
    threads = Threads(LANES, reserved={MOUNT_TABLE}, late=wake.set, apart=True)
    keep = Filter(chosen.kept(PLACES), chosen.kept(TYPES))
    source = Filesystems(node.procfs, node.rootfs, threads, keep, chosen.of(PATIENCE))
    return Periodic(source, node.clock, wake)


def _smartctl(node: Node) -> Smartctl:
    return Smartctl(node.chosen.of(ANSWERS), node.clock.monotonic)


def _drbd(node: Node) -> OnScrape:
    from exporter.collectors.drbd import Drbd

    return Drbd(ProcFile(node.procfs / "drbd"))


def _drbd9(node: Node) -> Periodic:
    from exporter.collectors.drbd9 import Drbd9

    hooks = node.chosen.of(SPLIT_BRAINS)
    return Periodic(Drbd9(Programs(), node.sysfs, hooks), node.clock)


def _mounts(node: Node) -> Periodic:
    return Periodic(Mounts(node.procfs, node.rootfs, Threads()), node.clock)


def _nvmesubsystem(node: Node) -> OnScrape:
    from exporter.collectors.nvmesubsystem import NvmeSubsystem

    return NvmeSubsystem(node.sysfs)


def _bcache(node: Node) -> Bcache:
    return Bcache(node.sysfs, node.chosen.on(PRIORITY))


OFFERS = (
    Offer("bcache", _bcache, (PRIORITY,)),
    Offer("bcachefs", lambda node: in_background(bcachefs(node.sysfs), node.clock)),
    Offer("btrfs", lambda node: Btrfs(node.sysfs)),
    Offer("dmmultipath", lambda node: Multipath(node.sysfs)),
    Offer("drbd", _drbd, default=False),
    Offer("drbd9", _drbd9, (SPLIT_BRAINS,), default=False),
    Offer("nvmesubsystem", _nvmesubsystem, default=False),
    Offer("xfs", lambda node: Xfs(node.sysfs)),
    Offer("zfs", lambda node: in_background(zfs(node.procfs), node.clock)),
    Offer("diskerrors", lambda node: DiskErrors(node.sysfs)),
    Offer("fserrors", lambda node: FsErrors(node.sysfs)),
    Offer("mounts", _mounts),
    Offer("diskstats", _diskstats, (DISKS,)),
    Offer("filesystem", _filesystem, (PLACES, TYPES, PATIENCE)),
    Offer("smartctl", _smartctl, (ANSWERS,)),
    Offer("mdadm", lambda node: Mdadm(ProcFile(node.procfs / "mdstat"), node.sysfs)),
)
