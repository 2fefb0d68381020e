"""What goes through the node's network devices and protocols."""

from exporter.collectors.netdev import Netdev
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


OFFERS = (Offer("netdev", _netdev, (DEVICES,)),)
