"""The states of all of systemd's units, over the system bus, as node_exporter's `systemd`.

Interface: org.freedesktop.systemd1(5). One list of all units is asked for; what it does not tell is asked one by one,
of the units alone that are shown.
"""

import re
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from exporter.asked import asked, property_of
from exporter.bus import Partner
from exporter.collector import Malformed
from exporter.exposition import Family, Kind
from exporter.gathered import Sample, sample, written
from exporter.grid import Grid
from exporter.units import MANAGER, MANAGER_PATH, MICROSECONDS, NOT_SET, SERVICE, SYSTEMD, UNIT


def _family(name: str, kind: Kind, text: str) -> Family:
    return Family(f"node_systemd_{name}", kind, text)


UNIT_STATE = _family("unit_state", Kind.GAUGE, "Systemd unit")
START_TIME = _family(
    "unit_start_time_seconds", Kind.GAUGE, "Start time of the unit since unix epoch in seconds."
)
TASKS = _family("unit_tasks_current", Kind.GAUGE, "Current number of tasks per Systemd unit")
MOST_TASKS = _family("unit_tasks_max", Kind.GAUGE, "Maximum number of tasks per Systemd unit")
RUNNING = _family(
    "system_running",
    Kind.GAUGE,
    "Whether the system is operational (see 'systemctl is-system-running')",
)
UNITS = _family("units", Kind.GAUGE, "Summary of systemd unit states")
RESTARTS = _family("service_restart_total", Kind.COUNTER, "Service unit count of Restart triggers")
LAST_TRIGGER = _family(
    "timer_last_trigger_seconds", Kind.GAUGE, "Seconds since epoch of last trigger."
)
ACCEPTED = _family(
    "socket_accepted_connections_total",
    Kind.COUNTER,
    "Total number of accepted socket connections",
)
CONNECTIONS = _family(
    "socket_current_connections", Kind.GAUGE, "Current number of socket connections"
)
REFUSED = _family(  # a gauge in spite of its name, as node_exporter's
    "socket_refused_connections_total",
    Kind.GAUGE,
    "Total number of refused socket connections",
)
VERSION = _family("version", Kind.GAUGE, "Detected systemd version")
VIRTUALIZATION = _family("virtualization_info", Kind.GAUGE, "Detected virtualization technology")

STATES = ("active", "activating", "deactivating", "inactive", "failed")
NUMBER = re.compile(r"[0-9]{3,}(\.[0-9]+)?")

INTERVAL = 15.0  # seconds
DEADLINE = 5.0  # seconds
# What a unit's Type= is changes with its file only; so many rounds until it is asked again.
TYPES_KEPT = 20


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to show.

    Attributes:
        include: The whole name of a unit that is shown matches it.
        exclude: And does not match this one.
        tasks: Whether to show the numbers of tasks.
        restarts: Whether to show how often services were restarted.
        start_times: Whether to show since when units are active.
    """

    include: re.Pattern[str]
    exclude: re.Pattern[str]
    tasks: bool = False
    restarts: bool = False
    start_times: bool = False

    def keeps(self, unit: "Listed") -> bool:
        """Tell whether to show a unit; one that is not loaded never is."""
        if unit.load_state != "loaded" or not self.include.fullmatch(unit.name):
            return False
        return self.exclude.fullmatch(unit.name) is None


class Listed(NamedTuple):
    """One unit of systemd's list."""

    name: str
    load_state: str
    active_state: str
    path: str

    def ends(self, suffix: str) -> bool:
        """Tell whether it is of this type of units, such as `.timer`."""
        return self.name.endswith(suffix)


def parse(reply: object) -> list[Listed]:
    """Read the answer to ListUnits, a(ssssssouso).

    Raises:
        Malformed: It is something else.
    """
    found = []
    for one in reply if isinstance(reply, list) else [reply]:
        match one:
            case [str(name), str(), str(loaded), str(active), str(), str(), str(path), *_]:
                found.append(Listed(name, loaded, active, path))
            case _:
                raise Malformed(f"ListUnits: wanted a unit, saw {str(one)[:80]}")
    return found


class UnitStates:
    """Asks systemd for everything, as a source for `Periodic`."""

    name = "systemd"
    interval = INTERVAL
    deadline = DEADLINE

    def __init__(self, wanted: Wanted, address: str | None = None) -> None:
        """Connect to nothing yet.

        Args:
            wanted: What to show.
            address: The bus; None for the node's system bus.
        """
        self._wanted = wanted
        self._address = address
        self._types: dict[str, str] = {}
        self._rounds = 0
        self._grid = Grid([UNIT_STATE], ("name", "state", "type"))

    async def collect(self, publish: Callable[[bytes], None]) -> None:
        """Ask once.

        Raises:
            Absent: There is no systemd here.
            Malformed: It answered with something else than units.
            OSError: The bus broke, or refused.
        """
        self._rounds += 1
        if self._rounds % TYPES_KEPT == 0:
            self._types.clear()
        async with asked(self._address, SYSTEMD) as systemd:
            units = parse((await systemd.call(MANAGER_PATH, MANAGER, "ListUnits"))[0])
            shown = [unit for unit in units if self._wanted.keeps(unit)]
            found = [*_summary(units), *[one async for one in self._about(systemd, shown)]]
            states = await self._states(systemd, shown)
        publish(states + written(found))

    async def _states(self, systemd: Partner, units: Sequence[Listed]) -> bytes:
        rows, values = list[tuple[str, ...]](), list[bool]()
        for unit in units:
            kind = await self._type(systemd, unit)
            rows += [(unit.name, state, kind) for state in STATES]
            values += [state == unit.active_state for state in STATES]
        return self._grid.fill(tuple(rows), [values])

    async def _type(self, systemd: Partner, unit: Listed) -> str:
        if unit.name not in self._types:
            interface = {".service": SERVICE, ".mount": f"{SYSTEMD}.Mount"}.get(
                unit.name[unit.name.rfind(".") :]
            )
            kind = await property_of(systemd, unit.path, interface, "Type") if interface else ""
            self._types[unit.name] = kind if isinstance(kind, str) else ""
        return self._types[unit.name]

    async def _about(self, systemd: Partner, units: Sequence[Listed]) -> AsyncIterator[Sample]:
        async for one in _manager(systemd):
            yield one
        for unit in units:
            for family, interface, name, scale in self._questions(unit):
                value = await property_of(systemd, unit.path, interface, name)
                if isinstance(value, int) and value != NOT_SET:
                    yield sample(family, value / scale if scale > 1 else value, name=unit.name)
            if self._wanted.start_times and unit.active_state != "active":
                yield sample(START_TIME, 0, name=unit.name)

    def _questions(self, unit: Listed) -> list[tuple[Family, str, str, int]]:
        """Return what to ask of a unit: the family, interface and property, and what to divide by."""
        asked_for: list[tuple[Family, str, str, int]] = []
        if unit.ends(".timer"):
            asked_for += [(LAST_TRIGGER, f"{SYSTEMD}.Timer", "LastTriggerUSec", MICROSECONDS)]
        if unit.ends(".socket"):
            socket = f"{SYSTEMD}.Socket"
            asked_for += [
                (ACCEPTED, socket, "NAccepted", 1),
                (CONNECTIONS, socket, "NConnections", 1),
            ]
            asked_for += [(REFUSED, socket, "NRefused", 1)]
        if unit.ends(".service") and self._wanted.restarts:
            asked_for += [(RESTARTS, SERVICE, "NRestarts", 1)]
        if unit.ends(".service") and self._wanted.tasks:
            asked_for += [(TASKS, SERVICE, "TasksCurrent", 1), (MOST_TASKS, SERVICE, "TasksMax", 1)]
        if self._wanted.start_times and unit.active_state == "active":
            asked_for += [(START_TIME, UNIT, "ActiveEnterTimestamp", MICROSECONDS)]
        return asked_for


async def _manager(systemd: Partner) -> AsyncIterator[Sample]:
    version = await property_of(systemd, MANAGER_PATH, MANAGER, "Version")
    number = NUMBER.search(version) if isinstance(version, str) else None
    yield sample(VERSION, float(number[0]) if number else 0, version=str(version) if number else "")
    virtual = await property_of(systemd, MANAGER_PATH, MANAGER, "Virtualization")
    kind = "unknown" if virtual is None else str(virtual) or "none"
    yield sample(VIRTUALIZATION, 1, virtualization_type=kind)
    state = await property_of(systemd, MANAGER_PATH, MANAGER, "SystemState")
    if state is not None:
        yield sample(RUNNING, state == "running")


def _summary(units: Sequence[Listed]) -> list[Sample]:
    counts = Counter(dict.fromkeys(STATES, 0))
    counts.update(unit.active_state for unit in units)
    return [sample(UNITS, count, state=state) for state, count in counts.items()]
