"""What the kernel says of its processors, its memory and itself."""

import os
import re

from exporter.collectors.cpu import Cpu
from exporter.collectors.loadavg import Loadavg
from exporter.collectors.meminfo import Memory
from exporter.collectors.pressure import Stalls
from exporter.collectors.stat import Statistics
from exporter.collectors.uname import Kernel
from exporter.collectors.vmstat import FIELDS, VirtualMemory
from exporter.cpuinfo import CpuInfo
from exporter.offers import Flag, Node, Offer, Switch, fields, if_any
from exporter.processors import Processors
from exporter.procfile import ProcFile

GUEST = Switch("cpu.guest", True, "serve node_cpu_guest_seconds_total; default on")
INFO = Switch("cpu.info", False, "serve node_cpu_info; default off")
FLAGS = Flag("cpu.info.flags-include", None, if_any, "serve node_cpu_flag_info of these flags")
BUGS = Flag("cpu.info.bugs-include", None, if_any, "serve node_cpu_bug_info of these bugs")
SOFTIRQS = Switch("stat.softirq", False, "serve node_softirqs_total; default off")
SHOWN = Flag("vmstat.fields", re.compile(FIELDS), fields, "the fields to show")


def _cpu(node: Node) -> Cpu:
    stat = ProcFile(node.procfs / "stat")
    return Cpu(stat, Processors(node.sysfs), node.chosen.on(GUEST), _cpuinfo(node))


def _cpuinfo(node: Node) -> CpuInfo | None:
    chosen = node.chosen
    flags, bugs = chosen.of(FLAGS), chosen.of(BUGS)
    if not chosen.on(INFO) and flags is None and bugs is None:  # either asks for it, as there
        return None
    measured = node.sysfs / "devices/system/cpu/cpu0/cpufreq/cpuinfo_cur_freq"

    def with_frequencies() -> bool:
        # As there, where cpufreq is on; but where that has measured ones, which root can read, the name is its own.
        return "cpufreq" in node.enabled and not os.access(measured, os.R_OK)

    return CpuInfo(ProcFile(node.procfs / "cpuinfo"), flags, bugs, with_frequencies)


def _stat(node: Node) -> Statistics:
    return Statistics(ProcFile(node.procfs / "stat"), node.chosen.on(SOFTIRQS))


def _vmstat(node: Node) -> VirtualMemory:
    return VirtualMemory(ProcFile(node.procfs / "vmstat"), node.chosen.of(SHOWN))


OFFERS = (
    Offer("cpu", _cpu, (GUEST, INFO, FLAGS, BUGS)),
    Offer("loadavg", lambda node: Loadavg(ProcFile(node.procfs / "loadavg"))),
    Offer("meminfo", lambda node: Memory(ProcFile(node.procfs / "meminfo"))),
    Offer("pressure", lambda node: Stalls(node.procfs / "pressure")),
    Offer("stat", _stat, (SOFTIRQS,)),
    Offer("uname", lambda node: Kernel(ProcFile(node.procfs / "sys/kernel/domainname"))),
    Offer("vmstat", _vmstat, (SHOWN,)),
)
