"""Whether the node is kept up to date, and how it came to run; and what it sets its clock by."""

from pathlib import Path

from exporter.aside import aside
from exporter.blocking import Threads
from exporter.collectors import backups
from exporter.collectors.apt import Apt
from exporter.collectors.boot import Boot
from exporter.collectors.clock import TimeSource
from exporter.hardware import in_background
from exporter.offers import Flag, Node, Offer
from exporter.programs import Programs
from exporter.schedule import Periodic
from exporter.timesync import TimesyncOnBus

REPORTS = Flag(
    "backups.folder", backups.FOLDER, Path, "where those who back up leave reports", "DIR"
)


def _apt(node: Node) -> Periodic:
    return Periodic(Apt(node.rootfs, Programs(), Threads(), node.clock), node.clock)


def _backups(node: Node) -> Periodic:
    reports = backups.Backups(node.chosen.of(REPORTS), node.clock.wall)
    return aside(backups.NAME, reports.read, backups.INTERVAL, node.clock)


def _boot(node: Node) -> Periodic:
    return Periodic(Boot(node.rootfs, node.procfs, node.sysfs, Threads()), node.clock)


def _deleted_libraries(node: Node) -> Periodic:
    from exporter.collectors.deleted_libraries import INTERVAL, TIMEOUT, DeletedLibraries

    return in_background(DeletedLibraries(node.procfs), node.clock, INTERVAL, TIMEOUT)


OFFERS = (
    Offer("apt", _apt),
    Offer("backups", _backups, (REPORTS,)),
    Offer("boot", _boot),
    Offer("clock", lambda node: Periodic(TimeSource(Programs(), TimesyncOnBus()), node.clock)),
    Offer("deleted_libraries", _deleted_libraries, default=False),
)
