"""What node_exporter's command line has and ours has nothing for, so that a node's old one can be kept.

What changes no answer is taken, and said in the log. What would change one is refused: who asks for it should know.
"""

import argparse
from collections.abc import Sequence
from typing import Any

from exporter.inventory import OFFERS

# Every collector that node_exporter 1.12 has on Linux (collector/*_linux.go and *_common.go).
NAMES = """
    arp bcache bcachefs bonding btrfs buddyinfo cgroups conntrack cpu cpu_vulnerabilities cpufreq diskstats dmi
    dmmultipath drbd drm edac entropy ethtool fibrechannel filefd filesystem hwmon infiniband interrupts ipvs
    kernel_hung ksmd lnstat loadavg logind mdadm meminfo meminfo_numa mountstats netclass netdev netstat network_route
    nfs nfsd ntp nvme nvmesubsystem os pcidevice perf powersupplyclass pressure processes qdisc rapl runit schedstat
    selinux slabinfo sockstat softirqs softnet stat supervisord swap sysctl systemd tapestats tcpstat textfile
    thermal_zone time timex udp_queues uname vmstat watchdog wifi xfrm xfs zfs zoneinfo
"""
COLLECTORS = frozenset(NAMES.split())

# They say how node_exporter works, and nothing about what it serves.
SWITCHES = (
    "collector.arp.netlink",
    "collector.netdev.netlink",
    "collector.systemd.private",
    # Of collectors that cannot be switched on here, as the words below.
    "collector.ntp.server-is-local",
    "collector.perf.disable-cache-profilers",
    "collector.perf.disable-hardware-profilers",
    "collector.perf.disable-software-profilers",
)
WORDS = (
    "collector.filesystem.stat-workers",
    "runtime.gomaxprocs",
    "collector.ntp.ip-ttl",
    "collector.ntp.local-offset-tolerance",
    "collector.ntp.max-distance",
    "collector.ntp.protocol-version",
    "collector.ntp.server",
    "collector.ntp.server-port",
    "collector.perf.cache-profilers",
    "collector.perf.cpus",
    "collector.perf.hardware-profilers",
    "collector.perf.software-profilers",
    "collector.perf.tracepoint",
    "collector.runit.servicedir",
    "collector.supervisord.url",
)


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Have a parser take them; those without effect come to be the list `ignored` of what it returns."""
    parser.set_defaults(ignored=())
    for name in sorted(COLLECTORS - {offer.name for offer in OFFERS}):
        _add(parser, (f"--no-collector.{name}",), _Ignored, 0)
        _add(parser, (f"--collector.{name}",), _Refused, 0)
    for name in SWITCHES:
        _add(parser, (f"--{name}", f"--no-{name}"), _Ignored, 0)
    for name in WORDS:
        _add(parser, (f"--{name}",), _Ignored, None)


def _add(
    parser: argparse.ArgumentParser,
    flags: tuple[str, ...],
    action: type[argparse.Action],
    words: int | None,
) -> None:
    parser.add_argument(*flags, action=action, nargs=words, dest="ignored", help=argparse.SUPPRESS)


class _Ignored(argparse.Action):
    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        namespace.ignored = (*namespace.ignored, option_string)


class _Refused(argparse.Action):
    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        raise argparse.ArgumentError(
            self, "node_exporter has it, hale-exporter has not: leave it out, or run both"
        )
