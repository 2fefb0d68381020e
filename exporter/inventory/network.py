"""What goes through the node's network devices and protocols."""

from exporter.collectors.bonding import bonding
from exporter.collectors.conntrack import Conntrack
from exporter.collectors.netdev import Netdev
from exporter.hardware import in_background
from exporter.netns import NetFile
from exporter.offers import Node, Offer, Pair
from exporter.procfile import ProcFile

DEVICES = Pair("netdev.device")


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


OFFERS = (
    Offer("bonding", lambda node: in_background(bonding(node.sysfs), node.clock)),
    Offer("conntrack", _conntrack),
    Offer("netdev", _netdev, (DEVICES,)),
)
