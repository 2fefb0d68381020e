"""Time, the system that is installed, and the books that the kernel keeps beside processors and memory."""

import re
from collections.abc import Sequence

from exporter.aside import aside
from exporter.collector import OnScrape
from exporter.collectors import os, selinux, stuck
from exporter.collectors.entropy import Entropy
from exporter.collectors.filefd import OpenFiles
from exporter.collectors.kernel_hung import HungTasks
from exporter.collectors.schedstat import Scheduler
from exporter.collectors.sysctl import Setting, Settings, setting
from exporter.collectors.textfile import Folders, Textfiles
from exporter.collectors.time import Clocksources, Time
from exporter.collectors.timex import Discipline
from exporter.collectors.watchdog import watchdogs
from exporter.devices import Devices
from exporter.hardware import in_background
from exporter.offers import Flag, Node, Offer, Pair, Switch, expression
from exporter.procfile import ProcFile
from exporter.schedule import Periodic

INTERRUPTS = Pair("interrupts.name", what="interrupts, as NAME;INFO;DEVICES")
ZEROS = Switch("interrupts.include-zeros", True, "show interrupts that never came too; default on")


def _unless_empty(text: str) -> re.Pattern[str] | None:
    return expression(text) if text else None


SLABS: Flag[re.Pattern[str] | None] = Flag(
    "slabinfo.slabs-include", None, _unless_empty, "show only these caches"
)
NO_SLABS: Flag[re.Pattern[str] | None] = Flag(
    "slabinfo.slabs-exclude", None, _unless_empty, "leave out these caches"
)
SYSCTL: Flag[Sequence[Setting]] = Flag(
    "sysctl.include",
    [],
    setting,
    "show the numbers of a setting; may be repeated",
    "NAME",
    many=True,
)
SYSCTL_INFO: Flag[Sequence[Setting]] = Flag(
    "sysctl.include-info",
    [],
    setting,
    "show a setting as a label; may be repeated",
    "NAME",
    many=True,
)


FOLDERS: Flag[Sequence[str]] = Flag(
    "textfile.directory",
    [],
    str,
    "a folder of NAME.prom; may be a pattern, and repeated",
    "DIR",
    many=True,
)


def _buddyinfo(node: Node) -> OnScrape:
    from exporter.collectors.buddyinfo import Blocks

    return Blocks(ProcFile(node.procfs / "buddyinfo"))


def _cgroups(node: Node) -> OnScrape:
    from exporter.collectors.cgroups import Cgroups

    return Cgroups(ProcFile(node.procfs / "cgroups"))


def _entropy(node: Node) -> Entropy:
    folder = node.procfs / "sys/kernel/random"
    return Entropy(ProcFile(folder / "entropy_avail"), ProcFile(folder / "poolsize"))


def _interrupts(node: Node) -> OnScrape:
    from exporter.collectors.interrupts import Interrupts

    keep, zeros = node.chosen.kept(INTERRUPTS), node.chosen.on(ZEROS)
    return Interrupts(ProcFile(node.procfs / "interrupts"), keep, zeros)


def _kernel_hung(node: Node) -> HungTasks:
    return HungTasks(ProcFile(node.procfs / "sys/kernel/hung_task_detect_count"))


def _ksmd(node: Node) -> OnScrape:
    from exporter.collectors.ksmd import Merging

    return Merging(node.sysfs / "kernel/mm/ksm")


def _meminfo_numa(node: Node) -> OnScrape:
    from exporter.collectors.meminfo_numa import NumaMemory

    return NumaMemory(node.sysfs / "devices/system/node")


def _os(node: Node) -> Periodic:
    return aside(os.NAME, os.Release(node.rootfs).read, os.INTERVAL, node.clock)


def _processes(node: Node) -> Periodic:
    from exporter.collectors import processes

    source = processes.Processes(node.procfs)
    return aside(processes.NAME, source.read, processes.INTERVAL, node.clock)


def _selinux(node: Node) -> Periodic:
    source = selinux.Selinux(node.procfs, node.sysfs, node.rootfs)
    return aside(selinux.NAME, source.read, selinux.INTERVAL, node.clock)


def _slabinfo(node: Node) -> OnScrape:
    from exporter.collectors.slabinfo import Slabs

    keep = Devices(node.chosen.of(NO_SLABS), node.chosen.of(SLABS))
    return Slabs(ProcFile(node.procfs / "slabinfo"), keep)


def _softirqs(node: Node) -> OnScrape:
    from exporter.collectors.softirqs import Softirqs

    return Softirqs(ProcFile(node.procfs / "softirqs"))


def _stuck(node: Node) -> Periodic:
    return aside(stuck.NAME, stuck.Stuck(node.procfs).read, stuck.INTERVAL, node.clock)


def _swap(node: Node) -> OnScrape:
    from exporter.collectors.swap import Swap

    return Swap(ProcFile(node.procfs / "swaps"))


def _sysctl(node: Node) -> Settings:
    numbers, words = node.chosen.of(SYSCTL), node.chosen.of(SYSCTL_INFO)
    return Settings(node.procfs / "sys", numbers, words)


def _textfile(node: Node) -> Textfiles:
    return Textfiles(Folders(node.chosen.of(FOLDERS)), node.clock)


def _time(node: Node) -> Time:
    return Time(node.clock.wall, Clocksources(node.sysfs / "devices/system/clocksource"))


def _vulnerabilities(node: Node) -> OnScrape:
    from exporter.collectors.cpu_vulnerabilities import Vulnerabilities

    return Vulnerabilities(node.sysfs / "devices/system/cpu/vulnerabilities")


def _watchdog(node: Node) -> Periodic:
    return in_background(watchdogs(node.sysfs / "class/watchdog"), node.clock)


def _zoneinfo(node: Node) -> OnScrape:
    from exporter.collectors.zoneinfo import Zones

    return Zones(ProcFile(node.procfs / "zoneinfo"))


OFFERS = (
    Offer("buddyinfo", _buddyinfo, default=False),
    Offer("cgroups", _cgroups, default=False),
    Offer("cpu_vulnerabilities", _vulnerabilities, default=False),
    Offer("entropy", _entropy),
    Offer("filefd", lambda node: OpenFiles(ProcFile(node.procfs / "sys/fs/file-nr"))),
    Offer("interrupts", _interrupts, (INTERRUPTS, ZEROS), default=False),
    Offer("kernel_hung", _kernel_hung),
    Offer("ksmd", _ksmd, default=False),
    Offer("meminfo_numa", _meminfo_numa, default=False),
    Offer("os", _os),
    Offer("processes", _processes, default=False),
    Offer("schedstat", lambda node: Scheduler(ProcFile(node.procfs / "schedstat"))),
    Offer("selinux", _selinux),
    Offer("slabinfo", _slabinfo, (SLABS, NO_SLABS), default=False),
    Offer("softirqs", _softirqs, default=False),
    Offer("stuck", _stuck),
    Offer("swap", _swap, default=False),
    Offer("sysctl", _sysctl, (SYSCTL, SYSCTL_INFO), default=False),
    Offer("textfile", _textfile, (FOLDERS,)),
    Offer("time", _time),
    Offer("timex", lambda node: Discipline()),
    Offer("watchdog", _watchdog),
    Offer("zoneinfo", _zoneinfo, default=False),
)
