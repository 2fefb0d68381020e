"""Whether the node is kept up to date, and how it came to run; and what it sets its clock by."""

from exporter.blocking import Threads
from exporter.collectors.apt import Apt
from exporter.collectors.boot import Boot
from exporter.collectors.clock import TimeSource
from exporter.collectors.deleted_libraries import INTERVAL, TIMEOUT, DeletedLibraries
from exporter.hardware import in_background
from exporter.offers import Node, Offer
from exporter.programs import Programs
from exporter.schedule import Periodic
from exporter.timesync import TimesyncOnBus


def _apt(node: Node) -> Periodic:
    return Periodic(Apt(node.rootfs, Programs(), Threads(), node.clock), node.clock)


def _boot(node: Node) -> Periodic:
    return Periodic(Boot(node.rootfs, node.procfs, node.sysfs, Threads()), node.clock)


def _deleted_libraries(node: Node) -> Periodic:
    return in_background(DeletedLibraries(node.procfs), node.clock, INTERVAL, TIMEOUT)


OFFERS = (
    Offer("apt", _apt),
    Offer("boot", _boot),
    Offer("clock", lambda node: Periodic(TimeSource(Programs(), TimesyncOnBus()), node.clock)),
    Offer("deleted_libraries", _deleted_libraries, default=False),
)
