"""Whether the node is kept up to date, and how it came to run."""

from exporter.blocking import Threads
from exporter.collectors.apt import Apt
from exporter.collectors.boot import Boot
from exporter.offers import Node, Offer
from exporter.programs import Programs
from exporter.schedule import Periodic


def _apt(node: Node) -> Periodic:
    return Periodic(Apt(node.rootfs, Programs(), Threads(), node.clock), node.clock)


def _boot(node: Node) -> Periodic:
    return Periodic(Boot(node.rootfs, node.procfs, node.sysfs, Threads()), node.clock)


OFFERS = (
    Offer("apt", _apt),
    Offer("boot", _boot),
)
