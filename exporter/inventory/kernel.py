"""What the kernel says of its processors, its memory and itself."""

import re

from exporter.collectors.cpu import Cpu
from exporter.collectors.loadavg import Loadavg
from exporter.collectors.meminfo import Memory
from exporter.collectors.pressure import Stalls
from exporter.collectors.stat import Statistics
from exporter.collectors.uname import Kernel
from exporter.collectors.vmstat import FIELDS, VirtualMemory
from exporter.offers import Flag, Node, Offer, Switch, fields
from exporter.processors import Processors
from exporter.procfile import ProcFile

GUEST = Switch("cpu.guest", True, "serve node_cpu_guest_seconds_total; default on")
SOFTIRQS = Switch("stat.softirq", False, "serve node_softirqs_total; default off")
SHOWN = Flag("vmstat.fields", re.compile(FIELDS), fields, "the fields to show")


def _cpu(node: Node) -> Cpu:
    stat = ProcFile(node.procfs / "stat")
    return Cpu(stat, Processors(node.sysfs), node.chosen.on(GUEST))


def _stat(node: Node) -> Statistics:
    return Statistics(ProcFile(node.procfs / "stat"), node.chosen.on(SOFTIRQS))


def _vmstat(node: Node) -> VirtualMemory:
    return VirtualMemory(ProcFile(node.procfs / "vmstat"), node.chosen.of(SHOWN))


OFFERS = (
    Offer("cpu", _cpu, (GUEST,)),
    Offer("loadavg", lambda node: Loadavg(ProcFile(node.procfs / "loadavg"))),
    Offer("meminfo", lambda node: Memory(ProcFile(node.procfs / "meminfo"))),
    Offer("pressure", lambda node: Stalls(node.procfs / "pressure")),
    Offer("stat", _stat, (SOFTIRQS,)),
    Offer("uname", lambda node: Kernel(ProcFile(node.procfs / "sys/kernel/domainname"))),
    Offer("vmstat", _vmstat, (SHOWN,)),
)
