"""The lab's control groups, on machines with version 1, version 2 or both mounted.

Every process of a lab is in its control group from the first instant, so the group is the list
of what `hale-lab down` has to end; no process id written to a file could be trusted as much.
"""

import contextlib
import os
import signal
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from lab.commands import completed, run
from lab.ports import LabError

HOST = "host"
"""Control group, inside the lab's, of what runs on the lab host: builders, keepers, loads."""

_V1_CONTROLLERS = frozenset(
    ("name=systemd", "cpu", "cpuacct", "memory", "pids", "blkio", "devices", "freezer")
)
"""What nodes need. A cpuset, for one, takes no process before someone has chosen its processors."""

_V2_CONTROLLERS = ("cpu", "io", "memory", "pids")


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """One mounted control group file system.

    Attributes:
        path: Where it is mounted.
        controllers: What it controls; empty for the unified one, `name=systemd` for systemd's own.
    """

    path: Path
    controllers: frozenset[str]

    @property
    def unified(self) -> bool:
        """Tell whether this is version 2."""
        return not self.controllers


@dataclass(frozen=True, slots=True)
class Layout:
    """All hierarchies of a machine, and where a lab may make groups in them.

    Attributes:
        hierarchies: In the order of /proc/mounts.
        under_systemd: PID 1 is systemd, which wants to delegate a group before others make one.
    """

    hierarchies: tuple[Hierarchy, ...]
    under_systemd: bool

    @property
    def pure_v2(self) -> bool:
        """Tell whether version 2 alone is mounted."""
        return all(hierarchy.unified for hierarchy in self.hierarchies)

    @property
    def v1_names(self) -> tuple[str, ...]:
        """Names of the version 1 directories below /sys/fs/cgroup, without systemd's own."""
        return tuple(
            hierarchy.path.name
            for hierarchy in self.hierarchies
            if not hierarchy.unified and "name=systemd" not in hierarchy.controllers
        )

    def groups(self, name: str) -> tuple[Path, ...]:
        """Return the lab's directory in every hierarchy."""
        inner = f"system.slice/{name}.service" if self.under_systemd else name
        return tuple(hierarchy.path / inner for hierarchy in self.hierarchies)

    def group(self, name: str, controller: str) -> Path:
        """Return the lab's directory in the hierarchy of one controller.

        Raises:
            LabError: No mounted hierarchy has this controller.
        """
        pairs = zip(self.hierarchies, self.groups(name), strict=True)
        for hierarchy, directory in pairs:
            if controller in hierarchy.controllers or self.pure_v2:
                return directory
        raise LabError(f"control groups: no hierarchy with the controller {controller} is mounted")


def parse(mounts: str, *, under_systemd: bool) -> Layout:
    """Read a machine's layout from the text of /proc/mounts.

    A hierarchy that is mounted twice counts once, at its first place; mounts outside
    /sys/fs/cgroup (a container's, or a stray one) do not count.
    """
    found: dict[Path, Hierarchy] = {}
    for line in mounts.splitlines():
        match line.split():
            case [_, where, "cgroup2", *_] if where.startswith("/sys/fs/cgroup"):
                found.setdefault(Path(where), Hierarchy(Path(where), frozenset()))
            case [_, where, "cgroup", options, *_] if where.startswith("/sys/fs/cgroup"):
                controllers = frozenset(options.split(",")) & _V1_CONTROLLERS
                if controllers:
                    found.setdefault(Path(where), Hierarchy(Path(where), controllers))
            case _:
                continue
    return Layout(tuple(found.values()), under_systemd)


def this_machine() -> Layout:
    """Read the layout of the machine we run on."""
    return parse(
        Path("/proc/mounts").read_text(), under_systemd=Path("/run/systemd/system").is_dir()
    )


def make(layout: Layout, name: str) -> None:
    """Make the lab's groups, empty of nodes. Where they are already, nothing happens.

    Raises:
        LabError: systemd did not delegate a group; nothing is left.
    """
    if layout.under_systemd and not any(group.is_dir() for group in layout.groups(name)):
        # A delegated group needs a process; it waits in the leaf `host` until the lab ends.
        run("systemd-run", "--quiet", "--collect", f"--unit={name}", "-p", "Delegate=yes",
            "-p", "TasksMax=infinity", "sleep", "infinity")  # fmt: skip
    for hierarchy, group in zip(layout.hierarchies, layout.groups(name), strict=True):
        (group / HOST).mkdir(parents=True, exist_ok=True)
        if not layout.under_systemd:
            _hand_down(hierarchy.path)
        if layout.under_systemd:
            for process in processes(group, below=False):
                _write(group / HOST / "cgroup.procs", str(process))
        _hand_down(group)


def make_node(layout: Layout, name: str, node: str, memory: int) -> tuple[Path, ...]:
    """Make a node's group in every hierarchy and limit its memory.

    Args:
        layout: Of this machine.
        name: The lab's name.
        node: The node's name.
        memory: Limit in bytes.

    Returns:
        The directories; nspawn must be in all of them before it starts.
    """
    directories = tuple(group / node for group in layout.groups(name))
    for directory in directories:
        directory.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(LabError):  # without a memory controller the node has no limit
        group = layout.group(name, "memory") / node
        limit = "memory.max" if layout.pure_v2 else "memory.limit_in_bytes"
        _write(group / limit, str(memory))
    return directories


def enter(directories: Iterable[Path], pid: int) -> None:
    """Move a process, and what it will start, into a group of every hierarchy."""
    for directory in directories:
        _write(directory / "cgroup.procs", str(pid))


@contextlib.contextmanager
def entered(layout: Layout, name: str) -> Iterator[None]:
    """Be in the lab's `host` group for a while.

    Whatever we start meanwhile can be found and ended by another process, should we be killed.
    """
    before = own_groups(layout, Path("/proc/self/cgroup").read_text())
    try:
        enter((group / HOST for group in layout.groups(name)), os.getpid())
        yield
    finally:
        enter(before, os.getpid())


def own_groups(layout: Layout, text: str) -> tuple[Path, ...]:
    """Return the directories that /proc/PID/cgroup names, in the order of the layout."""
    places: dict[frozenset[str], str] = {}
    for line in text.splitlines():
        _, controllers, path = line.split(":", 2)
        known = frozenset(controllers.split(",")) & _V1_CONTROLLERS
        if known or not controllers:
            places[known] = path.lstrip("/")
    return tuple(
        hierarchy.path / places.get(hierarchy.controllers, "") for hierarchy in layout.hierarchies
    )


def processes(group: Path, *, below: bool = True) -> frozenset[int]:
    """Return the ids of the processes in a group and, by default, in all groups below it."""
    found: set[int] = set()
    files = group.rglob("cgroup.procs") if below else [group / "cgroup.procs"]
    with contextlib.suppress(FileNotFoundError):  # a group that just went has no processes
        for file in files:
            with contextlib.suppress(FileNotFoundError, OSError):
                found.update(int(pid) for pid in file.read_text().split())
    return frozenset(found - {0})


def freeze(layout: Layout, name: str, node: str, *, frozen: bool) -> None:
    """Stop, or let go on, every process of a node.

    Raises:
        LabError: This machine has no freezer; nothing was changed.
    """
    group = layout.group(name, "freezer") / node
    if layout.pure_v2:
        _write(group / "cgroup.freeze", "1" if frozen else "0")
    else:
        _write(group / "freezer.state", "FROZEN" if frozen else "THAWED")


def kill(layout: Layout, name: str, node: str, *, but: int | None) -> None:
    """Send SIGKILL to every process of a node; one that is frozen dies as it is thawed, before it runs.

    Args:
        layout: Of this machine.
        name: The lab's name.
        node: The node's name.
        but: Id of the process that is left to see the others end: nspawn.

    Raises:
        LabError: This machine has no freezer; nothing was done.
    """
    for pid in processes(layout.group(name, "freezer") / node) - {but}:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def memory_used(layout: Layout, name: str, node: str) -> int:
    """Return the bytes that a node holds, page cache included; 0 when it is off."""
    file = "memory.current" if layout.pure_v2 else "memory.usage_in_bytes"
    with contextlib.suppress(LabError, OSError):
        return int((layout.group(name, "memory") / node / file).read_text())
    return 0


def end(layout: Layout, name: str, *, within: float = 10.0) -> frozenset[int]:
    """Kill every process of the lab but ourselves, and return those that did not die.

    Args:
        layout: Of this machine.
        name: The lab's name.
        within: Seconds to wait for them.
    """
    for thawed in (group for base in layout.groups(name) for group in base.glob("*")):
        for file, word in (("freezer.state", "THAWED"), ("cgroup.freeze", "0")):
            if (thawed / file).exists():  # a frozen process does not even die
                _write(thawed / file, word)
    deadline = time.monotonic() + within
    while left := _all(layout, name) - {os.getpid()}:
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if time.monotonic() > deadline:
            return left
        time.sleep(0.02)
    return frozenset()


def remove(layout: Layout, name: str) -> None:
    """Remove the lab's groups, deepest first, and the unit that they were delegated to."""
    for base in layout.groups(name):
        if base.is_dir():
            below = sorted((path for path in base.rglob("*") if path.is_dir()), reverse=True)
            for directory in (*below, base):
                _remove_group(directory)
    if layout.under_systemd:
        completed(["systemctl", "stop", f"{name}.service"], timeout=30)


def _all(layout: Layout, name: str) -> frozenset[int]:
    return frozenset().union(*(processes(group) for group in layout.groups(name)))


def _hand_down(group: Path) -> None:
    """Let the groups below have controllers of their own; version 1 has no such file."""
    have = group / "cgroup.controllers"
    if have.exists():
        wanted = set(have.read_text().split()) & set(_V2_CONTROLLERS)
        if wanted:
            _write(group / "cgroup.subtree_control", " ".join(f"+{name}" for name in wanted))


def _remove_group(directory: Path) -> None:
    for _ in range(50):  # the kernel lets go of a dead process's group a moment after its death
        try:
            directory.rmdir()
        except FileNotFoundError:
            return
        except OSError:
            time.sleep(0.02)
        else:
            return


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text)
    except OSError as error:
        raise LabError(f"{file}: could not write {text!r}: {error.strerror}") from error
