"""What programs on the system bus tell: systemd of its units, logind of its sessions."""

import re

from exporter.offers import Flag, Node, Offer, Switch, fields
from exporter.schedule import Periodic

INCLUDE = Flag(
    "systemd.unit-include",
    re.compile(".+"),
    fields,
    "show units whose whole name matches",
    was="systemd.unit-whitelist",
)
EXCLUDE = Flag(
    "systemd.unit-exclude",
    re.compile(r".+\.(automount|device|mount|scope|slice)"),
    fields,
    "but not those whose whole name matches this",
    was="systemd.unit-blacklist",
)
TASKS = Switch("systemd.enable-task-metrics", False, "show the services' numbers of tasks")
RESTARTS = Switch(
    "systemd.enable-restarts-metrics", False, "show how often services were restarted"
)
START_TIMES = Switch("systemd.enable-start-time-metrics", False, "show since when units are active")


def _logind(node: Node) -> Periodic:
    from exporter.collectors.logind import Sessions

    return Periodic(Sessions(), node.clock)


def _systemd(node: Node) -> Periodic:
    from exporter.collectors.systemd import UnitStates, Wanted

    chosen = node.chosen
    wanted = Wanted(
        chosen.of(INCLUDE),
        chosen.of(EXCLUDE),
        tasks=chosen.on(TASKS),
        restarts=chosen.on(RESTARTS),
        start_times=chosen.on(START_TIMES),
    )
    return Periodic(UnitStates(wanted), node.clock)


OFFERS = (
    Offer("logind", _logind, default=False),
    Offer("systemd", _systemd, (INCLUDE, EXCLUDE, TASKS, RESTARTS, START_TIMES), default=False),
)
