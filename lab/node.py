"""One node: its disks, its file system, its container, and the way in.

A node is a systemd-nspawn container with systemd as PID 1. All of its processes are in one
control group per hierarchy, and it is off when no process is.
"""

import contextlib
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from lab import cgroups
from lab.commands import completed, environment, run
from lab.names import Place
from lab.network import BRIDGE, Network
from lab.ports import Completed, LabError, NodeDown, TimedOut
from lab.tree import Tree

KERNEL_LOG = PurePosixPath("/var/log/lab/kmsg")
"""On a node, the kernel's lines about it; see `lab.kernel_log`."""

INIT = "/usr/sbin/lab-init"
"""PID 1's first program on a node; it ends by becoming systemd."""

_NEVER = "-sys_time,-sys_boot,-sys_module,-sys_rawio"
"""Capabilities that no command of ours may carry into a node: its clock is the host's."""

_STATES = frozenset({"running", "degraded"})
_ENVIRONMENT = ("-E", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                "-E", "HOME=/root", "-E", "LC_ALL=C.UTF-8")  # fmt: skip


@dataclass(frozen=True, slots=True)
class NodePlan:
    """What a node is to be.

    Attributes:
        name: In cluster.yml.
        address: On the lab's network, without a prefix length.
        memory: Limit in bytes.
        root_size: Bytes of the disk that / is written to.
        data_size: Bytes of the disk at /data.
        shared: Whether it has /shared, a folder of the lab host that others of the lab have too.
    """

    name: str
    address: str
    memory: int
    root_size: int
    data_size: int
    shared: bool = False


@dataclass(frozen=True, slots=True)
class Node:
    """One node of a lab, running or not."""

    place: Place
    layout: cgroups.Layout
    plan: NodePlan

    @property
    def directory(self) -> Path:
        """The node's state on the host."""
        return self.place.node(self.plan.name)

    @property
    def console(self) -> Path:
        """What the node's console said, over all its boots."""
        return self.directory / "console.log"

    @property
    def kernel_log(self) -> Path:
        """What the node sees as KERNEL_LOG and cannot write to."""
        return self.directory / "kernel-log" / KERNEL_LOG.name

    def disk(self, name: str) -> Path:
        """Return the file behind the disk `root` or `data`."""
        return self.place.disks / f"{self.plan.name}-{name}.img"

    def make_disks(self, layers: Sequence[Path]) -> None:
        """Make the node's disks and lay its / over the image.

        Args:
            layers: Read-only directories, the uppermost first.
        """
        for name, size in (("root", self.plan.root_size), ("data", self.plan.data_size)):
            file, point = self.disk(name), self.directory / f"{name}-disk"
            point.mkdir(parents=True, exist_ok=True)
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open("wb") as image:
                image.truncate(size)
            run("mkfs.ext4", "-q", "-m0", "-E", "lazy_itable_init=1,lazy_journal_init=1", file)
            run("mount", "-o", "loop", file, point)
        upper, work = self.directory / "root-disk/upper", self.directory / "root-disk/work"
        root = self.directory / "root"
        for directory in (upper, work, root):
            directory.mkdir(mode=0o755)
        lower = ":".join(map(str, layers))
        options = f"lowerdir={lower},upperdir={upper},workdir={work}"
        run("mount", "-t", "overlay", self.place.machine(self.plan.name), "-o", options, root)

    def tree(self) -> Tree:
        """Return the node's files: as it sees them itself when it runs, else those of its disks."""
        leader = self.leader()
        return Tree(Path(f"/proc/{leader}/root") if leader else self.directory / "root")

    def start(self) -> None:
        """Power the node on and return at once. Nothing happens when it is on.

        Must be called by a process in the lab's `host` control group: the keeper inherits it.
        """
        if self.is_on():
            return
        groups = cgroups.make_node(self.layout, self.place.name, self.plan.name, self.plan.memory)
        keeper = [sys.executable, "-m", "lab.keeper", *map(str, (*groups, self._pid_file)), "--"]
        package = str(Path(__file__).parent.parent)
        with self.console.open("ab") as console:
            subprocess.run(
                [*keeper, *self._container()],
                check=True,
                timeout=20,
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
                env=environment({"PYTHONPATH": package, "PYTHONDONTWRITEBYTECODE": "1"}),
                cwd="/",
            )

    def wait(self, timeout: float) -> str:
        """Wait until systemd has started everything, and return its word for it.

        Raises:
            TimedOut: It has not within `timeout` seconds; the node is left as it is.
            NodeDown: Its container ended.
        """
        deadline = time.monotonic() + timeout
        state = "nothing"
        while time.monotonic() < deadline:
            leader = self.leader()
            if leader:
                state = self._state(leader)
                if state in _STATES:
                    return state
            elif not self.is_on():
                raise NodeDown(f"{self.plan.name}: ended while it booted: {self._last_words()}")
            time.sleep(0.1)
        raise TimedOut(
            f"{self.plan.name}: not up after {timeout:g} s (systemd says {state!r}): "
            f"{self._last_words()}"
        )

    def cut(self) -> None:
        """Cut the power: the kernel ends every process of the node at once.

        Raises:
            TimedOut: Some process is left, and the node counts as on.
        """
        if not self.is_on():
            return
        with contextlib.suppress(LabError):
            # Nobody sees another one die: they are killed as they stand, and die as they are thawed.
            where = (self.layout, self.place.name, self.plan.name)
            cgroups.freeze(*where, frozen=True)
            cgroups.kill(*where, but=self._nspawn())
            cgroups.freeze(*where, frozen=False)
        deadline = time.monotonic() + 10
        while self.is_on():
            if (pid := self.leader()) is not None:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            if time.monotonic() > deadline:
                raise TimedOut(
                    f"{self.plan.name}: still has processes 10 s after its power was cut"
                )
            time.sleep(0.02)

    def reboot(self, timeout: float) -> None:
        """Reboot from inside and wait until systemd has started everything again.

        Raises:
            NodeDown: It is off.
            TimedOut: It is not up after `timeout` seconds; it is left as it is.
        """
        deadline = time.monotonic() + timeout
        before = self.leader()
        # Its status says nothing: the bus may be gone before it has answered.
        completed(self.way_in("systemctl", "reboot", "--no-block"), timeout=10)
        while self.leader() in (None, before):
            if time.monotonic() > deadline:
                raise TimedOut(f"{self.plan.name}: did not reboot within {timeout:g} s")
            time.sleep(0.05)
        self.wait(max(1.0, deadline - time.monotonic()))

    def is_on(self) -> bool:
        """Tell whether the node has power; it may still boot, or be about to reboot."""
        return self._pid_file.exists()

    def leader(self) -> int | None:
        """Return the process id, on the host, of the node's PID 1; None when the node is off."""
        nspawn = self._nspawn()
        if nspawn is None:
            return None
        # Its children by proc(5), not all processes of the node: drills look some fifty times a second.
        with contextlib.suppress(OSError):  # one ended while we looked
            for child in Path(f"/proc/{nspawn}/task/{nspawn}/children").read_text().split():
                fields = _status(Path(f"/proc/{child}/status").read_text())
                if fields.get("NSpid", "").endswith("\t1"):
                    return int(child)
        return None

    def exec(self, argv: Sequence[str], *, timeout: float, stdin: bytes | None) -> Completed:
        """Run a command as a transient unit of the node's systemd; see `lab.ports.Lab.exec`."""
        command = self.command(argv, "--pipe", "-p", f"RuntimeMaxSec={timeout:g}")
        began = time.monotonic()
        done = completed(command, timeout=timeout + 3, stdin=stdin)
        if time.monotonic() - began >= timeout:
            raise TimedOut(f"{self.plan.name}: {shlex.join(argv)}: killed after {timeout:g} s")
        return done

    def command(self, argv: Sequence[str], *options: str) -> list[str]:
        """Return the command line that runs `argv` as a transient unit of the node's systemd.

        Args:
            argv: The program and its arguments.
            options: systemd-run's.

        Raises:
            NodeDown: The node is off.
        """
        return self.way_in("systemd-run", "--quiet", "--collect", "--wait", *options,
                           *_ENVIRONMENT, "--", *argv)  # fmt: skip

    def way_in(self, *argv: str) -> list[str]:
        """Return a command line that runs `argv` in the node's namespaces.

        It would keep the host's capabilities, with which `date -s` sets the host's clock, so
        only systemd's own clients may be run like this; what they start, the node's PID 1 starts.

        Raises:
            NodeDown: The node is off.
        """
        leader = self.leader()
        if leader is None:
            raise NodeDown(f"{self.plan.name}: is powered off")
        return ["nsenter", "-t", str(leader), "-m", "-u", "-i", "-n", "-p", "--",
                "setpriv", "--bounding-set", _NEVER, "--", *argv]  # fmt: skip

    @property
    def _pid_file(self) -> Path:
        return self.directory / "nspawn.pid"

    def _state(self, leader: int) -> str:
        done = completed(
            ["nsenter", "-t", str(leader), "-m", "-p", "--", "systemctl", "is-system-running"],
            timeout=10,
        )
        return done.stdout.strip() or done.stderr.strip()

    def _container(self) -> list[str]:
        binds = [
            f"--bind={self.directory / 'data-disk'}:/data",
            f"--bind-ro={self.kernel_log.parent}:{KERNEL_LOG.parent}",
        ]
        if self.plan.shared:
            binds.append(f"--bind={self.place.shared}:/shared")
        if self.place.lxcfs.is_mount():
            binds.append(f"--bind={self.place.lxcfs}:/var/lib/lxcfs")
        return Network(self.place).inside(
            "systemd-nspawn",
            "--quiet",
            f"--directory={self.directory / 'root'}",
            f"--machine={self.place.machine(self.plan.name)}",
            f"--hostname={self.plan.name}",
            "--register=no",
            "--keep-unit",
            f"--network-bridge={BRIDGE}",
            "--console=pipe",
            "--kill-signal=SIGRTMIN+3",
            "--resolv-conf=off",
            "--timezone=off",
            "--link-journal=no",
            *binds,
            INIT,
        )

    def _nspawn(self) -> int | None:
        """Return nspawn's process id if the one on file is in this node's group."""
        try:
            pid = int(self._pid_file.read_text())
            at = cgroups.own_groups(self.layout, Path(f"/proc/{pid}/cgroup").read_text())
        except (FileNotFoundError, ProcessLookupError, ValueError):
            return None
        mine = (group / self.plan.name for group in self.layout.groups(self.place.name))
        return pid if any(map(Path.is_relative_to, at, mine)) else None

    def _last_words(self) -> str:
        try:
            return self.console.read_text(errors="replace").strip()[-600:]
        except FileNotFoundError:
            return "(no console output)"


def _status(text: str) -> dict[str, str]:
    """Parse /proc/PID/status; values keep their inner tabs, see proc(5)."""
    return dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)
