"""What goes through the node's network devices and protocols."""

import re

from exporter.collectors.bonding import bonding
from exporter.collectors.conntrack import Conntrack
from exporter.collectors.netdev import Netdev
from exporter.collectors.netstat import FIELDS, Netstat
from exporter.collectors.sockstat import Sockstat
from exporter.collectors.softnet import SoftnetStatistics
from exporter.hardware import in_background
from exporter.netns import NetFile
from exporter.offers import Flag, Node, Offer, Pair, expression
from exporter.procfile import ProcFile

DEVICES = Pair("netdev.device")
SHOWN = Flag("netstat.fields", re.compile(FIELDS), expression, "the fields to show")


def _netdev(node: Node) -> Netdev:
    return Netdev(
        ProcFile(node.procfs / "1/net/dev"),
        ProcFile(node.procfs / "net/dev"),
        node.sysfs / "class/net",
        node.chosen.kept(DEVICES),
    )


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


OFFERS = (
    Offer("bonding", lambda node: in_background(bonding(node.sysfs), node.clock)),
    Offer("conntrack", _conntrack),
    Offer("netdev", _netdev, (DEVICES,)),
    Offer("netstat", _netstat, (SHOWN,)),
    Offer("sockstat", _sockstat),
    Offer("softnet", _softnet),
)
