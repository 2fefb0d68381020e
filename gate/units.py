"""What systemd says about units, and the few things we ask of it.

`parse` turns the text of `systemctl show` into values; `Systemctl` runs the program, which is found
by PATH. Only names that gate.json lists, or that systemd itself gave us, ever reach its argv.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from gate.clock import NANO, Clock
from gate.process import NotStarted, Ran, run

# org.freedesktop.systemd1(5). The last five name units that systemd stops or restarts with this one.
_REVERSE = ("RequiredBy", "RequisiteOf", "BoundBy", "ConsistsOf", "PropagatesStopTo")
# A start stops these, whichever of the two names the other.
_AGAINST = ("Conflicts", "ConflictedBy")
_PROPERTIES = (
    *("Id", "LoadState", "ActiveState", "SubState", "Result", "InvocationID", "NRestarts"),
    *("StateChangeTimestampMonotonic", "Job"),
    *_REVERSE,
    *_AGAINST,
)
SHOW_SECONDS = 5.0
SHOW_BYTES = 1024 * 1024
DEPENDENCY_LIMIT = 256


class Unreadable(Exception):  # reads as what happened
    """systemd could not be asked. Nothing was changed, and nothing is known."""


@dataclass(frozen=True, slots=True)
class Unit:
    """One unit as systemd sees it.

    Attributes:
        result: systemd's Result=, empty for kinds of unit that have none.
        invocation_id: Empty for a unit that was never started in this boot.
        restarts: NRestarts, None for kinds of unit that have none.
        changed_at: Microseconds of CLOCK_MONOTONIC, None when it never changed its state.
        job: Whether systemd has a job for it that has not ended.
        required_by: Units that go down with it, one step away.
        conflicts: Units that its start stops. Without targets: nearly all of them are shutdown.target.
    """

    id: str
    load_state: str
    active_state: str
    sub_state: str
    result: str
    invocation_id: str
    restarts: int | None
    changed_at: int | None
    required_by: tuple[str, ...]
    job: bool = False
    conflicts: tuple[str, ...] = ()

    def age_seconds(self, monotonic_ns: int) -> float | None:
        """Seconds since its state last changed."""
        if self.changed_at is None:
            return None
        return max(0.0, round(monotonic_ns / NANO - self.changed_at / 1_000_000, 3))


@dataclass(frozen=True, slots=True)
class Seen:
    """A unit with what stands on it.

    Attributes:
        state_age_seconds: None when it never changed its state.
        reverse_dependencies: Every unit that a restart of this one takes down, near or far, sorted.
    """

    unit: Unit
    state_age_seconds: float | None
    reverse_dependencies: tuple[str, ...]


class Systemd(Protocol):
    """What the gate asks of systemd."""

    def show(self, names: tuple[str, ...]) -> tuple[Unit, ...]:
        """Return the units in the order asked for, or raise Unreadable."""
        ...

    def reset_failed(self, name: str, seconds: float) -> Ran:
        """Forget a unit's failures and its start limit, or raise NotStarted."""
        ...

    def restart(self, name: str, seconds: float) -> Ran:
        """Restart a unit and wait for the job, or raise NotStarted."""
        ...

    def reload(self, name: str, seconds: float) -> Ran:
        """Let a unit reload and wait for the job, or raise NotStarted."""
        ...

    def reboot(self, seconds: float) -> Ran:
        """Begin an orderly reboot and wait only until it has begun, or raise NotStarted."""
        ...


def parse(text: str) -> tuple[Unit, ...]:
    """Read the output of `systemctl show --property=... -- NAME...`.

    Raises:
        Unreadable: a block lacks a property that every unit has.
    """
    blocks = [block for block in text.split("\n\n") if block.strip()]
    return tuple(_unit(block) for block in blocks)


def _unit(block: str) -> Unit:
    found = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
    try:
        changed = int(found.get("StateChangeTimestampMonotonic") or 0)
        restarts = found.get("NRestarts")
        return Unit(
            id=found["Id"],
            load_state=found["LoadState"],
            active_state=found["ActiveState"],
            sub_state=found["SubState"],
            result=found.get("Result", ""),
            invocation_id=found.get("InvocationID", ""),
            restarts=int(restarts) if restarts else None,
            changed_at=changed or None,
            required_by=_names(found, _REVERSE),
            job=found.get("Job", "") not in ("", "0"),
            conflicts=tuple(n for n in _names(found, _AGAINST) if not n.endswith(".target")),
        )
    except (KeyError, ValueError) as error:
        raise Unreadable(f"systemctl show: no usable {error} in {block[:200]!r}") from error


def _names(found: Mapping[str, str], keys: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for key in keys for name in found.get(key, "").split()))


@dataclass(frozen=True, slots=True)
class Systemctl:
    """systemd by way of its own command."""

    def show(self, names: tuple[str, ...]) -> tuple[Unit, ...]:
        """Ask for all units in one call.

        Raises:
            Unreadable: it failed, took longer than 5 s, or answered something else.
        """
        if not names:
            return ()
        argv = ("systemctl", "show", f"--property={','.join(_PROPERTIES)}", "--", *names)
        try:
            ran = run(argv, SHOW_SECONDS, SHOW_BYTES)
        except NotStarted as error:
            raise Unreadable(str(error)) from error
        if ran.code != 0 or ran.cut:
            raise Unreadable(f"systemctl show ended with {ran.code}: {ran.last_line}")
        units = parse(ran.output.decode("utf-8", "replace"))
        if len(units) != len(names):
            raise Unreadable(f"systemctl show: asked for {len(names)} units, got {len(units)}")
        return units

    def reset_failed(self, name: str, seconds: float) -> Ran:
        """Forget the unit's failures."""
        return run(("systemctl", "reset-failed", "--", name), seconds)

    def restart(self, name: str, seconds: float) -> Ran:
        """Restart the unit; a time-out ends only our waiting, not PID 1's job."""
        return run(("systemctl", "--no-ask-password", "restart", "--", name), seconds)

    def reload(self, name: str, seconds: float) -> Ran:
        """Reload the unit; a time-out ends only our waiting, not PID 1's job."""
        return run(("systemctl", "--no-ask-password", "reload", "--", name), seconds)

    def reboot(self, seconds: float) -> Ran:
        """Reboot. What inhibits that is respected, as far as systemd lets anything hold root back."""
        return run(("systemctl", "--no-ask-password", "--no-block", "reboot"), seconds)


def look(names: Iterable[str], systemd: Systemd, clock: Clock) -> Mapping[str, Seen | None]:
    """Look at listed units and at all that stands on them, whatever can be read of it.

    Args:
        names: Only names that gate.json lists.
        systemd: Asked once for the names, and once more for each step up the dependencies.
        clock: For the ages.

    Returns:
        None for each unit that could not be read, and for each whose dependencies could not.
    """
    wanted = tuple(dict.fromkeys(names))
    try:
        units = dict(zip(wanted, systemd.show(wanted), strict=True))
    except Unreadable:
        return dict.fromkeys(wanted)
    graph = _graph(units, systemd)
    now = clock.monotonic()
    seen: dict[str, Seen | None] = {}
    for name, unit in units.items():
        above = None if graph is None else _above(unit, graph)
        seen[name] = None if above is None else Seen(unit, unit.age_seconds(now), above)
    return seen


def _graph(units: Mapping[str, Unit], systemd: Systemd) -> dict[str, Unit] | None:
    """Read every unit that can be reached upwards; None when that is too much or fails."""
    known = {unit.id: unit for unit in units.values()}
    wanted = {name for unit in units.values() for name in unit.conflicts}
    while missing := wanted.union(*(unit.required_by for unit in known.values())) - known.keys():
        if len(known) + len(missing) > DEPENDENCY_LIMIT:
            return None
        names = tuple(sorted(missing))
        try:
            known |= dict(zip(names, systemd.show(names), strict=True))
        except Unreadable:
            return None
    return known


def _above(unit: Unit, graph: Mapping[str, Unit]) -> tuple[str, ...]:
    """Walk up from one unit, and from those that its start stops; a circle ends where it began."""
    above: set[str] = set()
    waiting = [*unit.required_by, *unit.conflicts]
    while waiting:
        name = waiting.pop()
        if name not in above:
            above.add(name)
            waiting.extend(graph[name].required_by)
    return tuple(sorted(above - {unit.id}))
