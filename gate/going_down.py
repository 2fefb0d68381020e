"""A reboot that has begun and is not over yet, which only the next boot can end well."""

from gate.book import REBOOT
from gate.record import Record
from gate.units import Systemd, Unreadable
from gate.verb import Node

REBOOT_TARGET = "reboot.target"


def reboots(systemd: Systemd) -> bool | None:
    """Whether systemd has a reboot under way; None where it no longer answers."""
    try:
        (unit,) = systemd.show((REBOOT_TARGET,))
    except Unreadable:
        return None
    return unit.job


def takes_node_down(record: Record, node: Node) -> bool:
    """Whether this is a reboot that systemd is still at, though its session is gone.

    A systemd that does not answer in the same boot is on its way down as well.
    """
    if record.verb != REBOOT or record.boot_id != node.clock.boot_id():
        return False
    return reboots(node.systemd) is not False
