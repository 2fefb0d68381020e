"""What goes through the node's network devices and protocols."""

import re

from exporter.aside import aside
from exporter.collector import OnScrape
from exporter.collectors.arp import Arp
from exporter.collectors.bonding import bonding
from exporter.collectors.conntrack import Conntrack
from exporter.collectors.fibrechannel import fibrechannel
from exporter.collectors.infiniband import infiniband
from exporter.collectors.ipvs import LABELS, Ipvs, labels
from exporter.collectors.netclass import netclass
from exporter.collectors.netdev import IN_DETAIL, SHORT, Netdev
from exporter.collectors.netstat import FIELDS, Netstat
from exporter.collectors.nfs import Nfs
from exporter.collectors.nfsd import Nfsd
from exporter.collectors.sockstat import Sockstat
from exporter.collectors.softnet import SoftnetStatistics
from exporter.collectors.udp_queues import UdpQueues
from exporter.hardware import in_background
from exporter.netns import NetFile
from exporter.offers import Chosen, Flag, Node, Offer, Pair, Switch, expression, fields
from exporter.procfile import ProcFile
from exporter.schedule import Periodic

DEVICES = Pair("netdev.device", were=("netdev.device-blacklist", "netdev.device-whitelist"))
DETAILED = Switch(
    "netdev.enable-detailed-metrics", False, "node_exporter's other names, with each kind of error"
)
ALIASES = Switch("netdev.label-ifalias", False, "give each series the alias of its device")
NEIGHBOURS = Pair("arp.device")
DISCIPLINES = Pair("qdisc.device", were=("qdisk.device-exclude", "qdisk.device-include"))
PORTS = Pair("ethtool.device")
STATISTICS = Flag(
    "ethtool.metrics-include", re.compile(".*"), fields, "the drivers' statistics to show"
)
ADAPTERS = Pair("infiniband.device")
IGNORED = Flag("netclass.ignored-devices", re.compile("^$"), expression, "leave out these devices")
VALID_SPEED = Switch(
    "netclass.ignore-invalid-speed", False, "leave out the speed of devices that do not know it"
)
NETLINK = Switch("netclass.netlink", False, "taken, for the next one; it changes nothing by itself")
STATISTICS_TOO = Switch(
    "netclass_rtnl.with-stats", False, "with that, serve what netdev counts in place of netdev"
)
BACKENDS = Flag(
    "ipvs.backend-labels", LABELS, labels, "labels of servers, with commas between", "LABELS"
)
SHOWN = Flag("netstat.fields", re.compile(FIELDS), fields, "the fields to show")


def counts(chosen: Chosen) -> bool:
    """Tell whether netclass shows what netdev does, under the same names and as another type."""
    return chosen.on(NETLINK) and chosen.on(STATISTICS_TOO)


def _netdev(node: Node) -> Netdev:
    return Netdev(
        NetFile(node.procfs, "dev"),
        node.sysfs / "class/net",
        node.chosen.kept(DEVICES),
        IN_DETAIL if node.chosen.on(DETAILED) else SHORT,
        node.chosen.on(ALIASES),
    )


def _address_info(node: Node) -> Periodic:
    from exporter.collectors.address_info import INTERVAL, address_info

    read = address_info(node.chosen.kept(DEVICES))
    return aside("netdev.address-info", read, INTERVAL, node.clock)


def _conntrack(node: Node) -> Conntrack:
    netfilter = node.procfs / "sys/net/netfilter"
    return Conntrack(
        ProcFile(netfilter / "nf_conntrack_count"),
        ProcFile(netfilter / "nf_conntrack_max"),
        NetFile(node.procfs, "stat/nf_conntrack"),
    )


def _netstat(node: Node) -> Netstat:
    netstat, snmp, snmp6 = (NetFile(node.procfs, name) for name in ("netstat", "snmp", "snmp6"))
    return Netstat(netstat, snmp, snmp6, node.chosen.of(SHOWN))


def _sockstat(node: Node) -> Sockstat:
    return Sockstat(NetFile(node.procfs, "sockstat"), NetFile(node.procfs, "sockstat6"))


def _softnet(node: Node) -> SoftnetStatistics:
    return SoftnetStatistics(NetFile(node.procfs, "softnet_stat"))


def _arp(node: Node) -> Arp:
    return Arp(NetFile(node.procfs, "arp"), node.chosen.kept(NEIGHBOURS))


def _udp_queues(node: Node) -> UdpQueues:
    return UdpQueues(NetFile(node.procfs, "udp"), NetFile(node.procfs, "udp6"))


def _netclass(node: Node) -> Periodic:
    chosen = node.chosen
    reader = netclass(node.sysfs, chosen.of(IGNORED), chosen.on(VALID_SPEED), counts(chosen))
    return in_background(reader, node.clock)


def _ipvs(node: Node) -> Ipvs:
    totals, table = (NetFile(node.procfs, name) for name in ("ip_vs_stats", "ip_vs"))
    return Ipvs(totals, table, node.chosen.of(BACKENDS))


def _infiniband(node: Node) -> Periodic:
    return in_background(infiniband(node.sysfs, node.chosen.kept(ADAPTERS)), node.clock)


def _lnstat(node: Node) -> OnScrape:
    from exporter.collectors.lnstat import Lnstat

    return Lnstat(node.procfs)


def _mountstats(node: Node) -> OnScrape:
    from exporter.collectors.mountstats import Mountstats

    own = node.procfs / "self"
    return Mountstats(ProcFile(own / "mountstats"), ProcFile(own / "mountinfo"))


def _qdisc(node: Node) -> Periodic:
    from exporter.collectors.qdisc import qdisc

    return in_background(qdisc(node.chosen.kept(DISCIPLINES)), node.clock)


def _ethtool(node: Node) -> Periodic:
    from exporter.collectors.ethtool import ethtool

    reader = ethtool(node.sysfs, node.chosen.kept(PORTS), node.chosen.of(STATISTICS))
    return in_background(reader, node.clock)


def _tcpstat(node: Node) -> Periodic:
    from exporter.collectors.tcpstat import tcpstat

    return in_background(tcpstat(node.procfs), node.clock)


def _wifi(node: Node) -> Periodic:
    from exporter.collectors.wifi import wifi

    return in_background(wifi(), node.clock)


OFFERS = (
    Offer("arp", _arp, (NEIGHBOURS,)),
    Offer("bonding", lambda node: in_background(bonding(node.sysfs), node.clock)),
    Offer("conntrack", _conntrack),
    Offer("ethtool", _ethtool, (PORTS, STATISTICS), default=False),
    Offer("fibrechannel", lambda node: in_background(fibrechannel(node.sysfs), node.clock)),
    Offer("infiniband", _infiniband, (ADAPTERS,)),
    Offer("ipvs", _ipvs, (BACKENDS,)),
    Offer("lnstat", _lnstat, default=False),
    Offer("mountstats", _mountstats, default=False),
    Offer("netclass", _netclass, (IGNORED, VALID_SPEED, NETLINK, STATISTICS_TOO)),
    Offer("netdev", _netdev, (DEVICES, DETAILED, ALIASES)),
    Offer("netdev.address-info", _address_info, default=False),
    Offer("netstat", _netstat, (SHOWN,)),
    Offer("nfs", lambda node: Nfs(NetFile(node.procfs, "rpc/nfs"))),
    Offer("nfsd", lambda node: Nfsd(NetFile(node.procfs, "rpc/nfsd"))),
    Offer("qdisc", _qdisc, (DISCIPLINES,), default=False),
    Offer("sockstat", _sockstat),
    Offer("softnet", _softnet),
    Offer("tcpstat", _tcpstat, default=False),
    Offer("udp_queues", _udp_queues),
    Offer("wifi", _wifi, default=False),
)
